"""The knee of a load curve: where more load begins to buy waiting instead of work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.core.load import LoadLevel
from weighbridge.report.load_words import shape_words

DEFINITION = "the load at which throughput ÷ mean E2E is largest (Kleinrock's power)"
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class Knee:
    """The levels among which the knee lies, as far as the data can tell."""

    low: LoadLevel
    best: LoadLevel
    high: LoadLevel

    @property
    def words(self) -> str:
        """The level, or the two that it lies between."""
        if self.low is self.high:
            return shape_words(self.best)
        return f"{shape_words(self.low)} to {shape_words(self.high)}"


def knee(levels: Sequence[LoadLevel]) -> Knee | None:
    """The knee of levels in order of load, or None where the data cannot tell.

    A level counts as the knee's when its power may, by the intervals of its mean E2E, be as
    high as the best one's surely is. Where these reach the least or the greatest load, the knee
    may lie beyond what was measured.
    """
    powers = [_power(level) for level in levels]
    known = [power for power in powers if power is not None]
    if len(levels) < _FEWEST or len(known) < len(levels):
        return None
    best = max(range(len(known)), key=lambda index: known[index][1])
    surely = known[best][0]
    near = [index for index, (_, _, most) in enumerate(known) if most >= surely]
    if near[0] == 0 or near[-1] == len(levels) - 1:
        return None
    return Knee(levels[near[0]], levels[best], levels[near[-1]])


def _power(level: LoadLevel) -> tuple[float, float, float] | None:
    """Throughput ÷ mean E2E with the ends of its interval; None where there is no interval."""
    if level.e2e_ms is None or level.e2e_ms.mean <= 0:
        return None
    low, high = level.e2e_ms.intervals.get("mean", (None, None))
    if low is None or high is None or low <= 0:
        return None
    rate = level.requests_per_s
    return rate / high, rate / level.e2e_ms.mean, rate / low
