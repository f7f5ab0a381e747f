"""What charts of a cost report show: bills over volume, and how the difference is spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from weighbridge.core.cost import CostReport, Demand, Hosted, SelfHosted, Uncertain, certain
from weighbridge.core.cost_comparison import Comparison
from weighbridge.predict.cost.bills import bill, differences
from weighbridge.predict.cost.comparing import Pair
from weighbridge.predict.cost.demand import traffic
from weighbridge.predict.cost.hosted import hosted_lines
from weighbridge.predict.cost.lines import total
from weighbridge.predict.cost.replicas import most_requests_per_day, need
from weighbridge.predict.cost.selfhosted import self_lines
from weighbridge.predict.cost.values import Array, Values, base_values, broadcast, drivers_of

_GRID: Final = 160
# Ends of steps that are drawn exactly; steps beyond are finer than a line is wide.
_STEPS: Final = 40
# Decades beside today's volume within which a crossing still belongs into the same chart.
_REACH: Final = 3.0
# More than what counting replicas forgives.
_JUST_BEYOND: Final = 1 + 1e-6


@dataclass(frozen=True, slots=True)
class Curve:
    """An option's bill over volume, at base.

    Attributes:
        name: of the option.
        points: tokens a day and USD a month; up to the capacity of the GPUs allowed.
    """

    name: str
    points: tuple[tuple[float, float], ...]


def curves(report: CostReport) -> tuple[Curve, ...]:
    """Every option's bill over volumes that hold today's and all crossings near it.

    Divided by its pass rate where all comparisons are, see :func:`per_accepted`.
    """
    question = report.question
    demand = _in_tokens(question.demand)
    least, most = _ends(report)
    steps = [end for own in question.selfhosted for end in _step_ends(demand, own, most)]
    crossings = [
        each.tokens_per_day for one in report.comparisons for each in one.break_even.crossings
    ]
    exact = [at for end in steps for at in (end, end * _JUST_BEYOND)] + crossings
    inside = [at for at in (*exact, demand.volume.base) if least <= at <= most]
    volumes = np.unique(np.concatenate([np.geomspace(least, most, _GRID), inside]))
    found = (
        *(_own_curve(demand, own, volumes) for own in question.selfhosted),
        *(_api_curve(demand, api, volumes) for api in question.hosted),
    )
    if not per_accepted(report):
        return found
    rates = {one.name: one.pass_rate for one in question.selfhosted}
    rates |= {one.name: one.pass_rate for one in question.hosted}
    return tuple(_divided(one, rates[one.name]) for one in found)


def per_accepted(report: CostReport) -> bool:
    """Whether all comparisons are of accepted answers, so that a chart of all can be too."""
    return bool(report.comparisons) and all(one.per_accepted for one in report.comparisons)


def _divided(one: Curve, rate: Uncertain | None) -> Curve:
    by = 1.0 if rate is None else rate.base
    return replace(one, points=tuple((at, usd / by) for at, usd in one.points))


def _ends(report: CostReport) -> tuple[float, float]:
    now = report.question.demand.tokens_per_day
    found = [now]
    for one in report.comparisons:
        even = one.break_even
        found += [each.tokens_per_day for each in even.crossings]
        found.append(even.ignoring_capacity)
    found += [
        one.break_even.capacity_tokens_per_day
        for one in report.comparisons
        for own in report.question.selfhosted
        if own.name == one.option and own.max_gpus is not None
    ]
    near = [at for at in found if now / 10**_REACH <= at <= now * 10**_REACH]
    return min(near) / 4, max(near) * 4


def _step_ends(demand: Demand, own: SelfHosted, most: float) -> list[float]:
    base = base_values(drivers_of(demand, own, None))
    fewest = max(1, round(own.min_replicas.base))
    working = np.arange(fewest, fewest + _STEPS, dtype=np.float64)
    values = broadcast(base, len(working))
    requests = most_requests_per_day(own, traffic(demand, values), values, working)
    ends = requests * demand.tokens_per_request
    return [float(end) for end in ends if end <= most]


def _own_curve(demand: Demand, own: SelfHosted, volumes: Array) -> Curve:
    values = _at(base_values(drivers_of(demand, own, None)), volumes)
    come = traffic(demand, values)
    usd, replicas = total(self_lines(own, come, values)), need(own, come, values).replicas
    most = np.inf if own.max_replicas is None else own.max_replicas
    return _curve(own.name, volumes[replicas <= most], usd[replicas <= most])


def _api_curve(demand: Demand, api: Hosted, volumes: Array) -> Curve:
    values = _at(base_values(drivers_of(demand, None, api)), volumes)
    return _curve(api.name, volumes, total(hosted_lines(api, traffic(demand, values), values)))


def _at(base: Values, volumes: Array) -> Values:
    return broadcast(base, len(volumes)) | {"demand.volume": volumes}


def _curve(name: str, volumes: Array, usd: Array) -> Curve:
    pairs = zip(volumes.tolist(), usd.tolist(), strict=True)
    return Curve(name, tuple((at, much) for at, much in pairs))


def _in_tokens(demand: Demand) -> Demand:
    return replace(demand, volume=certain(demand.tokens_per_day), unit="tokens")


@dataclass(frozen=True, slots=True)
class Bar:
    """How many draws of a difference lie between two values, USD a month."""

    low: float
    high: float
    share: float


def spread(report: CostReport, comparison: Comparison, bars: int = 40) -> tuple[Bar, ...]:
    """The draws of self-hosted minus API in equal steps; nothing where all draws are the same.

    The outermost hundredth at both ends is left out, lest a few draws press all others together.
    """
    draws = _differences(report, comparison)
    low, high = (float(end) for end in np.quantile(draws, (0.01, 0.99)))
    if high - low <= 1e-9 * max(abs(low), abs(high), 1.0):
        return ()
    edges = _edges(low, high, bars)
    counts, _ = np.histogram(draws, edges)
    shares: Sequence[float] = (counts / len(draws)).tolist()
    ends: Sequence[float] = edges.tolist()
    return tuple(map(Bar, ends, ends[1:], shares))


def _differences(report: CostReport, comparison: Comparison) -> Array:
    """The same draws as the report was made of."""
    asked = report.question
    own = next(one for one in asked.selfhosted if one.name == comparison.option)
    api = next(one for one in asked.hosted if one.name == comparison.against)
    mine, theirs = (bill(asked.demand, one, report.seed, report.draws) for one in (own, api))
    return differences(Pair(asked.demand, own, api), mine, theirs)


def _edges(low: float, high: float, bars: int) -> Array:
    """Equal steps, one of which ends at 0 where 0 lies between the ends."""
    step = (high - low) / bars
    first = np.floor(low / step) if low < 0 < high else low / step
    count = int(np.ceil(high / step - first - 1e-9))
    edges: Array = step * (first + np.arange(count + 1, dtype=np.float64))
    return edges
