from __future__ import annotations

import asyncio
import sys

import pytest

from tests.fakes.llm_server import OVERLOADED, Behaviour, Choose, fake_llm
from tests.precise import precise_server
from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.errors import EndpointError, InputError
from weighbridge.core.live_load import LiveLoad
from weighbridge.core.load import LoadRun
from weighbridge.core.traffic import LoadShape
from weighbridge.core.workload import parse_slo
from weighbridge.measure.load.traffic.spec import WorkloadSpec
from weighbridge.verbs.bench import BenchSettings
from weighbridge.verbs.bench_limit import find_limit
from weighbridge.verbs.effects import Silent, SystemClock
from weighbridge.verbs.load_json import run_json
from weighbridge.wire.client import Client
from weighbridge.workspace.folder import Workspace


async def search(
    store: Workspace, url: str, model: str, slo: str, seen: list[LiveLoad] | None = None
) -> LoadRun:
    settings = BenchSettings(
        (LoadShape("open", arrivals="constant"),),
        WorkloadSpec(max_tokens=2),
        slo=parse_slo(slo) if slo else None,
        metrics=False,
        workers=1,
    )
    async with Client() as client:
        return await find_limit(
            store,
            client,
            SystemClock(),
            endpoint_at(url, model),
            settings,
            most_rate=1000.0,
            progress=Silent(),
            on_live=(seen if seen is not None else []).append,
        )


@pytest.mark.flaky(reruns=2)  # on a busy machine the client is the limit before the slots are
@pytest.mark.skipif(sys.platform != "linux", reason="the precise server needs epoll")
def test_the_limit_of_a_server_with_four_slots_is_found(workspace: Workspace) -> None:
    seen: list[LiveLoad] = []
    with precise_server(ttft_ms=20, itl_ms=2, slots=4) as url:
        run = asyncio.run(search(workspace, url, "precise", "ttft_p95<60ms", seen))
    capacity = 4 / 0.022
    closed = [level for level in run.levels if level.concurrency]
    tried = [level for level in run.levels if level.rate]
    # More users than slots do not get more; that is where the bracket ends.
    assert [level.concurrency for level in closed][:3] == [1, 4, 16]
    assert closed[-1].requests_per_s <= 1.05 * capacity
    assert tried
    assert run.limit is not None
    # A rate that was too much for the client may have been tried again.
    assert 1 <= run.limit.levels <= len(tried)
    assert {live.levels for live in seen} == {None}
    assert workspace.load(run.info.id, LoadRun) == run
    assert run_json(run)["limit"]["slo"] == "ttft_p95<60ms"
    if run.limit.rate is None:
        # A machine too busy for the client must say so, and must not call that the server's limit.
        assert run.is_client_limited
        return
    assert run.limit.low <= run.limit.rate <= 1.1 * capacity
    assert run.limit.rate >= 0.5 * capacity


@pytest.mark.flaky(reruns=2)  # on a busy machine the client is the limit, and the search goes on
def test_an_slo_that_one_user_breaks_ends_the_search_at_once(workspace: Workspace) -> None:
    async def scenario() -> LoadRun:
        async with fake_llm(lambda *_: Behaviour(tokens=3, first_delay_s=0.03)) as url:
            return await search(workspace, url, "fake", "ttft_p95<10ms")

    run = asyncio.run(scenario())
    assert [level.concurrency for level in run.levels] == [1]
    assert run.limit is not None
    if not run.is_client_limited:
        assert (run.limit.rate, run.limit.high, run.limit.levels) == (None, 0.0, 0)
        assert run.limit.reason.startswith("Even a single user waits 3")


def fails_after(count: int) -> Choose:
    return lambda _, number: Behaviour(tokens=3) if number < count else OVERLOADED


def test_a_server_that_answers_nothing_has_no_limit_to_find(workspace: Workspace) -> None:
    async def scenario() -> None:
        async with fake_llm(fails_after(1)) as url:
            await search(workspace, url, "fake", "ttft<1s")

    with pytest.raises(EndpointError, match="All 8 requests of 1 user failed"):
        asyncio.run(scenario())
    (info,) = workspace.runs("load")  # the errors are kept all the same
    assert workspace.load(info.id, LoadRun).is_partial


def test_a_limit_needs_conditions(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="needs conditions"):
        asyncio.run(search(workspace, "http://127.0.0.1:1/v1", "fake", ""))
