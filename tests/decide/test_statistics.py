from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from tests.fakes.runs import accurate, eval_run
from weighbridge.core.errors import InputError
from weighbridge.decide.statistics import (
    compare,
    compare_runs,
    mcnemar,
    paired_difference,
    run_accuracy,
    wilson,
)

PAIRS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=300)
COUNTS = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [  # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_intervals(
    successes: int, n: int, low: float, high: float
) -> None:
    interval = wilson(successes, n)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)
    assert interval.value == successes / n
    assert interval.level == 0.95


@given(COUNTS)
def test_wilson_agrees_with_scipy(counts: tuple[int, int]) -> None:
    ours, theirs = wilson(*counts), binomtest(*counts).proportion_ci(0.95, "wilson")
    assert ours.low == pytest.approx(theirs.low, abs=1e-12)
    assert ours.high == pytest.approx(theirs.high, abs=1e-12)


@given(COUNTS)
def test_wilson_contains_the_rate_stays_in_range_and_mirrors(counts: tuple[int, int]) -> None:
    successes, n = counts
    interval, mirrored = wilson(successes, n), wilson(n - successes, n)
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    assert interval.low < interval.high
    assert mirrored.low == pytest.approx(1 - interval.high, abs=1e-12)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5), (1, -1)])
def test_what_is_no_rate_is_refused(successes: int, n: int) -> None:
    with pytest.raises(ValueError, match="is no rate"):
        wilson(successes, n)


@pytest.mark.parametrize(
    ("up", "down", "n", "low", "high"),
    [
        # (13 - 5) / 202 = 0.039604; sqrt((18/202 - 0.039604**2) / 202) = 0.020818; × 1.959964
        (12, 4, 200, -0.0012, 0.0804),
        # (1 - 1) / 12 = 0; sqrt((2/12) / 12) = 0.117851
        (0, 0, 10, -0.2310, 0.2310),
        # (1 - 31) / 102 = -0.294118; sqrt((32/102 - 0.086505) / 102) = 0.047192
        (0, 30, 100, -0.3866, -0.2016),
    ],
)
def test_bonett_price_by_hand(up: int, down: int, n: int, low: float, high: float) -> None:
    interval = paired_difference(up, down, n)
    assert interval.value == pytest.approx((up - down) / n)
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


@given(PAIRS)
def test_differences_contain_the_estimate_stay_in_range_and_exclude_zero_in_their_direction(
    pairs: list[tuple[bool, bool]],
) -> None:
    found = compare("a", "b", "s", [a for a, _ in pairs], [b for _, b in pairs])
    difference = found.difference
    assert -1 <= difference.low <= difference.value <= difference.high <= 1
    assert difference.value == pytest.approx(sum(b - a for a, b in pairs) / len(pairs))
    if difference.excludes_zero:
        assert found.p_mcnemar < 0.2
        assert (difference.value > 0) == (found.flips_up > found.flips_down)


@given(PAIRS)
def test_swapping_the_models_mirrors_the_comparison(pairs: list[tuple[bool, bool]]) -> None:
    a, b = [a for a, _ in pairs], [b for _, b in pairs]
    there, back = compare("a", "b", "s", a, b), compare("b", "a", "s", b, a)
    assert (there.a, there.b) == (back.b, back.a)
    assert (there.flips_up, there.flips_down) == (back.flips_down, back.flips_up)
    assert there.p_mcnemar == back.p_mcnemar
    assert there.difference.value == -back.difference.value
    assert there.difference.low == pytest.approx(-back.difference.high, abs=1e-12)


@pytest.mark.parametrize("up_rate", [0.02, 0.1, 0.3])
@pytest.mark.parametrize("n", [30, 200])
def test_the_paired_interval_covers_the_truth_as_often_as_it_says(up_rate: float, n: int) -> None:
    down_rate, draws = 0.05, 2000
    generator = np.random.default_rng(20260105)
    flips = generator.multinomial(n, [up_rate, down_rate, 1 - up_rate - down_rate], size=draws)
    truth = up_rate - down_rate
    intervals = [paired_difference(int(up), int(down), n) for up, down, _ in flips]
    coverage = sum(each.low <= truth <= each.high for each in intervals) / draws
    assert coverage >= 0.935  # 0.95 less three standard errors of the simulation
    if n == 200:  # few flips make it wider than need be, many do not
        assert coverage <= 0.985
        width = sum(each.high - each.low for each in intervals) / draws
        exact = math.sqrt((up_rate + down_rate - truth**2) / n)
        assert width == pytest.approx(2 * 1.96 * exact, rel=0.08)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_exact_binomial_tail_doubled(up: int, down: int) -> None:
    n, few = up + down, min(up, down)
    tail = sum(math.comb(n, k) for k in range(few + 1)) / 2**n
    assert mcnemar(up, down) == pytest.approx(min(1.0, 2 * tail))


