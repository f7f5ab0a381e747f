"""What speaks for each option: Pareto front, chances of being best and cheapest, overall gain.

All draws are of the Bayesian bootstrap over items, paired across the models of a task: each draw
gives an item the same weight for every model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Final

import numpy as np

from weighbridge.core.outcomes import Outcomes
from weighbridge.core.provenance import Interval
from weighbridge.core.tradeoffs import Spending
from weighbridge.core.verdict import Assignment, ModelEvidence, OverallStanding
from weighbridge.decide.model_comparison import columns
from weighbridge.decide.statistics.bootstrap import DRAWS, mean_draws, p_best
from weighbridge.decide.statistics.paired import Floats

_SEED: Final = 20_261_121
# More than there are tasks: each task and each of the user's seeds has a stream of its own.
_STREAMS: Final = 1_000_003
_TAIL: Final = (1 - 0.95) / 2


def accuracy_draws(outcomes: Mapping[str, Outcomes], seed: int = 0) -> dict[str, dict[str, Floats]]:
    """Task → model → plausible true accuracies. Tasks have different items: independent draws."""
    found: dict[str, dict[str, Floats]] = {}
    for stream, (task, one) in enumerate(outcomes.items()):
        table = columns(one)
        draws = mean_draws(table.scores, table.groups, seed=_STREAMS * seed + stream)
        found[task] = {model: draws[:, index] for index, model in enumerate(one.models)}
    return found


def chances(draws: Mapping[str, Floats]) -> dict[str, float]:
    """Model → the probability that its true accuracy is the highest; ties are shared."""
    shares = p_best(np.stack(list(draws.values()), axis=1))
    return dict(zip(draws, map(float, shares), strict=True))


def cheapest(
    draws: Mapping[str, Floats],
    spending: Mapping[str, Spending],
    least: float = 0.0,
    *,
    seed: int = 0,
) -> dict[str, float] | None:
    """Model → the probability that it costs least per accepted request, being accurate enough.

    None unless the cost of every model is known. Where in a draw no model is accurate enough, that
    draw is for none of them, so that the shares may sum to less than one.
    """
    prices = {model: spending[model].usd_per_1000 for model in draws if model in spending}
    if not draws or len(prices) < len(draws) or None in prices.values():
        return None
    generator = np.random.default_rng((_SEED, 1, seed))
    columns_ = []
    for model, right in draws.items():
        usd = cost_draws(prices[model] or Interval(0, 0, 0), generator, len(right))
        columns_.append(np.where(right >= max(least, 1e-9), usd / np.maximum(right, 1e-9), np.inf))
    table = np.stack(columns_, axis=1)
    lowest = table.min(axis=1, keepdims=True)
    best = (table <= lowest * (1 + 1e-12)) & np.isfinite(lowest)
    shares = (best / np.maximum(best.sum(axis=1, keepdims=True), 1)).mean(axis=0)
    return dict(zip(draws, map(float, shares), strict=True))


def cost_draws(usd: Interval, generator: np.random.Generator, count: int) -> Floats:
    """Draws of a cost whose median and ends are those of the interval, lognormal on either side.

    A cost is positive and skewed upwards, and its value is seldom midway between the ends. A value
    beyond them, which the costliest of all assumptions may give, tells no median: then the middle
    is theirs.
    """
    if usd.low <= 0 or usd.high <= usd.low:
        return np.full(count, usd.value)
    middle = usd.value if usd.low <= usd.value <= usd.high else math.sqrt(usd.low * usd.high)
    sigmas = NormalDist().inv_cdf((1 + usd.level) / 2)
    below, above = math.log(middle / usd.low) / sigmas, math.log(usd.high / middle) / sigmas
    normal = generator.standard_normal(count)
    return middle * np.exp(np.where(normal < 0, below, above) * normal)


def with_front(
    standings: Sequence[ModelEvidence], memory: Mapping[str, int | None]
) -> tuple[tuple[ModelEvidence, ...], tuple[str, ...]]:
    """The options of a task, each marked whether it is on the Pareto front; and what of it counts.

    Compared are accuracy, and of latency, cost per accepted request and memory those that are known
    of all options that have anything right; the others are on no front. Models that are alike in
    all are both on it.
    """
    able = [one for one in standings if one.accuracy.value > 0]
    sides = _sides(able, memory)
    points = dict(zip((one.model for one in able), zip(*sides.values(), strict=True), strict=True))
    marked = tuple(
        replace(
            one,
            on_front=one.model in points
            and not any(_dominates(other, points[one.model]) for other in points.values()),
        )
        for one in standings
    )
    return marked, tuple(sides)


def _sides(
    standings: Sequence[ModelEvidence], memory: Mapping[str, int | None]
) -> dict[str, list[float]]:
    """What is known of every option, as figures of which less is better."""
    sides: dict[str, list[float | None]] = {
        "accuracy": [-one.accuracy.value for one in standings],
        "latency": [None if one.served is None else _latency(one) for one in standings],
        "cost": [None if one.spending is None else _usd(one.spending) for one in standings],
        "memory": [memory.get(one.model) for one in standings],
    }
    known = {name: [value for value in side if value is not None] for name, side in sides.items()}
    return {name: side for name, side in known.items() if side and len(side) == len(standings)}


def _latency(one: ModelEvidence) -> float | None:
    served = one.served
    if served is None or served.is_client_limited:
        return None  # the client's time and not the model's
    figure = served.e2e_ms or served.ttft_ms
    return None if figure is None else figure.value


def _usd(spending: Spending) -> float | None:
    """Per accepted request."""
    accepted = spending.usd_per_1000_accepted
    return None if accepted is None else accepted.value


def _dominates(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))


def overall(
    draws: Mapping[str, Mapping[str, Floats]],
    accuracy: Mapping[str, Mapping[str, float]],
    mix: Mapping[str, float],
) -> tuple[OverallStanding, ...]:
    """Every model that does all tasks, as if it did: best first."""
    able = [
        model
        for model in next(iter(accuracy.values()), {})
        if all(model in table for table in accuracy.values())
    ]
    if not able:
        return ()
    sums = {model: _mixed(draws, mix, dict.fromkeys(mix, model)) for model in able}
    best = chances(sums)
    standings = [
        OverallStanding(
            model,
            _interval(sum(mix[task] * accuracy[task][model] for task in mix), sums[model]),
            best[model],
        )
        for model in able
    ]
    return tuple(sorted(standings, key=lambda one: (-one.accuracy.value, one.model)))


def gain(
    draws: Mapping[str, Mapping[str, Floats]],
    mix: Mapping[str, float],
    chosen: Assignment,
    single: Assignment | None,
) -> Interval | None:
    """Accuracy of the assignment minus that of the best single model; None where alike."""
    if single is None or single.by_task == chosen.by_task:
        return None
    difference = _mixed(draws, mix, dict(chosen.by_task)) - _mixed(draws, mix, dict(single.by_task))
    return _interval(chosen.accuracy - single.accuracy, difference)


def _mixed(
    draws: Mapping[str, Mapping[str, Floats]],
    mix: Mapping[str, float],
    by_task: Mapping[str, str],
) -> Floats:
    total: Floats = np.zeros(DRAWS)
    for task, share in mix.items():
        total = total + share * draws[task][by_task[task]]
    return total


def _interval(value: float, draws: Floats) -> Interval:
    low, high = np.quantile(draws, (_TAIL, 1 - _TAIL))
    return Interval(value, min(value, float(low)), max(value, float(high)))
