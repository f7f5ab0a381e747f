from __future__ import annotations

import numpy as np
import pytest

from weighbridge.decide.statistics.bootstrap import mean_draws, p_best
from weighbridge.decide.statistics.paired import Floats, paired


def table(seed: int, n: int, rates: tuple[float, ...]) -> Floats:
    return (np.random.default_rng(seed).random((n, len(rates))) < rates).astype(float)


def test_draws_have_the_mean_and_the_error_of_the_difference() -> None:
    scores = table(1, 400, (0.6, 0.7))
    draws = mean_draws(scores)
    differences = draws[:, 1] - draws[:, 0]
    expected = paired(scores[:, 1] - scores[:, 0])
    assert differences.mean() == pytest.approx(expected.value, abs=0.002)
    assert differences.std() == pytest.approx(expected.error, rel=0.05)


@pytest.mark.parametrize("kind", ["scores", "groups of one"])
def test_other_ways_to_draw_the_same_agree(kind: str) -> None:
    scores = table(2, 300, (0.6, 0.65, 0.7))
    plain = mean_draws(scores)
    other = (
        mean_draws(scores * 0.999)  # no longer 0 and 1, so items are drawn one by one
        if kind == "scores"
        else mean_draws(scores, np.arange(300))
    )
    assert other.mean(axis=0) == pytest.approx(plain.mean(axis=0), abs=0.003)
    assert other.std(axis=0) == pytest.approx(plain.std(axis=0), rel=0.06)


def test_the_normal_approximation_for_many_items_agrees() -> None:
    scores = table(3, 30_000, (0.6, 0.605))
    binary, approximate = mean_draws(scores), mean_draws(scores * 0.999)
    assert approximate.std(axis=0) == pytest.approx(binary.std(axis=0), rel=0.06)
    assert p_best(approximate) == pytest.approx(p_best(binary), abs=0.05)


def test_equal_models_share_the_first_place_and_one_item_makes_nobody_sure() -> None:
    assert p_best(mean_draws(np.ones((50, 4)))) == pytest.approx([0.25] * 4, abs=0.03)
    sure = p_best(mean_draws(np.array([[1.0, 0.0]])))
    assert 0.6 < sure[0] < 0.9
    assert p_best(mean_draws(np.tile([1.0, 0.0], (100, 1))))[0] > 0.999


def test_equal_columns_have_equal_chances() -> None:
    column = table(4, 200, (0.5,))
    assert p_best(mean_draws(np.hstack((column, column)))) == pytest.approx([0.5, 0.5], abs=0.03)


def test_shares_sum_to_one_and_repeat() -> None:
    scores = table(5, 200, (0.5, 0.55, 0.6))
    first, second = p_best(mean_draws(scores)), p_best(mean_draws(scores))
    assert first.sum() == pytest.approx(1)
    assert (first == second).all()
    assert (mean_draws(scores) != mean_draws(scores, seed=1)).any()


def test_the_model_with_a_p_best_is_as_often_best_as_it_says() -> None:
    # Two models of equal truth: the chance given to the first is uniform, so half are above 1/2.
    shares = [p_best(mean_draws(table(seed, 100, (0.6, 0.6)), draws=400))[0] for seed in range(200)]
    assert np.mean(np.array(shares) > 0.95) < 0.1
    assert np.mean(shares) == pytest.approx(0.5, abs=0.07)
