from __future__ import annotations

import asyncio
import os
import sys
import time
from itertools import pairwise

import psutil
import pytest

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import EngineError
from weighbridge.core.load import LoadLevel
from weighbridge.core.self_test import SelfTest
from weighbridge.core.telemetry import ClientHealth
from weighbridge.core.traffic import LoadShape
from weighbridge.measure.load.figures.percentiles import distribution
from weighbridge.verbs.effects import Silent, SystemClock
from weighbridge.verbs.self_test import Measure, self_test
from weighbridge.wire.client import Client

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the precise server needs epoll")

TTFT_MS, ITL_MS, TOKENS = 40.0, 8.0, 6
SLACK_MS = 100.0  # a busy machine may delay either side by so much


async def stamps(endpoint: Endpoint) -> list[float]:
    """Sending and token arrivals of one request in ms, by a client too simple to be wrong."""
    reader, writer = await asyncio.open_connection(endpoint.base.host, endpoint.base.port)
    body = b'{"max_tokens":%d}' % TOKENS
    head = b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n"
    found = [time.perf_counter() * 1000]
    writer.write(head % len(body) + body)
    while True:
        read = await reader.read(65536)
        now = time.perf_counter() * 1000
        found += [now] * read.count(b" token")
        if not read or b"[DONE]" in read:
            break
    writer.close()
    return found


def client(*, lies_by_ms: float = 0.0, pause_s: float = 0.0) -> Measure:
    async def measure(endpoint: Endpoint, concurrency: int, requests: int) -> LoadLevel:
        cpu = time.process_time()
        seen: list[list[float]] = []

        async def user() -> None:
            for _ in range(requests // concurrency):
                seen.append(await stamps(endpoint))
                await asyncio.sleep(pause_s)

        await stamps(endpoint)  # to warm up
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(user())
        return LoadLevel(
            shape=LoadShape("closed", concurrency),
            requests=requests,
            errors=0,
            error_kinds=(),
            first_error="",
            duration_s=1,
            requests_per_s=1,
            output_tokens=requests * TOKENS,
            output_tokens_per_s=1,
            tokens_from="arrivals",
            ttft_ms=distribution([one[1] - one[0] + lies_by_ms for one in seen]),
            itl_ms=distribution([b - a for one in seen for a, b in pairwise(one[1:])]),
            tpot_ms=None,
            e2e_ms=None,
            client=ClientHealth(time.process_time() - cpu, 0, 0, 0, 0, 0, 0),
        )

    return measure


def run(measure: Measure) -> SelfTest:
    async def scenario() -> SelfTest:
        async with Client() as http:
            return await self_test(
                http,
                SystemClock(),
                measure,
                progress=Silent(),
                concurrencies=(1, 4),
                rounds=3,
                ttft_ms=TTFT_MS,
                itl_ms=ITL_MS,
            )

    return asyncio.run(scenario())


def test_an_honest_client_is_found_to_be_nearly_right() -> None:
    result = run(client())
    assert [(level.concurrency, level.requests) for level in result.levels] == [(1, 3), (4, 12)]
    for level in result.levels:
        # Nothing can be seen to arrive before it was sent.
        assert -0.5 < level.ttft_error_ms_p50 < SLACK_MS
        assert abs(level.itl_error_ms_p50) < SLACK_MS
        assert 0 < level.rate_kept <= 1.001
        assert level.cpu_ms_per_1000_tokens > 0
        assert level.server_late_ms_p99 >= 0
    assert result.machine
    assert result.sentence


def test_what_a_client_adds_to_ttft_is_found() -> None:
    honest, liar = run(client()), run(client(lies_by_ms=200))
    for true, false in zip(honest.levels, liar.levels, strict=True):
        assert true.ttft_error_ms_p50 < SLACK_MS
        assert 199.5 < false.ttft_error_ms_p50 < 200 + SLACK_MS
        assert not false.is_trustworthy
    assert liar.holds is None
    assert "cannot be trusted" in liar.sentence


def test_a_client_that_dawdles_loses_rate() -> None:
    result = run(client(pause_s=0.08))  # as long as an answer takes
    assert result.levels[0].rate_kept < 0.75
    assert not result.levels[0].is_trustworthy


def test_failed_requests_end_it() -> None:
    async def broken(_: Endpoint, concurrency: int, requests: int) -> LoadLevel:
        return LoadLevel(
            shape=LoadShape("closed", concurrency),
            requests=requests,
            errors=1,
            error_kinds=(("timeout", 1),),
            first_error="It took too long.",
            duration_s=1,
            requests_per_s=1,
            output_tokens=0,
            output_tokens_per_s=0,
            tokens_from="usage",
            ttft_ms=None,
            itl_ms=None,
            tpot_ms=None,
            e2e_ms=None,
        )

    with pytest.raises(EngineError, match="1 of 3 requests failed at 1 users: It took too long"):
        run(broken)


def test_the_server_and_the_pinning_end_with_the_test() -> None:
    cores, children = os.sched_getaffinity(0), set(psutil.Process().children())

    async def watched(endpoint: Endpoint, concurrency: int, requests: int) -> LoadLevel:
        if len(cores) > 1:
            assert os.sched_getaffinity(0) < cores
        return await client()(endpoint, concurrency, requests)

    run(watched)
    assert os.sched_getaffinity(0) == cores
    assert set(psutil.Process().children()) == children
