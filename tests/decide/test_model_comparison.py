from __future__ import annotations

import csv
from array import array
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from tests.shared_data import shared
from weighbridge.core.errors import InputError
from weighbridge.core.model_comparison import PairDifference
from weighbridge.core.outcomes import Outcomes
from weighbridge.decide.model_comparison import compare_models
from weighbridge.decide.statistics.flips import mcnemar
from weighbridge.decide.statistics.multiplicity import holm

NAN = float("nan")
QWEN = "Qwen__Qwen2.5-{}-Instruct-GPTQ-Int4"
TABLES = st.integers(2, 4).flatmap(
    lambda models: st.lists(
        st.lists(st.sampled_from((0.0, 1.0)), min_size=models, max_size=models),
        min_size=1,
        max_size=60,
    )
)


def outcomes(
    *columns: Sequence[float], names: str = "abcdefgh", groups: tuple[str, ...] | None = None
) -> Outcomes:
    return Outcomes(
        "s",
        tuple(f"i{index}" for index in range(len(columns[0]))),
        tuple(names[: len(columns)]),
        tuple(array("d", column) for column in columns),
        groups,
    )


def only(found: Outcomes) -> PairDifference:
    return compare_models([found]).pairs[0]


def ifeval(*names: str) -> Outcomes:
    path = shared("data", "suites", "ifeval", "per_item_results_17models.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return Outcomes(
        "ifeval",
        tuple(row["key"] for row in rows),
        names,
        tuple(array("d", (float(row[name]) for row in rows)) for name in names),
    )


@pytest.mark.parametrize(
    ("a", "b", "points", "flips"),
    [
        (QWEN.format("7B"), QWEN.format("14B"), (5.4, 1.9, 8.8), (60, 31)),
        (QWEN.format("14B"), QWEN.format("32B"), (0.7, -2.6, 4.1), (45, 41)),
        ("gpt-4o-2024-08-06", "gpt-4o-mini-2024-07-18", (-3.7, -6.5, -0.9), (20, 40)),
    ],
)
def test_real_models_differ_as_published(
    a: str, b: str, points: tuple[float, float, float], flips: tuple[int, int]
) -> None:
    pair = only(ifeval(a, b))
    interval = pair.difference
    assert pair.n == 541
    assert (pair.flips_up, pair.flips_down) == flips
    rounded = tuple(round(100 * x, 1) for x in (interval.value, interval.low, interval.high))
    assert rounded == points
    assert pair.p_mcnemar == pytest.approx(binomtest(flips[0], sum(flips)).pvalue)
    if flips == (60, 31):
        assert pair.p_mcnemar == pytest.approx(0.003, abs=0.0005)


def test_pairing_needs_about_half_the_items_of_two_samples() -> None:
    found = compare_models([ifeval(QWEN.format("7B"), QWEN.format("14B"))])
    paired = (found.pairs[0].difference.high - found.pairs[0].difference.low) / 3.92
    unpaired = sum(
        one.accuracy.value * (1 - one.accuracy.value) / 541 for one in found.subjects[0].standings
    )
    assert 0.45 < 1 - paired**2 / unpaired < 0.62


@given(TABLES)
@settings(max_examples=40, deadline=None)
def test_swapping_two_models_negates_and_the_order_of_items_is_irrelevant(
    rows: list[list[float]],
) -> None:
    a, b = ([row[index] for row in rows] for index in (0, 1))
    there, back, shuffled = (
        only(outcomes(*columns)) for columns in ((a, b), (b, a), (a[::-1], b[::-1]))
    )
    assert there.difference.value == -back.difference.value
    assert there.difference.low == pytest.approx(-back.difference.high, abs=1e-12)
    assert (there.flips_up, there.flips_down) == (back.flips_down, back.flips_up)
    assert there.p_mcnemar == back.p_mcnemar == shuffled.p_mcnemar
    assert there.difference.low == pytest.approx(shuffled.difference.low, abs=1e-12)
    assert there.more_items == back.more_items == shuffled.more_items


