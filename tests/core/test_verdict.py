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


def comparison(
    value: float,
    low: float,
    high: float,
    *,
    p: float = 0.01,
    p_adjusted: float | None = None,
    more_items: int | None = None,
) -> Comparison:
    interval = Interval(value, low, high)
    return Comparison("base", "new", "sums", 200, interval, p, 3, 1, p_adjusted, more_items)


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


@pytest.mark.parametrize(
    ("p", "p_adjusted", "real"),
    [(0.05, None, True), (0.051, None, False), (0.01, 0.05, True), (0.01, 0.06, False)],
)
def test_the_p_value_that_decides_is_the_one_adjusted_for_all_pairs(
    p: float, p_adjusted: float | None, real: bool
) -> None:
    assert comparison(0.1, 0.01, 0.2, p=p, p_adjusted=p_adjusted).real is real
    assert not comparison(0.1, -0.01, 0.2, p=p, p_adjusted=p_adjusted).real


def test_a_lead_is_clear_only_when_it_is_real() -> None:
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
        "It depends on the task: a for x, b for y. If you must run one model: a."
    )
    assert Verdict((), mix, (), None, None, both, None).sentence == (
        "It depends on the task: a for x, b for y. No single model may do everything."
    )
    assert Verdict((), mix, (), 1, single, single, None).sentence == "Run a for everything."


def evidence(model: str, task: str, value: float, high: float) -> ModelEvidence:
    return ModelEvidence(model, task, 200, Interval(value, 0.0, high), f"eval-{model}")


def test_what_nothing_does_well_is_said_before_anything_is_recommended() -> None:
    a = Assignment(("a",), (("x", "a"), ("y", "a")), 0.4, 1)
    mix = (("x", 0.5), ("y", 0.5))
    does = TaskVerdict("x", (evidence("a", "x", 0.9, 0.95),), None)
    none = TaskVerdict("y", (evidence("a", "y", 0.0, 0.02), evidence("b", "y", 0.0, 0.02)), None)
    part = Verdict((does, none), mix, (), None, a, a, None)
    assert part.sentence == "Nothing that may be run does y well. Run a for the rest."
    assert part.caveats == ("On y, a is right in none of 200 items.",)
    assert not part.is_useless
    # Another does it, and is kept out by memory or money.
    other = TaskVerdict("y", (evidence("b", "y", 0.8, 0.9), evidence("a", "y", 0.0, 0.02)), None)
    kept = Verdict((does, other), mix, (), 1, a, a, None)
    assert kept.sentence == "Nothing that fits does y well. Run a for the rest."
    both = Assignment(("a", "b"), (("x", "a"), ("y", "b"), ("z", "a")), 0.4, 1)
    third = TaskVerdict("z", (evidence("a", "z", 0.01, 0.04),), None)
    more = Verdict((does, other, third), mix, (), 1, a, both, None)
    assert more.sentence == (
        "Nothing that may be run does z well. For the rest it depends on the task: a for x, b for "
        "y. If you must run one model: a."
    )
    every = Verdict((none,), (("y", 1.0),), (), None, a, Assignment(("a",), (("y", "a"),), 0, 1),
                    None)  # fmt: skip
    assert every.sentence == (
        "Nothing that may be run does y well. On y, a is right in none of 200 items."
    )
    assert (every.is_useless, every.caveats) == (True, ())


def test_a_best_that_is_mostly_wrong_is_named_so_before_it_is_recommended() -> None:
    a = Assignment(("a",), (("x", "a"), ("y", "a")), 0.4, 1)
    mix = (("x", 0.5), ("y", 0.5))
    does = TaskVerdict("x", (evidence("a", "x", 0.9, 0.95),), None)
    weak = TaskVerdict("y", (evidence("a", "y", 0.355, 0.38), evidence("b", "y", 0.3, 0.33)), None)
    found = Verdict((does, weak), mix, (), None, a, a, None)
    head = "Nothing that may be run does y well; best is a, right in 35.5 % of 200 items."
    assert found.words == f"{head} Run a for everything."
    assert not found.is_useless
    # The best of them is not the one that does it: the other's share is said as well.
    turned = TaskVerdict("y", (evidence("b", "y", 0.4, 0.45), evidence("a", "y", 0.3, 0.33)), None)
    other = Verdict((does, turned), mix, (), 1, a, a, None)
    assert other.sentence == (
        "Nothing that may be run does y well; best is b, right in 40.0 % of 200 items. Run a for "
        "everything."
    )
    assert other.caveats[-1] == "On y, a is right in 30.0 % of 200 items."
    # From one half on nobody can tell that it is mostly wrong.
    even = TaskVerdict("y", (evidence("a", "y", 0.45, 0.5),), None)
    assert Verdict((does, even), mix, (), None, a, a, None).words == "Run a for everything."


@pytest.mark.parametrize(
    ("more_items", "expected"),
    [
        (1187, "We cannot tell new from base on sums yet; about 1,200 more items would."),
        (7, "We cannot tell new from base on sums yet; about 7 more items would."),
        (None, "We cannot tell new from base on sums yet; no number of items worth naming would."),
    ],
)
def test_what_cannot_be_told_comes_with_what_would_tell_it(
    more_items: int | None, expected: str
) -> None:
    best = ModelEvidence("new", "sums", 200, Interval(0.9, 0.85, 0.93), "eval-1")
    other = ModelEvidence("base", "sums", 200, Interval(0.8, 0.74, 0.85), "eval-2")
    lead = comparison(0.1, -0.01, 0.2, p_adjusted=0.2, more_items=more_items)
    chosen = Assignment(("new",), (("sums", "new"),), 0.9, 1)
    tasks = (TaskVerdict("sums", (best, other), lead),)
    verdict = Verdict(tasks, (("sums", 1.0),), (), None, chosen, chosen, None)
    assert verdict.caveats == (expected,)
    assert verdict.words == f"Run new for everything. {expected}"
