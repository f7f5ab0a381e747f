"""Requests that have ended, for the tests of those who look at them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from weighbridge.core.gateway import Asked, Choice, Grant, Outcome, TokenUse

NOW = 1_790_000_000.25

ORDINARY = Outcome(
    id="req-1",
    ended=NOW,
    asked=Asked(path="/v1/chat/completions", model="auto", message="What is 2 plus 2?"),
    grant=Grant(key="anna"),
    choice=Choice(use=("tally",), task="arithmetic", why="route 0: task arithmetic", route=0),
    model="tally",
    status=200,
    end="complete",
    ttft_s=0.02,
    duration_s=0.3,
    use=TokenUse(prompt=12, output=34, cached=5),
    request_bytes=200,
    answer_bytes=900,
    overhead_s=0.00011,
)


def outcome(**changes: Any) -> Outcome:
    """An ordinary one with some fields changed."""
    return replace(ORDINARY, **changes)


def until(holds: Callable[[], bool], limit_s: float = 15.0) -> None:
    """Wait for what another thread or process does."""
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
