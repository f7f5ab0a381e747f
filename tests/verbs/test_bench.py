from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.fakes.llm_server import Behaviour, FakeUrl, fake_llm
from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.errors import InputError, StatusError
from weighbridge.core.load import LoadRun
from weighbridge.verbs.bench import BenchSettings, bench, prompts_from, to_json
from weighbridge.verbs.effects import Silent, SystemClock
from weighbridge.wire.client import Client
from weighbridge.wire.server import ServerRequest
from weighbridge.workspace.folder import Workspace


async def run(store: Workspace, url: str, settings: BenchSettings) -> LoadRun:
    async with Client() as client:
        return await bench(
            store,
            client,
            SystemClock(),
            endpoint_at(url, "fake"),
            settings,
            progress=Silent(),
        )


def test_levels_count_requests_tokens_and_gaps(workspace: Workspace) -> None:
    async def scenario() -> tuple[LoadRun, FakeUrl]:
        async with fake_llm(Behaviour(tokens=5, delay_s=0.005)) as url:
            return await run(workspace, url, BenchSettings((1, 3), requests=6)), url

    result, url = asyncio.run(scenario())
    assert [level.concurrency for level in result.levels] == [1, 3]
    for level in result.levels:
        assert (level.requests, level.errors, level.output_tokens) == (6, 0, 30)
        assert level.tokens_from_usage
        assert level.itl_ms is not None
        assert level.itl_ms.count == 6 * 4
        assert level.ttft_ms is not None
        assert level.e2e_ms is not None
        assert 0 < level.ttft_ms.p50 <= level.e2e_ms.p50
        assert level.requests_per_s * level.duration_s == pytest.approx(6)
    assert len(url.requests) == 1 + 12  # one to warm up
    asked = [body["messages"][0]["content"] for body in url.bodies[1:]]
    assert len(set(asked)) == 12  # nothing a cache could answer
    assert workspace.load(result.info.id, LoadRun) == result


def test_errors_are_results(workspace: Workspace) -> None:
    def every_third_fails(_: ServerRequest, number: int) -> Behaviour:
        return Behaviour("status", status=503) if number and number % 3 == 0 else Behaviour()

    async def scenario() -> LoadRun:
        async with fake_llm(every_third_fails) as url:
            return await run(workspace, url, BenchSettings((2,), requests=9))

    level = asyncio.run(scenario()).levels[0]
    assert (level.requests, level.errors) == (9, 3)
    assert level.error_kinds == (("http_503", 3),)
    assert "503" in level.first_error
    assert level.e2e_ms is not None
    assert level.e2e_ms.count == 6


def test_a_server_that_refuses_the_first_request_is_no_run(workspace: Workspace) -> None:
    async def scenario() -> None:
        async with fake_llm(Behaviour("status", status=500)) as url:
            await run(workspace, url, BenchSettings())

    with pytest.raises(StatusError):
        asyncio.run(scenario())
    assert workspace.runs() == []


def test_missing_usage_is_told(workspace: Workspace) -> None:
    async def scenario() -> LoadRun:
        async with fake_llm(Behaviour(tokens=4, usage=False)) as url:
            return await run(workspace, url, BenchSettings((1,), requests=2))

    level = asyncio.run(scenario()).levels[0]
    assert level.output_tokens == 8
    assert not level.tokens_from_usage


def test_own_prompts_are_sent_in_turn(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "prompts.txt"
    path.write_text("one\n\ntwo\n")

    async def scenario() -> list[str]:
        async with fake_llm() as url:
            settings = BenchSettings((1,), requests=3, prompts=prompts_from(path))
            await run(workspace, url, settings)
            return [body["messages"][0]["content"] for body in url.bodies[1:]]

    assert asyncio.run(scenario()) == ["one", "two", "one"]
    with pytest.raises(InputError):
        prompts_from(tmp_path / "none.txt")


def test_json_keys(workspace: Workspace) -> None:
    async def scenario() -> LoadRun:
        async with fake_llm() as url:
            return await run(workspace, url, BenchSettings((1,), requests=2))

    figures = to_json(asyncio.run(scenario()))
    level = figures["levels"][0]
    assert set(level) == {
        "concurrency", "requests", "errors", "error_kinds", "first_error", "duration_s",
        "requests_per_s", "output_tokens", "output_tokens_per_s", "tokens_from_usage",
        "ttft_ms", "itl_ms", "tpot_ms", "e2e_ms",
    }  # fmt: skip
    assert set(level["ttft_ms"]) == {"count", "mean", "p50", "p90", "p95", "p99"}
