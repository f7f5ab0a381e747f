"""Paired differences of whole columns of scores, item by item or clustered by group."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr, stdtrit

from weighbridge.core.provenance import Interval
from weighbridge.decide.statistics.clusters import mean_error, worth
from weighbridge.decide.statistics.flips import few
from weighbridge.decide.statistics.rates import wilson

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

# Scores other than 0 and 1: with fewer items or groups that differ, their spread is not known.
_FEWEST_DIFFERING: Final = 10
_CERTAIN: Final = 1e-9  # an error that only rounding has left


@dataclass(frozen=True, slots=True)
class Paired:
    """A mean difference with what its interval rests on.

    Attributes:
        value: the plain mean of the differences.
        centre: the middle of the interval, which few flips draw towards 0.
        error: standard error of ``centre``.
        dof: degrees of freedom of Student's t; infinite for the normal distribution.
        method: ``t``, ``bonett-price`` or ``cluster``.
        variance: of one item's difference, so that ``variance / n`` is the squared error.
    """

    value: float
    centre: float
    error: float
    dof: float
    method: str
    variance: float

    @property
    def p(self) -> float:
        """Two-sided p-value of "no difference", which agrees with the interval."""
        return min(1.0, 2 * float(stdtr(self.dof, -abs(self.centre) / self.error)))

    def interval(self, level: float = 0.95) -> Interval:
        """The two-sided interval; each end by itself is a one-sided bound at (1 + level) / 2."""
        q = (1 + level) / 2
        half = self.error * float(ndtri(q) if math.isinf(self.dof) else stdtrit(self.dof, q))
        low, high = max(-1.0, self.centre - half), min(1.0, self.centre + half)
        return Interval(self.value, min(self.value, low), max(self.value, high), level)


def paired(differences: Floats, groups: Ints | None = None) -> Paired:
    """The mean of the differences b − a of each item, with its error.

    Where items, flips or groups are few, a difference of +1 and one of −1 are added before the
    error is computed, which for right and wrong answers is Bonett and Price's interval.
    """
    sums = differences if groups is None else _sums(groups, differences)
    found = _estimate(differences, groups, is_thin=_is_thin(differences, sums))
    # Groups that are all alike would make it certain.
    return found if found.error > _CERTAIN else _estimate(differences, groups, is_thin=True)


def _estimate(differences: Floats, groups: Ints | None, *, is_thin: bool) -> Paired:
    value = float(differences.mean())
    if is_thin:
        differences = np.append(differences, (1.0, -1.0))
        if groups is not None:
            groups = np.append(groups, (groups.max() + 1, groups.max() + 2))
    n, centre = len(differences), float(differences.mean())
    if groups is not None:
        found = mean_error(differences, groups)
        error, method, dof = found.error, "cluster", found.dof
    elif is_thin:
        error, method, dof = float(differences.std()) / math.sqrt(n), "bonett-price", math.inf
    else:
        error, method, dof = float(differences.std(ddof=1)) / math.sqrt(n), "t", float(n - 1)
    return Paired(value, centre, error, dof, method, error**2 * n)


def _sums(groups: Ints, values: Floats) -> Floats:
    return np.bincount(groups, values).astype(np.float64)


def _is_thin(differences: Floats, sums: Floats) -> bool:
    """Whether too little differs for the spread of the differences to be known."""
    differing = int(np.count_nonzero(sums))
    if np.isin(differences, (-1.0, 0.0, 1.0)).all():
        return few(len(differences), differing)
    return differing < _FEWEST_DIFFERING


def mean(scores: Floats, groups: Ints | None = None) -> Interval:
    """The mean of one model's scores with its 95 % interval.

    Wilson's for right and wrong answers; Student's for other scores and, clustered, for groups,
    unless the scores hardly vary: then Wilson's again, which is wider.
    """
    n, value = len(scores), float(scores.mean())
    is_binary = bool(np.isin(scores, (0.0, 1.0)).all())
    sums = scores if groups is None else _sums(groups, scores - value)
    varied = int(np.count_nonzero(np.abs(sums - sums.mean()) > _CERTAIN))
    if (is_binary and groups is None) or varied < _FEWEST_DIFFERING:
        count = n if groups is None else max(1, math.floor(worth(groups) + _CERTAIN))
        bounds = wilson(min(count, max(0.0, value * count)), count)
        return Interval(value, min(value, bounds.low), max(value, bounds.high))
    if groups is None:
        error, dof = float(scores.std(ddof=1)) / math.sqrt(n), float(n - 1)
    else:
        found = mean_error(scores, groups)
        error, dof = found.error, found.dof
    half = error * float(stdtrit(dof, 0.975))
    return Interval(value, max(0.0, value - half), min(1.0, value + half))
