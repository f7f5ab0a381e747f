"""The program of a worker process: sends its part of a level. See :mod:`.workers`."""

from __future__ import annotations

import asyncio
import os
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
import uvloop

from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.load import RequestRecord
from weighbridge.measure.load.sending.ahead import connect_ahead, render_ahead
from weighbridge.measure.load.sending.driver import Share, run_share
from weighbridge.measure.load.sending.live import LiveView
from weighbridge.measure.load.sending.meter import undisturbed
from weighbridge.measure.load.sending.target import LoadTarget
from weighbridge.measure.load.sending.workers import Order, Report, WorkerJob, WorkerTarget
from weighbridge.measure.load.traffic.tokens import load_tokenizer
from weighbridge.wire.client import Client

_LENGTH = struct.Struct("<I")
_REPORT_S = 0.5


def main() -> None:
    """Read an order, send, report; end early when the pipe from the parent closes."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    order = msgspec.msgpack.decode(_read(source), type=Order)
    try:
        uvloop.run(_work(order, source, sink))
    except WeighbridgeError as error:
        _write(sink, Report(failure=str(error)))
    except BrokenPipeError:
        os._exit(0)  # our parent has gone


async def _work(order: Order, source: BinaryIO, sink: BinaryIO) -> None:
    target, job = _target(order.target), order.job
    with undisturbed():
        await _send(target, job, source, sink)


async def _send(target: LoadTarget, job: WorkerJob, source: BinaryIO, sink: BinaryIO) -> None:
    async with Client() as client:
        rendered = render_ahead(target, job.conversations)
        await connect_ahead(client, target, job.shape, len(job.conversations))
        _write(sink, Report(ready=True))
        start_ns = msgspec.msgpack.decode(_read(source), type=int)
        _end_with_parent(source)
        view = LiveView(start_ns)
        share = Share(
            job.level,
            job.shape,
            job.conversations,
            first=job.first,
            step=job.step,
            start_ns=start_ns,
            duration_s=job.duration_s,
            rendered=rendered,
        )
        fresh: list[RequestRecord] = []
        reporting = asyncio.create_task(_report(view, fresh, sink))
        outcome = None
        with suppress(asyncio.CancelledError):
            outcome = await run_share(client, target, share, view, fresh.append)
        reporting.cancel()
        _write(sink, Report(records=tuple(fresh), outcome=outcome))


async def _report(view: LiveView, fresh: list[RequestRecord], sink: BinaryIO) -> None:
    while True:
        await asyncio.sleep(_REPORT_S)
        records, fresh[:] = tuple(fresh), []
        _write(sink, Report(records=records, point=view.point()))


def _end_with_parent(source: BinaryIO) -> None:
    """Stop sending when our parent closes its end of the pipe, or dies."""
    loop, work = asyncio.get_running_loop(), asyncio.current_task()

    def look() -> None:
        if work is not None and not os.read(source.fileno(), 1024):
            loop.remove_reader(source.fileno())
            work.cancel()

    loop.add_reader(source.fileno(), look)


def _target(portable: WorkerTarget) -> LoadTarget:
    tokenizer = portable.tokenizer
    return LoadTarget(
        endpoint_at(portable.url, portable.model, portable.key),
        portable.timeouts,
        portable.temperature,
        portable.extra,
        portable.wait_when_busy,
        load_tokenizer(Path(tokenizer)) if tokenizer else None,
    )


def _read(source: BinaryIO) -> bytes:
    """The next thing we are told; the end of this process where our parent has gone."""
    head = source.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        sys.exit(0)
    (size,) = _LENGTH.unpack(head)
    payload = source.read(size)
    if len(payload) < size:
        sys.exit(0)
    return payload


def _write(sink: BinaryIO, report: Report) -> None:
    payload = msgspec.msgpack.encode(report)
    sink.write(_LENGTH.pack(len(payload)) + payload)
    sink.flush()


if __name__ == "__main__":
    main()
