"""Records of what the gateway counts, and one sum over several workers."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from weighbridge.core.gateway import RouteCount

SECONDS: Final = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0
)  # fmt: skip
OVERHEAD_SECONDS: Final = (
    0.00005, 0.0001, 0.0002, 0.0003, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 1.0
)  # fmt: skip
HISTOGRAMS: Final = {
    "duration": SECONDS,
    "ttft": SECONDS,
    "queue": SECONDS,
    "overhead": OVERHEAD_SECONDS,
}
"""What has a distribution per model, and the upper bounds of its classes."""

RECENT: Final = 1000
RATE_WINDOW_S: Final = 10
# Counters are dataclasses, not Structs: setting an attribute of those costs four times as much.

SeriesKey = tuple[str, int, str, str]
DecisionKey = tuple[str, str, int]


@dataclass(slots=True)
class Series:
    """Sums over the requests of one model, status, end and key.

    ``prompt``, ``output`` and ``cached`` are tokens by the engine's own counting, ``estimated_…``
    those that had to be estimated.
    """

    requests: int = 0
    prompt: int = 0
    output: int = 0
    cached: int = 0
    estimated_prompt: int = 0
    estimated_output: int = 0
    retries: int = 0
    request_bytes: int = 0
    answer_bytes: int = 0

    def add(self, other: Series) -> None:
        """Count another worker's in."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class Histogram:
    """Requests per class of seconds (the last class has no upper bound), and their sum."""

    counts: list[int]
    total_s: float = 0.0

    def add(self, other: Histogram) -> None:
        """Count another worker's in."""
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.total_s += other.total_s


@dataclass(slots=True)
class ModelTimes:
    """How long the requests of one model took, in the order of :data:`HISTOGRAMS`."""

    duration: Histogram
    ttft: Histogram
    queue: Histogram
    overhead: Histogram


class ProcessUse(msgspec.Struct, frozen=True, array_like=True):
    """What one worker takes of the machine."""

    pid: int
    started: float
    rss_bytes: int
    cpu_s: float
    open_fds: int


class Snapshot(msgspec.Struct):
    """Everything counted so far, as workers tell it each other.

    Attributes:
        requests: by model, status, end and key.
        times: by model.
        decisions: by reason, model and route; -1 stands for no route.
        per_second: second since 1970 → requests and output tokens that ended in it.
        recent_ttft_s: of the latest answers, the newest last.
        recent_duration_s: likewise.
        processes: one for each worker.
    """

    requests: list[tuple[SeriesKey, Series]]
    times: dict[str, ModelTimes]
    decisions: list[tuple[DecisionKey, int]]
    per_second: dict[int, tuple[int, int]]
    recent_ttft_s: list[float]
    recent_duration_s: list[float]
    processes: list[ProcessUse]

    @property
    def total(self) -> int:
        """All requests."""
        return sum(series.requests for _, series in self.requests)

    @property
    def errors(self) -> int:
        """Requests that failed or were cut through no fault of the client's."""
        return sum(
            series.requests
            for (_, status, end, _), series in self.requests
            if status >= 500 or end in ("cut", "failed")
        )

    def requests_per_s(self, now: float) -> float:
        """Over the last ten whole seconds."""
        return sum(self._window(now, 0)) / RATE_WINDOW_S

    def tokens_per_s(self, now: float) -> float:
        """Output tokens over the last ten whole seconds, counted when their answer ended."""
        return sum(self._window(now, 1)) / RATE_WINDOW_S

    def ttft_ms(self) -> tuple[float, ...]:
        """p50, p90 and p99 of the latest answers; empty before any."""
        return quantiles_ms(self.recent_ttft_s)

    def duration_ms(self) -> tuple[float, ...]:
        """Likewise."""
        return quantiles_ms(self.recent_duration_s)

    def routes(self) -> tuple[RouteCount, ...]:
        """Decisions and who answered, the most frequent first."""
        sums: dict[tuple[str, str], int] = {}
        for (why, model, _), count in self.decisions:
            sums[why, model] = sums.get((why, model), 0) + count
        rows = [RouteCount(why, model, count) for (why, model), count in sums.items()]
        return tuple(sorted(rows, key=lambda row: (-row.requests, row.why, row.model)))

    def _window(self, now: float, column: int) -> list[int]:
        last = int(now)
        return [
            counts[column]
            for second, counts in self.per_second.items()
            if last - RATE_WINDOW_S <= second < last
        ]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Snapshot)


def no_times() -> ModelTimes:
    """Of a model that has not answered yet."""
    return ModelTimes(
        **{name: Histogram([0] * (len(bounds) + 1)) for name, bounds in HISTOGRAMS.items()}
    )


def encoded(record: Snapshot) -> bytes:
    """For another worker: :func:`merge` reads it."""
    return _encoder.encode(record)


def merge(snapshots: Sequence[bytes | Snapshot]) -> Snapshot:
    """The sum over workers.

    Counters may only grow: of a worker that died keep the last snapshot and go on passing it.
    """
    whole = Snapshot([], {}, [], {}, [], [], [])
    series: dict[SeriesKey, Series] = {}
    decisions: dict[DecisionKey, int] = {}
    for given in snapshots:
        # Always decoded: what comes out is ours to change.
        one = _decoder.decode(given if isinstance(given, bytes) else _encoder.encode(given))
        for key, sums in one.requests:
            series.setdefault(key, Series()).add(sums)
        for model, times in one.times.items():
            known = whole.times.setdefault(model, no_times())
            for name in HISTOGRAMS:
                getattr(known, name).add(getattr(times, name))
        for decision, count in one.decisions:
            decisions[decision] = decisions.get(decision, 0) + count
        for second, (requests, tokens) in one.per_second.items():
            before = whole.per_second.get(second, (0, 0))
            whole.per_second[second] = (before[0] + requests, before[1] + tokens)
        whole.recent_ttft_s += one.recent_ttft_s
        whole.recent_duration_s += one.recent_duration_s
        whole.processes += one.processes
    whole.requests, whole.decisions = list(series.items()), list(decisions.items())
    return whole


def quantiles_ms(seconds: Sequence[float] | deque[float]) -> tuple[float, ...]:
    """p50, p90 and p99 in milliseconds, each a value that was seen; empty for none."""
    ordered = sorted(seconds)
    if not ordered:
        return ()
    last = len(ordered) - 1
    return tuple(1000 * ordered[min(last, int(share * len(ordered)))] for share in (0.5, 0.9, 0.99))
