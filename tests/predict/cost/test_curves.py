from __future__ import annotations

from dataclasses import replace

import pytest

from tests.predict.cost.examples import DEMAND, api, between, rented
from weighbridge.core.cost import CostQuestion, CostReport, certain
from weighbridge.predict.cost.curves import Curve, curves, spread
from weighbridge.predict.cost.report import answer

# 0.44 USD over 730.5 hours.
GPU = 321.42


def report(volume: float = 60e6, **changed: object) -> CostReport:
    own = rented(name="own", **changed)  # type: ignore[arg-type]
    demand = replace(DEMAND, volume=certain(volume))
    return answer(CostQuestion(demand, (own,), (api(2, 10),)), draws=2000)


def at(curve: Curve, tokens: float) -> float:
    """The bill of the nearest volume drawn at or beyond."""
    return next(usd for volume, usd in curve.points if volume >= tokens)


def test_own_bills_are_stairs_and_those_of_an_api_a_line() -> None:
    own, theirs = curves(report())
    # 500 output tokens/s, a quarter of all tokens are output, and the peak is 1.97 times the mean.
    end = 500 * 86_400 / 1.97 * 4
    assert (own.name, theirs.name) == ("own", "api")
    assert at(own, end) == pytest.approx(GPU)
    assert at(own, end * 1.0000005) == pytest.approx(2 * GPU)
    assert at(own, end * 1.9) == pytest.approx(2 * GPU)
    volume, usd = theirs.points[-1]
    assert usd == pytest.approx(volume / 1e6 * 30.4375 * (0.75 * 2 + 0.25 * 10))


def test_crossings_and_what_is_asked_are_points_of_both() -> None:
    made = report()
    crossing = made.comparisons[0].break_even.tokens_per_day
    assert crossing is not None
    own, theirs = (dict(one.points) for one in curves(made))
    assert own[crossing] == pytest.approx(theirs[crossing])
    assert 60e6 in own


def test_stairs_end_with_the_gpus() -> None:
    made = report(max_gpus=2)
    own, theirs = curves(made)
    capacity = made.comparisons[0].break_even.capacity_tokens_per_day
    assert own.points[-1][0] == pytest.approx(capacity)
    assert theirs.points[-1][0] > capacity


def test_requests_are_drawn_as_their_tokens() -> None:
    made = report()
    demand = replace(DEMAND, volume=certain(60_000.0), unit="requests")
    same = answer(replace(made.question, demand=demand), draws=2000)
    assert curves(same) == curves(made)


def test_the_spread_counts_the_draws_of_the_report() -> None:
    question = CostQuestion(
        replace(DEMAND, volume=between(1e6, 3e6, 9e6)), (rented(name="own"),), (api(2, 10),)
    )
    made = answer(question, draws=4000)
    found = made.comparisons[0]
    bars = spread(made, found)
    assert sum(bar.share for bar in bars) == pytest.approx(0.98, abs=0.01)
    # No bar lies on both sides of 0, so what is left of it is the share in which own is cheaper.
    assert not [bar for bar in bars if bar.low < -1e-6 and bar.high > 1e-6]
    cheaper = sum(bar.share for bar in bars if bar.high <= 1e-6)
    assert cheaper == pytest.approx(found.p_self_cheaper, abs=0.011)
    assert bars[0].low < found.difference.low < found.difference.high < bars[-1].high


def test_what_is_certain_has_no_spread() -> None:
    made = report()
    assert spread(made, made.comparisons[0]) == ()
