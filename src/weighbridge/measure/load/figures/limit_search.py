"""Searching the highest rate that holds an SLO: which rate to try next, or what the limit is.

A pure function of the trials so far. A trial says how many requests were beyond a condition's
limit against how many may be (5 % for a p95): a share has no bias, where the percentile of a short
and correlated sample has. Near the limit its logarithm grows evenly with that of the rate; how
steeply is not known and differs between a queue that fills and a batch that slows down, so limit
and slope are estimated together, on a grid of the two weighted by the likelihood of the trials
(counts, with the overdispersion that their design effects show). Far from the limit a trial only
says on which side it lies. Random arrivals keep the rate asked for only on average; what counts is
the rate at which requests came, or the luck of the draw would pass for the server's.

The next rate is the likeliest limit, a little to the side of which less is known; the search ends
when the interval is tight, when the trials allowed are used up, or when nothing bounds the limit.
A trial in which the client was the bottleneck says nothing: it is tried again, and if that does not
help the search ends with what the others say.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

from weighbridge.core.load import BoundResult, Limit, LoadLevel
from weighbridge.core.workload import Bound, Metric, Percentile, Slo

PRECISION: Final = 0.05  # half width of the interval at which the search ends, relative
MOST_TRIALS: Final = 14
_TAIL: Final[dict[Percentile, float]] = {
    "mean": 0.1,
    "p50": 0.5,
    "p90": 0.1,
    "p95": 0.05,
    "p99": 0.01,
}
_FAR: Final = 1.4  # logarithm of share / allowed beyond which only its sign is believed
_NONE: Final = 6.0  # where nothing is expected beyond
_CLEARLY: Final = -3.0  # logarithm of share / allowed below which a trial simply held
_FAR_ERROR: Final = 0.45
_FIRST_BEYOND: Final = 12  # requests beyond the percentile in trials that find the region
_NEAR_BEYOND: Final = 50  # and near the limit
_USUAL_DISPERSION: Final = 10.0  # of a queue that is busy for two thirds of the time
_MOST_DISPERSION: Final = 40.0
_PRIOR_BEYOND: Final = 15  # requests' worth of belief in that
_RESIDUAL: Final = 0.72  # of the dispersion, when the luck of arrivals is taken out (simulated)
_WIDE: Final = 0.12  # spread of the limit's logarithm from which longer trials pay
_SHOWS: Final = 0.02  # overload that each trial must be long enough to show
_MODEL: Final = 0.08  # what is wrong with a straight line near the limit
_UNKNOWN: Final = 0.5  # error of a mean that has no interval
_OVERLOADED: Final = 0.9  # served / asked below which a queue grows for as long as one looks
_GROWS: Final = 0.992  # and below which it does if latencies rise as well
# Shares beyond a limit move faster than rates, even where a batch only slows down.
_SLOPES: Final = tuple(4.0 * 1.45**step for step in range(16))
# Quantiles of the belief that make a 95 % interval: wider than it says, for the model is not the
# server (simulated queues were covered too seldom by 2.5 %).
_ENDS: Final = 0.01
_CELLS: Final = 240
_WIDEST: Final = 3.0  # factor by which the next rate may exceed all rates tried
_Z: Final = 1.959963984540054
AGAIN: Final = 2  # how often a rate is tried again that was too much for the client
_CHANCE: Final = 0.01  # that a single user breaks an SLO by bad luck
_WAITS: Final[dict[Metric, str]] = {
    "ttft": "waits {} for the first token",
    "tpot": "waits {} for each further token",
    "itl": "waits {} between two tokens",
    "e2e": "waits {} for the whole answer",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What a level says of the limit, by the condition that is worst.

    Attributes:
        rate: at which requests came.
        requests: sent.
        excess: logarithm of the share of values beyond the limit / that allowed, for a condition on
            a mean of measured / allowed; at most 0 where the condition held.
        error: standard error of a mean's excess; None for a percentile's.
        allowed: the share that may lie beyond.
        above: the share that did.
        effective: how many independent values would tell it as surely.
        worst: the condition in words, with what was measured.
        limited: why the client was the bottleneck: then the trial says nothing of the server.
        asked: the rate asked for, 0 where it is the same.
    """

    rate: float
    requests: int
    excess: float
    worst: str
    error: float | None = None
    allowed: float = 0.05
    above: float = 0.0
    effective: float = 0.0
    limited: tuple[str, ...] = ()
    asked: float = 0.0

    @property
    def words(self) -> str:
        """The rate as tables have it: the one asked for."""
        return f"{self.asked or self.rate:.4g}/s"


