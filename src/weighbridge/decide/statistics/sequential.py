"""Looking as often as one likes: a confidence sequence by betting, for bounded observations."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from weighbridge.core.provenance import Interval
from weighbridge.decide.statistics.paired import Floats

SEED: Final = 20_261_121
_STEPS: Final = 40  # of bisection, to about 1e-12
_MOST_STAKE: Final = 0.5  # of the capital, so that one observation cannot ruin the bettor


def anytime_difference(differences: Floats, *, level: float = 0.95) -> Interval:
    """Bounds of the mean of differences between −1 and 1 that hold at every look at once.

    They are the outer ones of two: those of the differences as they stand, which hold at all looks
    if items come in an order by chance, and those of the differences shuffled, which hold at one
    look whatever the order. Files are often sorted by kind or difficulty, and a bet against sorted
    items wins by that alone. The mean is given as it is, even where it lies outside.
    """
    low, high = _bounds(differences, level)
    other = _bounds(np.random.default_rng(SEED).permutation(differences), level)
    return Interval(float(differences.mean()), min(low, other[0]), max(high, other[1]), level)


def is_sorted(differences: Floats, *, level: float = 0.95) -> bool:
    """Whether the order of the differences must depend on them: their mean breaks their bounds."""
    low, high = _bounds(differences, level)
    return not low <= float(differences.mean()) <= high


def _bounds(differences: Floats, level: float) -> tuple[float, float]:
    low, high = anytime_mean((differences + 1) / 2, alpha=1 - level)
    return 2 * low - 1, 2 * high - 1


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
