"""A clock that stands still until it is told to move, as ``weighbridge.core.effects.Clock``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_START = datetime(2026, 1, 5, 12, 0, 0, tzinfo=UTC)


class FakeClock:
    """Starts at noon of a January day; every look at the duration clock moves it by a tick."""

    def __init__(self, tick_ns: int = 0) -> None:
        self._elapsed_ns = 0
        self._tick_ns = tick_ns

    def advance(self, seconds: float) -> None:
        self._elapsed_ns += round(seconds * 1e9)

    def now_iso(self) -> str:
        now = _START + timedelta(seconds=self._elapsed_ns // 10**9)
        return now.strftime("%Y-%m-%dT%H:%M:%SZ")

    def monotonic_ns(self) -> int:
        self._elapsed_ns += self._tick_ns
        return self._elapsed_ns
