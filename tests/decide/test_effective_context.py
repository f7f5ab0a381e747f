"""The effective context of answers whose accuracy is known at each length."""

from __future__ import annotations

from weighbridge.decide.effective_context import EffectiveContext, effective_context


def found(*right: int, n: int = 100, margin: float = 0.1) -> EffectiveContext:
    """Of so many right answers at 1,000, 2,000, 4,000 … tokens, always the first ones."""
    rows = [
        (1000 * 2**step, 1000 * 2**step, [index < count for index in range(n)])
        for step, count in enumerate(right)
    ]
    return effective_context("t", rows, margin=margin)


def test_a_cliff_is_found() -> None:
    context = found(98, 98, 97, 40, 10)
    assert (context.low, context.tokens, context.high) == (4000, 4000, 4000)
    assert not context.at_most_tested


def test_without_a_loss_only_the_longest_length_bounds_it() -> None:
    context = found(100, 100, 100)
    assert (context.low, context.tokens, context.high) == (4000, 4000, 4000)
    assert context.at_most_tested


def test_a_loss_near_the_margin_has_a_wide_interval() -> None:
    # 9 and 12 points lost: within the margin or not, the data cannot tell either.
    context = found(95, 86, 83)
    assert (context.low, context.tokens, context.high) == (1000, 2000, 4000)
    assert context.at_most_tested


def test_what_recovers_behind_a_loss_does_not_count() -> None:
    assert found(95, 40, 95).tokens == 1000


def test_questions_are_paired() -> None:
    short = [True] * 50 + [False] * 50
    other = [False] * 25 + [True] * 50 + [False] * 25
    context = effective_context("t", [(1, 1, short), (2, 2, other)], margin=0.1)
    # The same accuracy, but half of the answers flipped: the interval is as wide as the flips.
    row = context.lengths[1]
    assert row.change.value == 0
    assert row.change.low < -0.12
    assert (context.low, context.tokens, context.high) == (1, 2, 2)


def test_a_task_that_is_not_done_has_no_figure() -> None:
    context = found(12, 10, 11)
    assert context.tokens is None
    assert "12 of 100 answers are right (12 % [7, 20])" in context.reason
    assert "surely fewer than half" in context.reason


def test_few_questions_do_not_say_that_a_task_is_not_done() -> None:
    context = found(22, 22, 2, n=50)
    assert (context.tokens, context.reason) == (2000, "")
    assert "22 of 50 answers are right (44 % [31, 58]), perhaps fewer than half" in context.caveat
    assert not found(40, 40, n=50).caveat


def test_one_length_tells_nothing() -> None:
    context = found(50, n=50)
    assert context.tokens is None
    assert "Only one length was measured, 1,000 tokens" in context.reason


def test_what_holds_ends_before_a_length_that_does_not() -> None:
    assert found(98, 98, 97, 40, 10).below == 8000
    assert found(95, 86, 83).below is None
    assert found(100, 100, 100).below is None
