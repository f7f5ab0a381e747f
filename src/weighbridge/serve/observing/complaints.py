"""Requests that failed, in sentences for whoever runs the gateway: an :class:`seams.Observer`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from weighbridge.core.gateway import Asked, Outcome

_QUIET_S: Final = 10.0
_MOST_KNOWN: Final = 256
_CUT: Final = ("cut", "failed")


class Complaints:
    """Tells of requests that failed or were cut; of the same trouble once in ten seconds.

    Args:
        tell: takes the sentence.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told: dict[tuple[str, str], tuple[float, int]] = {}

    def began(self, id: str, asked: Asked, body: bytes) -> None:  # noqa: A002 -- the seam's
        """Nothing to complain of yet."""

    def ended(self, outcome: Outcome) -> None:
        """A request has ended."""
        if outcome.end not in _CUT:
            return
        trouble = (outcome.end, outcome.reason)
        last, silent = self._told.get(trouble, (0.0, 0))
        if outcome.ended - last < _QUIET_S:
            self._told[trouble] = (last, silent + 1)
            return
        if len(self._told) >= _MOST_KNOWN:
            self._told.clear()
        self._told[trouble] = (outcome.ended, 0)
        what = "an answer was cut" if outcome.end == "cut" else "no answer"
        more = f" ({silent} more like it before)" if silent else ""
        self._tell(f"{outcome.asked.path}: {what}. {outcome.reason}{more}")
