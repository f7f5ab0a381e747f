"""One level of a load run: driven by this process or by several, watched while it lasts."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from time import perf_counter_ns

from weighbridge.core.http import HttpClient
from weighbridge.core.live_load import LivePoint
from weighbridge.core.load import RequestRecord
from weighbridge.core.telemetry import ClientHealth
from weighbridge.core.traffic import Conversation, LoadShape
from weighbridge.measure.load.figures.percentiles import percentile
from weighbridge.measure.load.sending.ahead import connect_ahead, render_ahead
from weighbridge.measure.load.sending.driver import Outcome, Share, run_share
from weighbridge.measure.load.sending.live import LiveView
from weighbridge.measure.load.sending.meter import Meter, Reading, undisturbed
from weighbridge.measure.load.sending.target import LoadTarget
from weighbridge.measure.load.sending.workers import WorkerJob, run_workers

_HEAD_START_NS = 20_000_000
_LOOK_S = 0.5
# What one core was seen to carry with room to spare; docs/metrics.md, "The client".
_USERS_PER_WORKER = 512
_RATE_PER_WORKER = 256


@dataclass(frozen=True, slots=True)
class LevelPlan:
    """What a level sends, and with how many processes.

    Attributes:
        level: its index in the run.
        shape: how requests come.
        conversations: all of them, in order.
        duration_s: after which nothing new is sent, or None to send everything.
        workers: processes; 1 is this one.
    """

    level: int
    shape: LoadShape
    conversations: Sequence[Conversation]
    duration_s: float | None = None
    workers: int = 1

    @property
    def requests(self) -> int:
        """How many requests it has, turns of conversations included."""
        return sum(len(conversation.turns) for conversation in self.conversations)


@dataclass(frozen=True, slots=True)
class LevelResult:
    """What came of a level.

    Attributes:
        records: in order of sending.
        duration_s: from its beginning to the last answer's end.
        client: what it cost; its verdict is not yet passed.
    """

    records: tuple[RequestRecord, ...]
    duration_s: float
    client: ClientHealth


async def run_level(
    client: HttpClient,
    target: LoadTarget,
    plan: LevelPlan,
    *,
    on_done: Callable[[RequestRecord], None],
    on_look: Callable[[LivePoint], None],
) -> LevelResult:
    """Send all conversations of a level; failures are records, not exceptions.

    ``on_look`` is given the state of things twice a second. Cancelling it ends what is in flight;
    ``on_done`` has then seen everything that had ended.

    Raises:
        EngineError: a worker process could not be started, or died.
    """
    records: list[RequestRecord] = []

    def keep(record: RequestRecord) -> None:
        records.append(record)
        on_done(record)

    jobs = _jobs(plan)
    if len(jobs) > 1:
        meter = Meter()
        meter.start()
        start_ns, outcomes = await run_workers(target, jobs, keep, on_look)
        here = meter.stop()
    else:
        with undisturbed():
            start_ns, outcomes = await _run_here(client, target, plan, keep, on_look)
        here = None
    records.sort(key=lambda record: (record.sent_ms, record.index))
    duration_s = (max(outcome.end_ns for outcome in outcomes) - start_ns) / 1e9
    health = _health(records, outcomes, here, duration_s)
    return LevelResult(tuple(records), duration_s, health)


def auto_workers(shape: LoadShape) -> int:
    """As many processes as the load needs, and no more than leave a core to the rest."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    if shape.kind == "closed":
        needed = math.ceil((shape.concurrency or 1) / _USERS_PER_WORKER)
    else:
        needed = math.ceil((shape.rate or 1.0) / _RATE_PER_WORKER)
    return max(1, min(needed, (cores or 1) - 1))


async def _run_here(
    client: HttpClient,
    target: LoadTarget,
    plan: LevelPlan,
    on_done: Callable[[RequestRecord], None],
    on_look: Callable[[LivePoint], None],
) -> tuple[int, list[Outcome]]:
    rendered = render_ahead(target, plan.conversations)
    await connect_ahead(client, target, plan.shape, len(plan.conversations))
    share = Share(
        plan.level,
        plan.shape,
        plan.conversations,
        first=0,
        step=1,
        start_ns=perf_counter_ns() + _HEAD_START_NS,
        duration_s=plan.duration_s,
        rendered=rendered,
    )
    view = LiveView(share.start_ns)
    looking = asyncio.create_task(_look(view, on_look))
    try:
        outcome = await run_share(client, target, share, view, on_done)
    finally:
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
    return share.start_ns, [outcome]


async def _look(view: LiveView, on_look: Callable[[LivePoint], None]) -> None:
    while True:
        await asyncio.sleep(_LOOK_S)
        on_look(view.point())


def _jobs(plan: LevelPlan) -> list[WorkerJob]:
    """Conversations dealt out one by one; users divided as evenly as it goes, none without one."""
    most = plan.shape.concurrency
    count = max(1, min(plan.workers, len(plan.conversations), most or plan.workers))
    return [
        WorkerJob(
            level=plan.level,
            shape=replace(
                plan.shape,
                concurrency=None if most is None else most // count + (number < most % count),
                rate=None if plan.shape.rate is None else plan.shape.rate / count,
            ),
            conversations=tuple(plan.conversations[number::count]),
            first=number,
            step=count,
            duration_s=plan.duration_s,
        )
        for number in range(count)
    ]


def _health(
    records: Sequence[RequestRecord],
    outcomes: Sequence[Outcome],
    here: Reading | None,
    duration_s: float,
) -> ClientHealth:
    """The client's own figures; of several processes the worst lag, and the sum of what adds up.

    ``here`` is this process, where others have sent: it costs, but is late for nothing.
    """
    readings = [outcome.reading for outcome in outcomes]
    everybody = readings if here is None else [*readings, here]
    lags = [sorted(reading.lags_ms) or [0.0] for reading in readings]
    waits = sorted(lag for outcome in outcomes for lag in outcome.send_lags_ms)
    in_flight = sum(outcome.busy_s for outcome in outcomes) / duration_s if duration_s > 0 else 0.0
    busy_s = sum(record.e2e_ms for record in records) / 1e3
    return ClientHealth(
        cpu_s=sum(reading.cpu_s for reading in everybody),
        cpu_share=max(reading.cpu_s / max(reading.wall_s, 1e-9) for reading in everybody),
        loop_lag_ms_p50=max(percentile(lag, 0.5) for lag in lags),
        loop_lag_ms_p99=max(percentile(lag, 0.99) for lag in lags),
        loop_lag_ms_max=max(lag[-1] for lag in lags),
        send_lag_ms_p99=percentile(waits, 0.99) if waits else 0.0,
        max_rss_mb=sum(reading.max_rss_mb for reading in everybody),
        workers=len(outcomes),
        in_flight=in_flight,
        little_ratio=busy_s / duration_s / in_flight if in_flight else None,
    )
