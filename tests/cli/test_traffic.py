from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from tests.cli.runner import weigh
from tests.verbs.test_traffic import asked, mixed
from weighbridge.workspace.traffic import CapturedTool, CapturedUse, TrafficWriter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    writer = TrafficWriter(tmp_path / ".weighbridge", 10**6)
    whole = asked(
        100, "Weather in Rome?\x1b[31m", text="Let me see.", task="weather", why="route 0",
        tools=(CapturedTool("weather", '{"in":"Rome"}'),), use=CapturedUse(9, 4), ttft_ms=12.5,
    )  # fmt: skip
    for one in [*mixed(20), whole]:
        writer.append(msgspec.json.encode(one))
    return tmp_path


def test_list(folder: Path) -> None:
    outcome = weigh("traffic", "list", "--limit", "5", cwd=folder)
    assert outcome.code == 0, outcome.err
    assert "r100" in outcome.out
    assert "Weather in Rome?" in outcome.out
    assert "\x1b" not in outcome.out
    assert "r3 " not in outcome.out
    figures = json.loads(weigh("traffic", "list", "--json", cwd=folder).out)
    assert len(figures["requests"]) == 21
    assert figures["bytes"] > 1000
    assert "request" not in figures["requests"][0]


def test_show(folder: Path) -> None:
    outcome = weigh("traffic", "show", "r100", cwd=folder)
    assert outcome.code == 0, outcome.err
    for words in ("tally", "route 0", "9 in, 4 out", "Let me see.", "Calls weather", '"in":"Rome"'):
        assert words in outcome.out
    figures = json.loads(weigh("traffic", "show", "r100", "--json", cwd=folder).out)
    assert figures["use"]["prompt"] == 9
    missing = weigh("traffic", "show", "zzz", cwd=folder)
    assert missing.code == 2
    assert "weigh traffic list" in missing.err


def test_sample(folder: Path) -> None:
    words = ["traffic", "sample", "8", "--stratify", "task", "--output", "ours"]
    outcome = weigh(*words, cwd=folder)
    assert outcome.code == 0, outcome.err
    assert "not the truth" in outcome.err
    assert len((folder / "ours/items.jsonl").read_text().splitlines()) == 8
    again = json.loads(weigh(*words[:3], "--json", cwd=folder).out)
    assert again["hash"] in outcome.out
    assert sum(stratum["sampled"] for stratum in again["strata"].values()) == 8
    assert again["strata"]["weather"] == {"requests": 1, "sampled": 1}
    few = weigh("traffic", "sample", "2", cwd=folder)
    assert "2 of 4 strata have no request in the set" in few.err
    many = weigh("traffic", "sample", "200", "--stratify", "none", cwd=folder)
    assert "Only 21 different requests" in many.err


def test_one_is_told_as_one(tmp_path: Path) -> None:
    writer = TrafficWriter(tmp_path / ".weighbridge", 10**6)
    writer.append(msgspec.json.encode(asked(1, "Why?", redacted=1)))
    outcome = weigh("traffic", "sample", "2", cwd=tmp_path)
    assert ": 1 request, seed 0" in outcome.out
    assert "Only 1 different request was captured" in outcome.err
    assert "1 place " in weigh("traffic", "show", "r1", cwd=tmp_path).out


def test_without_captures_the_way_to_them_is_said(tmp_path: Path) -> None:
    assert "no captured requests" in weigh("traffic", "list", cwd=tmp_path).err
    outcome = weigh("traffic", "sample", "5", cwd=tmp_path)
    assert outcome.code == 2
    assert "capture" in outcome.err
    assert not (tmp_path / ".weighbridge").exists()


CONFIG = """
models: {tally: {url: "http://127.0.0.1:1/v1"}}
signals: {task: {arithmetic: {keywords: [plus]}}}
routes: [{use: [tally]}]
"""


@pytest.fixture
def by_name(tmp_path: Path) -> Path:
    """Traffic that named its model: nobody had to recognise a task."""
    writer = TrafficWriter(tmp_path / ".weighbridge", 10**6)
    for number in range(12):
        text = f"What is {number} plus 3?" if number % 3 else f"Who was number {number}?"
        writer.append(msgspec.json.encode(asked(number, text)))
    return tmp_path


def test_traffic_that_named_its_model_is_sorted_by_the_same_rules(by_name: Path) -> None:
    words = ["traffic", "sample", "6", "--stratify", "task", "--json"]
    without = weigh(*words, cwd=by_name)
    assert json.loads(without.out)["strata"] == {"(none)": {"requests": 12, "sampled": 6}}
    assert "--config" in without.err
    (by_name / "gateway.yaml").write_text(CONFIG)
    named = weigh(*words, "--config", "gateway.yaml", cwd=by_name)
    drawn = json.loads(named.out)
    assert drawn["strata"] == {
        "(none)": {"requests": 4, "sampled": 2},
        "arithmetic": {"requests": 8, "sampled": 4},
    }
    assert {one["task"] for one in drawn["items"] if "plus" in one["prompt"]} == {"arithmetic"}
    assert named.err == ""
    (by_name / "router.config.yaml").write_text(CONFIG)
    assert weigh(*words, cwd=by_name).out == named.out


def test_a_configuration_that_only_lies_there_may_be_wrong(by_name: Path) -> None:
    (by_name / "router.config.yaml").write_text(CONFIG.replace("signals", "signal"))
    words = ["traffic", "sample", "6"]
    done = weigh(*words, cwd=by_name)
    assert done.code == 0
    assert "Did you mean `signals`?" in done.err
    assert weigh(*words, "--config", "router.config.yaml", cwd=by_name).code == 2
