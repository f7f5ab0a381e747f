from __future__ import annotations

import pytest

from weighbridge.core.provenance import Interval
from weighbridge.core.verdict import (
    Assignment,
    Comparison,
    ModelEvidence,
    TaskVerdict,
    Verdict,
)

CANNOT_TELL = "new and base on sums: the data cannot tell"


def comparison(value: float, low: float, high: float) -> Comparison:
    return Comparison("base", "new", "sums", 200, Interval(value, low, high), 0.5, 3, 1)


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        (
            (0.123, 0.051, 0.192),
            "new is better than base on sums (+12.3 points, 95 % interval +5.1 to +19.2, n = 200).",
        ),
        (
            (-0.1, -0.2, -0.01),
            "new is worse than base on sums (-10.0 points, 95 % interval -20.0 to -1.0, n = 200).",
        ),
        (
            (0.1, -0.01, 0.2),
            f"{CANNOT_TELL} (+10.0 points, 95 % interval -1.0 to +20.0, n = 200).",
        ),
        (
            (0.1, 0.0, 0.2),  # an interval that touches zero does not exclude it
            f"{CANNOT_TELL} (+10.0 points, 95 % interval +0.0 to +20.0, n = 200).",
        ),
    ],
)
def test_the_sentence_says_what_the_interval_allows(
    figures: tuple[float, float, float], expected: str
) -> None:
    assert comparison(*figures).sentence == expected


def test_a_lead_is_clear_only_when_its_interval_excludes_zero() -> None:
    best = ModelEvidence("new", "sums", 200, Interval(0.9, 0.85, 0.93), "eval-1")
    other = ModelEvidence("base", "sums", 200, Interval(0.8, 0.74, 0.85), "eval-2")
    assert TaskVerdict("sums", (best, other), comparison(0.1, 0.01, 0.2)).is_clear
    assert not TaskVerdict("sums", (best, other), comparison(0.1, -0.01, 0.2)).is_clear
    assert not TaskVerdict("sums", (best,), None).is_clear
    assert TaskVerdict("sums", (best, other), None).winner is best


def test_a_verdict_says_what_to_run() -> None:
    single = Assignment(("a",), (("x", "a"), ("y", "a")), 0.7, 1)
    both = Assignment(("a", "b"), (("x", "a"), ("y", "b")), 0.8, 2)
    mix = (("x", 0.5), ("y", 0.5))
    assert Verdict((), mix, (), None, single, both, single).sentence == (
        "It depends: a for x, b for y. If you must run one model: a."
    )
    assert Verdict((), mix, (), 1, single, single, None).sentence == "Run a for everything."