@dataclass(frozen=True, slots=True)
class Step:
    """What to try next."""

    rate: float
    requests: int


@dataclass(frozen=True, slots=True)
class _Belief:
    """Where the limit is, as a distribution over logarithms of rates."""

    grid: tuple[float, ...]
    cumulative: tuple[float, ...]

    def quantile(self, share: float) -> float:
        return self.grid[min(bisect_left(self.cumulative, share), len(self.grid) - 1)]


def trial_of(level: LoadLevel) -> Trial:
    """What a level of an open loop, summarised with the SLO, says of the limit.

    Raises:
        ValueError: it was summarised without an SLO, or has no rate.
    """
    if level.goodput is None or level.rate is None:
        raise ValueError("a trial needs a rate and an SLO")
    rate = level.offered_per_s or level.rate
    bounds = zip(level.goodput.slo.bounds, level.goodput.bounds, strict=False)
    found = [_one(bound, result, rate, level.requests) for bound, result in bounds]
    trial = max(found, key=lambda one: one.excess)
    if any(not bound.holds for bound in level.goodput.bounds[len(found) :]):
        trial = replace(trial, excess=2 * _FAR, worst=f"{level.errors} requests failed")
    elif _is_overloaded(level, rate, breaks=trial.excess > 0):
        words = f"{trial.worst}, and only {level.requests_per_s:.4g}/s were served"
        trial = replace(trial, excess=2 * _FAR, worst=words)
    limited = level.client.limited if level.client else ()
    return replace(trial, limited=limited, asked=level.rate)


def _is_overloaded(level: LoadLevel, rate: float, *, breaks: bool) -> bool:
    """Whether the queue grew all the while, so that a longer level would have had any latency."""
    if level.overloaded:
        return True
    if level.requests_per_s < _OVERLOADED * rate:
        return breaks
    grows = level.steady is not None and not level.steady.is_stationary
    return grows and level.requests_per_s < _GROWS * rate


def next_step(
    slo: Slo,
    trials: Sequence[Trial],
    *,
    start: float,
    most_rate: float = math.inf,
    precision: float = PRECISION,
    most_trials: int = MOST_TRIALS,
) -> Step | Limit:
    """The next rate to try, or the limit.

    Args:
        slo: the conditions.
        trials: so far, in any order.
        start: the first rate: well chosen, 0.8 times what a closed loop of many users got.
        most_rate: beyond which nothing is tried.
        precision: half width of the limit's interval, relative, at which the search ends.
        most_trials: after which it ends in any case.
    """
    if not trials:
        rate = min(start, most_rate)
        return Step(rate, _requests(slo, _FIRST_BEYOND, rate))
    if trials[-1].limited:
        return _again(slo, trials)
    trials = [trial for trial in trials if not trial.limited]
    held = [trial.rate for trial in trials if trial.excess <= 0]
    broke = [trial.rate for trial in trials if trial.excess > 0]
    if not broke and max(held) >= most_rate:
        reason = f"It held at {most_rate:g}/s, the highest rate that was to be tried."
        return Limit(slo, max(held), max(held), None, len(trials), reason)
    if not held and (min(broke) < start / 100 or len(trials) >= most_trials):
        worst = min(trials, key=lambda trial: trial.rate)
        return Limit(slo, None, 0.0, min(broke), len(trials), _broken(worst))
    belief = _belief(trials)
    low, middle, high = _interval(belief, held, broke)
    near = sum(abs(math.log(trial.rate / middle)) < 2 * precision for trial in trials)
    is_found = bool(held and broke) and near >= 2 and high - low <= 2 * precision * middle
    if is_found or (len(trials) >= most_trials and held):
        return _found(slo, trials, (low, middle, high if broke else None), is_found=is_found)
    return _try(slo, trials, belief, most_rate)


def _again(slo: Slo, trials: Sequence[Trial]) -> Step | Limit:
    """The last rate once more, as the client was its bottleneck; not for ever."""
    last = trials[-1]
    times = sum(bool(trial.limited) and trial.words == last.words for trial in trials)
    if times > AGAIN:
        return _cut_short(slo, trials)
    return Step(last.asked or last.rate, last.requests)


def _interval(
    belief: _Belief, held: Sequence[float], broke: Sequence[float]
) -> tuple[float, float, float]:
    """Lower end, estimate, upper end."""
    low, middle, high = (math.exp(belief.quantile(share)) for share in (_ENDS, 0.5, 1 - _ENDS))
    # Where the limit is a step, no line tells where between the nearest rates on both sides it is.
    low = min(low, max((rate for rate in held if rate < middle), default=low))
    high = max(high, min((rate for rate in broke if rate > middle), default=high))
    return low, middle, high


