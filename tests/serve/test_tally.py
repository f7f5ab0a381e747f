from __future__ import annotations

from typing import Any

from weighbridge.core.gateway import Asked, Choice, Grant, Outcome, RouteCount, TokenUse
from weighbridge.serve.tally import MOST_REASONS, MOST_SAMPLES, OTHER, Figures, Tally, together


class Hands:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def outcome(why: str = "by name", model: str = "tally", **more: Any) -> Outcome:
    given: dict[str, Any] = {"status": 200, "end": "complete", "ttft_s": 0.1, "duration_s": 0.5}
    given["use"] = TokenUse(10, 5)
    asked = Asked("/v1/chat/completions", "auto")
    return Outcome("r", 0.0, asked, Grant(), Choice((model,), None, why), model, **given | more)


def test_requests_and_tokens_of_the_last_ten_seconds() -> None:
    clock = Hands()
    tally = Tally(clock)
    for _ in range(20):
        clock.at += 1
        tally.ended(outcome())
        tally.ended(outcome(use=None))
    figures = tally.figures()
    assert figures.requests == 40
    # The second under way has only begun, so that nine whole ones count before it.
    assert figures.window_s == 9
    assert figures.requests_in_window == 20
    assert figures.tokens_in_window == 10 * 15
    clock.at += 9.5
    assert tally.figures().requests_in_window == 2
    clock.at += 1
    assert tally.figures().requests_in_window == 0
    assert tally.figures().requests == 40


def test_just_after_the_start_the_window_is_as_long_as_it_runs() -> None:
    clock = Hands()
    tally = Tally(clock)
    clock.at += 2.5
    tally.ended(outcome())
    assert tally.figures().window_s == 2.5


def test_latencies_are_those_of_complete_answers() -> None:
    tally = Tally(Hands())
    tally.ended(outcome())
    tally.ended(outcome(end="cut", ttft_s=9.0))
    tally.ended(outcome(end="refused", status=429, model="", ttft_s=None))
    tally.ended(outcome(end="failed", status=502, model="", ttft_s=None))
    tally.ended(outcome(end="client_left", ttft_s=8.0))
    figures = tally.figures()
    assert figures.ttft_s == (0.1,)
    assert figures.duration_s == (0.5,)
    assert (figures.requests, figures.errors) == (5, 2)
    assert figures.routes == (RouteCount("by name", "tally", 3),)


def test_memory_is_bounded() -> None:
    tally = Tally(Hands())
    for number in range(3 * MOST_SAMPLES):
        tally.ended(outcome(f"header is {number}"))
    figures = tally.figures()
    assert len(figures.ttft_s) == MOST_SAMPLES
    assert len(figures.routes) == MOST_REASONS + 1
    others = RouteCount(OTHER, "tally", 3 * MOST_SAMPLES - MOST_REASONS)
    assert figures.routes[0] == others, "the most frequent first"


def test_workers_count_together() -> None:
    one, two = Tally(Hands()), Tally(Hands())
    one.ended(outcome("a"))
    two.ended(outcome("a"))
    two.ended(outcome("b", end="failed"))
    both = together([one.figures(), two.figures()])
    assert both.requests == both.requests_in_window == 3
    assert both.errors == 1
    assert both.ttft_s == (0.1, 0.1)
    assert both.routes == (RouteCount("a", "tally", 2), RouteCount("b", "tally", 1))
    assert together([]) == Figures()
