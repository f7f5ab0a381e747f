from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.runner import weigh

HEAD = "model_path,system,backend,precision,isl,osl,concurrency\n"
GOOD = "nvidia/Llama-3.1-8B-Instruct-FP8,h100_sxm,vllm,fp8,1024,256,8.0\n"
BAD = "foo/bar,h100_sxm,vllm,,1024,256,0\n"


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    path = tmp_path / "rows.csv"
    path.write_text(HEAD + GOOD + BAD, encoding="utf-8")
    return path


def test_json_has_a_row_per_row(rows: Path, tmp_path: Path) -> None:
    done = weigh("predict", rows, "--json", cwd=tmp_path)
    assert done.code == 0
    found = json.loads(done.out)["rows"]
    assert found[0]["tpot_ms_low"] < found[0]["tpot_ms"] < found[0]["tpot_ms_high"]
    assert found[1]["error"] == "concurrency is 0. Give 1 or more."
    assert "1 of 2 rows have an error" in done.err
    assert not (tmp_path / ".weighbridge").exists()


def test_csv_and_files(rows: Path, tmp_path: Path) -> None:
    printed = weigh("predict", rows, "--csv", cwd=tmp_path).out
    assert len(list(csv.DictReader(io.StringIO(printed)))) == 2
    done = weigh("predict", rows, "--out", "deep/found.csv", cwd=tmp_path)
    assert (done.code, done.out) == (0, "")
    assert (tmp_path / "deep/found.csv").read_text(encoding="utf-8") == printed
    weigh("predict", rows, "--out", "found.json", cwd=tmp_path)
    assert len(json.loads((tmp_path / "found.json").read_text())["rows"]) == 2


def test_the_table_names_the_row_of_each_error(rows: Path, tmp_path: Path) -> None:
    done = weigh("predict", rows, cwd=tmp_path)
    assert done.code == 0
    assert "2 scenarios" in done.out
    assert "Row 2: concurrency is 0." in done.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("not a table", "has no column"),
        ("model,system,isl,osl\nm,s,1,2\n", "'model' is nearest to model_path"),
        (HEAD, "has no rows"),
        (HEAD + BAD, "None of the 1 rows can be predicted"),
    ],
)
def test_bad_files_are_explained(rows: Path, tmp_path: Path, text: str, message: str) -> None:
    rows.write_text(text, encoding="utf-8")
    done = weigh("predict", rows, cwd=tmp_path)
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err


def test_json_and_csv_exclude_each_other(rows: Path, tmp_path: Path) -> None:
    assert weigh("predict", rows, "--json", "--csv", cwd=tmp_path).code == 2


def test_the_columns_are_explained_where_the_error_points(rows: Path, tmp_path: Path) -> None:
    rows.write_text("x,y\n1,2\n", encoding="utf-8")
    assert "docs/predict.md" in weigh("predict", rows, cwd=tmp_path).err
    text = (Path(__file__).parents[2] / "docs/predict.md").read_text(encoding="utf-8")
    assert "| `model_path` |" in text
