"""How fast a model answers of late: smoothed over its answers."""

from __future__ import annotations

from typing import Final

from weighbridge.core.gateway import Outcome

_SMOOTHING: Final = 0.2
# A stream that comes in one piece tells how fast it was read, not how fast it was made.
_SHORTEST_S: Final = 0.05
_FEWEST_TOKENS: Final = 8


class Speed:
    """Of one model.

    Attributes:
        ttft_s: until the first byte of an answer; None before any.
        output_tokens_per_s: of one stream; None before any that took long enough to tell.
    """

    __slots__ = ("output_tokens_per_s", "ttft_s")

    def __init__(self) -> None:
        self.ttft_s: float | None = None
        self.output_tokens_per_s: float | None = None

    def observe(self, outcome: Outcome) -> None:
        """Learn from an answer that came whole and well."""
        if outcome.end != "complete" or outcome.status >= 400 or outcome.ttft_s is None:
            return
        self.ttft_s = smoothed(self.ttft_s, outcome.ttft_s)
        spent_s = outcome.duration_s - outcome.ttft_s
        if not outcome.asked.stream or outcome.use is None or spent_s < _SHORTEST_S:
            return
        if outcome.use.output >= _FEWEST_TOKENS:
            rate = (outcome.use.output - 1) / spent_s
            self.output_tokens_per_s = smoothed(self.output_tokens_per_s, rate)


def smoothed(before: float | None, value: float, weight: float = _SMOOTHING) -> float:
    """The next value of an exponentially weighted mean; the first is the value itself."""
    return value if before is None else before + weight * (value - before)
