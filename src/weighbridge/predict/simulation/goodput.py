"""Whether a simulated load meets an SLO, how many of its requests do, and how much load would."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.core.load import Distribution
from weighbridge.core.workload import Bound, Slo
from weighbridge.predict.simulation.outcome import Served, Simulated

_SHARES: Final = (0.5, 0.9, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class LoadSummary:
    """A simulated load in figures. Definitions are those of measured loads: docs/metrics.md.

    Attributes:
        requests: how many.
        duration_s: all of it, from the first request sent to the last answer's end.
        requests_per_s: finished requests per second, in the middle of the load: neither its
            beginning nor its end, when fewer run, counts.
        output_tokens_per_s: of these.
        ttft_ms: to the first token.
        tpot_ms: per token after it; None if all answers had one token.
        itl_ms: between tokens, pooled over requests; None likewise.
        e2e_ms: of the whole request.
        queue_ms: until the engine began to read it.
        preemptions: requests taken back to make room, counted each time.
        utilisation: share of the time in which the engine was at work.
        running: requests in the engine at once, on average while it was at work.
        peak_cache: the most of the cache in use, as a share.
        within: share of the requests that met every bound of the SLO by themselves.
        goodput_per_s: those, per second.
        broken: the bounds that did not hold.
    """

    requests: int
    duration_s: float
    requests_per_s: float
    output_tokens_per_s: float
    ttft_ms: Distribution
    tpot_ms: Distribution | None
    itl_ms: Distribution | None
    e2e_ms: Distribution
    queue_ms: Distribution
    preemptions: int
    utilisation: float
    running: float
    peak_cache: float
    within: float
    goodput_per_s: float
    broken: tuple[Bound, ...]

    @property
    def holds(self) -> bool:
        """Whether the SLO does."""
        return not self.broken


def summarise(run: Simulated, slo: Slo | None = None) -> LoadSummary:
    """The figures of a simulated load."""
    slo = slo or Slo()
    served = run.served
    first = min(one.arrival_s for one in served)
    duration = run.finished_s - first
    per_token = [one.tpot_s for one in served if one.tpot_s is not None]
    ttft = _distribution([one.ttft_s for one in served])
    tpot = _distribution(per_token) if per_token else None
    itl = _pooled(run.gaps)
    e2e = _distribution([one.e2e_s for one in served])
    figures = {"ttft": ttft, "tpot": tpot, "itl": itl, "e2e": e2e}
    rate = steady_rate(run)
    good = sum(meets(one, slo) for one in served)
    return LoadSummary(
        requests=len(served),
        duration_s=duration,
        requests_per_s=rate,
        output_tokens_per_s=rate * sum(one.output_tokens for one in served) / len(served),
        ttft_ms=ttft,
        tpot_ms=tpot,
        itl_ms=itl,
        e2e_ms=e2e,
        queue_ms=_distribution([one.queue_s for one in served]),
        preemptions=sum(one.preemptions for one in served),
        utilisation=min(1.0, run.busy_s / duration),
        running=run.sequence_s / run.busy_s,
        peak_cache=run.peak_cache,
        within=good / len(served),
        goodput_per_s=rate * good / len(served),
        broken=tuple(bound for bound in slo.bounds if not _holds(bound, figures[bound.metric])),
    )


def steady_rate(run: Simulated) -> float:
    """Finished requests per second between those after which a tenth, and nine tenths, are done.

    Where these finish together, as after one burst, all of the time counts.
    """
    ends = sorted(one.finished_s for one in run.served)
    skip = len(ends) // 10
    first, last = ends[skip], ends[-1 - skip]
    if last <= first:
        return len(ends) / (ends[-1] - min(one.arrival_s for one in run.served))
    # Many may finish at the same moment: those of the first are before, those of the last within.
    return (bisect_right(ends, last) - bisect_right(ends, first)) / (last - first)


def meets(one: Served, slo: Slo) -> bool:
    """Whether a request by itself meets every bound, whatever percentile that is of.

    Of its gaps between tokens the longest counts.
    """
    own = {
        "ttft": one.ttft_s,
        "tpot": one.tpot_s or 0.0,
        "itl": one.longest_gap_s,
        "e2e": one.e2e_s,
    }
    return all(own[bound.metric] * 1e3 < bound.limit_ms for bound in slo.bounds)


def most(holds: Callable[[float], bool], low: float, high: float, tries: int) -> float:
    """About the largest number from ``low`` to ``high`` for which something holds; 0 if none.

    Halved by ratio, ``tries`` times: what holds for a load is taken to hold for lighter ones.
    """
    if not holds(low):
        return 0.0
    if holds(high):
        return high
    for _ in range(tries):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def most_whole(holds: Callable[[int], bool], high: int) -> int:
    """The largest whole number up to ``high`` for which something holds; 0 if none."""
    # Doubled first: loads that are far too heavy cost most to simulate.
    low, probe = 0, 1
    while probe < high and holds(probe):
        low, probe = probe, probe * 2
    if probe >= high:
        if holds(high):
            return high
        probe = high
    while probe - low > 1:
        middle = (low + probe) // 2
        low, probe = (middle, probe) if holds(middle) else (low, middle)
    return low


def _holds(bound: Bound, figures: Distribution | None) -> bool:
    """Answers of one token have no time per further token, which is no reason to fail."""
    return figures is None or float(getattr(figures, bound.percentile)) < bound.limit_ms


def _distribution(seconds: Sequence[float]) -> Distribution:
    """In milliseconds; percentiles interpolate between closest ranks."""
    ordered = sorted(value * 1e3 for value in seconds)
    p50, p90, p95, p99 = (_rank(ordered, share) for share in _SHARES)
    return Distribution(len(ordered), sum(ordered) / len(ordered), p50, p90, p95, p99)


def _rank(ordered: Sequence[float], share: float) -> float:
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def _pooled(gaps: Iterable[tuple[float, int]]) -> Distribution | None:
    """Of values that stand for many each, in milliseconds."""
    ordered = sorted(gap for gap in gaps if gap[1] > 0)
    count = sum(times for _, times in ordered)
    if not count:
        return None
    ranks, passed, wanted = [], 0, list(_SHARES)
    for seconds, times in ordered:
        passed += times
        while wanted and passed >= wanted[0] * count:
            ranks.append(seconds * 1e3)
            wanted.pop(0)
    mean = sum(seconds * times for seconds, times in ordered) * 1e3 / count
    p50, p90, p95, p99 = ranks
    return Distribution(count, mean, p50, p90, p95, p99)
