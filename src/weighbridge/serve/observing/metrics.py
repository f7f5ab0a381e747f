"""What the gateway counts of every request, and one sum over several workers.

Counting is on the path of every request, so it is a few additions on lists found by one look-up.
What it counts by is bounded by the configuration: models, keys, routes and statuses, never a word
that a client wrote. Turning counts into text is :mod:`weighbridge.serve.observing.exposition`.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import psutil

from weighbridge.core.gateway import Outcome, RouteCount

SECONDS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0
)  # fmt: skip
OVERHEAD_SECONDS = (
    0.00005, 0.0001, 0.0002, 0.0003, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 1.0
)  # fmt: skip
HISTOGRAMS = {
    "duration": SECONDS,
    "ttft": SECONDS,
    "queue": SECONDS,
    "overhead": OVERHEAD_SECONDS,
}
"""What has a distribution per model, and the upper bounds of its classes."""

RECENT = 1000
RATE_WINDOW_S = 10
# Counters are dataclasses, not Structs: setting an attribute of those costs four times as much.
# More combinations than any sane configuration makes; beyond it new ones are counted as one.
_MOST_SERIES = 10_000
_MOST_DECISIONS = 1_000
_SLOTS = 16  # seconds that are remembered: more than the window
OTHER = "(other)"

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


_Cell = tuple[Series, list[int], ModelTimes | None]

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Snapshot)


class Metrics:
    """Counts every request of one worker, as :class:`weighbridge.serve.seams.Observer`."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, int, str, str, str], _Cell] = {}
        self._series: dict[SeriesKey, Series] = {}
        self._times: dict[str, ModelTimes] = {}
        self._decisions: dict[DecisionKey, list[int]] = {}
        self._ring = [[-1, 0, 0] for _ in range(_SLOTS)]
        self._ttft: deque[float] = deque(maxlen=RECENT)
        self._duration: deque[float] = deque(maxlen=RECENT)
        self._process = psutil.Process()
        self._started = time.time()

    def ended(self, outcome: Outcome) -> None:
        """Count a request. Flat and long on purpose: a call costs as much as what it would do."""
        why = outcome.choice.why
        key = (outcome.model, outcome.status, outcome.end, outcome.grant.key, why)
        cell = self._cells.get(key)
        if cell is None:
            cell = self._new_cell(outcome)
        series, decision, times = cell
        series.requests += 1
        series.request_bytes += outcome.request_bytes
        series.answer_bytes += outcome.answer_bytes
        if outcome.attempts > 1:
            series.retries += outcome.attempts - 1
        decision[0] += 1
        second = int(outcome.ended)
        slot = self._ring[second % _SLOTS]
        if slot[0] != second:
            slot[:] = (second, 0, 0)
        slot[1] += 1
        use = outcome.use
        if use is not None:
            slot[2] += use.output
            if use.estimated:
                series.estimated_prompt += use.prompt
                series.estimated_output += use.output
            else:
                series.prompt += use.prompt
                series.output += use.output
                series.cached += use.cached
        if times is None:
            return
        seconds = outcome.duration_s
        histogram = times.duration
        histogram.counts[bisect_left(SECONDS, seconds)] += 1
        histogram.total_s += seconds
        self._duration.append(seconds)
        ttft_s = outcome.ttft_s
        if ttft_s is not None:
            histogram = times.ttft
            histogram.counts[bisect_left(SECONDS, ttft_s)] += 1
            histogram.total_s += ttft_s
            self._ttft.append(ttft_s)
        seconds = outcome.queued_s
        histogram = times.queue
        histogram.counts[bisect_left(SECONDS, seconds) if seconds else 0] += 1
        histogram.total_s += seconds
        seconds = outcome.overhead_s
        histogram = times.overhead
        histogram.counts[bisect_left(OVERHEAD_SECONDS, seconds)] += 1
        histogram.total_s += seconds

    def _new_cell(self, outcome: Outcome) -> _Cell:
        """Where requests like this one are counted, found by one look-up from now on."""
        model, key, why = outcome.model, outcome.grant.key, outcome.choice.why
        route = -1 if outcome.choice.route is None else outcome.choice.route
        series_key: SeriesKey = (model, outcome.status, outcome.end, key)
        if len(self._series) >= _MOST_SERIES and series_key not in self._series:
            series_key = (OTHER, outcome.status, outcome.end, OTHER)
        decision: DecisionKey = (why, model, route)
        if len(self._decisions) >= _MOST_DECISIONS and decision not in self._decisions:
            decision = (OTHER, model, route)
        times = self._times.setdefault(model, _no_times()) if model else None
        series = self._series.setdefault(series_key, Series())
        cell = (series, self._decisions.setdefault(decision, [0]), times)
        if len(self._cells) >= _MOST_SERIES:
            self._cells.clear()  # only a cache: what was counted stays
        self._cells[model, outcome.status, outcome.end, key, why] = cell
        return cell

    def record(self) -> Snapshot:
        """Everything counted so far; not a copy: read it before the next request."""
        return Snapshot(
            requests=list(self._series.items()),
            times=self._times,
            decisions=[(key, count[0]) for key, count in self._decisions.items()],
            per_second={slot[0]: (slot[1], slot[2]) for slot in self._ring if slot[0] >= 0},
            recent_ttft_s=list(self._ttft),
            recent_duration_s=list(self._duration),
            processes=[self._use()],
        )

    def snapshot(self) -> bytes:
        """The same for another worker: :func:`merge` reads it."""
        return _encoder.encode(self.record())

    def requests_per_s(self, now: float) -> float:
        """Over the last ten whole seconds, of this worker."""
        return self.record().requests_per_s(now)

    def tokens_per_s(self, now: float) -> float:
        """Output tokens over the last ten whole seconds, of this worker."""
        return self.record().tokens_per_s(now)

    def recent_ttft_ms(self) -> tuple[float, ...]:
        """p50, p90 and p99 of the last thousand answers; empty before any."""
        return quantiles_ms(self._ttft)

    def recent_duration_ms(self) -> tuple[float, ...]:
        """Likewise."""
        return quantiles_ms(self._duration)

    def routes(self) -> tuple[RouteCount, ...]:
        """Decisions since the gateway began, the most frequent first."""
        return self.record().routes()

    @property
    def total(self) -> int:
        """All requests of this worker."""
        return self.record().total

    @property
    def errors(self) -> int:
        """Of them, how many failed."""
        return self.record().errors

    def _use(self) -> ProcessUse:
        cpu = self._process.cpu_times()
        return ProcessUse(
            pid=os.getpid(),
            started=self._started,
            rss_bytes=self._process.memory_info().rss,
            cpu_s=cpu.user + cpu.system,
            open_fds=self._process.num_fds(),
        )


def _no_times() -> ModelTimes:
    return ModelTimes(
        **{name: Histogram([0] * (len(bounds) + 1)) for name, bounds in HISTOGRAMS.items()}
    )


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
            known = whole.times.setdefault(model, _no_times())
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
