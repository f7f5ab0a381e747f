from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.llm_server import HANG, OVERLOADED, Behaviour, Choose, FakeUrl, fake_llm
from tests.waiting import until
from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.errors import (
    ConnectError,
    DeadlineError,
    InputError,
    ProtocolError,
    StatusError,
)
from weighbridge.core.http import Timeouts
from weighbridge.core.live_load import LiveLoad
from weighbridge.core.load import LoadRun
from weighbridge.core.self_test import SelfTest
from weighbridge.core.traffic import LoadShape
from weighbridge.core.workload import parse_slo
from weighbridge.measure.load.traffic.lengths import parse_lengths
from weighbridge.measure.load.traffic.spec import WorkloadSpec
from weighbridge.verbs.bench import BenchSettings, bench, measure_quietly
from weighbridge.verbs.effects import Silent, SystemClock
from weighbridge.verbs.load_json import run_json
from weighbridge.verbs.self_test import self_test
from weighbridge.wire.client import Client
from weighbridge.wire.server import ServerRequest
from weighbridge.workspace.folder import Workspace


def closed(*users: int) -> tuple[LoadShape, ...]:
    return tuple(LoadShape("closed", count) for count in users)


def settings(shapes: tuple[LoadShape, ...] = closed(1), **more: Any) -> BenchSettings:
    return BenchSettings(shapes, **{"metrics": False, "workers": 1, **more})


async def run(
    store: Workspace,
    url: str,
    how: BenchSettings,
    on_live: Callable[[LiveLoad], None] = lambda _: None,
) -> LoadRun:
    async with Client() as client:
        endpoint = endpoint_at(url, "fake")
        return await bench(
            store, client, SystemClock(), endpoint, how, progress=Silent(), on_live=on_live
        )


def measured(store: Workspace, behaviour: Choose, how: BenchSettings) -> tuple[LoadRun, FakeUrl]:
    async def scenario() -> tuple[LoadRun, FakeUrl]:
        async with fake_llm(behaviour) as url:
            return await run(store, url, how), url

    return asyncio.run(scenario())


def test_levels_count_requests_tokens_and_gaps(workspace: Workspace) -> None:
    how = settings(closed(1, 3), requests=6)
    result, url = measured(workspace, Behaviour(tokens=5, delay_s=0.005), how)
    assert [level.concurrency for level in result.levels] == [1, 3]
    for level in result.levels:
        assert (level.requests, level.errors, level.output_tokens) == (6, 0, 30)
        assert level.prompt_tokens == 6 * 5
        assert level.tokens_from_usage
        assert level.itl_ms is not None
        assert level.itl_ms.count == 6 * 4
        assert level.ttft_ms is not None
        assert level.e2e_ms is not None
        assert 0 < level.ttft_ms.p50 <= level.e2e_ms.p50
        assert level.client is not None
        assert level.client.cpu_s > 0
    assert len(url.requests) == 1 + 12  # one to find out whether it answers
    asked = [body["messages"][0]["content"] for body in url.bodies[1:]]
    assert len(set(asked)) == 12  # nothing a cache could answer
    assert workspace.load(result.info.id, LoadRun) == result
    assert result.info.subject == "synthetic"


def test_the_same_seed_and_salt_ask_the_same(workspace: Workspace) -> None:
    def asked(seed: int, salt: str) -> list[str]:
        spec = WorkloadSpec(seed=seed, salt=salt)
        _, url = measured(workspace, Behaviour(), settings(requests=4, workload=spec))
        return [body["messages"][0]["content"] for body in url.bodies[1:]]

    assert asked(1, "a") == asked(1, "a") != asked(2, "a")
    # A second run must not be answered from a cache that the first has filled.
    assert not set(asked(1, "")) & set(asked(1, ""))


def test_users_decide_how_many_requests_nobody_named(workspace: Workspace) -> None:
    result, _ = measured(workspace, Behaviour(tokens=1), settings(closed(1, 24)))
    assert [level.requests for level in result.levels] == [60, 72]


def test_an_open_loop_has_a_rate_and_queueing(workspace: Workspace) -> None:
    how = settings((LoadShape("open", rate=50.0, arrivals="constant"),), requests=10)
    level = measured(workspace, Behaviour(tokens=2), how)[0].levels[0]
    assert (level.rate, level.concurrency, level.requests) == (50.0, None, 10)
    assert level.queue_ms is not None
    assert level.service_ttft_ms is not None
    assert level.ttft_ms is not None
    assert level.ttft_ms.p50 >= level.service_ttft_ms.p50


@pytest.mark.flaky(reruns=2)  # half a second of real time, which a busy machine may not give
def test_time_ends_levels_of_either_kind(workspace: Workspace) -> None:
    shapes = (LoadShape("closed", 2), LoadShape("open", rate=40.0), LoadShape("ramp", rate=40.0))
    result, _ = measured(workspace, Behaviour(tokens=2), settings(shapes, duration_s=0.5))
    assert all(level.requests > 2 and level.errors == 0 for level in result.levels)
    for index in range(3):
        sent = [record.sent_ms for record in result.requests if record.level == index]
        assert max(sent) <= 500 + 100


