"""Whether anybody still asks: of all engines together.

Clients that ask again once they have an answer stop asking when they wait for a model that is not
up. An engine that idles then is not between two requests of its users: they stand in a queue, and
keeping it would only make them wait longer.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable
from typing import Final

_REMEMBERED: Final = 31
_FEWEST: Final = 4


class Traffic:
    """The pauses in which no engine had anything to do.

    Only pauses that a new request has ended count. One in which everybody waits ends with a turn,
    so that what the supervisor makes its users wait is never taken for a habit of theirs.

    Args:
        now_s: a clock that never goes backwards.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._in_flight = 0
        self._since_s: float | None = None
        self._pauses: deque[float] = deque(maxlen=_REMEMBERED)

    def asked(self) -> None:
        """A request has come in."""
        now_s = self._now_s()
        if self._since_s is not None and not self._in_flight:
            self._pauses.append(now_s - self._since_s)
        self._since_s = now_s

    def passed(self) -> None:
        """An engine has got a request."""
        self._in_flight += 1

    def left(self) -> None:
        """An engine is done with one."""
        self._in_flight -= 1
        self._since_s = self._now_s()

    @property
    def quiet_s(self) -> float:
        """Since anybody asked or was answered; 0 while an engine has anything to do."""
        if self._in_flight or self._since_s is None:
            return 0.0
        return self._now_s() - self._since_s

    @property
    def usual_s(self) -> float | None:
        """The usual pause until somebody asks again; None before that is known."""
        return statistics.median(self._pauses) if len(self._pauses) >= _FEWEST else None
