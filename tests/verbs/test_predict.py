from __future__ import annotations

import csv
import io
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.clock import FakeClock
from tests.shared_data import shared
from weighbridge.core.errors import InputError
from weighbridge.facts.catalog.catalogue import load
from weighbridge.verbs import predict as verb
from weighbridge.verbs.scenario_table import Table, read_table

COLUMNS = ("model_path", "system", "backend", "precision", "isl", "osl", "concurrency", "mine")
ROWS = (
    ("nvidia/Llama-3.1-8B-Instruct-FP8", "h100_sxm", "vllm", "fp8", "1024", "256", "8.0", "a"),
    ("foo/bar", "h100_sxm", "vllm", "", "10", "10", "1", "b"),
    ("Qwen/Qwen3-8B", "RTX 4090", "llama.cpp", "Q4_K_M", "1024", "256", "", "c"),
    ("meta-llama/Llama-3.3-70B-Instruct", "RTX 4090", "vllm", "", "1024", "256", "4", "d"),
)


def table(*rows: tuple[str, ...]) -> Table:
    return Table(COLUMNS, tuple(dict(zip(COLUMNS, row, strict=True)) for row in rows or ROWS))


def predicted(*rows: tuple[str, ...]) -> verb.Predicted:
    return verb.predict_table(table(*rows), load(), FakeClock())


def test_a_bad_row_disturbs_no_other() -> None:
    found = predicted()
    alone = predicted(ROWS[0], ROWS[2], ROWS[3])
    assert [bool(row.error) for row in found.rows] == [False, True, False, False]
    assert [r for r in found.rows if not r.error] == list(alone.rows)
    assert "no model 'foo/bar'" in found.failed[0].error


def test_every_figure_lies_in_its_interval() -> None:
    for row in verb.to_json(predicted())["rows"]:
        if row["error"]:
            assert row["ttft_ms"] is row["tpot_ms"] is row["fits"] is row["kv_gib"] is None
            continue
        for name in ("ttft_ms", "tpot_ms"):
            assert 0 < row[f"{name}_low"] < row[name] < row[f"{name}_high"]
        assert row["kv_gib"] >= 0
        assert row["provenance"]["kind"] == "predicted"


def test_what_does_not_fit_says_by_how_much() -> None:
    large = verb.to_json(predicted(ROWS[3]))["rows"][0]
    assert large["fits"] is False
    assert "Does not fit: short by" in large["notes"]
    assert "times are as if it fitted" in large["notes"]


def test_csv_keeps_columns_and_adds_its_own() -> None:
    text = verb.to_csv(predicted())
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == [*COLUMNS, *verb.COLUMNS]
    assert [row["mine"] for row in rows] == ["a", "b", "c", "d"]
    assert [row["fits"] for row in rows] == ["true", "", "true", "false"]
    document = verb.to_json(predicted())["rows"]
    for row, figures in zip(rows, document, strict=True):
        assert row["tpot_ms"] == ("" if figures["tpot_ms"] is None else str(figures["tpot_ms"]))


def test_predicting_a_prediction_replaces_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "again.csv"
    first = verb.to_csv(predicted())
    path.write_text(first, encoding="utf-8")
    again = verb.to_csv(verb.predict_file(path, load(), FakeClock()))
    assert again == first


def test_no_cell_is_a_formula_and_none_is_changed(tmp_path: Path) -> None:
    columns = (*COLUMNS[:-1], "=HYPERLINK(A1)")
    rows = tuple(dict(zip(columns, (*row[:-1], "@SUM(A1)"), strict=True)) for row in ROWS)
    first = verb.to_csv(verb.predict_table(Table(columns, rows), load(), FakeClock()))
    assert ",'=HYPERLINK(A1)," in first.splitlines()[0]
    assert ",'@SUM(A1)," in first.splitlines()[1]
    path = tmp_path / "again.csv"
    path.write_text(first, encoding="utf-8")
    assert read_table(path).columns[: len(columns)] == columns
    assert verb.to_csv(verb.predict_file(path, load(), FakeClock())) == first


CELLS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["0", "-1", "nan", "inf", "1e400", "8.0", "1e7", "h100_sxm", "/", "..", "2x"]),
)


@given(st.fixed_dictionaries(dict.fromkeys((*COLUMNS, "tp_size", "attention_dp_size"), CELLS)))
@settings(max_examples=300, deadline=None)
def test_no_cell_crashes_a_row(cells: dict[str, str]) -> None:
    good = dict(zip(COLUMNS, ROWS[0], strict=True))
    for column, cell in cells.items():
        rows = (good | {column: cell}, cells)
        for row in verb.predict_table(Table(tuple(good), rows), load(), FakeClock()).rows:
            assert bool(row.error) != (row.prediction is not None)


def test_a_table_without_any_good_row_is_refused() -> None:
    verb.require_some(predicted())
    with pytest.raises(InputError, match="None of the 1 rows") as caught:
        verb.require_some(predicted(ROWS[1]))
    assert "foo/bar" in caught.value.fix


def test_public_runs_are_predicted_quickly_and_without_an_error() -> None:
    path = shared("data", "perf", "serving_e2e_silicon.csv.gz")
    started = time.perf_counter()
    found = verb.predict_file(path, load(), FakeClock())
    assert time.perf_counter() - started < 4  # half a second where nothing else runs
    assert len(found.rows) > 3000
    assert {row.cells["mode"] for row in found.failed} == {"disagg"}
    assert all("disaggregated" in row.error for row in found.failed)
    agg = [row for row in found.rows if row.cells["mode"] == "agg"]
    assert len(agg) + len(found.failed) == len(found.rows)
    for name in ("ttft_ms", "tpot_ms"):
        inside = [
            added[f"{name}_low"] <= float(row.cells[f"silicon_{name}"]) <= added[f"{name}_high"]
            for row, added in zip(agg, map(verb.figures, agg), strict=True)
        ]
        assert 0.75 < sum(inside) / len(inside) < 0.88


def test_the_public_table_is_a_table() -> None:
    assert "model_path" in read_table(shared("data", "perf", "serving_e2e_silicon.csv.gz")).columns


def test_a_cache_too_small_for_all_lets_the_others_wait() -> None:
    row = ("Qwen/Qwen3-8B", "RTX 4090", "vllm", "", "8000", "500", "64", "e")
    found = verb.to_json(predicted(row))["rows"][0]
    assert found["fits"] is True
    said = re.search(r"Starts; about (\d+) of 64 requests run at once, the others", found["notes"])
    assert said is not None
    assert 1 <= int(said[1]) <= found["kv_tokens"] // 8500 + 1


def test_devices_with_few_runs_have_wider_intervals_and_say_so() -> None:
    def width(system: str) -> tuple[float, bool]:
        row = ("Qwen/Qwen3-8B", system, "vllm", "", "1000", "500", "4", "e")
        found = verb.to_json(predicted(row))["rows"][0]
        doubt = "Few or none of the serving runs" in found["notes"]
        return found["tpot_ms_high"] / found["tpot_ms_low"], doubt

    known, said = width("b200_sxm")
    assert not said
    for system in ("gb200", "gb300", "b300_sxm"):
        wide, said = width(system)
        assert wide > 1.1 * known
        assert said
