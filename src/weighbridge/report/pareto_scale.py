"""From values to percentages of a drawing, with round numbers to mark."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

_MOST_TICKS: Final = 8


@dataclass(frozen=True, slots=True)
class Scale:
    """One axis.

    Attributes:
        low: value at ``start``; of a logarithmic axis its logarithm.
        high: likewise at ``end``.
        start: percentage of the drawing.
        end: likewise.
        log: whether the axis is logarithmic.
        ticks: round values within.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Percentage at which a value lies."""
        along = math.log10(value) if self.log else value
        share = (along - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)

    def at(self, value: float) -> str:
        """The same as a coordinate."""
        return f"{self.place(value):.2f}%"


def logarithmic(least: float, most: float, start: float, end: float) -> Scale:
    """An axis in equal steps of factors, a little wider than its values; they are positive."""
    low, high = math.log10(least), math.log10(most)
    margin = max(0.05 * (high - low), 0.06)
    low, high = low - margin, high + margin
    for digits in ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 4, 6, 8), tuple(x / 4 for x in range(4, 40))):
        ticks = _within(digits, low, high)
        if len(ticks) >= 4:
            break
    while len(ticks) > _MOST_TICKS:
        ticks = ticks[::2]
    return Scale(low, high, start, end, True, ticks)


def linear(least: float, most: float, start: float, end: float) -> Scale:
    """An axis in equal steps, a little wider than its values."""
    margin = 0.06 * (most - least) or max(0.1 * abs(most), 0.5)
    low, high = least - margin, most + margin
    step = _round_step((high - low) / 5)
    first = math.ceil(low / step)
    ticks = tuple(step * number for number in range(first, math.floor(high / step) + 1))
    return Scale(low, high, start, end, False, ticks)


def _within(digits: tuple[float, ...], low: float, high: float) -> tuple[float, ...]:
    powers = range(math.floor(low), math.ceil(high) + 1)
    values = (digit * 10.0**power for power in powers for digit in digits)
    return tuple(value for value in values if low <= math.log10(value) <= high)


def _round_step(about: float) -> float:
    power = 10.0 ** math.floor(math.log10(about))
    return next(digit * power for digit in (1, 2, 5, 10) if digit * power >= about)
