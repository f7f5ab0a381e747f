from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.runner import weigh
from tests.cli.test_predict import HEAD
from tests.verbs.test_calibrate import three
from weighbridge.verbs.effects import open_workspace

HOW = ("--device", "RTX 4090", "--engine", "llama.cpp", "--model", "Qwen/Qwen3-8B", "--precision",
       "Q4_K_M", "--prompt-tokens", "1024")  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return three(open_workspace(tmp_path / ".weighbridge"), slower=1.3)


def test_predictions_of_other_models_move_and_tighten(run: str, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text(HEAD + "Qwen/Qwen3-14B,RTX 4090,llama.cpp,Q4_K_M,1024,64,2\n")

    def predicted() -> dict[str, object]:
        done = weigh("predict", rows, "--json", cwd=tmp_path)
        row: dict[str, object] = json.loads(done.out)["rows"][0]
        return row

    before = predicted()
    assert weigh("calibrate", run, *HOW, cwd=tmp_path).code == 0
    after = predicted()
    ratio = float(str(after["tpot_ms"])) / float(str(before["tpot_ms"]))
    assert 1.1 < ratio < 1.3

    def width(row: dict[str, object]) -> float:
        return float(str(row["tpot_ms_high"])) / float(str(row["tpot_ms_low"]))

    assert width(after) < width(before)
    assert run in str(after["provenance"])
    assert "3 points of Qwen/Qwen3-8B" in str(after["provenance"])
    weigh("calibrate", "--forget", cwd=tmp_path)
    assert predicted() == before


def test_listing_and_forgetting(run: str, tmp_path: Path) -> None:
    empty = weigh("calibrate", "--list", cwd=tmp_path)
    assert empty.code == 0
    assert "Nothing is calibrated yet" in empty.err
    shown = weigh("calibrate", run, *HOW, cwd=tmp_path)
    assert "3 points" in shown.out
    assert "RTX 4090 under llama.cpp" in shown.out
    listed = json.loads(weigh("calibrate", "--list", "--json", cwd=tmp_path).out)
    assert len(listed["points"]) == 3
    assert set(listed["machines"][0]["slower"]) == {"reading", "launching", "prefill"}
    assert weigh("calibrate", run, "--forget", cwd=tmp_path).err == "Forgot 3 points.\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "Name a RUN"),
        (("load-nope", *HOW), "There is no load run"),
        (("RUN", "--device", "RTX 4090"), "give --engine"),
        (("RUN", *HOW, "--precision", "fp7"), "no precision 'fp7'"),
        (("RUN", *HOW, "--device", "H100"), "may mean 3 devices"),
        (("--list", "RUN"), "--list takes no RUN"),
        (("load-nope", "--forget"), "There is no point"),
    ],
)
def test_mistakes_are_explained(
    run: str, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    done = weigh("calibrate", *(run if word == "RUN" else word for word in words), cwd=tmp_path)
    assert done.code == 2
    assert message in done.err
    assert "Traceback" not in done.err


def test_a_run_that_is_not_there_is_said_before_its_engine(run: str, tmp_path: Path) -> None:
    assert "no load run 'nope'" in weigh("calibrate", "nope", cwd=tmp_path).err
    assert "give --engine" in weigh("calibrate", run, cwd=tmp_path).err


def test_the_table_says_that_a_calibration_is_in_force(run: str, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    model = "Qwen/Qwen3-14B,{},llama.cpp,Q4_K_M,1024,64,2\n"
    rows.write_text(HEAD + model.format("RTX 4090") + model.format("RTX 3090"))
    assert "your own" not in weigh("predict", rows, cwd=tmp_path).err
    weigh("calibrate", run, *HOW, cwd=tmp_path)
    assert "1 row corrected by your own measurements" in weigh("predict", rows, cwd=tmp_path).err
