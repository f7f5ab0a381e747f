"""Several processes that drive one level: each with its own part of one schedule.

They share nothing while they run. A worker is told what to send, opens its connections, says that
it is ready, and is told when to begin; from then on it only reports. It ends with the pipe from us.
"""

from __future__ import annotations

import asyncio
import struct
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Any

import msgspec

from weighbridge.core.errors import EngineError
from weighbridge.core.http import Timeouts
from weighbridge.core.live_load import LivePoint
from weighbridge.core.load import RequestRecord
from weighbridge.core.traffic import Conversation, LoadShape
from weighbridge.measure.load.sending.driver import Outcome
from weighbridge.measure.load.sending.target import LoadTarget

_LENGTH = struct.Struct("<I")
_HEAD_START_NS = 50_000_000
_READY_S = 30.0
_LAST_WORDS_S = 1.0


@dataclass(frozen=True, slots=True)
class WorkerJob:
    """One worker's part of a level; fields as those of :class:`.driver.Share`."""

    level: int
    shape: LoadShape
    conversations: tuple[Conversation, ...]
    first: int
    step: int
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class WorkerTarget:
    """A :class:`LoadTarget` as it goes through a pipe. The key goes nowhere else."""

    url: str
    model: str
    key: str | None
    timeouts: Timeouts
    temperature: float | None
    extra: dict[str, Any]
    wait_when_busy: int
    tokenizer: str | None


@dataclass(frozen=True, slots=True)
class Order:
    """All that a worker is told before it begins."""

    target: WorkerTarget
    job: WorkerJob


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker says: that it is ready, how things stand, or how they ended.

    Attributes:
        failure: why it cannot go on, in a sentence, or nothing.
    """

    ready: bool = False
    failure: str = ""
    records: tuple[RequestRecord, ...] = ()
    point: LivePoint | None = None
    outcome: Outcome | None = None


async def run_workers(
    target: LoadTarget,
    jobs: Sequence[WorkerJob],
    on_done: Callable[[RequestRecord], None],
    on_look: Callable[[LivePoint], None],
) -> tuple[int, list[Outcome]]:
    """Run every job in a process of its own; when they began, and what came of each.

    Raises:
        EngineError: a worker could not be started, or died.
    """
    workers = [_Worker() for _ in jobs]
    points: dict[int, LivePoint] = {}

    def look(number: int, point: LivePoint) -> None:
        points[number] = point
        if number == max(points):
            on_look(_together(list(points.values())))

    try:
        for worker, job in zip(workers, jobs, strict=True):
            await worker.start(Order(_portable(target), job))
        for worker in workers:
            await worker.ready()
        start_ns = perf_counter_ns() + _HEAD_START_NS
        for worker in workers:
            worker.begin(start_ns)
        outcomes = await asyncio.gather(
            *(
                worker.listen(on_done, lambda point, number=number: look(number, point))  # type: ignore[misc]
                for number, worker in enumerate(workers)
            )
        )
    except asyncio.CancelledError:
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                ends = [worker.end(on_done) for worker in workers]
                await asyncio.gather(*ends, return_exceptions=True)
        raise
    finally:
        for worker in workers:
            await worker.stop()
    return start_ns, outcomes


class _Worker:
    """One worker process and the pipes to it."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._size = 0  # of the report whose head has been read

    async def start(self, order: Order) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "weighbridge.measure.load.sending.worker",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            start_new_session=True,  # ctrl-C is for us; we tell the workers
        )
        self._write(msgspec.msgpack.encode(order))
        assert self._process.stdin is not None  # noqa: S101 -- a pipe, as asked for
        await self._process.stdin.drain()

    async def ready(self) -> None:
        try:
            async with asyncio.timeout(_READY_S):
                await self._read()
        except TimeoutError:
            raise EngineError("A worker process of the load client did not get ready.") from None

    def begin(self, start_ns: int) -> None:
        self._write(msgspec.msgpack.encode(start_ns))

    async def listen(
        self, on_done: Callable[[RequestRecord], None], on_look: Callable[[LivePoint], None]
    ) -> Outcome:
        while True:
            report = await self._read()
            for record in report.records:
                on_done(record)
            if report.point is not None:
                on_look(report.point)
            if report.outcome is not None:
                return report.outcome

    async def end(self, on_done: Callable[[RequestRecord], None]) -> None:
        """Have it stop sending, and hear what it has not yet told."""
        if self._process is None or self._process.stdin is None:
            return
        self._process.stdin.close()
        while True:
            for record in (await self._read()).records:
                on_done(record)

    async def stop(self) -> None:
        if self._process is None:
            return
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        self._process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001

    def _write(self, payload: bytes) -> None:
        assert self._process is not None  # noqa: S101
        assert self._process.stdin is not None  # noqa: S101
        self._process.stdin.write(_LENGTH.pack(len(payload)) + payload)

    async def _read(self) -> Report:
        assert self._process is not None  # noqa: S101
        assert self._process.stdout is not None  # noqa: S101
        try:
            if not self._size:
                (self._size,) = _LENGTH.unpack(await self._process.stdout.readexactly(_LENGTH.size))
            payload = await self._process.stdout.readexactly(self._size)
            self._size = 0
        except asyncio.IncompleteReadError:
            raise EngineError(
                "A worker process of the load client died.", fix="Use fewer with --workers 1."
            ) from None
        report = msgspec.msgpack.decode(payload, type=Report)
        if report.failure:
            raise EngineError(f"A worker process of the load client failed: {report.failure}")
        return report


def _portable(target: LoadTarget) -> WorkerTarget:
    endpoint = target.endpoint
    return WorkerTarget(
        str(endpoint.base),
        endpoint.model,
        endpoint.key,
        target.timeouts,
        target.temperature,
        dict(target.extra),
        target.wait_when_busy,
        target.counter.name if target.counter else None,
    )


def _together(points: Sequence[LivePoint]) -> LivePoint:
    """What adds up is added; of latencies, the worst worker's is shown."""

    def worst(name: str) -> float | None:
        values = [getattr(point, name) for point in points]
        return max((value for value in values if value is not None), default=None)

    return LivePoint(
        at_s=max(point.at_s for point in points),
        done=sum(point.done for point in points),
        errors=sum(point.errors for point in points),
        in_flight=sum(point.in_flight for point in points),
        output_tokens_per_s=sum(point.output_tokens_per_s for point in points),
        ttft_ms_p50=worst("ttft_ms_p50"),
        ttft_ms_p95=worst("ttft_ms_p95"),
        itl_ms_p50=worst("itl_ms_p50"),
        itl_ms_p99=worst("itl_ms_p99"),
    )