def _try(slo: Slo, trials: Sequence[Trial], belief: _Belief, most_rate: float) -> Step:
    held = [trial.rate for trial in trials if trial.excess <= 0]
    broke = [trial.rate for trial in trials if trial.excess > 0]
    middle = belief.quantile(0.5)
    if not held or not broke:
        factor = _WIDEST if len(trials) > 1 else 1.35
        rate = max(held) * factor if held else min(broke) / factor
        return Step(min(rate, most_rate), _requests(slo, _FIRST_BEYOND, rate))
    spread = (belief.quantile(0.84) - belief.quantile(0.16)) / 2
    weight = sum(
        math.copysign(trial.requests, math.log(trial.rate) - middle)
        for trial in trials
        if abs(math.log(trial.rate) - middle) < 4 * spread
    )
    rate = min(math.exp(middle - math.copysign(min(0.7 * spread, 0.05), weight)), most_rate)
    if spread > _WIDE:
        return Step(rate, _requests(slo, 2 * _FIRST_BEYOND, rate))
    # Where requests depend on each other for long, a trial must be longer to say anything.
    longer = min(max(1.0, math.sqrt(_dispersion(trials) / _USUAL_DISPERSION)), 2.5)
    return Step(rate, _requests(slo, _NEAR_BEYOND * longer, rate))


def _one(bound: Bound, result: BoundResult, rate: float, requests: int) -> Trial:
    """What one condition says."""
    if result.value_ms is None or result.share_above is None:
        return Trial(rate, requests, 2 * _FAR, f"{bound} could not be measured")
    words = f"{bound} was {result.value_ms:.4g} ms"
    if bound.percentile == "mean":
        excess = math.log(max(result.value_ms, 1e-6) / bound.limit_ms)
        low, high = result.low_ms, result.high_ms
        known = low is not None and high is not None and low > 0
        error = math.log(high / low) / 2 / _Z if known and high and low else _UNKNOWN
        return Trial(rate, requests, excess, words, error)
    allowed, above = _TAIL[bound.percentile], result.share_above
    # Half a value instead of none: the logarithm of an empty share.
    excess = math.log(max(above, 0.5 / max(result.effective, 1.0)) / allowed)
    if result.holds:
        excess = min(excess, 0.0)
    return Trial(rate, requests, excess, words, None, allowed, above, result.effective)


def _requests(slo: Slo, beyond: float, rate: float) -> int:
    """So many that enough lie beyond the strictest percentile to tell where it is.

    And so long that a small overload shows: that share of each second adds to all waiting.
    """
    tail = min((_TAIL[bound.percentile] for bound in slo.bounds), default=0.05)
    waits = [bound.limit_ms / 1e3 for bound in slo.bounds if bound.metric in ("ttft", "e2e")]
    shows = rate * max(waits, default=0.0) / _SHOWS
    return max(150, round(beyond / tail), round(shows))


def _belief(trials: Sequence[Trial]) -> _Belief:
    """Posterior of the limit's logarithm; the prior is even in it and in the slope's."""
    logs = [math.log(trial.rate) for trial in trials]
    low, high = min(logs) - 0.7, max(logs) + 0.7
    coarse = tuple(low + (high - low) * cell / _CELLS for cell in range(_CELLS + 1))
    belief = _over(coarse, trials)
    # Once more where it matters: the first grid is too coarse for a tight interval.
    low, high = belief.quantile(0.0005), belief.quantile(0.9995)
    margin = (coarse[1] - coarse[0]) * 2
    low, high = low - margin, high + margin
    return _over(tuple(low + (high - low) * cell / _CELLS for cell in range(_CELLS + 1)), trials)


def _over(grid: tuple[float, ...], trials: Sequence[Trial]) -> _Belief:
    dispersion = _dispersion(trials)
    fits = [
        [sum(_fit(trial, at, slope, dispersion) for trial in trials) for slope in _SLOPES]
        for at in grid
    ]
    best = max(max(row) for row in fits)
    weights = [sum(math.exp(fit - best) for fit in row) for row in fits]
    total = sum(weights)
    return _Belief(grid, tuple(weight / total for weight in accumulate(weights)))


