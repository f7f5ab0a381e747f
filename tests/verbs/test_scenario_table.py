from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from weighbridge.core.errors import FormatError, InputError
from weighbridge.verbs.scenario_table import read_table, scenario

ROW = {"model_path": "Qwen/Qwen3-8B", "system": "h100_sxm", "isl": "1024.0", "osl": "256"}


def file(tmp_path: Path, text: str | bytes, name: str = "rows.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_and_cells(tmp_path: Path, delimiter: str) -> None:
    lines = [["model_path", " isl", "osl", "system", "mine"], ["m", "1", "2", "s", "x y"]]
    text = "\ufeff" + "\r\n".join(delimiter.join(line) for line in lines) + "\r\n"
    table = read_table(file(tmp_path, text))
    assert table.columns == ("model_path", "isl", "osl", "system", "mine")
    assert table.rows == (
        {"model_path": "m", "isl": "1", "osl": "2", "system": "s", "mine": "x y"},
    )


def test_gzipped_tables_are_read(tmp_path: Path) -> None:
    text = gzip.compress(b"model_path,system,isl,osl\nm,s,1,2\n")
    assert len(read_table(file(tmp_path, text, "rows.csv.gz")).rows) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a CSV table"),
        ('{"rows": []}', "is not a CSV table"),
        (b"GGUF\0\0\3", "is not a CSV table"),
        (b"\xff\xfe\x9f", "is not a UTF-8 text file"),
        (b"\x1f\x8bnothing", "Cannot read"),
        ("model_path,system,isl,osl\n", "has no rows"),
        ("model_path,system,isl,isl,osl\nm,s,1,1,2\n", "the column 'isl' twice"),
        ("Dear all, here are rows\n", "has no column model_path, system, isl, osl"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_table(file(tmp_path, text))


def test_missing_columns_are_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no column model_path, isl") as caught:
        read_table(file(tmp_path, "model,system,islen,osl\nm,s,1,2\n"))
    assert "'model' is nearest to model_path" in caught.value.fix
    assert "'islen' is nearest to isl" in caught.value.fix


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(InputError, match="Cannot read"):
        read_table(tmp_path)


def test_damaged_quotes_do_not_crash(tmp_path: Path) -> None:
    text = 'model_path,system,isl,osl\n"m' + "x" * 200_000 + ",s,1,2\n"
    with pytest.raises(FormatError, match="line"):
        read_table(file(tmp_path, text))


def test_defaults_of_what_a_row_leaves_open() -> None:
    found, notes = scenario(ROW)
    assert (found.isl, found.osl, found.concurrency) == (1024.0, 256.0, 1.0)
    assert (found.tp_size, found.moe_ep_size, found.attention_dp_size) == (0, 1, 1)
    assert (found.backend, found.precision, found.backend_version) == ("vllm", "", "")
    assert len(notes) == 2
    found, _ = scenario(ROW | {"precision": "Q4_K_M"})
    assert found.backend == "llama.cpp"


@pytest.mark.parametrize("empty", ["", "nan", "NaN", "None", " - ", "null"])
def test_cells_that_say_nothing(empty: str) -> None:
    cells = dict.fromkeys(("precision", "tp_size", "moe_ep_size", "concurrency"), empty)
    found, _ = scenario(ROW | cells)
    assert (found.precision, found.tp_size, found.concurrency) == ("", 0, 1.0)


def test_numbers_as_tables_write_them() -> None:
    cells = {"tp_size": "8.0", "moe_ep_size": "0.0", "concurrency": "1.6e2", "backend": "sglang"}
    found, notes = scenario(ROW | cells)
    assert (found.tp_size, found.moe_ep_size, found.concurrency) == (8, 1, 160.0)
    assert notes == ()
    found, notes = scenario(ROW | {"batch_size": "16", "backend": "vllm"})
    assert found.concurrency == 16
    assert notes == ("concurrency is not given: 16 is assumed",)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"isl": "-5"}, "isl is -5"),
        ({"isl": "0"}, "isl is 0"),
        ({"isl": ""}, "isl is empty"),
        ({"osl": "many"}, "osl 'many' is not a number"),
        ({"osl": "inf"}, "osl is inf"),
        ({"osl": "1e12"}, "at most"),
        ({"concurrency": "0"}, "concurrency is 0"),
        ({"concurrency": "-3"}, "concurrency is -3"),
        ({"tp_size": "1.5"}, "Give a whole number"),
        ({"tp_size": "99999"}, "at most 1024"),
        ({"attention_dp_size": "-1"}, "attention_dp_size is -1"),
        ({"model_path": " "}, "model_path is empty"),
        ({"system": "nan"}, "system is empty"),
        ({"": "one more"}, "more cells than the header"),
    ],
)
def test_impossible_cells_are_named(cells: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        scenario(ROW | cells)


@pytest.mark.parametrize(
    ("cells", "users"),
    [
        ({"concurrency": "448", "batch_size": "14"}, 14),
        ({"concurrency": "256", "batch_size": "32", "attention_dp_size": "8"}, 256),
        ({"concurrency": "512", "batch_size": "32", "attention_dp_size": "8"}, 256),
        ({"concurrency": "64", "batch_size": "64"}, 64),
        ({"concurrency": "65", "batch_size": "13.5"}, 65),
        ({"concurrency": "8", "batch_size": "32"}, 8),
        ({"concurrency": "8", "batch_size": "auto"}, 8),
        ({"concurrency": "8", "batch_size": "0"}, 8),
    ],
)
def test_replicas_share_what_is_in_flight(cells: dict[str, str], users: float) -> None:
    found, notes = scenario(ROW | {"backend": "trtllm"} | cells)
    assert found.concurrency == users
    assert [f"replicas of {users:g} requests" in note for note in notes] == (
        [] if users == float(cells["concurrency"]) else [True]
    )


@pytest.mark.parametrize(
    "cells", [{"mode": "disagg"}, {"mode": "Disaggregated"}, {"decode_tp_size": "8"}]
)
def test_disaggregated_workers_are_refused(cells: dict[str, str]) -> None:
    with pytest.raises(InputError, match="disaggregated"):
        scenario(ROW | cells)


@pytest.mark.parametrize(
    "cells", [{"mode": "agg"}, {"mode": ""}, {"decode_tp_size": "8", "tp_size": "4"}]
)
def test_workers_that_do_both_are_predicted(cells: dict[str, str]) -> None:
    assert scenario(ROW | cells)[0].isl == 1024


def test_lengths_may_be_written_as_on_the_command_line() -> None:
    found, _ = scenario(ROW | {"isl": "1k", "osl": "2K"})
    assert (found.isl, found.osl) == (1024.0, 2048.0)
    with pytest.raises(InputError, match=r"isl: '1\.5k' is not a number of tokens"):
        scenario(ROW | {"isl": "1.5k"})


def test_a_part_of_a_request_is_an_average_and_said_to_be() -> None:
    found, notes = scenario(ROW | {"concurrency": "2.5"})
    assert found.concurrency == 2.5
    assert any("2.5" in note and "on average" in note for note in notes)
