from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import norm

from weighbridge.decide.statistics.score import distance, score_interval


@pytest.mark.parametrize(
    ("up", "down", "n", "supposed"), [(5, 9, 100, -0.02), (0, 4, 60, -0.05), (30, 20, 200, 0.1)]
)
def test_the_error_is_that_of_the_likeliest_rates(
    up: int, down: int, n: int, supposed: float
) -> None:
    def loss(falling: float) -> float:
        rates = (supposed + falling, falling, 1 - supposed - 2 * falling)
        counts = (up, down, n - up - down)
        return -sum(count * math.log(rate) for count, rate in zip(counts, rates, strict=True))

    least, most = max(0.0, -supposed) + 1e-12, (1 - supposed) / 2 - 1e-12
    falling = minimize_scalar(loss, bounds=(least, most), options={"xatol": 1e-10}).x
    spread = (supposed + 2 * falling - supposed**2) / n
    expected = ((up - down) / n - supposed) / math.sqrt(spread)
    assert distance(up, down, n, supposed) == pytest.approx(expected, rel=1e-4)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 300))
@settings(max_examples=60, deadline=None)
def test_bounds_hold_the_difference_and_mirror(up: int, down: int, same: int) -> None:
    n = up + down + same
    found, back = score_interval(up, down, n), score_interval(down, up, n)
    assert -1 <= found.low <= found.value <= found.high <= 1
    assert found.low == pytest.approx(-back.high)


def test_no_flip_at_all_has_the_bound_of_no_event() -> None:
    z = float(norm.ppf(0.975))
    assert score_interval(0, 0, 300).high == pytest.approx(z**2 / (300 + z**2))


def test_a_candidate_at_the_margin_passes_in_five_percent() -> None:
    """400 items, 2 points worse, nothing better: the usual bounds pass one in ten of these."""
    downs = np.random.default_rng(3).binomial(400, 0.02, 2000)
    passes = [score_interval(0, int(down), 400, level=0.9).low > -0.02 for down in downs]
    assert np.mean(passes) < 0.06
