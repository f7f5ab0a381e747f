"""Calendar periods, in UTC: which one a moment lies in, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from weighbridge.core.routing import Period


@dataclass(frozen=True, slots=True)
class Window:
    """One period of the calendar.

    Attributes:
        name: unique among all kinds of periods: ``2026-11``, ``2026-W47``, ``2026-11-21T16``.
        ends: seconds since 1970; None for ``ever``.
    """

    name: str
    ends: float | None

    @property
    def until(self) -> str:
        """Its end, ISO 8601; empty for ``ever``."""
        return "" if self.ends is None else datetime.fromtimestamp(self.ends, UTC).isoformat()


def window(period: Period, now: float) -> Window:
    """The period of this kind that ``now`` lies in.

    >>> window("week", 1_700_000_000.0)
    Window(name='2023-W46', ends=1700438400.0)
    """
    if period == "ever":
        return Window("ever", None)
    moment = datetime.fromtimestamp(now, UTC)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "hour":
        start = day.replace(hour=moment.hour)
        return Window(f"{start:%Y-%m-%dT%H}", (start + timedelta(hours=1)).timestamp())
    if period == "day":
        return Window(f"{day:%Y-%m-%d}", (day + timedelta(days=1)).timestamp())
    if period == "week":
        end = day + timedelta(days=7 - day.weekday())
        return Window(f"{day:%G-W%V}", end.timestamp())
    end = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return Window(f"{day:%Y-%m}", end.timestamp())
