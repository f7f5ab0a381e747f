from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_1samp, ttest_rel

from weighbridge.decide.statistics import flip_difference, paired_difference, wilson
from weighbridge.decide.statistics.clusters import degrees, few_groups, mean_error, worth
from weighbridge.decide.statistics.paired import Floats, Ints, mean, paired

SCORES = st.sampled_from((0.0, 0.25, 0.5, 1.0))
DIFFERENCES = st.lists(st.sampled_from((-1.0, -0.5, 0.0, 0.5, 1.0)), min_size=1, max_size=150)


def flips(up: int, down: int, n: int) -> Floats:
    return np.array([1.0] * up + [-1.0] * down + [0.0] * (n - up - down))


def test_with_many_flips_it_is_students_paired_interval() -> None:
    generator = np.random.default_rng(5)
    a, b = (generator.integers(0, 2, 300).astype(float) for _ in range(2))
    ours, theirs = paired(b - a), ttest_rel(b, a)
    interval = theirs.confidence_interval(0.95)
    assert ours.method == "t"
    assert ours.interval().low == pytest.approx(interval.low, abs=1e-12)
    assert ours.interval().high == pytest.approx(interval.high, abs=1e-12)
    assert ours.p == pytest.approx(theirs.pvalue)
    one_sided = ttest_1samp(b - a, 0.0, alternative="greater").confidence_interval(0.95)
    assert ours.interval(0.90).low == pytest.approx(one_sided.low, abs=1e-12)


def test_scores_in_between_have_students_interval_even_if_few() -> None:
    generator = np.random.default_rng(6)
    differences = generator.normal(0.05, 0.1, 12)
    theirs = ttest_1samp(differences, 0.0).confidence_interval(0.95)
    ours = paired(differences).interval()
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))


@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 400))
@settings(deadline=None)
def test_columns_and_counts_of_flips_give_the_same_interval(up: int, down: int, rest: int) -> None:
    n = up + down + rest
    ours, counted = paired(flips(up, down, n)).interval(), flip_difference(up, down, n)
    assert (ours.value, ours.low, ours.high) == pytest.approx(
        (counted.value, counted.low, counted.high), abs=1e-12
    )


def test_few_flips_or_items_have_the_interval_of_bonett_and_price() -> None:
    assert paired(flips(12, 4, 200)).method == "bonett-price"
    assert paired(flips(30, 20, 99)).method == "bonett-price"
    assert paired(flips(13, 12, 100)).method == "t"
    assert flip_difference(12, 4, 200) == paired_difference(12, 4, 200)


@given(DIFFERENCES)
@settings(deadline=None)
def test_order_does_not_matter_and_a_swap_mirrors(values: list[float]) -> None:
    there = paired(np.array(values))
    shuffled = paired(np.array(values[::-1]))
    back = paired(-np.array(values))
    assert there.interval().low == pytest.approx(shuffled.interval().low, abs=1e-9)
    assert there.interval().low == pytest.approx(-back.interval().high, abs=1e-9)
    assert there.p == pytest.approx(back.p, abs=1e-9)
    assert there.value == -back.value


@given(DIFFERENCES)
@settings(deadline=None)
def test_the_interval_excludes_zero_just_where_its_p_value_says(values: list[float]) -> None:
    found = paired(np.array(values))
    interval = found.interval()
    assert -1 <= interval.low <= interval.value <= interval.high <= 1
    assert found.error > 0  # never certain, however alike the items are
    if abs(found.p - 0.05) > 1e-6:
        assert interval.excludes_zero == (found.p < 0.05)


def test_a_single_item_or_equal_columns_tell_nothing() -> None:
    for differences in (np.array([1.0]), np.zeros(5), np.zeros(500), np.array([0.3])):
        interval = paired(differences).interval()
        assert not interval.excludes_zero
        assert interval.high > interval.low


def test_clusters_by_hand() -> None:
    # Groups' sums of deviations from the mean 0.25: (1 + 1 − 0.5), (0 − 1 − 0.5), ... each of two.
    generator = np.random.default_rng(7)
    differences = generator.normal(0.1, 0.3, 60)
    groups = np.repeat(np.arange(20), 3)
    deviations = (differences - differences.mean()).reshape(20, 3).sum(axis=1)
    error = math.sqrt((deviations**2).sum()) / 60 * math.sqrt(20 / 19)
    found = paired(differences, groups)
    assert (found.method, found.dof) == ("cluster", 19)
    assert found.error == pytest.approx(error)


