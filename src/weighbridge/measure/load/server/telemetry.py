"""The server's side of a level: what its engine and its GPUs said while the load ran.

Nothing here ever fails a run: what cannot be read is left out, and a note says why.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from time import perf_counter_ns
from typing import TYPE_CHECKING

from weighbridge.core.errors import ProtocolError, WeighbridgeError
from weighbridge.core.http import Request, ResponseHead, Timeouts, Url
from weighbridge.core.telemetry import ServerSample
from weighbridge.measure.load.server.engine_metrics import (
    EngineReading,
    metrics_urls,
    read_metrics,
)
from weighbridge.measure.load.server.gpus import GpuWatch
from weighbridge.measure.load.server.server_side import Kept, level_side
from weighbridge.wire.client import Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from weighbridge.core.endpoint import Endpoint
    from weighbridge.core.http import Headers
    from weighbridge.core.telemetry import ServerSide

_INTERVAL_S = 1.0
_LIMIT_BYTES = 8 * 1024 * 1024
_TIMEOUTS = Timeouts(connect=1, first_byte=2, between_bytes=1, total=3)
# Engines count a request a little after its last byte has left.
_SETTLE_S = 0.1
_SETTLE_TIMES = 10
_GPU_WAIT_S = 2.0
_FRESH_NS = 2_000_000_000
_NS = 1e9


class Telemetry:
    """Reads engine and GPUs once a second, from :meth:`start` to :meth:`stop`; for level on level.

    It has a client of its own, lest it take the connections that wait for the load.

    Args:
        endpoint: what is measured; its GPUs are ours to see when it is on this host.
        url: where the engine's metrics are, instead of next to the endpoint.
        interval_s: between two samples.
        gpus: what watches the GPUs, or None for nothing; started here when it is needed.
        new_client: makes that client.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        url: Url | None = None,
        interval_s: float = _INTERVAL_S,
        gpus: GpuWatch | None = None,
        new_client: Callable[[], Client] = Client,
    ) -> None:
        self._new_client = new_client
        self._client: Client | None = None
        self._endpoint = endpoint
        self._urls = metrics_urls(endpoint.base) if url is None else (url,)
        self._found: Url | None = None
        self._interval_s = interval_s
        self._gpus = gpus
        self._task: asyncio.Task[None] | None = None
        self._kept: Kept | None = None
        self.notes: tuple[str, ...] = ()

    async def start(self) -> None:
        """Find the metrics, read them once, and go on in the background: the level begins now.

        An attempt at metrics that are not there takes three seconds at most.
        """
        notes: list[str] = []
        client = self._client = self._new_client()
        try:
            if self._gpus is not None:
                await self._start_gpus(self._gpus)
            first = await self._find(notes)
        except BaseException:
            # Interrupted before there was a level: nobody will call stop().
            if self._gpus is not None:
                self._gpus.stop()
            await client.close()
            raise
        self._kept = Kept(perf_counter_ns(), first, notes=notes)
        self._sample(self._kept, first)
        self._task = asyncio.create_task(self._watch(self._kept))

    async def stop(self) -> ServerSide | None:
        """The level is over: what its server said, or None; :attr:`notes` say what is missing."""
        kept, self._kept = self._kept, None
        task, self._task = self._task, None
        if kept is None or task is None:
            return None
        ended_ns = perf_counter_ns()
        task.cancel()
        await asyncio.wait([task])
        last = await self._settled(kept)
        readings = self._gpus.readings if self._gpus else ()
        if self._gpus is not None:
            await asyncio.to_thread(self._gpus.stop)
        if self._client is not None:
            await self._client.close()
        side = level_side(kept, last, readings, ended_ns)
        self.notes = tuple(dict.fromkeys(kept.notes))
        return side

    async def _start_gpus(self, gpus: GpuWatch) -> None:
        if not await asyncio.to_thread(is_this_host, self._endpoint.base.host):
            return
        seen = len(gpus.readings)
        if not gpus.start():
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GPU_WAIT_S):
                while len(gpus.readings) == seen:  # noqa: ASYNC110 -- a thread appends them
                    await asyncio.sleep(0.02)

    async def _find(self, notes: list[str]) -> EngineReading | None:
        """The first reading, at the first of the addresses that has one."""
        reasons = []
        for url in self._urls if self._found is None else (self._found,):
            try:
                reading = await self._read(url)
            except WeighbridgeError as error:
                reasons.append(f"{url}: {error.message}")
                if not isinstance(error, ProtocolError):
                    break  # nobody there, or too slow: no reason to ask twice
            else:
                self._found = url
                return reading
        self._found = None
        notes.append(f"No metrics of the engine were read. {reasons[0]}")
        return None

    async def _read(self, url: Url) -> EngineReading:
        """One reading.

        Raises:
            EndpointError: refused, too slow, too large, or no metrics that we know.
        """
        assert self._client is not None  # noqa: S101 -- made by start()
        sink = _Bounded()
        request = Request("GET", url, self._headers(url))
        exchange = await self._client.start(request, sink, _TIMEOUTS)
        await exchange.finished()
        if sink.status != 200:
            raise ProtocolError(f"It answered with status {sink.status}.")
        return read_metrics(b"".join(sink.pieces), self._endpoint.model)

    def _headers(self, url: Url) -> Headers:
        """The endpoint's key, where the metrics are the endpoint's own."""
        same = url.origin == self._endpoint.base.origin
        wanted = self._endpoint.headers if same else ()
        return tuple(header for header in wanted if header[0] == b"authorization")

    async def _watch(self, kept: Kept) -> None:
        beat = 1
        while True:
            # By the level's own clock: slow answers must not stretch the time between samples.
            due_ns = kept.began_ns + round(beat * self._interval_s * _NS)
            await asyncio.sleep(max(0.0, (due_ns - perf_counter_ns()) / _NS))
            self._sample(kept, await self._try(kept))
            beat = int((perf_counter_ns() - kept.began_ns) / _NS / self._interval_s) + 1

    async def _try(self, kept: Kept) -> EngineReading | None:
        if self._found is None:
            return None
        try:
            return await self._read(self._found)
        except WeighbridgeError as error:
            kept.notes.append(f"Some of the engine's metrics are missing. {error.message}")
            return None

    def _sample(self, kept: Kept, reading: EngineReading | None) -> None:
        now_ns = perf_counter_ns()
        readings = self._gpus.readings if self._gpus else ()
        gpu = readings[-1] if readings and now_ns - readings[-1].at_ns < _FRESH_NS else None
        if reading is None and gpu is None:
            return
        kept.samples.append(
            ServerSample(
                at_s=round(max(0, now_ns - kept.began_ns) / _NS, 3),
                running=reading.running if reading else None,
                waiting=reading.waiting if reading else None,
                kv_used=reading.kv_used if reading else None,
                gpu_memory_bytes=gpu.memory_bytes if gpu else None,
                gpu_use=gpu.use if gpu else None,
                power_w=gpu.power_w if gpu else None,
            )
        )

    async def _settled(self, kept: Kept) -> EngineReading | None:
        """The last reading, once two in a row count the same."""
        last = await self._try(kept)
        self._sample(kept, last)
        for _ in range(_SETTLE_TIMES):
            if last is None:
                return None
            await asyncio.sleep(_SETTLE_S)
            reading = await self._try(kept)
            if reading is None or reading.counters == last.counters:
                return last
            last = reading
        return last


class _Bounded:
    """A sink for an answer of bounded size."""

    def __init__(self) -> None:
        self.status = 0
        self.pieces: list[bytes] = []
        self._size = 0

    def on_head(self, head: ResponseHead, stamp_ns: int) -> None:  # noqa: ARG002 -- a Sink's
        self.status = head.status

    def on_body(self, data: bytes, stamp_ns: int) -> None:  # noqa: ARG002 -- a Sink's
        self._size += len(data)
        if self._size > _LIMIT_BYTES:
            raise ProtocolError(f"It answered with more than {_LIMIT_BYTES // 2**20} MiB.")
        self.pieces.append(data)


def is_this_host(host: str) -> bool:
    """Whether an address is one of this host's own: a socket may be bound to no other."""
    try:
        found = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return any(_is_own(family, address[0]) for family, _, _, _, address in found)


def _is_own(family: int, address: str | int) -> bool:
    if ipaddress.ip_address(str(address).partition("%")[0]).is_loopback:
        return True
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True
