from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, spearmanr

from tests.shared_data import shared
from weighbridge.core.correlation import Correlation, signed
from weighbridge.core.errors import InputError
from weighbridge.decide.correlation import (
    Utilities,
    correlate,
    kendall,
    kendall_interval,
    spearman,
    spearman_interval,
)
from weighbridge.decide.statistics.bootstrap import mean_draws

VALUES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=3, max_size=30)


def names(n: int) -> tuple[str, ...]:
    return tuple(f"m{index}" for index in range(n))


def of(x: Sequence[float], y: Sequence[float], draws: object = None) -> Correlation:
    utilities = Utilities(names(len(y)), tuple(y), draws)  # type: ignore[arg-type]
    return correlate("board", list(zip(names(len(x)), x, strict=True)), utilities)


@given(VALUES)
@settings(deadline=None)
def test_coefficients_and_p_values_agree_with_scipy(values: list[tuple[int, int]]) -> None:
    x, y = (np.array(column, dtype=float) for column in zip(*values, strict=True))
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return
    assert spearman(x, y) == pytest.approx(spearmanr(x, y).statistic)
    assert kendall(x, y) == pytest.approx(kendalltau(x, y).statistic)
    if len(x) > 9:
        found = of(list(x), list(y))
        assert found.spearman.p == pytest.approx(spearmanr(x, y).pvalue, abs=1e-9)
        assert found.kendall.p == pytest.approx(
            kendalltau(x, y, method="asymptotic").pvalue, abs=1e-9
        )


@pytest.mark.parametrize("n", [4, 6, 8])
def test_exact_p_values_count_all_orders(n: int) -> None:
    generator = np.random.default_rng(n)
    x, y = generator.random(n), generator.random(n)
    found = of(list(x), list(y))
    assert found.kendall.exact
    assert found.kendall.p == pytest.approx(kendalltau(x, y, method="exact").pvalue)


def test_exact_p_value_of_a_perfect_order() -> None:
    found = of([1, 2, 3, 4, 5], [2, 3, 5, 7, 11])
    assert found.spearman.p == pytest.approx(2 / 120)
    assert found.same_order == 1
    assert found.spearman.interval is not None
    assert found.spearman.interval.low < 0.9  # five models are no proof
    assert found.verdict == "cannot tell"


@pytest.mark.parametrize(
    ("n", "low", "high"), [(8, -0.52, 0.84), (10, -0.42, 0.79), (20, -0.17, 0.67), (50, 0.03, 0.55)]
)
def test_a_correlation_of_a_third_may_be_anything_on_few_models(
    n: int, low: float, high: float
) -> None:
    found = spearman_interval(0.31, n)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.01)


def test_intervals_need_models() -> None:
    assert spearman_interval(0.5, 3) is None
    assert kendall_interval(0.5, 4) is None


@pytest.mark.parametrize(
    ("board", "n", "rho", "low", "high"),
    [
        ("MMLU (5-shot)", 14, 0.89, 0.61, 0.97),
        ("AlpacaEval 2.0", 17, 0.40, -0.12, 0.75),
        ("HELM Lite", 7, 0.09, -0.71, 0.79),
    ],
)
def test_real_leaderboards_against_the_arena(
    board: str, n: int, rho: float, low: float, high: float
) -> None:
    path = shared("data", "leaderboards", "alpaca_eval_benchmarks.csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = [
            {" ".join(key.split()): value for key, value in row.items()}
            for row in csv.DictReader(file)
        ]
    arena = [(row["Model"], row["Arena Elo [April 18, 2024]"]) for row in rows]
    known = [(model, float(value)) for model, value in arena if value]
    scores = [(row["Model"], float(row[board])) for row in rows if row[board]]
    utilities = Utilities(tuple(m for m, _ in known), tuple(v for _, v in known))
    found = correlate(board, scores, utilities)
    interval = found.spearman.interval
    assert len(found.models) == n
    assert interval is not None
    assert (round(interval.value, 2), round(interval.low, 2), round(interval.high, 2)) == (
        rho, low, high,
    )  # fmt: skip
    assert found.verdict == "cannot tell"  # of MMLU because 14 models are too few


def test_on_the_shortlist_a_leaderboard_says_less_than_on_all() -> None:
    path = shared("data", "leaderboards", "lmarena_text_by_category.json")
    boards = json.loads(path.read_text(encoding="utf-8"))
    overall, coding = (
        {model: row["rating"] for model, row in boards[name].items()} for name in ("full", "coding")
    )
    shortlist = sorted(overall, key=lambda model: -overall[model])[:20]

    def against(models: Sequence[str]) -> Correlation:
        kept = [model for model in models if model in coding]
        return correlate(
            "overall",
            [(model, overall[model]) for model in kept],
            Utilities(tuple(kept), tuple(coding[model] for model in kept)),
        )

    assert against(list(overall)).spearman.value > 0.97
    assert against(list(overall)).verdict == "predicts"
    few = against(shortlist)
    assert few.spearman.value == pytest.approx(0.39, abs=0.01)
    assert few.verdict == "cannot tell"


