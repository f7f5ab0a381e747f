"""Comparisons per accepted answer, chances, and GPUs that are not enough."""

from dataclasses import replace

import pytest

from tests.predict.cost.examples import DEMAND, api, between, owned, rented
from weighbridge.core.cost import (
    AllIn,
    CostQuestion,
    Hosted,
    Rented,
    SelfHosted,
    Uncertain,
    certain,
)
from weighbridge.core.cost_comparison import Comparison
from weighbridge.core.errors import InputError
from weighbridge.predict.cost.curves import curves, spread
from weighbridge.predict.cost.report import answer
from weighbridge.predict.cost.words import break_even_sentence

SMALL = replace(DEMAND, volume=certain(8e6))


def half(usd: float | Uncertain = 1.0) -> SelfHosted:
    return replace(rented(usd, tokens_per_s=1000), pass_rate=certain(0.5))


def most(rate: float | None = 0.95) -> Hosted:
    return replace(api(2, 10), pass_rate=None if rate is None else certain(rate))


def compared(own: SelfHosted, theirs: Hosted, demand: object = SMALL) -> Comparison:
    report = answer(CostQuestion(demand, (own,), (theirs,)), draws=2000)  # type: ignore[arg-type]
    return report.comparisons[0]


def test_the_cheaper_one_per_accepted_answer_wins() -> None:
    # 730.50 USD for half of the requests, against 974 for 95 % of them: 1,461 against 1,025.26.
    found = compared(half(), most())
    assert found.per_accepted
    assert found.difference.value == pytest.approx(730.5 / 0.5 - 974 / 0.95)
    assert found.verdict.startswith("api is cheaper than rented by $436 a month")
    assert "50 % of rented's and 95 % of api's are accepted" in found.verdict
    assert "rented has the lower bill, by $244 a month." in found.verdict
    # 1,461 USD are what 11.4 million tokens a day cost there.
    assert found.break_even.tokens_per_day == pytest.approx(1461 / (974 / 0.95) * 8e6)
    flips = {one.driver: one.value for one in found.flips}
    assert flips["self.pass_rate"] == pytest.approx(730.5 * 0.95 / 974, rel=1e-4)
    assert {"self.pass_rate", "api.pass_rate"} <= {one.driver for one in found.swings}


def test_draws_and_charts_are_of_accepted_answers_too() -> None:
    own = replace(half(between(0.5, 1.0, 1.5)), pass_rate=between(0.3, 0.5, 0.7))
    report = answer(CostQuestion(SMALL, (own,), (most(),)), draws=4000)
    found = report.comparisons[0]
    assert found.p_self_cheaper is not None
    assert 0.05 < found.p_self_cheaper < 0.45
    below = sum(bar.share for bar in spread(report, found) if bar.high <= 1e-9)
    assert below == pytest.approx(found.p_self_cheaper, abs=0.02)
    mine, theirs = (dict(one.points) for one in curves(report))
    crossing = found.break_even.crossings[0].tokens_per_day
    assert mine[crossing] == pytest.approx(theirs[crossing])


def test_one_unknown_pass_rate_is_said_and_bills_are_compared() -> None:
    found = compared(half(), most(None))
    assert not found.per_accepted
    assert found.difference.value == pytest.approx(730.5 - 974)
    assert "Pass rates are not in this: that of api is unknown or 0." in found.verdict
    assert "self.pass_rate" not in {one.driver for one in found.swings}
    assert "ass rate" not in compared(rented(), api(2, 10)).verdict


def test_without_any_range_there_is_no_chance() -> None:
    assert compared(rented(), api(2, 10)).p_self_cheaper is None
    assert compared(rented(between(0.4, 0.44, 0.5)), api(2, 10)).p_self_cheaper == 1


def test_a_range_of_what_is_not_compared_makes_nothing_surer() -> None:
    # The API's pass rate is unknown, so that of the own model has no part in the comparison.
    own = replace(rented(), pass_rate=between(0.85, 0.88, 0.9))
    found = compared(own, api(2, 10))
    assert found.p_self_cheaper is None
    assert found.verdict == (
        "rented is cheaper than api by $653 a month; no range was given for anything that counts, "
        "so nothing says how sure that is. Pass rates are not in this: that of api is unknown or 0."
    )
    assert compared(own, replace(api(2, 10), pass_rate=certain(0.9))).p_self_cheaper == 1


def test_only_ranges_that_can_change_a_bill_or_the_replicas_count() -> None:
    cached = between(0.1, 0.2, 0.3)
    theirs = api(2, 10)
    hosts = replace(theirs, price=replace(theirs.price, cached_input=cached))
    # Nothing is cached, so nothing is bought at that price; with a share that is, it counts.
    assert compared(rented(), hosts).p_self_cheaper is None
    some = replace(SMALL, cached_share=certain(0.5))
    assert compared(rented(), hosts, some).p_self_cheaper == 1
    # No host has a price of what is cached: how much it is changes nothing.
    maybe = replace(SMALL, cached_share=between(0.1, 0.2, 0.4))
    assert compared(rented(), theirs, maybe).p_self_cheaper is None
    # One replica is enough whatever it serves: that is an answer, and draws may say so.
    slow = rented(tokens_per_s=between(300, 500, 700))
    assert compared(slow, theirs).p_self_cheaper == 1
    # How long requests take has a part only where waiting is looked at.
    long = replace(rented().capacity, slots=8, service_s=between(1, 2, 3))
    assert compared(replace(rented(), capacity=long), theirs).p_self_cheaper is None
    waiting = replace(rented(), capacity=replace(long, wait_s=1.0))
    assert compared(waiting, theirs).p_self_cheaper == 1


