"""Whether levels hold an SLO, and whether the data leaves that in doubt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal

from weighbridge.core.load import BoundResult, Goodput, LoadLevel

Verdict = Literal["held", "held, in doubt", "not held", "not held, in doubt", "no verdict"]

_DOUBT: Final = ", in doubt"
# Independent requests that bound a percentile from above.
_BOUNDABLE: Final = {"p50": 10, "p90": 45, "p95": 90, "p99": 450}
_USUAL: Final = 60
_AT_LEAST: Final = 1.5  # times the requests there were, as they did not do
_MOST: Final = 50.0  # times as many, that nobody will measure


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
    if level.overloaded:
        return "not held"
    verdicts = [bound_verdict(bound, goodput) for bound in goodput.bounds]
    if goodput.met:
        return "held, in doubt" if "held, in doubt" in verdicts else "held"
    # One condition that surely breaks is enough.
    return "not held" if "not held" in verdicts or not verdicts else "not held, in doubt"


def with_verdict(levels: Sequence[LoadLevel], verdict: Verdict) -> list[LoadLevel]:
    """The levels of which this is the verdict."""
    return [level for level in levels if level_verdict(level) == verdict]


def requests_to_tell(levels: Sequence[LoadLevel]) -> int | None:
    """About how many requests each of levels in doubt would need to be told, by the worst of them.

    None where the values are so close to the limit that one could measure for ever.
    """
    needs = [
        _to_tell(bound, limit_ms, level)
        for level in levels
        if level.goodput
        for bound, limit_ms in _doubtful(level.goodput)
    ]
    known = [need for need in needs if need is not None]
    if not needs or len(known) < len(needs):
        return None
    most = max(known)
    step = int(10 ** max(1, len(str(math.ceil(most))) - 2))
    return math.ceil(most / step) * step


def _doubtful(goodput: Goodput) -> list[tuple[BoundResult, float]]:
    limits = {str(one): one.limit_ms for one in goodput.slo.bounds}
    return [
        (bound, limits[bound.bound])
        for bound in goodput.bounds
        if bound.bound in limits and bound_verdict(bound, goodput).endswith(_DOUBT)
    ]


def _to_tell(bound: BoundResult, limit_ms: float, level: LoadLevel) -> float | None:
    """Requests with which the interval of a condition would end before its limit."""
    value = bound.value_ms
    end = bound.high_ms if bound.holds else bound.low_ms
    if value is None or value == limit_ms:
        return None
    if end is None:
        # Too few for an interval at all: the percentile says how many it takes, were they
        # independent, and the sample how many of its requests are worth one.
        percentile = next((name for name in _BOUNDABLE if f"_{name}<" in bound.bound), "")
        worth = level.requests / bound.effective if bound.effective else 1.0
        need = _BOUNDABLE.get(percentile, _USUAL) * max(1.0, worth)
        return max(need, _AT_LEAST * level.requests)
    # Intervals shrink with the square root of the sample.
    factor = ((end - value) / (limit_ms - value)) ** 2
    return level.requests * max(factor, _AT_LEAST) if factor <= _MOST else None


def verdict_class(verdict: Verdict) -> str:
    """How it is set on a page."""
    return {"held": "sure", "not held": "unsure"}.get(verdict, "range")