def test_mcnemar_known_values() -> None:
    assert mcnemar(10, 2) == pytest.approx(2 * (1 + 12 + 66) / 4096)
    assert mcnemar(5, 0) == pytest.approx(1 / 16)
    assert mcnemar(0, 0) == mcnemar(7, 7) == 1.0


def test_runs_are_compared_item_by_item_whatever_their_order() -> None:
    a = eval_run("a", "sums", [True, True, False, False, False])
    b = eval_run("b", "sums", [True, False, True, True, False])
    found = compare_runs(a, replace(b, items=b.items[::-1]))
    assert (found.a, found.b, found.subject, found.n) == ("a", "b", "sums", 5)
    assert (found.flips_up, found.flips_down) == (2, 1)
    assert found.difference.value == pytest.approx(0.2)


def test_an_answer_that_one_run_lacks_counts_as_wrong() -> None:
    a, b = eval_run("a", "sums", accurate(4, 4)), eval_run("b", "sums", accurate(2, 6))
    found = compare_runs(a, replace(b, items=b.items[1:]))
    # Of items 0 to 5, a has 0 to 3 right, b only 1.
    assert (found.n, found.flips_down, found.flips_up) == (6, 3, 0)


def test_of_repeated_answers_to_an_item_the_mean_counts() -> None:
    a, b = eval_run("a", "sums", accurate(30, 60)), eval_run("b", "sums", accurate(30, 60))
    again = tuple(replace(item, repeat=1, correct=index < 45) for index, item in enumerate(b.items))
    found = compare_runs(a, replace(b, items=(*b.items, *again)))
    assert (found.n, found.flips_up, found.flips_down) == (60, 15, 0)
    assert found.difference.value == pytest.approx(15 / 2 / 60)
    same = compare_runs(a, replace(b, items=tuple(b.items) * 3))
    assert same.difference == compare_runs(a, b).difference


def test_items_of_one_group_count_together() -> None:
    a, b = eval_run("a", "sums", accurate(20, 100)), eval_run("b", "sums", accurate(60, 100))
    groups = [replace(item, group=f"doc {index // 20}") for index, item in enumerate(b.items)]
    alone, grouped = compare_runs(a, b), compare_runs(a, replace(b, items=tuple(groups)))
    assert grouped.difference.value == alone.difference.value == 0.4
    assert alone.difference.excludes_zero
    assert not grouped.difference.excludes_zero
    assert grouped.p_mcnemar == alone.p_mcnemar


def test_the_accuracy_of_a_run_rests_on_items_that_stand_alone() -> None:
    run = eval_run("a", "sums", accurate(20, 100))
    assert run_accuracy(run) == wilson(20, 100)
    assert run_accuracy(replace(run, items=tuple(run.items) * 3)) == wilson(20, 100)
    grouped = tuple(replace(item, group=str(i // 10)) for i, item in enumerate(run.items))
    by_groups = run_accuracy(replace(run, items=grouped))
    # Sums of the groups differ from their mean by 2 times 8 and 8 times -2; t(9) = 2.2622.
    half = 2.2622 * (160 * 10 / 9) ** 0.5 / 100
    assert by_groups.low == pytest.approx(max(0, 0.2 - half), abs=1e-4)
    assert by_groups.high == pytest.approx(0.2 + half, abs=1e-4)


def test_two_runs_of_one_model_go_by_their_ids() -> None:
    a = eval_run("m", "sums", [True], run_id="eval-1")
    found = compare_runs(a, eval_run("m", "sums", [False], run_id="eval-2"))
    assert (found.a, found.b) == ("eval-1", "eval-2")


def test_runs_of_other_items_are_not_compared() -> None:
    a = eval_run("a", "sums", accurate(2, 4))
    with pytest.raises(InputError, match="did not answer the same items"):
        compare_runs(a, eval_run("b", "sums", accurate(2, 4), suite_hash="another"))
    with pytest.raises(InputError, match="share no item"):
        compare_runs(a, replace(eval_run("b", "sums", [True]), items=()))
