"""Load runs of simulated servers, whose truth is known."""

# ruff: noqa: S311 -- seeded on purpose, nothing is secret
from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Sequence

from weighbridge.core.load import LoadRun, RequestRecord
from weighbridge.core.runs import RunInfo
from weighbridge.core.telemetry import ClientHealth
from weighbridge.core.traffic import LoadShape
from weighbridge.measure.load.figures.summary import summarise

HEALTHY = ClientHealth(1.0, 0.2, 0.1, 0.5, 1.0, 0.3, 40.0)


def queue(
    rate: float,
    requests: int,
    *,
    seed: int = 0,
    slots: int = 8,
    ttft_ms: float = 50.0,
    itl_ms: float = 5.0,
    tokens: int = 32,
    arrivals: str = "poisson",
) -> tuple[list[RequestRecord], float]:
    """An open loop against a server with ``slots``, first come first served, and its duration."""
    chance = random.Random(seed)
    free = [0.0] * slots
    gaps = (itl_ms,) * (tokens - 1)
    takes = ttft_ms + itl_ms * (tokens - 1)
    at, records = 0.0, []
    for index in range(requests):
        at += 1e3 * (chance.expovariate(rate) if arrivals == "poisson" else 1 / rate)
        begins = max(at, free[0])
        heapq.heapreplace(free, begins + takes)
        waits = begins - at
        records.append(
            RequestRecord(0, index, at, waits + ttft_ms, waits + takes, gaps, tokens, due_ms=at)
        )
    return records, max(free) / 1e3


def users(
    concurrency: int,
    requests: int,
    takes_ms: Callable[[random.Random, int], float],
    *,
    seed: int = 0,
    between_ms: float = 0.0,
    tokens: int = 8,
) -> tuple[list[RequestRecord], float]:
    """A closed loop whose answers take what ``takes_ms`` says, and its duration."""
    chance = random.Random(seed)
    free = [0.05 * user for user in range(concurrency)]
    records = []
    for index in range(requests):
        at = heapq.heappop(free)
        takes = takes_ms(chance, index)
        heapq.heappush(free, at + takes + between_ms)
        gaps = tuple(
            0.8 * takes / (tokens - 1) * chance.uniform(0.9, 1.1) for _ in range(tokens - 1)
        )
        first = max(0.1, takes - sum(gaps))
        records.append(RequestRecord(0, index, at, first, first + sum(gaps), gaps, tokens))
    return records, max(record.sent_ms + record.e2e_ms for record in records) / 1e3


def load_run(
    shape: LoadShape,
    records: Sequence[RequestRecord],
    duration_s: float,
    *,
    name: str = "a",
    model: str = "",
    client: ClientHealth | None = None,
    workload: str = "chat",
) -> LoadRun:
    """A run of one level."""
    info = RunInfo(
        id=f"load-{name}",
        kind="load",
        created="2026-01-05T12:00:00Z",
        model=model or name,
        subject="chat",
        key="0" * 16,
        machine="a machine",
        version="0.0",
    )
    level = summarise(shape, records, duration_s, client=client)
    return LoadRun(info, "http://a/v1", 32, (level,), tuple(records), workload=workload)
