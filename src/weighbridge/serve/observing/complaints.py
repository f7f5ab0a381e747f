"""Requests that failed, in sentences for whoever runs the gateway: an :class:`seams.Observer`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from weighbridge.core.gateway import Outcome

_QUIET_S: Final = 10.0
_MOST_KNOWN: Final = 256
_CUT: Final = ("cut", "failed")
_LOOP: Final = 508


class Complaints:
    """Tells of requests that failed or were cut; of the same trouble once in ten seconds.

    Args:
        tell: takes the sentence.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._told: dict[tuple[str, str], tuple[float, int]] = {}

    def ended(self, outcome: Outcome) -> None:
        """A request has ended."""
        # Other refusals are the client's affair; gateways that call each other are the operator's.
        goes_round = outcome.end == "refused" and outcome.status == _LOOP
        if outcome.end not in _CUT and not goes_round:
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
