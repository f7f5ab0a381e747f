from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from tests.fakes.runs import accurate, eval_run
from weighbridge.core.outcomes import Outcomes
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.tradeoffs import Bounded, Served, Spending
from weighbridge.core.verdict import Assignment, ModelEvidence
from weighbridge.decide import tradeoffs
from weighbridge.decide.run_outcomes import outcomes_of_suite

SOURCE = Provenance("predicted", "cost-1", "2026-01-05")


def outcomes(**right: list[bool]) -> Outcomes:
    return outcomes_of_suite([eval_run(model, "s", answers) for model, answers in right.items()])


def test_the_chance_of_being_best_of_two_is_a_beta_tail() -> None:
    """With u items only a has right and d only b, P(a is best) = P(Beta(u+1, d+1) > 1/2)."""
    up, down = 14, 7
    a = [True] * up + [False] * down + [True] * 79
    b = [False] * up + [True] * down + [True] * 79
    draws = tradeoffs.accuracy_draws({"s": outcomes(a=a, b=b)})["s"]
    n = up + down + 1
    exact = sum(math.comb(n, k) for k in range(up + 1)) / 2**n
    found = tradeoffs.chances(draws)
    assert found["a"] == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 4000))
    assert sum(found.values()) == pytest.approx(1.0)


def test_equal_models_share_the_chance() -> None:
    same = accurate(30, 50)
    draws = tradeoffs.accuracy_draws({"s": outcomes(a=same, b=same, c=same)})["s"]
    assert all(
        share == pytest.approx(1 / 3, abs=0.03) for share in tradeoffs.chances(draws).values()
    )


def spending(low: float, value: float, high: float) -> Spending:
    price = Interval(value, low, high, 0.8)
    return Spending(price, None, None, is_hosted=False, provenance=SOURCE)


def test_the_chance_of_being_cheapest_is_that_of_one_lognormal_below_another() -> None:
    """Both are right always, so that only cost counts: P(A < B) = Φ(ln(b/a) / spread)."""
    right = {"a": np.ones(4000), "b": np.ones(4000)}
    found = tradeoffs.cheapest(right, {"a": spending(0.8, 1, 1.25), "b": spending(0.9, 1.2, 1.6)})
    z = 2 * NormalDist().inv_cdf(0.9)
    spread = math.hypot(math.log(1.25 / 0.8) / z, math.log(1.6 / 0.9) / z)
    exact = NormalDist().cdf(math.log(1.2) / spread)
    assert found is not None
    assert found["a"] == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 4000))


def test_the_cheapest_must_be_right_often_enough_and_every_cost_known() -> None:
    right = {"cheap": np.full(10, 0.4), "dear": np.full(10, 0.9)}
    costs = {"cheap": spending(1, 1, 1), "dear": spending(9, 9, 9)}
    assert tradeoffs.cheapest(right, costs) == {"cheap": 1.0, "dear": 0.0}
    assert tradeoffs.cheapest(right, costs, least=0.8) == {"cheap": 0.0, "dear": 1.0}
    assert tradeoffs.cheapest(right, costs, least=0.95) == {"cheap": 0.0, "dear": 0.0}
    assert tradeoffs.cheapest(right, {"cheap": costs["cheap"]}) is None
    # Per accepted request the one that is right twice as often may cost nearly twice as much.
    close = {"cheap": spending(1, 1, 1), "dear": spending(2.2, 2.2, 2.2)}
    assert tradeoffs.cheapest(right, close) == {"cheap": 0.0, "dear": 1.0}


def option(
    model: str, accuracy: float, ms: float | None = None, usd: float | None = None
) -> ModelEvidence:
    time = None if ms is None else Bounded(ms, None, None)
    fast = Served("p95", None, None, time, "", None, None, "users", None, SOURCE)
    price = None if usd is None else Interval(usd, usd, usd)
    cost = Spending(price, price, None, is_hosted=False, provenance=SOURCE)
    return ModelEvidence(
        model, "t", 10, Interval(accuracy, accuracy, accuracy), "run",
        served=fast if ms is not None else None, spending=cost if usd is not None else None,
    )  # fmt: skip


def front(*options: ModelEvidence, **memory: int) -> set[str]:
    return {one.model for one in tradeoffs.with_front(options, memory)[0] if one.on_front}


