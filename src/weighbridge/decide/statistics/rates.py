"""A rate with its interval."""

from __future__ import annotations

import math

from weighbridge.core.provenance import Interval

Z95 = 1.959963984540054  # two-sided 95 % quantile of the normal distribution


def wilson(successes: float, n: int) -> Interval:
    """A rate with its 95 % score interval (Wilson 1927), which stays inside 0 to 1.

    ``successes`` may be a sum of scores between 0 and 1: of all such scores with one mean, those of
    0 and 1 vary most, so the interval is then wider than need be, never narrower.

    Raises:
        ValueError: ``n`` is not positive or ``successes`` not within 0 to ``n``.
    """
    if n <= 0 or not 0 <= successes <= n:
        raise ValueError(f"{successes} of {n} is no rate")
    rate = successes / n
    centre = (rate + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    spread = rate * (1 - rate) / n + Z95**2 / (4 * n**2)
    half = Z95 * math.sqrt(spread) / (1 + Z95**2 / n)
    # Rounding must not push a bound past the estimate at rates of 0 and 1.
    return Interval(rate, min(rate, max(0.0, centre - half)), max(rate, min(1.0, centre + half)))
