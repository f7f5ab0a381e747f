from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.fakes.llm_server import Behaviour, FakeUrl, fake_llm
from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.errors import ConnectError, StatusError, WorkspaceError
from weighbridge.core.runs import EvalRun
from weighbridge.measure.evals.suite import Suite, load_suite
from weighbridge.verbs.effects import Silent, SystemClock
from weighbridge.verbs.eval import EvalSettings, _Asking, evaluate, to_json
from weighbridge.wire.client import Client
from weighbridge.wire.server import ServerRequest
from weighbridge.workspace.folder import Workspace


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    folder = tmp_path / "suite"
    folder.mkdir()
    (folder / "suite.yaml").write_text("name: sums\nprompt: '{q}'\nscorer: exact\n")
    items = [{"id": str(n), "q": f"{n}+{n}=", "answer": str(2 * n)} for n in range(10)]
    (folder / "items.jsonl").write_text("\n".join(map(json.dumps, items)))
    return load_suite(folder)


def prompt(request: ServerRequest) -> str:
    body = json.loads(request.body)
    return str(body["messages"][-1]["content"])


def adder(request: ServerRequest, _: int) -> Behaviour:
    """Right on all items but the fifth."""
    number = int(prompt(request).partition("+")[0])
    return Behaviour(text=str(2 * number if number != 5 else "?"))


async def run(
    store: Workspace, url: str, suite: Suite, settings: EvalSettings | None = None
) -> EvalRun:
    async with Client() as client:
        return await evaluate(
            store,
            client,
            SystemClock(),
            endpoint_at(url, "fake"),
            suite,
            settings=settings or EvalSettings(concurrency=1, timeout_s=1),
            progress=Silent(),
        )


def test_accuracy_with_its_interval_is_kept_and_reported(
    workspace: Workspace, suite: Suite
) -> None:
    async def scenario() -> EvalRun:
        async with fake_llm(adder) as url:
            return await run(workspace, url, suite)

    result = asyncio.run(scenario())
    assert (result.correct, len(result.items), result.errors) == (9, 10, 0)
    assert workspace.load(result.info.id, EvalRun) == result
    figures = to_json(result)
    assert figures["accuracy"] == 0.9
    assert 0.55 < figures["low"] < 0.9 < figures["high"] < 1
    assert figures["provenance"]["kind"] == "measured"
    # The fake runs in this very process, so its memory is ours and can be read.
    assert figures["memory_bytes"] > 2**20


def test_an_interrupted_evaluation_goes_on_where_it_stopped(
    workspace: Workspace, suite: Suite
) -> None:
    def fails_from_the_seventh(request: ServerRequest, number: int) -> Behaviour:
        return adder(request, number) if number < 6 else Behaviour("status", status=401)

    async def scenario() -> tuple[FakeUrl, FakeUrl, EvalRun]:
        settings = EvalSettings(concurrency=1, timeout_s=1, identity="the same weights")
        async with fake_llm(fails_from_the_seventh) as first:
            with pytest.raises(StatusError):
                await run(workspace, first, suite, settings)
        assert workspace.runs() == []
        async with fake_llm(adder) as second:
            result = await run(workspace, second, suite, settings)
        return first, second, result

    first, second, result = asyncio.run(scenario())
    assert len(first.requests) == 7
    assert [prompt(request) for request in second.requests] == ["6+6=", "7+7=", "8+8=", "9+9="]
    assert [item.id for item in result.items] == [str(n) for n in range(10)]
    assert result.correct == 9


def test_no_answer_takes_longer_than_it_may(suite: Suite) -> None:
    """A server that sends a little now and then is no exception."""
    endpoint = endpoint_at("http://127.0.0.1:9/v1", "m")
    asked = _Asking(Client(), SystemClock(), endpoint, suite, EvalSettings(timeout_s=2))
    timeouts = asked._target().timeouts
    assert (timeouts.first_byte, timeouts.between_bytes, timeouts.total) == (2, 2, 2)


def test_a_finished_evaluation_is_measured_anew(workspace: Workspace, suite: Suite) -> None:
    async def scenario() -> int:
        async with fake_llm(adder) as url:
            await run(workspace, url, suite)
            await run(workspace, url, suite)
            return len(url.requests)

    assert asyncio.run(scenario()) == 20
    assert len(workspace.runs("eval")) == 2


def test_a_failed_item_counts_as_wrong_and_is_told(workspace: Workspace, suite: Suite) -> None:
    def sixth_is_refused(request: ServerRequest, number: int) -> Behaviour:
        if prompt(request) == "6+6=":
            return Behaviour("status", status=400)
        return adder(request, number)

    async def scenario() -> EvalRun:
        async with fake_llm(sixth_is_refused) as url:
            return await run(workspace, url, suite)

    result = asyncio.run(scenario())
    assert (result.correct, result.errors) == (8, 1)
    failed = result.items[6]
    assert (failed.correct, failed.error) == (False, "http_400")


def test_a_server_that_goes_away_ends_it(workspace: Workspace, suite: Suite) -> None:
    with pytest.raises(ConnectError):
        asyncio.run(run(workspace, "http://127.0.0.1:9", suite))
    assert workspace.runs() == []


def test_two_at_once_are_refused(workspace: Workspace, suite: Suite) -> None:
    async def scenario() -> None:
        async with fake_llm(Behaviour(text="2", first_delay_s=0.05)) as url:
            await asyncio.gather(run(workspace, url, suite), run(workspace, url, suite))

    with pytest.raises(WorkspaceError, match="another process"):
        asyncio.run(scenario())
