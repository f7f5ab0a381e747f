"""``weigh bench --self-test``: the load client against a server whose truth is known."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager

from weighbridge.core.effects import Clock, Progress
from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.errors import EngineError
from weighbridge.core.http import HttpClient, Request, Timeouts, Url
from weighbridge.core.load import LoadLevel
from weighbridge.core.self_test import SelfTest, SelfTestLevel
from weighbridge.engines.child import Child
from weighbridge.facts.host import host_line
from weighbridge.measure.load.figures.truth import (
    in_words,
    judge,
    read_log,
    tells_nothing,
    trusted_up_to,
    truth_of,
)

Measure = Callable[[Endpoint, int, int], Awaitable[LoadLevel]]
"""Loads an endpoint with so many users and so many requests in all, all of one level."""

CONCURRENCIES = (1, 16, 64, 256, 512)
_MODEL = "precise"  # as the server calls the only model it has
_START_S = 10.0
_ATTEMPTS = 3  # where the machine was busy with something else


async def self_test(
    client: HttpClient,
    clock: Clock,
    measure: Measure,
    *,
    progress: Progress,
    concurrencies: Sequence[int] = CONCURRENCIES,
    rounds: int = 4,
    ttft_ms: float = 200.0,
    itl_ms: float = 20.0,
) -> SelfTest:
    """Measure a precise server at each concurrency, and compare with its own log.

    Args:
        client: reads the server's log, between levels.
        clock: dates the result.
        measure: the load client under test.
        progress: is told of each level.
        concurrencies: levels, in order.
        rounds: requests of each user in a level.
        ttft_ms: the server's.
        itl_ms: the server's.

    Raises:
        EngineError: the server cannot be started here, or a level shows nothing.
    """
    levels: list[SelfTestLevel] = []
    async with _precise_server(ttft_ms, itl_ms) as url:
        endpoint = endpoint_at(url, _MODEL)
        for concurrency in concurrencies:
            progress.stage(f"self-test × {concurrency}", 1)
            levels.append(await _level(client, measure, endpoint, concurrency, rounds))
            progress.advance()
    found = tuple(levels)
    return SelfTest(
        machine=host_line(),
        date=clock.now_iso(),
        levels=found,
        holds=trusted_up_to(found),
        sentence=in_words(found),
    )


async def _level(
    client: HttpClient, measure: Measure, endpoint: Endpoint, concurrency: int, rounds: int
) -> SelfTestLevel:
    for _ in range(_ATTEMPTS):
        found = await _attempt(client, measure, endpoint, concurrency, rounds)
        if not tells_nothing(found):
            break
    return found


async def _attempt(
    client: HttpClient, measure: Measure, endpoint: Endpoint, concurrency: int, rounds: int
) -> SelfTestLevel:
    requests = concurrency * rounds
    await _fetch_log(client, endpoint)  # forget what came before
    level = await measure(endpoint, concurrency, requests)
    if level.errors:
        raise EngineError(
            f"{level.errors} of {requests} requests failed at {concurrency} users: "
            f"{level.first_error}"
        )
    log = read_log(await _fetch_log(client, endpoint))
    truth = truth_of(log, requests=requests, concurrency=concurrency, steady=level.steady)
    return judge(level, truth, concurrency)


async def _fetch_log(client: HttpClient, endpoint: Endpoint) -> bytes:
    base = endpoint.base
    url = Url(base.scheme, base.host, base.port, "/log")
    return (await client.fetch(Request("GET", url), Timeouts())).body


@asynccontextmanager
async def _precise_server(ttft_ms: float, itl_ms: float) -> AsyncIterator[str]:
    """The address of a precise server, on a core of its own where there are two."""
    if sys.platform != "linux":
        raise EngineError(
            f"The self-test's server needs Linux, and this is {sys.platform}.",
            fix="Run it in a container or on the Linux machine that you measure from.",
        )
    core = _spare_core()
    with _kept_away_from(core):
        child = Child.start(*_command(core, ttft_ms, itl_ms))
        try:
            yield await _address(child)
        finally:
            await child.stop()


def _command(core: int | None, ttft_ms: float, itl_ms: float) -> list[str]:
    pinned = [] if core is None else ["--core", str(core)]
    program = [sys.executable, "-m", "weighbridge.engines.precise_server"]
    pace = ["--ttft-ms", str(ttft_ms), "--itl-ms", str(itl_ms)]
    return [*program, "--parent", str(os.getpid()), *pace, *pinned]


async def _address(child: Child) -> str:
    try:
        line = await asyncio.wait_for(child.next_line(), _START_S)
    except TimeoutError:
        line = b""
    if not line:
        last = child.log().strip().rpartition("\n")[2]
        raise EngineError(f"The precise server did not start: {last or 'it said nothing'}.")
    return line.decode().strip()


def _spare_core() -> int | None:
    cores = os.sched_getaffinity(0)
    return min(cores) if len(cores) > 1 else None


@contextmanager
def _kept_away_from(core: int | None) -> Iterator[None]:
    """Leave one core to the server; every thread and process started meanwhile inherits that."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before - {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
