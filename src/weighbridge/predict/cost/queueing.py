"""Waiting for a slot: Erlang's C formula, and Kimura's for times that are not exponential.

``slots`` requests are worked on at once; ``load`` is the offered load in Erlangs: arrivals per
second times the mean time that one takes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import gammaincc, gammaln

from weighbridge.predict.cost.values import Array

# With so many slots beyond the load, hardly anybody waits: less than one in 1e12.
_STANDARD_DEVIATIONS: Final = 10.0
_MORE_SLOTS: Final = 40.0
# Beyond 2^53 slots floats have no neighbours one apart, and a bisection has no end.
_MOST_HALVINGS: Final = 64


def erlang_b(slots: Array, load: Array) -> Array:
    """Share of requests that find all slots taken, where none may wait; not for far more load.

    The ratio of a Poisson probability to its sum, in logarithms: the usual recursion takes as many
    steps as there are slots, and a power and a factorial overflow at 171.
    """
    some = np.where(load > 0, load, 1.0)
    log_term = slots * np.log(some) - some - gammaln(slots + 1)
    blocked = np.exp(np.minimum(0.0, log_term - np.log(gammaincc(slots + 1, some))))
    return np.where(load > 0, blocked, np.where(slots > 0, 0.0, 1.0))


def erlang_c(slots: Array, load: Array) -> Array:
    """Share of requests that have to wait for a slot; 1 where more comes than is served."""
    served = np.minimum(load, slots)
    blocked = erlang_b(slots, served)
    free = slots - served * (1 - blocked)
    waits = np.divide(slots * blocked, free, out=np.ones_like(blocked), where=free > 0)
    return np.where(load < slots, waits, 1.0)


def decay_per_s(slots: Array, load: Array, service_s: Array, cv: float) -> Array:
    """How fast the chance of a longer wait falls off; exact for ``cv`` 1 (Kimura otherwise)."""
    return 2 * (slots - load) / (service_s * (1 + cv**2))


def waiting_longer(slots: Array, load: Array, service_s: Array, wait_s: float, cv: float) -> Array:
    """Share of requests that wait longer than ``wait_s``."""
    falls = np.maximum(0.0, decay_per_s(slots, load, service_s, cv))
    return np.where(load < slots, erlang_c(slots, load) * np.exp(-falls * wait_s), 1.0)


def wait_percentile(
    slots: Array, load: Array, service_s: Array, percentile: float, cv: float
) -> Array:
    """The wait that this share of requests does not exceed; infinite without enough slots."""
    enough = load < slots
    falls = np.where(enough, decay_per_s(slots, load, service_s, cv), 1.0)
    longer = np.log(np.maximum(erlang_c(slots, load), 1e-300) / (1 - percentile)) / falls
    return np.where(enough, np.maximum(0.0, longer), np.inf)


def fewest_slots(
    load: Array, service_s: Array, wait_s: float, percentile: float, cv: float
) -> Array:
    """The smallest number of slots with which ``percentile`` of requests wait ``wait_s`` at most.

    Found by bisection: more slots never make anybody wait longer.
    """
    low = np.floor(load)  # too few: not more than the load
    high = np.ceil(load + _STANDARD_DEVIATIONS * np.sqrt(load) + _MORE_SLOTS)
    for _ in range(_MOST_HALVINGS):
        if not np.any(high - low > 1):
            break
        middle = np.floor((low + high) / 2)
        late = waiting_longer(middle, load, service_s, wait_s, cv) > 1 - percentile
        low, high = np.where(late, middle, low), np.where(late, high, middle)
    return np.maximum(1.0, high)


def most_load(slots: Array, service_s: Array, wait_s: float, percentile: float, cv: float) -> Array:
    """The most Erlangs with which ``percentile`` of requests wait ``wait_s`` at most."""
    low, high = np.zeros_like(slots), slots.copy()
    for _ in range(60):
        middle = (low + high) / 2
        late = waiting_longer(slots, middle, service_s, wait_s, cv) > 1 - percentile
        low, high = np.where(late, low, middle), np.where(late, middle, high)
    return low
