"""Gaps between tokens: all of them pooled, and the longest that each sequence met with."""

from __future__ import annotations

from bisect import bisect_left


class Meter:
    """Of one sequence: the longest gap so far.

    Up to step ``since`` it is ``longest``; from then on it is that of all who decode.
    """

    __slots__ = ("longest", "since")

    def __init__(self) -> None:
        self.longest = 0.0
        self.since = 0


class Gaps:
    """Noted block by block, not token by token."""

    def __init__(self) -> None:
        self.pooled: list[tuple[float, int]] = []  # (seconds, tokens that came after so long)
        self._stall = 0.0  # how long decoding has stood still since its last step
        self._late: list[tuple[Meter, float]] = []  # who joined meanwhile, after how much of it
        self._steepest: list[tuple[int, float]] = []  # (step, longest gap up to it), gaps falling

    def stand_still(self, seconds: float) -> None:
        """Nobody gets a token for so long."""
        self._stall += seconds

    def join(self, meter: Meter, step: int) -> None:
        """A sequence has its first token, and gets more from the step after ``step`` on."""
        meter.since = step
        if self._stall:
            self._late.append((meter, self._stall))

    def note(self, step: int, steps: int, seconds: float, longest: float, sequences: int) -> None:
        """``sequences`` got a token in each of ``steps`` steps, of which ``step`` was the last."""
        each = seconds / steps
        if self._stall:
            for meter, before in self._late:
                own = self._stall - before
                self.pooled.append((own + each, 1))
                meter.longest, meter.since = max(meter.longest, own + longest), step
            self.pooled.append((self._stall + each, sequences - len(self._late)))
            longest, steps = longest + self._stall, steps - 1
            self.clear()
        if steps:
            self.pooled.append((each, sequences * steps))
        while self._steepest and self._steepest[-1][1] <= longest:
            self._steepest.pop()
        self._steepest.append((step, longest))

    def clear(self) -> None:
        """Nobody decodes any more, so that nobody waits."""
        self._stall = 0.0
        self._late.clear()

    def interrupt(self, meter: Meter) -> None:
        """A sequence gets no more tokens for now."""
        meter.longest = self.longest(meter)
        self._late = [late for late in self._late if late[0] is not meter]

    def resume(self, meter: Meter, seconds: float) -> None:
        """It had to wait so long for its next token."""
        self.pooled.append((seconds, 1))
        meter.longest = max(meter.longest, seconds)

    def longest(self, meter: Meter) -> float:
        """The longest gap of a sequence that decodes."""
        place = bisect_left(self._steepest, (meter.since + 1, -1.0))
        after = self._steepest[place][1] if place < len(self._steepest) else 0.0
        return max(meter.longest, after)
