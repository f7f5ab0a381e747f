from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.serve.outcomes import outcome
from weighbridge.core.gateway import Outcome, TokenUse
from weighbridge.serve.speed import Speed


def stream(tokens: int, took_s: float, *, streamed: bool = True) -> Outcome:
    one = outcome(ttft_s=0.1, duration_s=0.1 + took_s, use=TokenUse(prompt=10, output=tokens))
    return replace(one, asked=replace(one.asked, stream=streamed))


def test_a_stream_tells_how_fast_tokens_come() -> None:
    speed = Speed()
    speed.observe(stream(101, 2.0))
    assert speed.output_tokens_per_s == pytest.approx(50)
    speed.observe(stream(51, 2.0))
    assert speed.output_tokens_per_s == pytest.approx(45)


@pytest.mark.parametrize(
    "one", [stream(100, 0.0001), stream(7, 2.0), stream(100, 2.0, streamed=False)]
)
def test_what_came_in_one_piece_does_not(one: Outcome) -> None:
    speed = Speed()
    speed.observe(one)
    assert speed.ttft_s == pytest.approx(0.1)
    assert speed.output_tokens_per_s is None


def test_failures_tell_nothing() -> None:
    speed = Speed()
    speed.observe(replace(stream(101, 2.0), status=503))
    speed.observe(replace(stream(101, 2.0), end="cut"))
    assert (speed.ttft_s, speed.output_tokens_per_s) == (None, None)
