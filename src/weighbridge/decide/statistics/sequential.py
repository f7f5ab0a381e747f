"""Looking as often as one likes: a confidence sequence by betting, for bounded observations."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from weighbridge.core.provenance import Interval
from weighbridge.decide.statistics.paired import Floats

_STEPS: Final = 40  # of bisection, to about 1e-12
_MOST_STAKE: Final = 0.5  # of the capital, so that one observation cannot ruin the bettor


def anytime_difference(differences: Floats, *, level: float = 0.95) -> Interval:
    """Bounds of the mean of differences between −1 and 1 that hold at every look at once.

    The observations must be in an order that does not depend on them, as answered or shuffled.
    """
    low, high = anytime_mean((differences + 1) / 2, alpha=1 - level)
    value = float(differences.mean())
    return Interval(value, min(value, 2 * low - 1), max(value, 2 * high - 1), level)


def anytime_mean(observations: Floats, *, alpha: float = 0.05) -> tuple[float, float]:
    """Bounds of the mean of observations between 0 and 1, valid at all times together.

    The hedged capital process of Waudby-Smith and Ramdas (2024, *J. R. Stat. Soc. B* 86:1) with
    predictable bets: whoever bets against a mean that is the true one multiplies their capital by
    2 / alpha at any time with a chance of alpha / 2 at most. The capital falls as the supposed mean
    moves towards the observations, so each bound is found by bisection.
    """
    bets = _bets(observations, alpha)
    below = _bound(observations, bets, alpha)
    above = 1 - _bound(1 - observations, bets, alpha)
    return below, above


def _bets(observations: Floats, alpha: float) -> Floats:
    """How much to stake on each observation, from those before it alone."""
    times = np.arange(1, len(observations) + 1)
    means = (0.5 + np.cumsum(observations)) / (times + 1)
    variances = (0.25 + np.cumsum((observations - means) ** 2)) / (times + 1)
    known = np.append(0.25, variances[:-1])
    stakes: Floats = np.sqrt(2 * math.log(2 / alpha) / (known * times * np.log1p(times)))
    return stakes


def _bound(observations: Floats, bets: Floats, alpha: float) -> float:
    """The largest mean that a bet on more than it has made untenable at some time; 0 for none."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        supposed = (low + high) / 2
        stakes = np.minimum(bets, _MOST_STAKE / supposed)
        capital = np.cumsum(np.log1p(stakes * (observations - supposed)))
        if capital.max() >= math.log(2 / alpha):
            low = supposed
        else:
            high = supposed
    return low