@pytest.mark.parametrize(
    ("differences", "groups"),
    [
        (np.full(60, 0.1), None),
        (np.full(60, 0.1), np.repeat(np.arange(20), 3)),
        (np.full(90, 0.1), np.repeat(np.arange(20), np.arange(20) % 2 * 3 + 3)),
        (np.tile([1.0, 0.0], 60), np.repeat(np.arange(40), np.arange(40) % 2 * 2 + 2)),
    ],
)
def test_what_is_alike_in_all_groups_is_not_certain(
    differences: Floats, groups: Ints | None
) -> None:
    interval = paired(differences, groups).interval()
    assert interval.high - interval.low > 0.03


def test_groups_of_one_item_each_are_no_groups() -> None:
    differences = np.random.default_rng(8).normal(0, 0.3, 40)
    alone, grouped = paired(differences), paired(differences, np.arange(40))
    assert grouped.interval().low == pytest.approx(alone.interval().low)


def test_copies_of_items_in_groups_tell_no_more_than_the_items() -> None:
    differences = np.random.default_rng(9).normal(0.02, 0.3, 40)
    alone = paired(differences, np.arange(40)).interval()
    copied = paired(np.repeat(differences, 5), np.repeat(np.arange(40), 5)).interval()
    assert (copied.low, copied.high) == pytest.approx((alone.low, alone.high))


@given(st.lists(SCORES, min_size=1, max_size=60))
@settings(deadline=None)
def test_a_models_mean_stays_in_range_and_is_never_certain(scores: list[float]) -> None:
    found = mean(np.array(scores))
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.high > found.low


def test_a_mean_that_is_alike_in_all_groups_is_not_certain() -> None:
    groups = np.repeat(np.arange(20), np.arange(20) % 2 * 3 + 3)
    found = mean(np.full(90, 0.7), groups)
    assert found.value == pytest.approx(0.7)
    # Ten groups of 3 and ten of 6 are worth 17 of one size.
    assert found.low == pytest.approx(wilson(0.7 * 17, 17).low)


def test_right_and_wrong_answers_have_wilsons_interval() -> None:
    assert mean(np.array([1.0] * 15 + [0.0] * 133)) == wilson(15, 148)


def test_the_error_of_groups_of_unlike_sizes_is_the_jackknifes() -> None:
    sizes = np.array([7, 1, 30, 4, 12])
    groups = np.repeat(np.arange(5), sizes)
    values = np.random.default_rng(11).normal(0.1, 0.5, 54)
    left_out = np.array([values[groups != group].mean() for group in range(5)])
    error = math.sqrt(((left_out - values.mean()) ** 2).sum() * 4 / 5)
    assert mean_error(values, groups).error == pytest.approx(error)


@pytest.mark.parametrize("sizes", [[15] * 40, [300] * 2 + [10] * 38, [3, 5, 40, 9]])
def test_degrees_of_freedom_match_two_moments(sizes: list[int]) -> None:
    """Those of the quadratic form, from its matrix written out (Bell and McCaffrey)."""
    shares = np.array(sizes) / sum(sizes)
    centred = (np.eye(len(sizes)) - np.outer(shares, np.ones(len(sizes)))) / (1 - shares)[:, None]
    matrix = centred @ np.diag(np.array(sizes, dtype=float)) @ centred.T
    expected = np.trace(matrix) ** 2 / (matrix**2).sum()
    assert degrees(np.array(sizes, dtype=float)) == pytest.approx(expected)


def test_one_group_that_outweighs_the_rest_is_not_one_of_many() -> None:
    """The plain sandwich with G − 1 degrees of freedom calls a fourth of such runs different."""
    generator = np.random.default_rng(12)
    sizes = [300] * 2 + [10] * 38
    groups = np.repeat(np.arange(40), sizes)
    alarms = 0
    for _ in range(200):
        shared = np.repeat(generator.normal(size=40), sizes)
        alarms += (
            paired(0.2 * shared + generator.normal(0, 0.2, 980), groups).interval().excludes_zero
        )
    assert alarms <= 20
    assert worth(groups) == pytest.approx(4.4, abs=0.05)
    assert "40 groups of unlike sizes, worth about 4" in (few_groups("s", groups) or "")
    assert few_groups("s", np.repeat(np.arange(20), 5)) is None
    assert "19 groups only" in (few_groups("s", np.repeat(np.arange(19), 5)) or "")
