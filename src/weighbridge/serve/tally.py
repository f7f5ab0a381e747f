"""What of late happened in a gateway, counted for its live page: an :class:`Observer`.

Metrics are for those who collect them; these are for whoever looks at this moment, so they forget.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.core.gateway import Asked, Outcome, RouteCount

WINDOW_S: Final = 10
MOST_SAMPLES: Final = 1024
# Decisions are told apart by their sentence: so many of them, then all others together.
MOST_REASONS: Final = 200
OTHER: Final = "other reasons"
_FAILED: Final = ("failed", "cut")


@dataclass(frozen=True, slots=True)
class Figures:
    """What of late happened.

    Attributes:
        window_s: seconds over which requests and tokens are counted: fewer just after the start.
        requests_in_window: requests that ended in it.
        tokens_in_window: prompt and output tokens of these; those of a stream count at its end.
        requests: since the beginning.
        errors: of them, those that failed or were cut.
        ttft_s: of the latest answers.
        duration_s: of the latest answers.
        routes: decisions since the beginning, the most frequent first.
    """

    window_s: float = 0.0
    requests_in_window: int = 0
    tokens_in_window: int = 0
    requests: int = 0
    errors: int = 0
    ttft_s: tuple[float, ...] = ()
    duration_s: tuple[float, ...] = ()
    routes: tuple[RouteCount, ...] = ()


class Tally:
    """Counts what ends; a few microseconds per request.

    Args:
        now_s: seconds on a clock that never goes back.
    """

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._began_s = now_s()
        self._requests = 0
        self._errors = 0
        # Second → requests and tokens that ended in it.
        self._seconds: deque[list[int]] = deque()
        self._latest = [-1, 0, 0]
        self._ttft_s: deque[float] = deque(maxlen=MOST_SAMPLES)
        self._duration_s: deque[float] = deque(maxlen=MOST_SAMPLES)
        self._routes: dict[tuple[str, str], int] = {}
        self._reasons: set[str] = set()

    def began(self, id: str, asked: Asked, body: bytes) -> None:  # noqa: A002 -- the seam's
        """Nothing is counted before a request's end."""

    def ended(self, outcome: Outcome) -> None:
        """Count a request."""
        second = int(self._now_s())
        latest = self._latest
        if latest[0] != second:
            latest = self._begin(second)
        latest[1] += 1
        use, model, end = outcome.use, outcome.model, outcome.end
        if use is not None:
            latest[2] += use.prompt + use.output
        self._requests += 1
        if end in _FAILED:
            self._errors += 1
        if not model:
            return
        if end == "complete":
            if outcome.ttft_s is not None:
                self._ttft_s.append(outcome.ttft_s)
            self._duration_s.append(outcome.duration_s)
        route = outcome.choice.why, model
        if route in self._routes:
            self._routes[route] += 1
        else:
            self._count_new(*route)

    def figures(self) -> Figures:
        """What happened of late, up to now."""
        now_s = self._now_s()
        self._forget(int(now_s))
        counts = sorted(self._routes.items(), key=lambda item: (-item[1], item[0]))
        # The buckets begin at whole seconds: the present one is not over.
        window_s = min(now_s - self._began_s, WINDOW_S - 1 + now_s % 1)
        return Figures(
            window_s=window_s,
            requests_in_window=sum(one[1] for one in self._seconds),
            tokens_in_window=sum(one[2] for one in self._seconds),
            requests=self._requests,
            errors=self._errors,
            ttft_s=tuple(self._ttft_s),
            duration_s=tuple(self._duration_s),
            routes=tuple(RouteCount(why, model, count) for (why, model), count in counts),
        )

    def _forget(self, second: int) -> None:
        while self._seconds and self._seconds[0][0] <= second - WINDOW_S:
            self._seconds.popleft()

    def _begin(self, second: int) -> list[int]:
        self._forget(second)
        self._latest = [second, 0, 0]
        self._seconds.append(self._latest)
        return self._latest

    def _count_new(self, why: str, model: str) -> None:
        """The first request of a route, or one more of those that are not told apart."""
        if why not in self._reasons:
            if len(self._reasons) >= MOST_REASONS:
                why = OTHER
            else:
                self._reasons.add(why)
        self._routes[why, model] = self._routes.get((why, model), 0) + 1


def together(parts: Sequence[Figures]) -> Figures:
    """The figures of several workers as those of one gateway."""
    routes: Counter[tuple[str, str]] = Counter()
    for part in parts:
        for one in part.routes:
            routes[one.why, one.model] += one.requests
    counts = sorted(routes.items(), key=lambda item: (-item[1], item[0]))
    return Figures(
        window_s=max((part.window_s for part in parts), default=0.0),
        requests_in_window=sum(part.requests_in_window for part in parts),
        tokens_in_window=sum(part.tokens_in_window for part in parts),
        requests=sum(part.requests for part in parts),
        errors=sum(part.errors for part in parts),
        ttft_s=_joined(part.ttft_s for part in parts),
        duration_s=_joined(part.duration_s for part in parts),
        routes=tuple(RouteCount(why, model, count) for (why, model), count in counts),
    )


def _joined(samples: Iterable[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(value for part in samples for value in part)
