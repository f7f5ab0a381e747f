"""When the requests of an open loop or a ramp are due: decided before the load, by one seed."""

from __future__ import annotations

import math
from itertools import accumulate
from random import Random

from weighbridge.core.errors import InputError
from weighbridge.core.traffic import LoadShape


def due_times(shape: LoadShape, count: int, seed: int) -> list[float]:
    """When each of ``count`` requests is due, in seconds; the first at 0, the same for a seed.

    The gaps are stretched so that the requests fill ``count / rate`` seconds exactly: a sample that
    happens to be faster than asked would make a server look slower than it is. For Poisson
    arrivals that is the process itself, given how many arrive.

    Raises:
        InputError: the rate or the burstiness is no positive number.
    """
    if shape.kind not in ("open", "ramp"):
        raise ValueError(shape.kind)
    rate = _rate(shape)
    if count < 1:
        return []
    # Arrivals at one per second on average, within [0, count).
    steps = _unit_arrivals(shape, count, Random(f"arrivals {seed}"))  # noqa: S311 -- no secret
    if shape.kind == "open":
        return [step / rate for step in steps]
    # A rate that grows evenly to r within T brings r T / 2 requests, r t² / 2T of them by t.
    length_s = 2 * count / rate
    return [length_s * math.sqrt(step / count) for step in steps]


def count_within(shape: LoadShape, duration_s: float) -> int:
    """How many requests come within a duration, at least one.

    Raises:
        InputError: the rate, the burstiness or the duration is no positive number.
    """
    if not 0 < duration_s < math.inf:
        raise InputError(
            f"A load cannot last {duration_s:g} seconds.", fix="Give a positive duration."
        )
    expected = _rate(shape) * duration_s
    return max(1, round(expected / 2 if shape.kind == "ramp" else expected))


def _unit_arrivals(shape: LoadShape, count: int, rng: Random) -> list[float]:
    if shape.arrivals == "constant":
        return [float(place) for place in range(count)]
    if shape.arrivals == "poisson":
        gaps = [rng.expovariate(1.0) for _ in range(count)]
    else:
        # Of a gamma distribution with shape k the squared coefficient of variation is 1 / k.
        gaps = [rng.gammavariate(1 / shape.burstiness, 1.0) for _ in range(count)]
    sums = list(accumulate(gaps))
    # Extreme burstiness may underflow every gap to 0: then all come at once.
    stretch = count / sums[-1] if sums[-1] > 0 else 0.0
    return [0.0, *(total * stretch for total in sums[:-1])]


def _rate(shape: LoadShape) -> float:
    rate = shape.rate
    if rate is None or not 0 < rate < math.inf:
        raise InputError(
            f"{rate or 0:g} requests per second never arrive.", fix="Give a positive finite rate."
        )
    if shape.arrivals == "gamma" and not 1e-3 <= shape.burstiness <= 1e3:
        raise InputError(
            f"Arrivals cannot have a burstiness of {shape.burstiness:g}.",
            fix="Give a number from 0.001 (even) through 1 (Poisson) to 1000 (bursts).",
        )
    return rate
