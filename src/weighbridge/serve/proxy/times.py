"""How long anything may take."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.core.routing import Limits
from weighbridge.core.units import parse_seconds


@dataclass(frozen=True, slots=True)
class Times:
    """The configuration's time limits for one request, in seconds."""

    first_byte_s: float
    between_bytes_s: float
    connect_s: float
    queue_wait_s: float


def patience_s(times: Times, deadline_s: float | None, spent_s: float, queued_s: float) -> float:
    """How long to wait for a turn: no longer than the client waits for its answer."""
    limit_s = max(0.0, times.queue_wait_s - queued_s)
    return limit_s if deadline_s is None else min(limit_s, max(0.0, deadline_s - spent_s))


def times_of(limits: Limits) -> Times:
    """Time limits as numbers.

    Raises:
        InputError: one of them is no time.
    """
    return Times(
        parse_seconds(limits.first_byte),
        parse_seconds(limits.between_bytes),
        parse_seconds(limits.connect),
        parse_seconds(limits.queue_wait),
    )
