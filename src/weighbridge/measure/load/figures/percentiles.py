"""Means and percentiles of a sample, each with a 95 % interval that honours how it was drawn.

Requests that follow each other share a queue, and the gaps of one answer a server's state: they are
not as many independent observations as they are numbers. The sample is therefore cut into blocks
of consecutive ones. How much the share of values above a percentile varies from block to block,
against what independent values would do, is the design effect; dividing by it gives the effective
size of the sample, and with it the ranks between which the percentile lies (Woodruff 1952, *JASA*
47:635, with the effective size of Korn & Graubard 1998, *Survey Methodology* 24:193). Nothing is
resampled: four percentiles of 200,000 gaps with intervals cost one sort.

Coverage of nominal 95 % intervals, by simulation (``test_percentiles.py`` repeats it
smaller): see the table in docs/metrics.md.
"""

from __future__ import annotations

import math
import operator
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from itertools import chain, pairwise
from typing import Final, TypeVar

from weighbridge.core.load import Bounds, Distribution

_Value = TypeVar("_Value")

SHARES: Final = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
# Batch means need no more (Schmeiser 1982): fewer and longer blocks see more of the correlation,
# more of them tell the variance better.
BLOCKS: Final = 24
_TAIL: Final = 0.025
_Z: Final = 1.959963984540054
_T_SMALL: Final = (math.inf, 12.706204736, 4.302652730, 3.182446305, 2.776445105)
_ALIKE: Final = 0.25  # correlation of neighbouring blocks that chance hardly makes
_MOST_ALIKE: Final = 0.9
_DRIFTING: Final = 6.0  # the fewest independent values that bound a median on both sides
_MANY: Final = 200.0  # expected values above, from which the normal curve does for the binomial


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0 to 1) of a sorted, non-empty sample lies.

    Linear interpolation between closest ranks (Hyndman & Fan 1996, definition 7: numpy's default).
    """
    return _at(ordered, share * (len(ordered) - 1))


def distribution(values: Sequence[float]) -> Distribution | None:
    """Mean and percentiles of one value per request, in order of sending; None when there is none.

    A value that some requests lack is simply left out.
    """
    return _summary(cut(values))


def pooled(requests: Sequence[Iterable[float]]) -> Distribution | None:
    """The same of many values per request, such as gaps: those of a request stay together."""
    return _summary([list(chain.from_iterable(block)) for block in cut(requests)])


def share_above(requests: Sequence[Iterable[float]], limit: float) -> tuple[float, float]:
    """Which share of the values, several per request, is not below ``limit``.

    Returns:
        The share, and how many independent values would tell it as surely; 0 without values.
    """
    parts = [sorted(chain.from_iterable(block)) for block in cut(requests)]
    parts = [part for part in parts if part]
    count = sum(map(len, parts))
    if not count:
        return 0.0, 0.0
    below = [bisect_left(part, limit) for part in parts]
    effect, _ = _effect(below, parts) if len(parts) > 1 else (float(count), 0)
    return 1 - sum(below) / count, count / effect


def cut(values: Sequence[_Value], blocks: int = BLOCKS) -> list[Sequence[_Value]]:
    """``values`` in at most ``blocks`` runs of consecutive ones, as equal as can be."""
    count = min(blocks, len(values))
    ends = [len(values) * index // count for index in range(count + 1)] if count else [0]
    return [values[early:late] for early, late in pairwise(ends)]


def student_t(dof: int) -> float:
    """97.5 % quantile of Student's t: a table for 1 to 4, from 5 on the series of Fisher & Cornish.

    Abramowitz & Stegun 26.7.5; its error is below 0.0003 at 5 degrees of freedom, then less.
    """
    if dof < len(_T_SMALL):
        return _T_SMALL[max(0, dof)]
    z = _Z
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / math.pow(dof, power) for power, term in enumerate(terms, 1))


def _summary(blocks: Sequence[Sequence[float]]) -> Distribution | None:
    parts = [sorted(block) for block in blocks if block]
    # Sorting runs that are sorted already is merging them.
    ordered = sorted(chain.from_iterable(parts))
    if not ordered:
        return None
    mean = math.fsum(ordered) / len(ordered)
    values = {name: percentile(ordered, share) for name, share in SHARES.items()}
    intervals: dict[str, Bounds] = {"mean": _mean_bounds(mean, parts, len(ordered))}
    for name, share in SHARES.items():
        intervals[name] = _bounds(ordered, parts, share, values[name])
    return Distribution(len(ordered), mean, **values, intervals=intervals)


def _mean_bounds(mean: float, parts: Sequence[Sequence[float]], count: int) -> Bounds:
    if len(parts) < 2:
        return None, None
    variance, dof = variance_of_sum([math.fsum(part) - mean * len(part) for part in parts])
    half = student_t(dof) * math.sqrt(variance) / count
    return mean - half, mean + half


def _bounds(
    ordered: Sequence[float], parts: Sequence[Sequence[float]], share: float, value: float
) -> Bounds:
    """The 95 % interval of a percentile whose estimate is ``value``."""
    if len(parts) < 2:
        return None, None
    count = len(ordered)
    effect, dof = _design_effect(parts, value)
    size = max(count / effect * (_Z / student_t(dof)) ** 2, _least_size(parts))
    most, least = _ranks_above(size, 1 - share)
    scale = count / size
    low = None if most is None else _at(ordered, count - 0.5 - most * scale)
    high = None if least is None else _at(ordered, count - 0.5 - least * scale)
    return (None if low is None else min(low, value), None if high is None else max(high, value))


def _least_size(parts: Sequence[Sequence[float]]) -> float:
    """Of how many independent values a sample is worth at least.

    A sample whose blocks drift looks as if it were worth two or three, which bound no percentile.
    The interval of six reaches over most of what was seen, and that much is known.
    """
    return _DRIFTING if len(parts) >= BLOCKS else 0.0


def _design_effect(parts: Sequence[Sequence[float]], value: float) -> tuple[float, int]:
    """By how much the sample is smaller than it looks, at least 1, and the degrees of freedom.

    Values equal to ``value`` count by half, so that a sample with many ties (gaps of 0 between
    tokens that arrived together) is not taken for one without spread.
    """
    below = [(bisect_left(part, value) + bisect_right(part, value)) / 2 for part in parts]
    return _effect(below, parts)


def _effect(below: Sequence[float], parts: Sequence[Sequence[float]]) -> tuple[float, int]:
    count = sum(map(len, parts))
    share = sum(below) / count
    expected = share * (1 - share) * count
    if expected <= 0:
        return 1.0, len(parts) - 1
    variance, dof = variance_of_sum(
        [found - share * len(part) for found, part in zip(below, parts, strict=True)]
    )
    return max(1.0, variance / expected), dof


def variance_of_sum(residuals: Sequence[float]) -> tuple[float, int]:
    """Variance of the sum of all blocks, from what each deviates, and its degrees of freedom.

    Where a queue remembers for longer than a block lasts, neighbouring blocks deviate alike, and
    the plain sum of squares is too small: the blocks are then taken for an autoregressive series.
    """
    count = len(residuals)
    squares = math.fsum(residual**2 for residual in residuals)
    variance = squares * count / (count - 1)
    if count < BLOCKS or not squares:
        return variance, count - 1
    alike = math.fsum(map(operator.mul, residuals, residuals[1:])) / squares
    alike += (1 + 3 * alike) / count  # what a short series hides (Kendall 1954)
    if alike < _ALIKE:
        return variance, count - 1
    alike = min(alike, _MOST_ALIKE)
    inflation = (1 + alike) / (1 - alike)
    return variance * inflation, max(2, round((count - 1) / inflation))


def _ranks_above(size: float, above: float) -> tuple[float | None, float | None]:
    """How many of ``size`` values lie above a percentile: at most, and at least, with 97.5 % each.

    None where even the smallest or the largest of them does not bound it.
    """
    most = None if above**size > _TAIL else _binomial(size, above, 1 - _TAIL)
    least = None if (1 - above) ** size > _TAIL else _binomial(size, above, _TAIL)
    return most, least


def _binomial(size: float, chance: float, tail: float) -> float:
    """Quantile of the binomial distribution by its mid-p function, made continuous.

    The size may be no whole number. Where many are expected, the normal curve with its skewness.
    """
    variance = size * chance * (1 - chance)
    if variance > _MANY:
        z = math.copysign(_Z, tail - 0.5)
        skewness = (1 - 2 * chance) / math.sqrt(variance)
        return size * chance + math.sqrt(variance) * (z + (z * z - 1) * skewness / 6)
    mass = math.pow(1 - chance, size)
    passed, mid, count = mass, mass / 2, 0
    while count < size:
        mass *= max(0.0, size - count) / (count + 1) * chance / (1 - chance)
        following = passed + mass / 2
        if following >= tail:
            return count + (tail - mid) / (following - mid)
        passed, mid, count = passed + mass, following, count + 1
    return size


def _at(ordered: Sequence[float], position: float) -> float:
    """The value at a rank that may lie between two."""
    position = min(max(position, 0.0), len(ordered) - 1.0)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
