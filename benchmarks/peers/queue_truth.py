"""What a server of N slots and fixed pace can hold, without measuring it.

Each answer occupies a slot for S = TTFT + (tokens − 1) × ITL, first come first served, so a request
starts when it arrives or when the one N before it ends, whichever is later. Evenly spaced arrivals
never wait below N / S per second; above it all wait ever longer. For Poisson arrivals (M/D/N) the
waits are simulated to steady state, and the rate is sought at which a percentile meets its limit.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import fmean, stdev
from typing import Literal

from weighbridge.core.workload import Slo
from weighbridge.measure.load.figures.percentiles import distribution

Arrivals = Literal["constant", "poisson"]
_HALVINGS = 12
_T_95 = 2.262  # Student's t for 10 simulations


@dataclass(frozen=True)
class Queue:
    """A server of known pace."""

    slots: int
    ttft_ms: float
    itl_ms: float
    tokens: int

    @property
    def service_ms(self) -> float:
        """How long an answer occupies its slot."""
        return self.ttft_ms + (self.tokens - 1) * self.itl_ms

    @property
    def capacity(self) -> float:
        """Requests per second beyond which the queue grows without end."""
        return 1000 * self.slots / self.service_ms


@dataclass(frozen=True)
class TrueLimit:
    """The highest rate that holds an SLO, with the 95 % interval of the simulation."""

    rate: float
    low: float
    high: float


def true_limit(
    queue: Queue, slo: Slo, arrivals: Arrivals, *, requests: int = 100_000, simulations: int = 10
) -> TrueLimit:
    """The highest rate in steady state at which every condition holds.

    Raises:
        ValueError: a condition does not even hold for a lone request.
    """
    if not holds(queue, slo, [0.0]):
        raise ValueError(f"{slo} does not hold for a lone request of this server.")
    if arrivals == "constant":
        return TrueLimit(queue.capacity, queue.capacity, queue.capacity)
    found = [_simulated(queue, slo, requests, seed) for seed in range(simulations)]
    half = _T_95 * stdev(found) / len(found) ** 0.5 if len(found) > 1 else 0.0
    middle = fmean(found)
    return TrueLimit(middle, middle - half, middle + half)


def _simulated(queue: Queue, slo: Slo, requests: int, seed: int) -> float:
    """By halving; the arrivals are the same at every rate, only closer together."""
    generator = random.Random(seed)
    unit = list(accumulate(generator.expovariate(1.0) for _ in range(requests)))
    low, high = 0.0, queue.capacity
    for _ in range(_HALVINGS):
        rate = (low + high) / 2
        found = waits_ms([at * 1000 / rate for at in unit], queue)
        if holds(queue, slo, found[requests // 10 :]):
            low = rate
        else:
            high = rate
    return (low + high) / 2


def waits_ms(arrivals_ms: Sequence[float], queue: Queue) -> list[float]:
    """How long each request waits for a slot."""
    starts: list[float] = []
    slots, service = queue.slots, queue.service_ms
    for number, at in enumerate(arrivals_ms):
        free = starts[number - slots] + service if number >= slots else at
        starts.append(max(at, free))
    return [start - at for start, at in zip(starts, arrivals_ms, strict=True)]


def holds(queue: Queue, slo: Slo, waits: Sequence[float]) -> bool:
    """Whether the conditions hold for requests that waited so long."""
    waited = distribution(waits)
    assert waited is not None
    after = {"ttft": queue.ttft_ms, "e2e": queue.service_ms}
    for bound in slo.bounds:
        value = queue.itl_ms
        if bound.metric in after:
            value = after[bound.metric] + float(getattr(waited, bound.percentile))
        if value >= bound.limit_ms:
            return False
    return True
