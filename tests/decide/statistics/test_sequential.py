from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from weighbridge.decide.statistics.sequential import anytime_difference, anytime_mean, is_sorted

FLIPS = st.lists(st.sampled_from((-1.0, 0.0, 1.0)), min_size=1, max_size=200)


@given(FLIPS)
@settings(max_examples=50, deadline=None)
def test_bounds_only_ever_tighten_and_mirror(values: list[float]) -> None:
    observed = (np.array(values) + 1) / 2
    whole, part = anytime_mean(observed), anytime_mean(observed[:-1] if values[1:] else observed)
    assert whole[1] - 1e-9 <= part[1]
    assert whole[0] + 1e-9 >= part[0]
    there, back = anytime_difference(np.array(values)), anytime_difference(-np.array(values))
    assert there.low == pytest.approx(-back.high, abs=1e-9)
    assert there.low <= 2 * whole[0] - 1 + 1e-9


def test_peeking_after_every_item_raises_few_false_alarms() -> None:
    """Naive peeking raises one in more than a fourth of such runs."""
    generator = np.random.default_rng(20261121)
    runs, alarms, naive = 300, 0, 0
    for _ in range(runs):
        values = generator.choice([-1.0, 0.0, 1.0], p=[0.08, 0.84, 0.08], size=541)
        alarms += anytime_difference(values).excludes_zero
        n = np.arange(1, 542)
        spread = np.cumsum(values**2) / n - (np.cumsum(values) / n) ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            z = np.abs(np.cumsum(values) / n) / np.sqrt(spread / n)
        naive += bool((z[19:] > norm.ppf(0.975)).any())
    assert alarms / runs <= 0.05
    assert naive / runs > 0.25


def test_a_real_difference_is_found_before_the_end() -> None:
    generator = np.random.default_rng(3)
    values = generator.choice([-1.0, 0.0, 1.0], p=[0.03, 0.77, 0.2], size=541)
    found = anytime_difference(values)
    assert found.low > 0
    assert found.low <= 0.17 <= found.high


def test_bounds_hold_the_mean_of_scores() -> None:
    low, high = anytime_mean(np.random.default_rng(4).beta(8, 2, 1000))
    assert low < 0.8 < high
    assert high - low < 0.1


def test_one_item_tells_nothing() -> None:
    assert not anytime_difference(np.array([1.0])).excludes_zero


def test_sorted_items_are_no_evidence() -> None:
    """30 items up, then 470 alike, then 30 down: the models are equal, the first part is not."""
    values = np.repeat([1.0, 0.0, -1.0], [30, 470, 30])
    low, _ = anytime_mean((values + 1) / 2)
    assert 2 * low - 1 > 0  # as the rows stand
    found = anytime_difference(values)
    assert found.low < 0 < found.high
    assert found.value == 0.0
    assert is_sorted(values)
    assert not is_sorted(np.random.default_rng(2).permutation(values))
