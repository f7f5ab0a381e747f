from __future__ import annotations

from array import array
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from tests.decide.test_model_comparison import QWEN, ifeval, outcomes
from weighbridge.core.errors import InputError
from weighbridge.core.gate import GateCheck
from weighbridge.core.outcomes import Outcomes
from weighbridge.decide.gate import gate
from weighbridge.decide.statistics.score import score_interval


def check(subject: Outcomes, margin: float = 0.02) -> GateCheck:
    return gate("new", "old", [subject], margin).checks[0]


def answers(up: int, down: int, same: int) -> tuple[list[float], list[float]]:
    """The candidate's and the baseline's."""
    return [1.0] * up + [0.0] * down + [1.0] * same, [0.0] * up + [1.0] * down + [1.0] * same


def test_bounds_are_one_sided_at_95_percent() -> None:
    found = check(ifeval(QWEN.format("14B"), QWEN.format("7B")))
    table = ifeval(QWEN.format("14B"), QWEN.format("7B")).scores
    differences = [new - old for new, old in zip(*table, strict=True)]
    lower = ttest_1samp(differences, 0, alternative="greater").confidence_interval(0.95).low
    upper = ttest_1samp(differences, 0, alternative="less").confidence_interval(0.95).high
    score = score_interval(60, 31, 541, level=0.9)
    assert (found.difference.low, found.difference.high) == pytest.approx(
        (min(lower, score.low), max(upper, score.high))
    )
    assert found.difference.low == pytest.approx(lower, abs=0.002)
    assert found.outcome == "pass"
    assert (found.flips_up, found.flips_down) == (60, 31)


@pytest.mark.parametrize(
    ("candidate", "baseline", "margin", "outcome"),
    [
        ("7B", "14B", 0.02, "fail"),
        ("32B", "14B", 0.03, "pass"),
        ("32B", "14B", 0.01, "inconclusive"),
        ("7B", "14B", 0.05, "inconclusive"),
    ],
)
def test_real_models_pass_fail_or_stay_open(
    candidate: str, baseline: str, margin: float, outcome: str
) -> None:
    found = check(ifeval(QWEN.format(candidate), QWEN.format(baseline)), margin)
    assert found.outcome == outcome
    assert (found.more_items is not None) == (outcome == "inconclusive")


def test_items_needed_follow_the_share_of_flips() -> None:
    found = check(outcomes(*answers(30, 30, 440)), 0.01)
    # 60 of 500 flip; (1.645 + 0.842)² × 0.12 / 0.01² items show that equal models pass.
    assert found.more_items == pytest.approx(0.12 * (2.4865 / 0.01) ** 2 - 500, rel=0.01)
    again = check(outcomes(*(column * 16 for column in answers(30, 30, 440))), 0.01)
    assert again.outcome == "pass"


def test_where_equal_models_would_have_passed_what_was_seen_decides_how_many_more() -> None:
    found = check(outcomes(*answers(50, 95, 2855)), 0.02)
    assert found.outcome == "inconclusive"
    distance = 0.02 - 45 / 3000
    assert found.more_items == pytest.approx(
        (145 / 3000 - 0.015**2) * (2.4865 / distance) ** 2 - 3000, rel=0.01
    )


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 300), st.floats(0.005, 0.3))
@settings(deadline=None)
def test_a_larger_margin_never_turns_pass_into_fail(
    up: int, down: int, same: int, margin: float
) -> None:
    narrow = check(outcomes(*answers(up, down, same)), margin)
    wide = check(outcomes(*answers(up, down, same)), margin * 1.5)
    order = ("fail", "inconclusive", "pass")
    assert order.index(wide.outcome) >= order.index(narrow.outcome)


def test_all_subjects_must_pass_and_one_may_fail_it() -> None:
    good, bad = outcomes(*answers(10, 10, 980)), outcomes(*answers(10, 200, 790))
    unclear = outcomes(*answers(5, 5, 90))
    found = [
        gate("new", "old", subjects, 0.02).outcome
        for subjects in ((good, good), (good, unclear), (good, unclear, bad))
    ]
    assert found == ["pass", "inconclusive", "fail"]


