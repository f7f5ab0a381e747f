"""Bills that are upper bounds, as a replica may serve more than was measured."""

from dataclasses import replace

import pytest

from tests.predict.cost.examples import DEMAND, api, between, rented
from weighbridge.core.cost import CostQuestion, Demand, Hosted, SelfHosted, certain
from weighbridge.core.cost_comparison import Comparison
from weighbridge.predict.cost.report import answer
from weighbridge.predict.cost.words import break_even_sentence, cannot_serve

DEAR, CHEAP = api(2, 10), api(0.1, 0.4, name="cheap")


def bounded(own: SelfHosted) -> SelfHosted:
    return replace(own, name="own", capacity=replace(own.capacity, at_least=True))


def compared(own: SelfHosted, against: Hosted, demand: Demand = DEMAND) -> Comparison:
    (found,) = answer(CostQuestion(demand, (own,), (against,)), draws=500).comparisons
    return found


OWN = bounded(rented(between(0.4, 0.44, 0.5)))


def test_a_dearer_bound_leaves_it_open_which_is_cheaper() -> None:
    found = compared(OWN, CHEAP)
    assert found.at_most
    assert found.difference.value > 0
    assert found.p_self_cheaper is None
    assert found.verdict.startswith("own is dearer than cheap by at most $215 a month (in 9 of ")
    assert found.verdict.endswith("; its bill is an upper bound, so it may be cheaper.")
    assert compared(replace(OWN, capacity=rented().capacity), CHEAP).p_self_cheaper == 0


def test_a_cheaper_bound_is_cheaper_at_least_so_often() -> None:
    found = compared(OWN, DEAR)
    assert found.p_self_cheaper == 1
    assert found.verdict == (
        "own is cheaper than api by at least $2,114 a month, and so in all draws."
    )
    exact = compared(replace(OWN, capacity=rented().capacity), DEAR)
    assert break_even_sentence(found) == break_even_sentence(exact).replace(
        "cheaper from", "cheaper at the latest from"
    )


def test_a_break_even_that_the_bound_does_not_have_is_not_known() -> None:
    assert break_even_sentence(compared(OWN, api(0.001, 0.002))) == (
        "own against api: its break-even is not known, as its bill is an upper bound."
    )


def test_what_would_turn_it_knows_the_speed_is_a_bound() -> None:
    demand = replace(DEMAND, volume=certain(200e6))
    flips = {one.driver: one.sentence for one in compared(OWN, api(0.05, 0.15), demand).flips}
    speed = flips["self.capacity.output_tokens_per_s"]
    assert speed.endswith("; now it is at least 500.")
    assert speed.startswith("own becomes cheaper with tokens/s of a replica above ")
    assert "with GPU price at the latest below" in flips["self.rented.usd_per_gpu_hour"]
    assert not any(said.startswith("No value") for said in flips.values())


def test_that_no_value_turns_a_bound_is_not_known() -> None:
    flips = {one.driver: one for one in compared(OWN, api(0.001, 0.002)).flips}
    volume = flips["demand.volume"]
    assert volume.value is None
    assert volume.sentence == (
        "Which value of volume alone makes own the cheaper one is not known: the bill of own is an "
        "upper bound."
    )


@pytest.mark.parametrize("gpus", [1, 2])
def test_too_few_gpus_by_a_bound_may_be_enough(gpus: int) -> None:
    demand = replace(DEMAND, volume=certain(2e9))
    own = bounded(rented(max_gpus=gpus))
    report = answer(CostQuestion(demand, (own,), (DEAR,)), draws=100)
    assert report.comparisons[0].verdict.startswith("Whether own can serve this demand with the")
    assert report.comparisons[0].p_self_cheaper is None
    assert cannot_serve(report.options[0], own, demand).startswith("Whether own can serve 2.0")
