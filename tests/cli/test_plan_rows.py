"""The table of a plan in terminals of every width: all figures, however few the columns."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.terminal import weigh_shows
from weighbridge.cli.plan_rows import shorter, shorter_near

COLUMNS = [
    "<model", "<format", "<KV", "<engine", "devices", "GiB", "TTFT ms", "TPOT ms", "tokens/s",
    "users", "quality", "<verdict",
]  # fmt: skip


def row(model: str, form: str, devices: str = "1") -> list[str]:
    return [
        model, form, "16-bit", "vllm", devices, "17.0 [16.8–17.2]", "200 [150–600]",
        "20.0 [18.0–30.0]", "390 [250–420]", "11", "3.2 assumed", "meets *",
    ]  # fmt: skip


def test_names_are_shortened_and_every_figure_stays() -> None:
    rows = [row("org/One-8B", "AWQ int4 g128"), row("org/Two-8B", "mxfp4 (experts)")]
    for columns, cells in shorter(COLUMNS, rows):
        assert all(len(columns) == len(one) for one in cells)
        for given, one in zip(rows, cells, strict=True):
            text = " ".join(one).replace("\n", " ")
            for figure in (given[2], *given[5:]):
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


NEAR = ["<model", "<format", "<KV", "<engine", "<fails because", "<would meet with"]
WHY = "weights of 25.70 GiB in AWQ int4 g128 exceed the 23.53 GiB of 1 × RTX 4090; they take 2"
HOW = "95 % of the memory for the engine or 5 users or a context of 12k or 4 × RTX 4090"


def test_near_misses_keep_every_word_in_ever_fewer_columns() -> None:
    rows = [
        ["org/One-8B", "AWQ int4 g128", "16-bit", "vllm TP2", WHY, HOW],
        ["org/Two-8B", "mxfp4 (experts)", "fp8", "sglang", "KV short by 2 GiB", "5 users"],
    ]
    widths = []
    for columns, cells in shorter_near(NEAR, rows):
        for given, one in zip(rows, cells, strict=True):
            assert len(columns) == len(one)
            text = " ".join(" ".join(one).split())
            assert all(part in text for part in (given[2], *given[3:]))
        lines = [line for one in cells for cell in one for line in cell.split("\n")]
        widths.append(max(map(len, lines)))
    assert len(shorter_near(NEAR, rows)[-1][0]) == 1
    assert widths[-1] <= 40


@pytest.mark.parametrize("columns", [140, 100, 80, 60, 40])
def test_near_misses_fit_the_terminal(columns: int, tmp_path: Path) -> None:
    words = ("plan", "--device", "RTX 4090", "--users", "8", "--context", "16k", "--max-rows", "1")
    text = weigh_shows(*words, columns=columns, cwd=tmp_path)
    table = text.partition("Near misses")[2].partition("Each change")[0]
    assert max(map(len, table.splitlines())) <= columns
    assert "model:" not in table, "a table, not a block per row"
    assert "would meet with" in table
    words_apart = [line.split() for line in table.splitlines() if line.strip()]
    assert not any(len(each) == 1 and len(each[0]) == 1 for each in words_apart)
