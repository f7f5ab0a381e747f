"""Whether levels hold an SLO, and whether the data leaves that in doubt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from weighbridge.core.load import BoundResult, Goodput, LoadLevel

Verdict = Literal["held", "held, in doubt", "not held", "not held, in doubt", "no verdict"]

_DOUBT: Final = ", in doubt"


def bound_verdict(bound: BoundResult, goodput: Goodput) -> Verdict:
    """Of one condition: in doubt where its interval reaches across the limit."""
    limits = {str(one): one.limit_ms for one in goodput.slo.bounds}
    limit_ms = limits.get(bound.bound)
    if limit_ms is None or bound.value_ms is None:
        return "held" if bound.holds else "not held"
    if bound.holds:
        sure = bound.high_ms is not None and bound.high_ms < limit_ms
        return "held" if sure else "held, in doubt"
    sure = bound.low_ms is not None and bound.low_ms >= limit_ms
    return "not held" if sure else "not held, in doubt"


def level_verdict(level: LoadLevel) -> Verdict:
    """Of all conditions together; none of a level that the client limited."""
    goodput = level.goodput
    if goodput is None or (level.client is not None and level.client.limited):
        return "no verdict"
    verdicts = [bound_verdict(bound, goodput) for bound in goodput.bounds]
    if goodput.met:
        return "held, in doubt" if "held, in doubt" in verdicts else "held"
    # One condition that surely breaks is enough.
    return "not held" if "not held" in verdicts or not verdicts else "not held, in doubt"


def in_doubt(levels: Sequence[LoadLevel]) -> list[LoadLevel]:
    """The levels whose verdict may be otherwise."""
    return [level for level in levels if level_verdict(level).endswith(_DOUBT)]


def verdict_class(verdict: Verdict) -> str:
    """How it is set on a page."""
    return {"held": "sure", "not held": "unsure"}.get(verdict, "range")
