"""Two models, right or wrong on the same items: all that counts is who flips which way."""

from __future__ import annotations

import math
from statistics import NormalDist

from weighbridge.core.provenance import Interval

# With fewer items or flips than these, Student's interval misses the truth too often: see the
# coverage simulations in benchmarks/coverage.py.
FEWEST_ITEMS = 100
FEWEST_FLIPS = 25


def few(n: int, flips: int) -> bool:
    """Whether Bonett and Price's interval is the one to use."""
    return n < FEWEST_ITEMS or flips < FEWEST_FLIPS


def flip_difference(flips_up: int, flips_down: int, n: int, *, level: float = 0.95) -> Interval:
    """Difference of two rates on the same n items, with its interval.

    Student's paired t, or the interval of Bonett and Price where items or flips are few.
    """
    if few(n, flips_up + flips_down):
        return paired_difference(flips_up, flips_down, n, level=level)
    from scipy.special import stdtrit  # noqa: PLC0415 -- a third of a second of import

    value = (flips_up - flips_down) / n
    error = math.sqrt(((flips_up + flips_down) / n - value**2) / (n - 1))
    half = float(stdtrit(n - 1, (1 + level) / 2)) * error
    return Interval(value, max(-1.0, value - half), min(1.0, value + half), level)


def paired_difference(flips_up: int, flips_down: int, n: int, *, level: float = 0.95) -> Interval:
    """Difference of two rates on the same n items, with its interval for few flips.

    The adjusted Wald interval for paired binary data (Bonett & Price 2012, *J. Educ. Behav. Stat.*
    37:479), which keeps its coverage when flips are few. The point estimate is the plain one.
    """
    up, down = (flips_up + 1) / (n + 2), (flips_down + 1) / (n + 2)
    z = NormalDist().inv_cdf((1 + level) / 2)
    half = z * math.sqrt((up + down - (up - down) ** 2) / (n + 2))
    value = (flips_up - flips_down) / n
    low, high = max(-1.0, up - down - half), min(1.0, up - down + half)
    return Interval(value, min(value, low), max(value, high), level)


def mcnemar(flips_up: int, flips_down: int) -> float:
    """Two-sided exact McNemar p-value: are the flips a fair coin? 1 when nothing flipped."""
    flips = flips_up + flips_down
    if flips_up == flips_down:
        return 1.0
    from scipy.special import bdtr  # noqa: PLC0415 -- a third of a second of import

    return min(1.0, 2 * float(bdtr(min(flips_up, flips_down), flips, 0.5)))