@given(TABLES)
@settings(max_examples=30, deadline=None)
def test_everything_stays_in_range(rows: list[list[float]]) -> None:
    columns = list(zip(*rows, strict=True))
    subject = compare_models([outcomes(*columns)]).subjects[0]
    assert sum(one.p_best for one in subject.standings) == pytest.approx(1)
    accuracies = [one.accuracy.value for one in subject.standings]
    assert accuracies == sorted(accuracies, reverse=True)
    assert len(subject.pairs) == len(columns) * (len(columns) - 1) // 2
    for pair in subject.pairs:
        assert pair.p <= pair.p_adjusted <= 1
        assert 0 < pair.detectable <= 1
        assert pair.real == (pair.more_items == 0)


def test_holms_procedure_covers_the_pairs_of_all_subjects() -> None:
    a, b = [0.0] * 120, [1.0] * 7 + [0.0] * 113
    alone = compare_models([outcomes(a, b)])
    assert alone.pairs[0].p_adjusted == alone.pairs[0].p == pytest.approx(2 / 2**7)
    assert alone.any_real
    assert alone.notes == ()
    same = [1.0, 0.0] * 60
    among = compare_models([outcomes(a, b), outcomes(same, same, same, same)])
    assert among.pairs[0].p_adjusted == pytest.approx(7 * 2 / 2**7)
    assert not among.any_real
    assert "7 comparisons (Holm)" in among.notes[0]


def test_what_is_open_says_how_many_more_items_would_settle_it() -> None:
    few = only(outcomes([0.0] * 4 + [1.0] * 46, [1.0] * 8 + [0.0] * 2 + [1.0] * 40))
    assert not few.real
    assert few.more_items is not None
    factor = (few.n + few.more_items) // few.n + 1
    many = only(
        outcomes(([0.0] * 4 + [1.0] * 46) * factor, ([1.0] * 8 + [0.0] * 2 + [1.0] * 40) * factor)
    )
    assert many.real
    same = [1.0, 0.0] * 30
    assert only(outcomes(same, same)).more_items is None


def test_missing_answers_count_as_wrong_and_are_listed() -> None:
    found = compare_models([outcomes([1.0, NAN, 1.0, NAN], [1.0, 1.0, 0.0, 1.0])])
    pair = found.pairs[0]
    assert (pair.n, pair.flips_up, pair.flips_down) == (4, 2, 1)
    last = found.subjects[0].standings[-1]
    assert (last.model, last.missing) == ("a", ("i1", "i3"))
    assert "no answer to 2 of 4 items of s, which count as wrong: i1, i3." in found.notes[0]