def test_the_front_has_what_nothing_beats_in_everything() -> None:
    best = option("best", 0.9, 900, 9)
    fast = option("fast", 0.8, 100, 8)
    cheap = option("cheap", 0.7, 500, 1)
    beaten = option("beaten", 0.7, 500, 8)
    assert front(best, fast, cheap, beaten) == {"best", "fast", "cheap"}
    assert front(option("a", 0.9), option("b", 0.8)) == {"a"}
    assert front(option("a", 0.9), option("b", 0.8), a=2, b=1) == {"a", "b"}
    assert front(option("a", 0.9, 5), option("twin", 0.9, 5)) == {"a", "twin"}
    # What is never right costs without end per request that is.
    assert front(option("a", 0.9, usd=5), option("never", 0.0, usd=1)) == {"a"}
    # Nor is it on the front where nothing is known of it but its memory.
    never = option("never", 0.0)
    marked, sides = tradeoffs.with_front([option("a", 0.9, 5), never], {"a": 9, "never": 1})
    assert [one.on_front for one in marked] == [True, False]
    assert sides == ("accuracy", "latency", "memory")
    assert front(never, option("neither", 0.0)) == set()
    # What is not known of all says nothing of any.
    assert front(option("a", 0.9, 100), option("b", 0.8)) == {"a"}


def test_the_gain_is_the_difference_over_the_mix_with_an_interval_that_covers_it() -> None:
    tables = {
        "x": outcomes(a=accurate(90, 100), c=accurate(70, 100)),
        "y": outcomes(c=accurate(80, 100), b=accurate(85, 100)),
    }
    draws = tradeoffs.accuracy_draws(tables)
    both = Assignment(("a", "b"), (("x", "a"), ("y", "b")), 0.7 * 0.9 + 0.3 * 0.85, 1)
    one = Assignment(("c",), (("x", "c"), ("y", "c")), 0.7 * 0.7 + 0.3 * 0.8, 1)
    found = tradeoffs.gain(draws, {"x": 0.7, "y": 0.3}, both, one)
    assert found is not None
    assert found.value == pytest.approx(0.7 * 0.2 + 0.3 * 0.05)
    # Nested answers: on x 20 of 100 items differ, on y 5. Normal theory gives the error.
    error = math.sqrt(0.7**2 * 0.2 * 0.8 / 100 + 0.3**2 * 0.05 * 0.95 / 100)
    assert found.low == pytest.approx(found.value - 1.96 * error, abs=0.015)
    assert found.high == pytest.approx(found.value + 1.96 * error, abs=0.015)
    assert tradeoffs.gain(draws, {"x": 0.7, "y": 0.3}, one, one) is None
    assert tradeoffs.gain(draws, {"x": 0.7, "y": 0.3}, both, None) is None


def test_only_models_that_do_everything_stand_overall() -> None:
    tables = {
        "x": outcomes(a=accurate(90, 100), c=accurate(70, 100)),
        "y": outcomes(a=accurate(50, 100), c=accurate(80, 100), b=accurate(85, 100)),
    }
    accuracy = {"x": {"a": 0.9, "c": 0.7}, "y": {"a": 0.5, "c": 0.8, "b": 0.85}}
    found = tradeoffs.overall(tradeoffs.accuracy_draws(tables), accuracy, {"x": 0.5, "y": 0.5})
    assert [one.model for one in found] == ["c", "a"]
    assert found[0].accuracy.value == pytest.approx(0.75)
    assert found[0].accuracy.low < 0.75 < found[0].accuracy.high
    assert found[0].p_best > 0.7
    assert sum(one.p_best for one in found) == pytest.approx(1.0)
    assert tradeoffs.overall({}, {"x": {"a": 1.0}, "y": {"b": 1.0}}, {"x": 0.5, "y": 0.5}) == ()


def test_costs_are_drawn_with_the_median_and_the_ends_of_their_own_interval() -> None:
    draws = tradeoffs.cost_draws(
        Interval(0.0637, 0.0593, 0.11, 0.8), np.random.default_rng(1), 100_000
    )
    assert np.quantile(draws, (0.1, 0.5, 0.9)) == pytest.approx((0.0593, 0.0637, 0.11), rel=0.01)
    # A value beyond the ends is no median: then the ends tell all.
    odd = tradeoffs.cost_draws(Interval(1.0, 2.0, 8.0, 0.8), np.random.default_rng(1), 100_000)
    assert np.quantile(odd, (0.1, 0.5, 0.9)) == pytest.approx((2.0, 4.0, 8.0), rel=0.02)


def test_another_seed_draws_others_and_the_same_the_same() -> None:
    table = {"s": outcomes(a=accurate(30, 50), b=accurate(28, 50))}
    first, again, other = (tradeoffs.accuracy_draws(table, seed)["s"]["a"] for seed in (7, 7, 8))
    assert (first == again).all()
    assert not (first == other).all()
