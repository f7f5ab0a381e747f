"""A level under way, looked at every now and then: cheap, because looking must not disturb."""

from __future__ import annotations

from collections import deque
from itertools import islice, pairwise
from time import perf_counter_ns

from weighbridge.core.live_load import LivePoint
from weighbridge.core.load import RequestRecord
from weighbridge.measure.load.figures.percentiles import percentile
from weighbridge.wire.stream import ChatStream

_NS = 1e9
_NS_PER_MS = 1e6
_RECENT = 256
_STREAMS_LOOKED_AT = 48
_GAPS_PER_STREAM = 8


class LiveView:
    """What a level that began at ``start_ns`` looks like now.

    Attributes:
        done: requests that have ended, failed ones included.
        errors: failed ones.
        in_flight: requests sent whose answers have not ended.
    """

    def __init__(self, start_ns: int) -> None:
        self.done = 0
        self.errors = 0
        self.in_flight = 0
        self._start_ns = start_ns
        self._changed_ns = start_ns
        self._busy_ns = 0
        self._streams: dict[int, tuple[ChatStream, int]] = {}
        self._ttfts: deque[float] = deque(maxlen=_RECENT)
        self._tokens = 0
        self._last: tuple[int, int] = (self._start_ns, 0)

    def begin(self) -> None:
        """A request is about to be sent."""
        self._weigh()
        self.in_flight += 1

    def watch(self, index: int, stream: ChatStream) -> None:
        """The answer of a conversation's request; replaces that of an earlier attempt."""
        self._streams[index] = (stream, perf_counter_ns())

    def end(self) -> None:
        """A request has ended."""
        self._weigh()
        self.in_flight -= 1

    def note(self, record: RequestRecord, stream: ChatStream) -> None:
        """What became of a request; its conversation may already wait for the next answer."""
        if self._streams.get(record.index, (None, 0))[0] is stream:
            del self._streams[record.index]
        self.done += 1
        self._tokens += record.output_tokens
        if record.error is not None:
            self.errors += 1
        elif record.ttft_ms is not None:
            self._ttfts.append(record.ttft_ms + record.queue_ms)

    def busy_s(self) -> float:
        """Seconds that requests were in flight so far, summed over them."""
        self._weigh()
        return self._busy_ns / _NS

    def point(self) -> LivePoint:
        """The figures of this moment; those of latency are of the latest requests and gaps."""
        now = perf_counter_ns()
        streams = list(islice(self._streams.values(), _STREAMS_LOOKED_AT))
        tokens = self._tokens + sum(len(stream.arrivals) for stream, _ in self._streams.values())
        (before_ns, before), self._last = self._last, (now, tokens)
        ttfts = sorted((*self._ttfts, *self._first_tokens(streams)))
        gaps = sorted(self._gaps(streams))
        return LivePoint(
            at_s=(now - self._start_ns) / _NS,
            done=self.done,
            errors=self.errors,
            in_flight=self.in_flight,
            output_tokens_per_s=max(0, tokens - before) * _NS / max(1, now - before_ns),
            ttft_ms_p50=percentile(ttfts, 0.5) if ttfts else None,
            ttft_ms_p95=percentile(ttfts, 0.95) if ttfts else None,
            itl_ms_p50=percentile(gaps, 0.5) if gaps else None,
            itl_ms_p99=percentile(gaps, 0.99) if gaps else None,
        )

    def _first_tokens(self, streams: list[tuple[ChatStream, int]]) -> list[float]:
        return [
            (stream.arrivals[0] - asked_ns) / _NS_PER_MS
            for stream, asked_ns in streams
            if stream.arrivals
        ]

    def _gaps(self, streams: list[tuple[ChatStream, int]]) -> list[float]:
        return [
            (late - early) / _NS_PER_MS
            for stream, _ in streams
            for early, late in pairwise(stream.arrivals[-_GAPS_PER_STREAM - 1 :])
        ]

    def _weigh(self) -> None:
        """Add up requests × time since the last change: Little's law needs their mean."""
        now = perf_counter_ns()
        self._busy_ns += self.in_flight * (now - self._changed_ns)
        self._changed_ns = now