def test_draws_without_enough_gpus_are_told() -> None:
    demand = replace(DEMAND, volume=between(60e6, 70e6, 120e6))
    found = compared(rented(0.44, max_gpus=1), api(2, 10), demand)
    # One GPU serves 87.7 million tokens a day: what the triangle has beyond, (120-87.7)²/(60·50).
    assert found.p_within_capacity == pytest.approx(1 - 32.3**2 / 3000, abs=0.03)
    share = round(100 * (1 - found.p_within_capacity))
    assert f"In {share} % of the draws the GPUs allowed do not suffice" in found.verdict
    flip = next(one for one in found.flips if one.driver == "demand.volume")
    assert flip.sentence == (
        "The GPUs allowed no longer suffice for rented with volume above 87.7M tokens a day; now "
        "it is 70.0M tokens a day."
    )


def test_a_break_even_ends_where_the_gpus_do() -> None:
    found = compared(rented(0.44, max_gpus=2), api(2, 10), replace(DEMAND, volume=certain(5e8)))
    assert break_even_sentence(found) == (
        "rented against api: cheaper from 2.64M tokens a day on, up to the capacity of 2 replicas, "
        "175M tokens a day."
    )
    volume = next(one for one in found.flips if one.driver == "demand.volume")
    assert volume.sentence == (
        "The GPUs allowed suffice for rented, which is cheaper than api, with volume below 175M "
        "tokens a day; now it is 500M tokens a day."
    )
    assert "up to" not in break_even_sentence(compared(rented(), api(2, 10)))


def scaled(on: float, tokens: float = 500.0) -> SelfHosted:
    have = Rented(certain(1.0), on_fraction=certain(on))
    return replace(rented(1.0, tokens_per_s=tokens), rented=have)


def test_gpus_are_not_off_while_they_work() -> None:
    # 20 million tokens a day are 57.9 generated a second: 11.6 % of 500.
    with pytest.raises(InputError, match=r"5 % of the month cannot be at work for 11\.6 % of it"):
        answer(CostQuestion(DEMAND, (scaled(0.05),), ()), draws=10)
    report = answer(CostQuestion(DEMAND, (scaled(0.2),), (api(2, 10),)), draws=10)
    assert report.options[0].usd_per_month.value == pytest.approx(0.2 * 730.5)
    # Of the volumes the break-even is looked for at, all are billed for what keeps GPUs busy.
    dear = answer(CostQuestion(DEMAND, (scaled(0.2),), (api(0.5, 0.5),)), draws=10).comparisons[0]
    crossing = dear.break_even.crossings[0]
    assert crossing.tokens_per_day == pytest.approx(0.2 * 24 / 0.5 * 1e6)
    slow = replace(scaled(0.2, 10.0))
    small = replace(DEMAND, volume=certain(1e5))
    bent = answer(CostQuestion(small, (slow,), (api(30, 30),)), draws=10).comparisons[0]
    # Beyond 691,200 tokens a day, a fifth of its day, each further hour of 144,000 tokens costs
    # 1 USD: never as much as 30 a million, so it is cheaper from 4.8 USD a day on.
    assert bent.break_even.crossings[0].tokens_per_day == pytest.approx(4.8 / 30 * 1e6)


def test_hours_that_work_takes_are_billed_beyond_the_bend() -> None:
    # A tenth of the day is billed at least. Beyond it an hour of 144,000 tokens costs 1 USD, 6.94 a
    # million: too much against 6.5, and little enough against 7.5.
    small = replace(DEMAND, volume=certain(1e5), profile=(1.0,) * 24)
    found = answer(CostQuestion(small, (scaled(0.1, 10.0),), (api(7.5, 7.5),)), draws=10)
    crossing = found.comparisons[0].break_even.crossings[0]
    assert crossing.tokens_per_day == pytest.approx(2.4 / 7.5 * 1e6)
    dear = answer(CostQuestion(small, (scaled(0.1, 10.0),), (api(6.5, 6.5),)), draws=10)
    assert dear.comparisons[0].break_even.crossings == ()


def test_an_own_gpu_at_one_figure_a_month() -> None:
    own = replace(rented(), rented=None, all_in=AllIn(certain(154.0)), gpus_per_replica=2)
    report = answer(CostQuestion(DEMAND, (own,), (api(2, 10),)), draws=10)
    mine = report.options[0]
    assert (mine.kind, mine.usd_per_month.value) == ("owned", 308)
    assert [line.name for line in mine.lines] == ["GPUs, all in"]
    assert mine.serving is not None
    assert mine.serving.up_front_usd is None
    both = replace(rented(), all_in=AllIn(certain(154.0)))
    with pytest.raises(InputError, match="either rented or owned"):
        answer(CostQuestion(DEMAND, (both,), ()), draws=10)


def test_idle_power_is_below_that_under_load() -> None:
    with pytest.raises(InputError, match="900 W when idle and 300 W under load"):
        answer(CostQuestion(DEMAND, (owned(load_w=300.0, idle_w=900.0),), ()), draws=10)
