"""Score bounds of the difference of two paired rates (Tango 1998, *Stat. Med.* 17:891).

Where flips are few and nearly all go one way, bounds from the spread that was seen pass a candidate
that is worse by the whole margin in up to a tenth of all cases. These take the spread that there
would be if the bound itself were true.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

from weighbridge.core.provenance import Interval

_STEPS: Final = 60  # of bisection


def score_interval(flips_up: int, flips_down: int, n: int, *, level: float = 0.95) -> Interval:
    """The difference of two rates on n items, with those that it cannot rule out.

    Each end by itself is a one-sided bound at (1 + level) / 2.
    """
    value, z = (flips_up - flips_down) / n, NormalDist().inv_cdf((1 + level) / 2)
    low = _lowest(flips_up, flips_down, n, z)
    high = -_lowest(flips_down, flips_up, n, z)
    return Interval(value, low, high, level)


def _lowest(up: int, down: int, n: int, z: float) -> float:
    low, high = -1.0, (up - down) / n
    for _ in range(_STEPS):
        middle = (low + high) / 2
        ruled_out = distance(up, down, n, middle) > z
        low, high = (middle, high) if ruled_out else (low, middle)
    return low


def distance(up: int, down: int, n: int, supposed: float) -> float:
    """By how many of its standard errors the difference lies above a supposed one.

    The error is that of the likeliest rates of flips whose difference is the supposed one.
    """
    b = (2 * n - up + down) * supposed - up - down
    c = -down * supposed * (1 - supposed)
    falling = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
    spread = n * (2 * falling + supposed * (1 - supposed))
    above = up - down - n * supposed
    return above / math.sqrt(spread) if spread > 0 else math.copysign(math.inf, above)
