"""Interrupted evaluations: nothing is lost, nothing is asked twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.runner import WEIGH, weigh
from tests.fakes.llm_server import Behaviour, FakeUrl, fake_llm, fake_llm_thread
from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.errors import StatusError
from weighbridge.core.runs import EvalRun, ItemResult
from weighbridge.measure.evals.records import Item, Suite, SuiteFile, make_suite
from weighbridge.measure.evals.scoring import Means
from weighbridge.verbs.effects import Silent, SystemClock, open_workspace
from weighbridge.verbs.eval import EvalSettings, evaluate
from weighbridge.wire.client import Client
from weighbridge.wire.server import ServerRequest
from weighbridge.workspace.folder import Workspace

ITEMS = 300


def asked(url: FakeUrl) -> list[int]:
    prompts = [body["messages"][-1]["content"] for body in url.bodies]
    return [int(prompt.removeprefix("question ")) for prompt in prompts]


def write_suite(folder: Path, count: int, *, gold: str = "yes") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "suite.yaml").write_text("name: s\nprompt: 'question {n}'\nscorer: exact\n")
    lines = [json.dumps({"id": str(n), "n": n, "answer": gold}) for n in range(count)]
    (folder / "items.jsonl").write_text("\n".join(lines))
    return folder


def journal(root: Path) -> Path:
    (found,) = (root / "journals").glob("*.jsonl")
    return found


def kept(root: Path) -> list[ItemResult]:
    lines = journal(root).read_bytes().split(b"\n")[:-1]
    return [msgspec.json.decode(line, type=ItemResult) for line in lines]


def test_a_kill_in_mid_run_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    suite = write_suite(tmp_path / "suite", ITEMS)
    slow = Behaviour(text="yes", first_delay_s=0.01)
    with fake_llm_thread(slow) as url:
        words = ["eval", url, "--model", "fake", "--suite", str(suite), "--concurrency", "4"]
        process = subprocess.Popen([*WEIGH, *words], cwd=tmp_path, start_new_session=True)
        deadline = time.monotonic() + 60
        while len(url.requests) < 100 and time.monotonic() < deadline:
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        before = [int(result.id) for result in kept(tmp_path / ".weighbridge")]
        first = asked(url)
        # Killed at any moment, at most the questions in flight are not yet answered or kept.
        assert 90 <= len(before) <= len(first)
        assert len(first) - len(before) <= 2 * 4
        url.requests.clear()
        outcome = weigh(*words, "--json", cwd=tmp_path)
        assert outcome.code == 0, outcome.err
        assert f"Resuming: {len(before)} answers of an interrupted run are kept" in outcome.err
        again = asked(url)
    assert sorted(again) == sorted(set(range(ITEMS)) - set(before))
    document = json.loads(outcome.out)
    assert (document["n"], document["correct"], document["errors"]) == (ITEMS, ITEMS, 0)
    run = open_workspace(tmp_path / ".weighbridge").load(document["run"], EvalRun)
    assert [result.id for result in run.items] == [str(n) for n in range(ITEMS)]
    assert Counter(before + again) == Counter(range(ITEMS))


# -- In one process ------------------------------------------------------------------------------


def suite_of(count: int = 5, gold: str = "yes", **told: object) -> Suite:
    fields = {"name": "s", "prompt": "{q}", "scorer": "exact", **told}
    items = tuple(Item(f"item-{n}", f"question {n}", gold) for n in range(count))
    return make_suite(msgspec.convert(fields, SuiteFile), items)


def run(
    store: Workspace,
    suite: Suite,
    calls: list[int],
    *,
    fails_after: int | None = None,
    **told: object,
) -> EvalRun:
    def behave(_: ServerRequest, number: int) -> Behaviour:
        if fails_after is not None and number >= fails_after:
            return Behaviour("status", status=401)
        return Behaviour(text="yes")

    async def work() -> EvalRun:
        async with fake_llm(behave) as url, Client() as client:
            try:
                return await evaluate(
                    store, client, SystemClock(), endpoint_at(url, "fake"), suite,
                    settings=EvalSettings(concurrency=1, identity="same", **told),  # type: ignore[arg-type]
                    progress=Silent(),
                )  # fmt: skip
            finally:
                calls.extend(asked(url))

    return asyncio.run(work())


def interrupted(store: Workspace, suite: Suite, after: int, **told: object) -> None:
    with pytest.raises(Exception, match="401"):
        run(store, suite, [], fails_after=after, **told)


def test_another_scorer_judges_the_answers_that_are_there(workspace: Workspace) -> None:
    interrupted(workspace, suite_of(gold="yes"), 3)
    calls: list[int] = []
    result = run(workspace, suite_of(gold="no"), calls)
    assert calls == [3, 4]
    assert [(item.correct, item.expected) for item in result.items] == [(False, "no")] * 5


def test_another_prompt_or_parameter_asks_anew(workspace: Workspace) -> None:
    for changed in (
        {"max_tokens": 9},
        {"system": "Be brief."},
        {"sampling": {"temperature": 0.5}},
        {"sampling": {"extra": {"top_k": 1}}},
    ):
        interrupted(workspace, suite_of(), 3)
        calls: list[int] = []
        run(workspace, suite_of(**changed), calls)
        assert calls == [0, 1, 2, 3, 4], changed


def test_more_items_and_more_repeats_use_what_is_there(workspace: Workspace) -> None:
    interrupted(workspace, suite_of(4), 3)
    calls: list[int] = []
    result = run(workspace, suite_of(6), calls, repeats=2)
    assert calls == [0, 1, 2, 3, 3, 4, 4, 5, 5]
    assert [(item.id, item.repeat) for item in result.items[:3]] == [
        ("item-0", 0), ("item-0", 1), ("item-1", 0),
    ]  # fmt: skip
    assert result.repeats == 2


def test_fresh_forgets(workspace: Workspace) -> None:
    interrupted(workspace, suite_of(), 3)
    calls: list[int] = []
    run(workspace, suite_of(), calls, fresh=True)
    assert calls == [0, 1, 2, 3, 4]


@settings(max_examples=25, deadline=None)
@given(share=st.floats(0, 1))
def test_a_torn_log_costs_one_answer_at_most(
    share: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = open_workspace(tmp_path_factory.mktemp("torn"))
    interrupted(store, suite_of(), 4)
    path = journal(store.root)
    whole = path.read_bytes()
    ends = [0, *(i + 1 for i, byte in enumerate(whole) if byte == 10)]
    cut = round(share * len(whole))
    path.write_bytes(whole[:cut])
    complete = max(n for n, end in enumerate(ends) if end <= cut)
    calls: list[int] = []
    result = run(store, suite_of(), calls)
    assert calls == list(range(complete, 5))
    assert result.correct == 5


@pytest.mark.parametrize("garbage", [b"\x00\x00\x00\n", b"\xff{\n", b'{"id": 3}\n', b"[]\n\n"])
def test_lines_that_are_no_answers_are_passed_over(workspace: Workspace, garbage: bytes) -> None:
    interrupted(workspace, suite_of(), 3)
    path = journal(workspace.root)
    first, _, rest = path.read_bytes().partition(b"\n")
    path.write_bytes(first + b"\n" + garbage + rest)
    calls: list[int] = []
    run(workspace, suite_of(), calls)
    assert calls == [3, 4]


def test_an_answer_is_kept_before_a_judge_sees_it(workspace: Workspace) -> None:
    suite = suite_of(3, gold="the gold", scorer="judge")
    answers: list[int] = []

    async def work(judge: Behaviour) -> EvalRun:
        async with (
            fake_llm(Behaviour(text="yes")) as url,
            fake_llm(judge) as judge_url,
            Client() as client,
        ):
            means = Means(judge=endpoint_at(judge_url, "fake"))
            told = EvalSettings(concurrency=1, identity="same", means=means)
            try:
                return await evaluate(
                    workspace, client, SystemClock(), endpoint_at(url, "fake"), suite,
                    settings=told, progress=Silent(),
                )  # fmt: skip
            finally:
                answers.extend(asked(url))

    with pytest.raises(StatusError):
        asyncio.run(work(Behaviour("status", status=400)))
    assert answers == [0]
    result = asyncio.run(work(Behaviour(text="[[tie]]")))
    assert answers == [0, 1, 2]
    assert (result.correct, [item.score for item in result.items]) == (3, [0.5] * 3)