def test_the_same_answers_on_few_items_are_no_pass() -> None:
    assert check(outcomes([1.0] * 20, [1.0] * 20)).outcome == "inconclusive"
    assert check(outcomes([1.0] * 500, [1.0] * 500)).outcome == "pass"


def test_groups_widen_the_bounds() -> None:
    columns = answers(100, 100, 800)
    names = tuple(str(index // 50) for index in range(1000))
    alone, grouped = check(outcomes(*columns)), check(outcomes(*columns, groups=names))
    assert grouped.groups == 20
    assert grouped.difference.low < 3 * alone.difference.low


def test_missing_answers_are_counted() -> None:
    nan = float("nan")
    found = check(outcomes([1.0, nan, 0.0], [1.0, 1.0, nan]))
    assert found.missing == (1, 1)
    assert (found.n, found.flips_down) == (3, 1)


@pytest.mark.parametrize("margin", [0.0, -0.02, 1.0, 2.0, float("nan")])
def test_what_is_no_margin_is_refused(margin: float) -> None:
    with pytest.raises(InputError, match="is no margin"):
        check(outcomes([1.0], [1.0]), margin)


def test_sentences_say_the_verdict() -> None:
    def said(columns: Sequence[Sequence[float]]) -> tuple[str, str]:
        verdict = gate("new", "old", [outcomes(*columns)], 0.02)
        return verdict.sentence, verdict.checks[0].sentence

    assert said(answers(10, 10, 980))[0] == "PASS: new is not worse than old by 2 points or more."
    verdict, detail = said(answers(10, 200, 790))
    assert verdict == "FAIL: new is worse than old by more than 2 points."
    assert detail.startswith("s: -19.0 points on 1,000 items, worse by more than 2 points")
    assert "the data cannot tell" in said(answers(5, 5, 90))[0]


def test_there_must_be_something_to_judge_by() -> None:
    with pytest.raises(InputError, match="nothing to judge by"):
        gate("new", "old", [], 0.02)
    empty = Outcomes("s", (), ("a", "b"), (array("d"), array("d")))
    with pytest.raises(InputError, match="no items"):
        gate("new", "old", [empty], 0.02)


def test_a_pass_that_hangs_on_the_baselines_gaps_is_none() -> None:
    """600 items, of which the baseline left out 105 that the candidate has right."""
    new = [1.0] * 320 + [0.0] * 140 + [1.0] * 140
    old = [1.0] * 320 + [1.0] * 100 + [0.0] * 40 + [0.0] * 35 + [float("nan")] * 105
    verdict = gate("new", "old", [outcomes(new, old)], 0.02)
    found = verdict.checks[0]
    assert found.difference.low > -0.02
    assert found.missing == (0, 105)
    assert found.answered is not None
    assert found.answered.n == 495
    assert found.answered.difference is not None
    assert found.answered.difference.value == pytest.approx((35 - 100) / 495)
    assert found.hangs_on_gaps
    assert (found.outcome, verdict.outcome) == ("inconclusive", "inconclusive")
    assert found.more_items is None
    assert "baseline's missing answers decide that" in found.sentence
    assert "On the 495 items that the baseline answered: -13.1 points" in found.gaps


def test_gaps_that_change_nothing_leave_the_verdict() -> None:
    nan = float("nan")
    found = check(outcomes([1.0] * 990 + [1.0] * 10, [1.0] * 990 + [nan] * 10))
    assert (found.outcome, found.hangs_on_gaps) == ("pass", False)
    gone = check(outcomes([1.0] * 900 + [nan] * 100, [1.0] * 1000))
    assert (gone.outcome, gone.answered) == ("fail", None)


def test_few_groups_are_said_and_nothing_is_promised_of_them() -> None:
    columns = answers(20, 20, 160)
    verdict = gate(
        "n", "o", [outcomes(*columns, groups=tuple(str(i % 8) for i in range(200)))], 0.02
    )
    assert "8 groups only" in verdict.notes[0]
    assert verdict.checks[0].outcome == "inconclusive"
    assert verdict.checks[0].more_items is None


def test_what_a_number_of_further_items_supposes() -> None:
    assert check(outcomes(*answers(30, 30, 440)), 0.01).more_items_if == "equal"
    assert check(outcomes(*answers(50, 95, 2855)), 0.02).more_items_if == "as seen"