def test_a_trace_is_replayed_at_its_times(workspace: Workspace, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    rows = [{"timestamp": 100 * n, "input_length": 20 + n, "output_length": 3} for n in range(4)]
    trace.write_text(
        "".join(json.dumps(row | {"hash_ids": [n]}) + "\n" for n, row in enumerate(rows))
    )
    how = settings((LoadShape("replay", speed=2.0),), workload=WorkloadSpec(trace=trace))
    result, url = measured(workspace, Behaviour(), how)
    assert [record.due_ms for record in result.requests] == [0, 50, 100, 150]
    assert {body["max_tokens"] for body in url.bodies[-4:]} == {3}
    assert result.info.subject == "trace"


def test_repeats_are_one_level_with_their_figures(workspace: Workspace) -> None:
    how = settings(closed(2), requests=6, repeats=3, slo=parse_slo("ttft<10s"))
    result, url = measured(workspace, Behaviour(tokens=3), how)
    (level,) = result.levels
    assert (level.requests, level.output_tokens, len(level.repeats)) == (18, 54, 3)
    assert len(result.requests) == 18
    assert level.requests_per_s == pytest.approx(
        sum(part.requests_per_s for part in level.repeats) / 3
    )
    assert level.goodput is not None
    assert level.goodput.share == 1
    assert level.goodput.requests_per_s == pytest.approx(level.requests_per_s)
    sent = [record.sent_ms for record in result.requests]
    assert sent == sorted(sent)  # one after the other on one clock
    asked = [body["messages"][0]["content"] for body in url.bodies[1:]]
    assert len(set(asked)) == 18


def test_errors_are_results(workspace: Workspace) -> None:
    def every_third_fails(_: ServerRequest, number: int) -> Behaviour:
        return OVERLOADED if number and number % 3 == 0 else Behaviour()

    result, _ = measured(workspace, every_third_fails, settings(closed(2), requests=9))
    (level,) = result.levels
    assert (level.requests, level.errors) == (9, 3)
    assert level.error_kinds == (("http_503", 3),)
    assert "503" in level.first_error
    assert level.e2e_ms is not None
    assert level.e2e_ms.count == 6


@pytest.mark.parametrize(
    ("behaviour", "error", "said"),
    [
        (Behaviour("status", status=500), StatusError, "500"),
        (Behaviour("html"), ProtocolError, "HTML"),
        (Behaviour(tokens=100_000), ProtocolError, "does not end its answer"),
    ],
)
def test_a_server_that_cannot_be_measured_is_no_run(
    behaviour: Behaviour, error: type[Exception], said: str, workspace: Workspace
) -> None:
    with pytest.raises(error, match=said):
        measured(workspace, behaviour, settings())
    assert workspace.runs() == []


def test_a_wrong_model_or_address_is_no_run(workspace: Workspace) -> None:
    async def wrong_model() -> None:
        async with fake_llm(model="other") as url:
            await run(workspace, url, settings())

    async def nobody() -> None:
        async with fake_llm() as url:
            pass
        await run(workspace, url, settings())

    with pytest.raises(InputError):
        asyncio.run(wrong_model())
    with pytest.raises(ConnectError):
        asyncio.run(nobody())
    assert workspace.runs() == []


def test_a_server_that_dies_midway_leaves_its_errors(workspace: Workspace) -> None:
    async def scenario() -> LoadRun:
        async with fake_llm(Behaviour(tokens=20, delay_s=0.01)) as url:
            running = asyncio.create_task(run(workspace, url, settings(closed(1, 2), requests=4)))
            await until(lambda: len(url.requests) >= 3)
        return await running

    first, second = asyncio.run(scenario()).levels
    assert 0 < first.errors < first.requests
    assert (second.requests, second.error_kinds) == (4, (("connect", 4),))


def test_what_an_interrupted_run_measured_is_kept(workspace: Workspace) -> None:
    def silent_after_ten(_: ServerRequest, number: int) -> Behaviour:
        return Behaviour(tokens=4) if number < 11 else HANG

    async def scenario() -> None:
        async with fake_llm(silent_after_ten) as url:
            running = asyncio.create_task(run(workspace, url, settings(closed(1, 2), requests=6)))
            await until(lambda: len(url.requests) >= 12)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

    asyncio.run(scenario())
    (info,) = workspace.runs("load")
    kept = workspace.load(info.id, LoadRun)
    assert kept.is_partial
    assert [level.requests for level in kept.levels] == [6, 4]
    assert [record.level for record in kept.requests] == [0] * 6 + [1] * 4
    assert kept.levels[1].output_tokens == 16


def test_interrupted_before_any_answer_keeps_nothing(workspace: Workspace) -> None:
    async def scenario() -> None:
        def hangs_later(_: ServerRequest, number: int) -> Behaviour:
            return HANG if number else Behaviour()

        async with fake_llm(hangs_later) as url:
            running = asyncio.create_task(run(workspace, url, settings()))
            await until(lambda: len(url.requests) >= 2)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running

    asyncio.run(scenario())
    assert workspace.runs() == []


def test_missing_usage_is_told(workspace: Workspace) -> None:
    how = settings(requests=2)
    level = measured(workspace, Behaviour(tokens=4, usage=False), how)[0].levels[0]
    assert (level.output_tokens, level.prompt_tokens) == (8, None)
    assert level.tokens_from == "arrivals"


def test_own_prompts_are_sent_in_turn(workspace: Workspace) -> None:
    _, url = measured(workspace, Behaviour(), settings(requests=3, prompts=("one", "two")))
    asked = [body["messages"][0]["content"] for body in url.bodies[1:]]
    assert asked == ["one", "two", "one"]


def test_prompts_of_a_length_are_made_by_what_the_server_counts(workspace: Workspace) -> None:
    spec = WorkloadSpec(prompt=parse_lengths("200"))
    _, url = measured(workspace, Behaviour(), settings(requests=2, workload=spec))
    assert len(url.requests) == 2 + 2  # two to find out how it counts
    assert all(len(body["messages"][-1]["content"]) > 200 for body in url.bodies[2:])


def test_who_looks_sees_the_level_under_way(workspace: Workspace) -> None:
    seen: list[LiveLoad] = []

    async def scenario() -> LoadRun:
        async with fake_llm(Behaviour(tokens=60, delay_s=0.02)) as url:
            return await run(workspace, url, settings(closed(1, 2), requests=2), seen.append)

    result = asyncio.run(scenario())
    assert {live.info.id for live in seen} == {result.info.id}
    assert {live.level for live in seen} == {0, 1}
    assert {(live.levels, live.total) for live in seen} == {(2, 2)}
    assert [len(live.finished) for live in seen] == sorted(len(live.finished) for live in seen)
    assert seen[-1].finished[0] == result.levels[0]
    assert [point.at_s for point in seen[-1].points] == sorted(
        point.at_s for point in seen[-1].points
    )


ALWAYS = {
    "load", "requests", "errors", "error_kinds", "first_error", "duration_s", "requests_per_s",
    "output_tokens", "output_tokens_per_s", "tokens_from", "prompt_tokens", "ttft_ms", "itl_ms",
    "tpot_ms", "e2e_ms", "chunk_gap_ms", "tokens_per_s_per_user", "steady", "stalls", "client",
}  # fmt: skip


def test_json_keys(workspace: Workspace) -> None:
    shapes = (LoadShape("closed", 2), LoadShape("open", rate=50.0))
    how = settings(shapes, requests=4, slo=parse_slo("ttft_p95<5s,tpot_p95<5s"))
    result, _ = measured(workspace, Behaviour(tokens=4, delay_s=0.01), how)
    document = json.loads(json.dumps(run_json(result)))
    users, rate = document["levels"]
    assert set(users) == ALWAYS | {"concurrency", "goodput"}
    assert set(rate) == ALWAYS | {
        "rate", "goodput", "queue_ms", "service_ttft_ms", "service_e2e_ms", "offered_per_s",
    }  # fmt: skip
    for metric in ("ttft_ms", "itl_ms", "tpot_ms", "e2e_ms"):
        assert {"mean", "p50", "p90", "p95", "p99"} <= set(users[metric])
    assert {"cpu_s", "loop_lag_ms_p99", "max_rss_mb"} <= set(users["client"])
    assert users["goodput"]["share"] == 1
    assert users["goodput"]["slo"] == "ttft_p95<5000ms,tpot_p95<5000ms"
    assert "goodput" not in run_json(measured(workspace, Behaviour(), settings(requests=1))[0])


def test_a_server_that_never_begins_is_told_in_a_sentence(workspace: Workspace) -> None:
    how = settings(timeouts=Timeouts(first_byte=0.2, between_bytes=0.2))
    with pytest.raises(DeadlineError, match="did not begin its answer within"):
        measured(workspace, HANG, how)


@pytest.mark.skipif(sys.platform != "linux", reason="the precise server needs epoll")
def test_the_client_can_be_held_against_the_truth() -> None:
    async def scenario() -> SelfTest:
        async with Client() as client:
            clock = SystemClock()
            return await self_test(
                client,
                clock,
                measure_quietly(client, clock),
                progress=Silent(),
                concurrencies=(1, 4),
                rounds=2,
                ttft_ms=40,
                itl_ms=5,
            )

    found = asyncio.run(scenario())
    assert [(level.concurrency, level.requests) for level in found.levels] == [(1, 2), (4, 8)]
    # A client is never early, beyond what rounding and the server's own clock explain.
    assert all(level.ttft_error_ms_p50 > -1 for level in found.levels)
    assert all(level.client.cpu_s > 0 for level in found.levels)
