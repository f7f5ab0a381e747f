"""What single verbs promise: their answers as exit codes, names they know, how they stop."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cli.runner import WEIGH, runs, weigh
from tests.fakes.llm_server import HANG, fake_llm_thread
from tests.fakes.runs import accurate, eval_run
from weighbridge.core.runs import EvalRun
from weighbridge.verbs.effects import open_workspace
from weighbridge.workspace.folder import Workspace


def keep(store: Workspace, run: EvalRun) -> None:
    store.save(run.info, run)


@pytest.fixture
def compared(tmp_path: Path) -> Path:
    store = open_workspace(tmp_path / ".weighbridge")
    keep(store, eval_run("low", "s", accurate(10, 100), run_id="eval-1"))
    keep(store, eval_run("high", "s", accurate(90, 100), run_id="eval-2"))
    keep(store, eval_run("twin", "s", accurate(91, 100), run_id="eval-3"))
    return tmp_path


@pytest.mark.parametrize(
    ("names", "code"),
    [(["low", "high"], 0), (["high", "twin"], 4), (["low", "high", "twin"], 0)],
)
@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_compare_tells_whether_the_data_can(
    names: list[str], code: int, flags: list[str], compared: Path
) -> None:
    outcome = weigh("compare", *[f"{name}@s" for name in names], *flags, cwd=compared)
    assert outcome.code == code, outcome.err
    assert outcome.out
    assert outcome.err == ""
    if not flags:
        assert ("cannot tell" in outcome.out) == ("twin" in names)


def test_a_built_in_suite_goes_by_its_name(tmp_path: Path) -> None:
    with fake_llm_thread() as url:
        words = ["--model", "fake", "--suite", "arithmetic", "--limit", "3", "--json"]
        outcome = weigh("eval", url, *words, cwd=tmp_path)
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out)["suite"] == "arithmetic"
    assert json.loads(outcome.out)["n"] == 3


def test_a_folder_of_ones_own_comes_before_a_built_in_suite(tmp_path: Path) -> None:
    mine = tmp_path / "arithmetic"
    mine.mkdir()
    (mine / "suite.yaml").write_text("name: mine\nprompt: '{q}'\nscorer: exact\n")
    (mine / "items.jsonl").write_text('{"id": "1", "q": "?", "answer": "no"}\n')
    with fake_llm_thread() as url:
        words = ["--model", "fake", "--suite", "arithmetic", "--json"]
        outcome = weigh("eval", url, *words, cwd=tmp_path)
    assert json.loads(outcome.out)["suite"] == "mine"


@pytest.mark.parametrize("verb", ["bench", "eval"])
def test_the_helps_example_uses_what_there_is(verb: str, tmp_path: Path) -> None:
    text = weigh(verb, "--help", cwd=tmp_path).out
    example, *_ = [line.split() for line in text.splitlines() if line.startswith("    weigh ")]
    assert example[2] == "http://127.0.0.1:8000/v1"
    with fake_llm_thread(model=example[example.index("--model") + 1]) as url:
        outcome = weigh(verb, url, *example[3:], cwd=tmp_path)
    assert outcome.code == 0, outcome.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["bench", "--concurrency", "1"], "Interrupted; nothing was kept."),
        (
            ["eval", "--suite", "arithmetic"],
            "Interrupted. The answers so far are kept; the same command goes on from there.",
        ),
    ],
    ids=["bench", "eval"],
)
def test_interrupted_verbs_say_what_is_left(
    words: list[str], said: str, number: signal.Signals, tmp_path: Path
) -> None:
    with fake_llm_thread(HANG) as url:
        command = [*WEIGH, words[0], url, "--model", "fake", *words[1:]]
        with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
            while not url.requests and process.poll() is None:
                time.sleep(0.01)
            process.send_signal(number)
            _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert err.strip().splitlines()[-1] == said
    assert "Traceback" not in err
    assert runs(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("verb", ["ui", "serve"])
def test_servers_stop_at_either_signal(verb: str, number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "router.config.yaml").write_text(
        "models:\n  m: {url: 'http://127.0.0.1:9/v1'}\nroutes: [{use: [m]}]\n", encoding="utf-8"
    )
    with subprocess.Popen(
        [*WEIGH, verb, "--port", "0"], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert "Stop with ctrl-C" in process.stderr.readline()
        process.send_signal(number)
        _, err = process.communicate(timeout=10)
    assert process.returncode == 0, err
    assert "Stopped" in err
    assert "Traceback" not in err