def test_the_noise_of_items_is_allowed_for() -> None:
    """Noise of as much variance as the utilities draws Pearson's correlation by √½."""
    n = 30
    generator = np.random.default_rng(1)
    y = np.linspace(0.5, 0.7, n)
    x = list(y + generator.normal(0, 0.06, n))
    noise = float(np.std(y, ddof=1) * math.sqrt(0.5))
    sure = of(x, list(y), y + generator.normal(0, 1e-6, (2000, n))).spearman
    unsure = of(x, list(y), y + generator.normal(0, noise, (2000, n))).spearman
    hidden = of(x, list(y), y + generator.normal(0, 1.0, (2000, n))).spearman
    assert sure.interval is not None
    assert sure.interval == unsure.interval
    assert sure.with_items is not None
    assert unsure.with_items is not None
    assert hidden.with_items is not None
    assert (sure.with_items.low, sure.with_items.high) == pytest.approx(
        (sure.interval.low, sure.interval.high), abs=1e-3
    )
    for seen, cleared in (
        (sure.value, unsure.with_items.value),
        (sure.interval.low, unsure.with_items.low),
    ):
        ratio = math.sin(math.pi * cleared / 6) / math.sin(math.pi * seen / 6)
        assert ratio == pytest.approx(math.sqrt(2), rel=0.03)
    assert (hidden.with_items.low, hidden.with_items.high) == (sure.interval.low, 1.0)


def test_twenty_models_of_a_hundred_items_hold_the_true_order() -> None:
    """Whoever leaves the noise out, or adds it twice, holds it in less than half of such cases."""
    generator = np.random.default_rng(4)
    truth, held, runs = 6 / math.pi * math.asin(0.45), 0, 40
    for _ in range(runs):
        x = generator.normal(size=20)
        y = 0.6 + 0.05 * (0.9 * x + math.sqrt(0.19) * generator.normal(size=20))
        right = (generator.random((100, 20)) < y).astype(float)
        draws = mean_draws(right, draws=300)
        found = of(list(x), list(right.mean(axis=0)), draws).spearman.with_items
        assert found is not None
        held += found.low <= truth <= found.high
    assert held / runs >= 0.85


def test_of_places_the_first_is_the_best() -> None:
    places = [(name, float(index + 1)) for index, name in enumerate(names(20))]
    ours = Utilities(names(20), tuple(float(20 - index) for index in range(20)))
    found = correlate("board", places, ours, lower_is_better=True)
    assert (found.verdict, found.same_order) == ("predicts", 1)
    assert (found.models[0].model, found.models[0].score) == ("m0", 1.0)
    assert correlate("board", places, ours).verdict == "reverses"
    assert "+1.00, 95 % interval +0.99" in found.sentence


def test_a_bound_below_one_is_not_shown_as_one() -> None:
    assert [signed(value) for value in (0.4, 0.996, 0.9996, 1.0, -0.99999)] == [
        "+0.40", "+0.996", "+0.9996", "+1.00", "-0.99999",
    ]  # fmt: skip


def test_a_reversed_order_is_told() -> None:
    found = of(list(range(20)), [-value for value in range(20)])
    assert found.verdict == "reverses"
    assert found.same_order == 0
    assert found.sentence.startswith("board runs against")


def test_names_are_matched_by_their_last_part() -> None:
    scores = [("Org/Model-A", 1.0), ("org__model-b", 2.0), ("C", 3.0), ("x/D", 4.0), ("E", 5.0)]
    utilities = Utilities(("model-a", "Other/Model-B", "c", "f"), (0.1, 0.2, 0.3, 0.4))
    found = correlate("board", scores, utilities)
    assert [one.model for one in found.models] == ["c", "Other/Model-B", "model-a"]
    assert found.only_scores == ("x/D", "E")
    assert found.only_utility == ("f",)


def test_what_cannot_be_ordered_is_refused() -> None:
    with pytest.raises(InputError, match="2 names in common"):
        correlate("board", [("m0", 1.0), ("m1", 2.0)], Utilities(names(3), (1.0, 2.0, 3.0)))
    with pytest.raises(InputError, match="board gives all 3 models the same"):
        of([1.0] * 3, [1.0, 2.0, 3.0])
    with pytest.raises(InputError, match="measured here gives all 3 models the same"):
        of([1.0, 2.0, 3.0], [1.0] * 3)
    with pytest.raises(InputError, match="'m0' stands twice"):
        correlate("board", [("m0", 1.0), ("m0", 2.0)], Utilities(names(3), (1.0, 2.0, 3.0)))