def test_items_of_one_group_count_together() -> None:
    a = [0.0] * 200
    b = ([1.0] * 10 + [0.0] * 10) * 10
    alone = only(outcomes(a, b))
    grouped = only(outcomes(a, b, groups=tuple(str(index // 20 % 5) for index in range(200))))
    assert (alone.method, grouped.method) == ("t", "cluster")
    assert grouped.p != grouped.p_mcnemar  # which takes items for independent
    ten = outcomes(a, b, groups=tuple(str(index // 10) for index in range(200)))
    wide = only(ten).difference
    assert wide.high - wide.low > 2.5 * (alone.difference.high - alone.difference.low)
    with pytest.raises(InputError, match="in one group, x"):
        compare_models([outcomes(a, b, groups=("x",) * 200)])


def test_scores_in_between_have_no_mcnemar_test() -> None:
    pair = only(outcomes([0.5, 0.25, 1.0] * 20, [0.75, 0.5, 1.0] * 20))
    assert pair.p_mcnemar is None
    assert (pair.flips_up, pair.flips_down) == (40, 0)
    assert pair.real


def test_looking_often_asks_for_wider_bounds() -> None:
    b = ([1.0] * 3 + [0.0] + [1.0] * 6) * 40
    a = ([0.0] + [1.0] * 9) * 40
    once = compare_models([outcomes(a, b)]).pairs[0]
    often = compare_models([outcomes(a, b)], anytime=True).pairs[0]
    assert often.anytime is not None
    assert often.anytime.high - often.anytime.low > once.difference.high - once.difference.low
    family = compare_models([outcomes(a, b, b)], anytime=True).pairs[0]
    assert family.anytime is not None
    assert family.anytime.level == pytest.approx(1 - 0.05 / 3)
    assert family.anytime.high - family.anytime.low > often.anytime.high - often.anytime.low
    with pytest.raises(InputError, match="for items in groups"):
        compare_models([outcomes(a, b, groups=("x", "y") * 200)], anytime=True)


def test_one_model_or_no_item_is_no_comparison() -> None:
    with pytest.raises(InputError, match="one model only: a"):
        compare_models([outcomes([1.0])])
    with pytest.raises(InputError, match="s has no items"):
        compare_models([outcomes([], [])])


def test_pairs_that_nobody_asks_about_cost_nothing() -> None:
    a, b, c = [1.0] * 20, [0.0] * 6 + [1.0] * 14, [0.0] * 7 + [1.0] * 13
    every = compare_models([outcomes(a, b, c)])
    asked = compare_models([outcomes(a, b, c)], reference="a")
    assert [(one.a, one.b) for one in asked.pairs] == [("a", "b"), ("a", "c")]
    assert asked.pairs[0].p_adjusted == asked.pairs[0].p == 2 / 2**6
    assert every.pairs[0].p_adjusted > asked.pairs[0].p_adjusted
    assert any("allow for 2 comparisons" in note for note in asked.notes)


def test_what_shows_allows_for_the_number_of_comparisons_as_verdicts_do() -> None:
    """Four tasks at once, one with a true difference: it is called real in 4 of 5 cases."""
    n, flips, tasks = 300, 60, 4
    seen = flips_of(n, flips // 2, flips // 2)
    alone = compare_models([seen]).pairs[0].detectable
    found = {pair.detectable for pair in compare_models([seen] * tasks).pairs}
    (shown,) = found
    draws = np.random.default_rng(7)
    share = flips / n
    with_difference = p_values(draws, n, share, shown)
    others = [p_values(draws, n, share, 0.0) for _ in range(tasks - 1)]
    rows = list(zip(with_difference, *others, strict=True))
    assert 0.78 <= sum(holm(row)[0] <= 0.05 for row in rows) / len(rows) <= 0.87
    optimistic = zip(p_values(draws, n, share, alone), *others, strict=True)
    assert sum(holm(row)[0] <= 0.05 for row in optimistic) / len(rows) < 0.7


def flips_of(n: int, up: int, down: int) -> Outcomes:
    return outcomes([0.0] * up + [1.0] * (n - up), [1.0] * (n - down) + [0.0] * down)


def p_values(
    draws: np.random.Generator, n: int, share: float, difference: float, times: int = 2000
) -> list[float]:
    """Of McNemar's test in so many samples of items of which this share flips."""
    chances = [(share + difference) / 2, (share - difference) / 2, 1 - share]
    return [mcnemar(int(up), int(down)) for up, down, _ in draws.multinomial(n, chances, times)]


def test_what_shows_in_scores_is_at_the_strictest_level_of_the_family() -> None:
    columns = [[(index * step % 10) / 10 for index in range(200)] for step in (1, 3, 7)]
    three = compare_models([outcomes(*columns)]).pairs[0]
    two = compare_models([outcomes(*columns[:2])]).pairs[0]
    normal = NormalDist()
    ratio = (normal.inv_cdf(1 - 0.05 / 6) + normal.inv_cdf(0.8)) / (
        normal.inv_cdf(0.975) + normal.inv_cdf(0.8)
    )
    assert three.detectable / two.detectable == pytest.approx(ratio)
    pairs = compare_models([outcomes(*columns)], reference="a").pairs
    assert pairs[0].detectable < three.detectable  # two pairs are asked about, not three
