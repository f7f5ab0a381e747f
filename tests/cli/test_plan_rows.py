"""The table of a plan in terminals of every width: all figures, however few the columns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.terminal import weigh_shows
from weighbridge.cli.plan_rows import shorter

COLUMNS = [
    "<model", "<format", "<engine", "devices", "GiB", "TTFT ms", "TPOT ms", "tokens/s", "users",
    "quality", "<verdict",
]  # fmt: skip


def row(model: str, form: str, devices: str = "1") -> list[str]:
    return [
        model, form, "vllm", devices, "17.0 [16.8–17.2]", "200 [150–600]", "20.0 [18.0–30.0]",
        "390 [250–420]", "11", "3.2 assumed", "meets *",
    ]  # fmt: skip


def test_names_are_shortened_and_every_figure_stays() -> None:
    rows = [row("org/One-8B", "AWQ int4 g128"), row("org/Two-8B", "mxfp4 (experts)")]
    for columns, cells in shorter(COLUMNS, rows):
        assert all(len(columns) == len(one) for one in cells)
        for given, one in zip(rows, cells, strict=True):
            text = " ".join(one).replace("\n", " ")
            for figure in given[4:]:
                assert figure in text
            assert "org/" not in text
    assert shorter(COLUMNS, rows)[0][1][0][:2] == ["One-8B", "AWQ int4"]
    assert shorter(COLUMNS, rows)[0][1][1][1] == "mxfp4"
    assert "devices" not in shorter(COLUMNS, rows)[0][0]


def test_names_stay_where_shorter_ones_would_be_the_same() -> None:
    rows = [row("one/A-8B", "AWQ int4 g128", "2"), row("two/A-8B", "AWQ int4 g32")]
    columns, cells = shorter(COLUMNS, rows)[0]
    assert [one[0] for one in cells] == ["one/A-8B", "two/A-8B"]
    assert [one[1] for one in cells] == ["AWQ int4 g128", "AWQ int4 g32"]
    assert [one[columns.index("devices")] for one in cells] == ["2", "1"]


@pytest.mark.parametrize("columns", [140, 120, 80])
def test_the_ranking_fits_the_terminal(columns: int, tmp_path: Path) -> None:
    words = ("plan", "--device", "RTX 4090", "--users", "8", "--price", "0.5", "--max-rows", "15")
    text = weigh_shows(*words, columns=columns, cwd=tmp_path)
    table = text.partition("Best first by")[0]
    assert max(map(len, table.splitlines())) <= columns
    assert "model:" not in table, "a table, not a block per row"
    intervals = re.findall(r"\[[\d.]+–[\d.]+\]", table)
    assert len(intervals) >= 15 * 4
