"""`weigh decide` as a user runs it: options, what stands where, exit codes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.cli.runner import weigh
from tests.fakes.runs import accurate, eval_run
from weighbridge.cli.decide_options import read_constraints, read_devices, read_load
from weighbridge.core.constraints import Constraints, ExpectedLoad, Intents
from weighbridge.core.errors import InputError
from weighbridge.core.units import GIB, MIB
from weighbridge.verbs.effects import open_workspace

RIGHT = {
    ("adder", "sums"): 90, ("adder", "names"): 5, ("namer", "sums"): 5, ("namer", "names"): 88,
    ("both", "sums"): 60, ("both", "names"): 80,
}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("decide")
    store = open_workspace(folder / ".weighbridge")
    for (model, task), right in RIGHT.items():
        run = eval_run(model, task, accurate(right, 100), run_id=f"eval-{len(store.runs()):06x}")
        store.save(run.info, replace(run, memory_bytes=40 * MIB))
    return folder


def test_the_decision_its_reasons_and_what_would_change_it(home: Path) -> None:
    done = weigh("decide", "--memory-budget", "100MiB", "--min-accuracy", "sums=50%", cwd=home)
    assert done.code == 0, done.err
    first = done.out.splitlines()[0]
    assert first.startswith("It depends on the task: ")
    assert "adder for sums" in first
    assert "If you must run one model: both." in first
    assert "· accuracy: namer for sums: It is right in 5.0 %, below 50 %" in done.out
    for words in ("P(best)", "Options", "What would change it", "together +", "95 % interval"):
        assert words in done.out
    assert "With less memory than 80.00 MiB it is both for everything." in done.out
    assert "Wrote router.config.yaml" in done.err
    assert "# sums: adder is right in 90.0 %" in (home / "router.config.yaml").read_text()


def test_json_has_what_the_page_has(home: Path) -> None:
    done = weigh("decide", "--json", "--devices", "2x64MiB", "--load", "2 users", cwd=home)
    figures = json.loads(done.out)
    assert figures["assignment"]["replicas"] == {"adder": 1, "namer": 1}
    assert sorted(one["on"][0] for one in figures["assignment"]["devices"]) == [0, 1]
    assert figures["constraints"]["device_bytes"] == [64 * MIB, 64 * MIB]
    assert figures["gain"]["low"] > 0
    assert {flip["what"] for flip in figures["flips"]} >= {"devices, fewer", "share of sums"} or {
        flip["what"] for flip in figures["flips"]
    } >= {"devices, fewer", "share of names"}
    standing = figures["tasks"][0]["standings"][0]
    assert standing["on_front"] is True
    assert standing["p_best"] > 0.5
    assert figures["removed"] == []


def test_where_nothing_is_left_the_answer_is_no_with_every_reason(home: Path) -> None:
    before = (home / "router.config.yaml").read_bytes()
    words = ("decide", "--intent", "commercial", "--license-read", "adder")
    done = weigh(*words, "--memory-budget", "1MiB", "--json", cwd=home)
    assert done.code == 1
    removed = json.loads(done.out)["removed"]
    assert {(one["model"], one["constraint"]) for one in removed} == {
        ("namer", "licence"), ("both", "licence"),
        ("adder", "memory"), ("namer", "memory"), ("both", "memory"),
    }  # fmt: skip
    assert "adder: It takes 40.00 MiB (measured), more than the budget of 1.00 MiB." in done.err
    assert "Traceback" not in done.err
    done = weigh("decide", "--min-accuracy", "sums=99%", cwd=home)
    assert (done.code, done.out) == (1, "")
    assert "both for sums: It is right in 60.0 %, below 99 %" in done.err
    assert (home / "router.config.yaml").read_bytes() == before


def test_where_nothing_does_the_task_the_answer_is_no_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    store = open_workspace(tmp_path / ".weighbridge")
    run = eval_run("slow", "chat", accurate(0, 200), run_id="eval-00000a")
    store.save(run.info, run)
    done = weigh("decide", cwd=tmp_path)
    assert done.code == 1
    assert done.out.splitlines()[0] == (
        "Nothing that may be run does chat well. On chat, slow is right in none of 200 items."
    )
    assert "Run slow" not in done.out
    assert "router.config.yaml was not written: no task would be done well." in done.err
    assert not (tmp_path / "router.config.yaml").exists()
    as_json = weigh("decide", "--json", cwd=tmp_path)
    assert as_json.code == 1
    assert json.loads(as_json.out)["is_useless"] is True


def test_what_would_let_something_in_comes_with_the_no(home: Path) -> None:
    done = weigh("decide", "--memory-budget", "1MiB", "--json", cwd=home)
    assert done.code == 1
    (first, *_) = json.loads(done.out)["flips"]
    assert first["flips_at"] == 40 * MIB
    assert first["sentence"].startswith("From 40.00 MiB of memory on: ")
    assert f"Something would be left: {first['sentence']}" in done.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--load", "12"), "is not a load"),
        (("--min-accuracy", "code=0.5"), "was not evaluated"),
        (("--usd", "addr=5"), "Did you mean 'adder'"),
    ],
)
def test_bad_words_are_told_apart_from_a_no(home: Path, words: tuple[str, ...], said: str) -> None:
    done = weigh("decide", *words, cwd=home)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


NOTHING: dict[str, Any] = {
    "data_stays": False, "territory": None, "at": (), "intent": None, "license_read": (),
    "slo": "", "load": None, "devices": None, "usd_per_month": None, "usd": (), "min_accuracy": (),
}  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"load": "0/s"}, "is not a load"),
        ({"slo": "ttft<500"}, "has no unit"),
        ({"min_accuracy": ("sums=80",)}, "is not an accuracy"),
        ({"min_accuracy": ("sums",)}, "is not NAME=VALUE"),
        ({"usd_per_month": -1.0}, "is no sum of money"),
        ({"usd": ("adder=much",)}, "is no sum of money"),
        ({"intent": "commercail"}, "Did you mean 'commercial'"),
        ({"devices": "2x NoSuchCard 9"}, "NoSuchCard"),
    ],
)
def test_constraints_that_cannot_be_read_say_why(words: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_constraints(NOTHING | words)


def test_constraints_arrive_as_they_were_said() -> None:
    said = {
        "data_stays": True, "territory": "eu", "at": ("x=fr", "y=here"), "load": "3/s",
        "intent": "commercial,users=5k", "min_accuracy": ("code=80%",), "usd": ("x=12.5",),
    }  # fmt: skip
    constraints, told = read_constraints(NOTHING | said)
    assert constraints == Constraints(
        data_may_leave=False,
        territory="EU",
        intents=Intents(("commercial",), users=5000),
        places=(("x", "FR"), ("y", "here")),
        load=ExpectedLoad(requests_per_s=3.0),
        min_accuracy=(("code", 0.8),),
    )
    assert told.usd_per_month == {"x": 12.5}
    assert read_constraints(NOTHING)[0] == Constraints()


@pytest.mark.parametrize(
    ("text", "load"),
    [
        ("12/s", ExpectedLoad(requests_per_s=12)),
        ("0.5 requests/s", ExpectedLoad(requests_per_s=0.5)),
        ("40 users", ExpectedLoad(users=40)),
        ("1 user", ExpectedLoad(users=1)),
    ],
)
def test_loads_are_rates_or_users(text: str, load: ExpectedLoad) -> None:
    assert read_load(text) == load


def test_devices_go_by_name_or_by_their_memory_alone() -> None:
    assert read_devices("2x24GiB") == (None, (24 * GIB, 24 * GIB))
    assert read_devices("24 GiB") == (None, (24 * GIB,))
    machine, device_bytes = read_devices("2x RTX 4090")
    assert machine is not None
    assert device_bytes == (machine.device.memory_bytes,) * 2
    with pytest.raises(InputError):
        read_devices("0x24GiB")
