from __future__ import annotations

import pytest
from scipy.stats import binom

from weighbridge.decide.statistics.power import (
    detectable,
    detectable_flips,
    detectable_win_rate,
    in_round_figures,
    items_needed,
    wins_needed,
)


@pytest.mark.parametrize(
    ("n", "flips", "points", "one_sided"),
    [
        (50, 0.10, 12.5, 11.1), (50, 0.05, 8.9, None), (164, 0.20, 9.8, 8.7),
        (500, 0.10, 4.0, 3.5), (1319, 0.30, 4.2, None), (1319, 0.20, 3.4, 3.1),
    ],
)  # fmt: skip
def test_the_smallest_difference_that_shows(
    n: int, flips: float, points: float, one_sided: float | None
) -> None:
    assert round(100 * detectable(flips, n), 1) == points
    if one_sided is not None:
        assert round(100 * detectable(flips, n, sides=1), 1) == one_sided


def test_as_many_items_as_show_a_difference_show_it() -> None:
    needed = items_needed(0.2, 0.03)
    assert needed is not None
    assert detectable(0.2, needed) <= 0.03 < detectable(0.2, needed - 1)
    assert items_needed(0.2, 0.0) is None
    assert items_needed(0.2, 1e-6) is None
    assert items_needed(0.2, -0.03) == needed


@pytest.mark.parametrize(
    ("votes", "wins", "rate"), [(20, 15, 0.80), (50, 33, 0.70), (100, 61, 0.65), (200, 115, 0.60)]
)
def test_what_so_many_votes_can_tell(votes: int, wins: int, rate: float) -> None:
    assert wins_needed(votes) == wins
    found = detectable_win_rate(votes)
    assert found is not None
    assert found == pytest.approx(rate, abs=0.011)
    assert binom.sf(wins - 1, votes, found) == pytest.approx(0.8, abs=1e-6)


def test_five_votes_tell_nothing() -> None:
    assert wins_needed(5) is None
    assert detectable_win_rate(5) is None
    assert wins_needed(6) == 6


def test_numbers_of_items_are_rounded_up() -> None:
    assert [in_round_figures(n) for n in (7, 99, 101, 9302, 32_011)] == [
        "7", "99", "110", "9,400", "33,000",
    ]  # fmt: skip


def test_few_flips_show_only_what_takes_more_of_them() -> None:
    """Five flips are never significant: however few were seen, a difference takes six or more."""
    found = detectable_flips(0.0, 164)
    assert found is not None
    assert binom.sf(5, 164, found) == pytest.approx(0.8, abs=1e-3)
    assert detectable_flips(0.01, 164) == found
    assert detectable(0.01, 164) < found / 2
    assert detectable_flips(0.5, 5) is None


def test_the_exact_tests_power_counts_every_number_of_flips() -> None:
    found = detectable_flips(0.2, 100)
    assert found is not None
    power = 0.0
    for flips in range(101):
        wins = wins_needed(flips) if flips else None
        if wins is not None:
            chance = (1 + found / 0.2) / 2
            hit = binom.sf(wins - 1, flips, chance) + binom.cdf(flips - wins, flips, chance)
            power += binom.pmf(flips, 100, 0.2) * hit
    assert power == pytest.approx(0.8, abs=1e-3)
    assert detectable_flips(0.3, 5000) == pytest.approx(detectable(0.3, 5000))
