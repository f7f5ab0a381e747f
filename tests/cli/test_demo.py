"""The demo as a user meets it: its figures, its interruption, its sudden death."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.cli.runner import WEIGH, runs, weigh
from tests.processes import gone_within

EXAMPLE = Path(__file__).parents[2] / "examples/demo/study.yaml"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def figures(home: Path) -> dict[str, Any]:
    outcome = weigh("demo", "--json", cwd=home, timeout=300)
    assert outcome.code == 0, outcome.err
    document: dict[str, Any] = json.loads(outcome.out)
    return document


def test_it_has_every_step(figures: dict[str, Any]) -> None:
    assert {"inspect", "bench", "eval", "compare", "cost", "decide", "route"} <= figures.keys()
    states = {stage["stage"]: stage["state"] for stage in figures["stages"]}
    assert {
        states.pop(stage) for stage in ("inspect", "bench", "eval", "cost", "decide", "route")
    } == {"done"}
    assert states["rate"] == "not asked"
    assert len(figures["inspect"]) == 5
    assert [len(run["levels"]) for run in figures["bench"]] == [3, 3, 3]
    assert sum(level["errors"] for run in figures["bench"] for level in run["levels"]) == 0
    assert {(run["model"], run["suite"]) for run in figures["eval"]} >= {
        ("tally", "arithmetic"), ("clerk", "extraction"), ("porter", "arithmetic"),
    }  # fmt: skip
    assert sorted({run["n"] for run in figures["eval"]}) == [200, 1500]
    assert all(run["errors"] == 0 for run in figures["eval"])


def test_quantization_is_measured(figures: dict[str, Any]) -> None:
    pairs = {(pair["a"], pair["b"]): pair for pair in figures["compare"]["pairs"]}
    eight, four = pairs["porter", "porter-q8_0"], pairs["porter", "porter-q4_0"]
    assert eight["n"] == four["n"] == 1500
    assert not eight["real"]
    assert four["difference"] < 0


def test_it_depends_on_the_task(figures: dict[str, Any]) -> None:
    winners = {task["task"]: task["winner"] for task in figures["decide"]["tasks"]}
    assert winners == {"arithmetic": "tally", "extraction": "clerk"}
    assert figures["decide"]["assignment"]["by_task"] == winners
    assert figures["decide"]["single"]["models"] == ["porter"]


def test_routing_beats_the_best_single_model_and_the_interval_excludes_zero(
    figures: dict[str, Any],
) -> None:
    for gain in (figures["route"]["gain"], figures["route"]["hindsight"]):
        assert gain["a"] == "porter"
        assert gain["low"] > 0
    shares = {(s["who"], s["task"]): s["accuracy"] for s in figures["route"]["shares"]}
    assert shares["auto", "all"] > max(shares[m, "all"] for m in ("tally", "clerk", "porter"))
    assert figures["route"]["misrouted"] <= 4  # 1 % of the traffic


def test_it_is_the_study_of_the_examples_and_need_not_be_run_again(
    figures: dict[str, Any], home: Path
) -> None:
    again = weigh("study", "run", EXAMPLE, "--json", cwd=home)
    assert again.code == 0, again.err
    document = json.loads(again.out)
    for stage in ("inspect", "bench", "eval", "cost", "decide", "route"):
        assert document[stage] == figures[stage]


def test_the_bill_is_of_given_prices(figures: dict[str, Any]) -> None:
    options = {one["name"]: one for one in figures["cost"]["options"]}
    assert {"tally on a rented machine", "some-small-api", "some-large-api"} <= options.keys()
    kinds = {line["provenance"]["kind"] for one in options.values() for line in one["lines"]}
    assert kinds == {"assumed"}
    # 5 million tokens a day, 64 of 112 being prompts: 30.4375 days at 2 and 8 USD per million.
    large = options["some-large-api"]["usd_per_month"]["value"]
    assert large == pytest.approx(5 * 30.4375 * (64 * 2 + 48 * 8) / 112)


def test_its_traffic_is_unseen(suites: Path) -> None:
    asked = {
        tuple(json.loads(line).get(field) for field in ("question", "text"))
        for suite in ("arithmetic", "extraction")
        for line in (suites / suite / "items.jsonl").read_text().splitlines()
    }
    traffic = (suites.parent / "traffic.jsonl").read_text().splitlines()
    prompts = {json.loads(line)["prompt"] for line in traffic}
    assert len(prompts) == 400
    assert not prompts & {text for pair in asked for text in pair}


def test_the_report_is_one_file_with_the_figures(figures: dict[str, Any], home: Path) -> None:
    page = (home / figures["report"]).read_text(encoding="utf-8")
    assert figures["run"] in page
    for run in figures["eval"]:
        assert run["run"] in page


def test_the_runs_can_be_asked_again(figures: dict[str, Any], home: Path) -> None:
    again = weigh("compare", "porter@arithmetic", "tally@arithmetic", "--json", cwd=home)
    assert figures["compare"]["pairs"][0].items() <= json.loads(again.out)["pairs"][0].items()
    table = weigh("runs", "--kind", "eval", cwd=home)
    assert all(run["run"] in table.out for run in figures["eval"])
    names = [run["run"] for run in figures["eval"] if run["n"] == 200]
    decided = weigh("decide", *names, "--json", cwd=home)
    assert json.loads(decided.out)["assignment"]["by_task"] == {
        "arithmetic": "tally", "extraction": "clerk",
    }  # fmt: skip
    assert "tally" in (home / "router.config.yaml").read_text()


def test_a_router_file_written_by_hand_is_left_alone(figures: dict[str, Any], home: Path) -> None:
    assert figures
    mine = home / "mine.yaml"
    mine.write_text("# mine\n")
    outcome = weigh("decide", "--out", mine, cwd=home)
    assert outcome.code == 2
    assert "--force" in outcome.err
    assert mine.read_text() == "# mine\n"


@contextmanager
def started(folder: Path, *words: str | Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [*WEIGH, *map(str, words)],
        cwd=folder,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.kill()


@pytest.fixture
def again(figures: dict[str, Any], home: Path, tmp_path: Path) -> Path:
    """A folder in which the demo has been run, so that a stage can be done again by itself."""
    assert figures
    shutil.copytree(home / ".weighbridge", tmp_path / ".weighbridge")
    return tmp_path


def wait_for(process: subprocess.Popen[str], words: str) -> list[psutil.Process]:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return psutil.Process(process.pid).children(recursive=True)
    raise AssertionError(f"the demo ended before {words!r}")


@pytest.mark.parametrize(
    ("stage", "words"),
    [("bench", "bench tally × 1"), ("eval", "eval porter on"), ("route", "route porter")],
)
def test_kill_leaves_no_engine(again: Path, stage: str, words: str) -> None:
    with started(again, "study", "run", EXAMPLE, "--from-stage", stage) as running:
        engines = wait_for(running, words)
        assert engines
        running.kill()
        assert gone_within([engine.pid for engine in engines], 2)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interruption_stops_cleanly_and_leaves_only_whole_runs(
    again: Path, number: signal.Signals
) -> None:
    with started(again, "study", "run", EXAMPLE, "--from-stage", "eval") as running:
        engines = wait_for(running, "eval clerk on")
        before = set(runs(again))
        running.send_signal(number)
        _, said = running.communicate(timeout=10)
        assert running.returncode == 130
        assert "Interrupted" in said
        assert "Traceback" not in said
        assert gone_within([engine.pid for engine in engines], 0.5)
        assert before <= set(runs(again))
        assert not [name for name in runs(again) if name.startswith(".")]


def test_interruption_while_engines_start(tmp_path: Path) -> None:
    with started(tmp_path, "demo") as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "start tally" in line:
                break
        time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=10)
        assert running.returncode == 130
        assert "Traceback" not in said