def _dispersion(trials: Sequence[Trial]) -> float:
    """Requests per independent one, of trials near the limit together.

    Not each trial's own: those that were lucky look less dispersed, and would weigh more.
    """
    near = [trial for trial in trials if _is_near(trial)]
    beyond = sum(trial.requests * trial.above for trial in near)
    seen = sum(t.requests * t.above * t.requests / t.effective for t in near)
    expected = _USUAL_DISPERSION * _PRIOR_BEYOND
    found = min((seen + expected) / (beyond + _PRIOR_BEYOND), _MOST_DISPERSION)
    # A queue that remembers for as long as a trial lasts hides how much trials differ (simulated).
    hidden = min(1 + (found / 15) ** 2 / 2, 5.0)
    return max(1.0, found * hidden * _RESIDUAL)


def _is_near(trial: Trial) -> bool:
    """Whether the count of a trial is to be believed and not only on which side it lies."""
    return trial.error is None and _CLEARLY < trial.excess < _FAR and trial.effective > 0


def _fit(trial: Trial, limit: float, slope: float, dispersion: float) -> float:
    """Log likelihood of a trial if the limit were there and shares grew with that slope."""
    expected = min(max(slope * (math.log(trial.rate) - limit), -_NONE), _FAR)
    if _is_near(trial):
        # Quasi-Poisson: unbiased for counts, however they are dispersed.
        mean = trial.requests * trial.allowed * math.exp(expected)
        seen = trial.requests * trial.above
        scale = dispersion + _MODEL**2 * trial.requests * trial.allowed
        return (seen * math.log(mean) - mean) / scale
    excess, expected = min(max(trial.excess, -_FAR), _FAR), max(expected, -_FAR)
    squared = _FAR_ERROR**2 + (trial.error or 0.0) ** 2
    if trial.error is not None:
        squared = trial.error**2 + (_MODEL + _FAR_ERROR * abs(excess) / _FAR) ** 2
    return -2.5 * math.log1p((excess - expected) ** 2 / squared / 4)


def _found(
    slo: Slo,
    trials: Sequence[Trial],
    interval: tuple[float, float, float | None],
    *,
    is_found: bool,
) -> Limit:
    low, middle, high = interval
    broke = [trial for trial in trials if trial.excess > 0]
    reason = _broken(min(broke, key=lambda trial: trial.rate)) if broke else "Nothing broke it."
    if not is_found:
        reason += f" The search ended after {len(trials)} rates, before its interval was tight."
    return Limit(slo, middle, low, high, len(trials), reason)


def _broken(trial: Trial) -> str:
    return f"At {trial.words} {trial.worst}."


def _cut_short(slo: Slo, trials: Sequence[Trial]) -> Limit:
    """What is known of the limit where the client cannot go on; without a bracket, no rate."""
    limited = trials[-1]
    why = f"the client was the bottleneck at {limited.words}: {limited.limited[0]}"
    sure = [trial for trial in trials if not trial.limited]
    held = [trial.rate for trial in sure if trial.excess <= 0]
    broke = [trial.rate for trial in sure if trial.excess > 0]
    if not held or not broke:
        least = max(held, default=0.0)
        return Limit(slo, None, least, None, len(sure) + 1, f"{why[0].upper()}{why[1:]}")
    low, middle, high = _interval(_belief(sure), held, broke)
    reason = f"The search was cut short because {why}"
    return Limit(slo, middle, low, high, len(sure) + 1, reason)


def unreachable(level: LoadLevel) -> str:
    """Why no rate can hold the SLO, as a single user already breaks it; empty where one may.

    Args:
        level: of a closed loop of one user: a few requests, of which a cold one may be slow.
    """
    if level.goodput is None or (level.client is not None and level.client.limited):
        return ""
    results = level.goodput.bounds
    for bound, result in zip(level.goodput.slo.bounds, results, strict=False):
        if result.value_ms is not None and _surely_breaks(bound, result, level.requests):
            waits = f"{result.value_ms:,.{0 if result.value_ms >= 10 else 1}f} ms"
            return f"Even a single user {_WAITS[bound.metric].format(waits)} ({bound.percentile})."
    return ""


def _surely_breaks(bound: Bound, result: BoundResult, requests: int) -> bool:
    """Whether so many values are beyond the limit that chance does not explain it."""
    if bound.percentile == "mean":
        return result.low_ms is not None and result.low_ms >= bound.limit_ms
    if result.holds or result.share_above is None:
        return False
    # Gaps of an answer go together, so that requests count, not gaps.
    allowed, above = _TAIL[bound.percentile], round(result.share_above * requests)
    chance = sum(
        math.comb(requests, count) * allowed**count * (1 - allowed) ** (requests - count)
        for count in range(above, requests + 1)
    )
    return chance < _CHANCE
