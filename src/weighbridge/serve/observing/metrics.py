"""What the gateway counts of every request.

Counting is on the path of every request, so it is a few additions on lists found by one look-up.
What it counts by is bounded by the configuration: models, keys, routes and statuses, never a word
that a client wrote. Turning counts into text is :mod:`weighbridge.serve.observing.exposition`.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections import deque
from typing import Final

import psutil

from weighbridge.core.gateway import Outcome, RouteCount
from weighbridge.serve.observing.counts import (
    OVERHEAD_SECONDS,
    RECENT,
    SECONDS,
    DecisionKey,
    ModelTimes,
    ProcessUse,
    Series,
    SeriesKey,
    Snapshot,
    encoded,
    no_times,
    quantiles_ms,
)

# More combinations than any sane configuration makes; beyond it new ones are counted as one.
_MOST_SERIES: Final = 10_000
_MOST_DECISIONS: Final = 1_000
_SLOTS: Final = 16  # seconds that are remembered: more than the window
OTHER: Final = "(other)"

_Cell = tuple[Series, list[int], ModelTimes | None]


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
        times = self._times.setdefault(model, no_times()) if model else None
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
        return encoded(self.record())

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
