"""Whole answers: bills, chances, what matters and what is refused."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.predict.cost.examples import DEMAND, api, between, owned, rented
from weighbridge.core.cost import (
    DAYS_PER_MONTH,
    CostedOption,
    CostQuestion,
    CostReport,
    Demand,
    Hosted,
    HostedPrice,
    Owned,
    People,
    Rented,
    SelfHosted,
    Uncertain,
    certain,
)
from weighbridge.core.cost_comparison import Comparison
from weighbridge.core.errors import InputError
from weighbridge.predict.cost.bills import bill, costed
from weighbridge.predict.cost.changing import with_driver
from weighbridge.predict.cost.check import all_quantities
from weighbridge.predict.cost.labels import label, value_text
from weighbridge.predict.cost.report import answer
from weighbridge.predict.cost.words import break_even_sentence, cannot_serve

MONTH = DAYS_PER_MONTH * 20  # million tokens


def ask(
    own: SelfHosted, *apis: Hosted, demand: Demand = DEMAND, draws: int = 2000, seed: int = 0
) -> CostReport:
    return answer(CostQuestion(demand, (own,), apis), seed=seed, draws=draws)


def lines(one: CostedOption) -> dict[str, float]:
    return {line.name: line.usd_per_month.value for line in one.lines}


def only(report: CostReport) -> Comparison:
    assert len(report.comparisons) == 1
    return report.comparisons[0]


def test_the_bill_of_an_api() -> None:
    demand = replace(
        DEMAND,
        reasoning_tokens=certain(1000.0),
        cached_share=certain(0.4),
        written_share=certain(0.1),
        batch_share=certain(0.25),
    )
    price = HostedPrice(
        input=certain(2.0), output=certain(10.0), cached_input=certain(0.2),
        written_input=certain(2.5), batch_input=certain(1.0), batch_output=certain(5.0),
    )  # fmt: skip
    host = Hosted("host", price, token_ratio=certain(1.2))
    found = lines(ask(rented(), host, demand=demand).option("host"))
    # Ten thousand requests a day of 750 + 250 + 1,000 tokens; in millions a month, in its tokens:
    millions = 10_000 * DAYS_PER_MONTH * 1.2 / 1e6
    assert found == pytest.approx({
        "prompt": 0.75 * millions * 750 * 0.5 * 2.0,
        "prompt read from cache": 0.75 * millions * 750 * 0.4 * 0.2,
        "prompt written to cache": 0.75 * millions * 750 * 0.1 * 2.5,
        "output": 0.75 * millions * 250 * 10.0,
        "reasoning": 0.75 * millions * 1000 * 10.0,
        "prompt in batches": 0.25 * millions * 750 * 1.0,
        "output in batches": 0.25 * millions * 1250 * 5.0,
    })  # fmt: skip


def test_caches_save_in_batches_where_there_is_a_price_of_that() -> None:
    demand = replace(
        DEMAND, cached_share=certain(0.4), written_share=certain(0.1), batch_share=certain(0.25)
    )
    price = HostedPrice(
        input=certain(2.0), output=certain(10.0), cached_input=certain(0.1),
        written_input=certain(2.5), batch_input=certain(1.0), batch_output=certain(5.0),
    )  # fmt: skip
    plain = Hosted("plain", price)
    both = replace(price, batch_cached_input=certain(0.05), batch_written_input=certain(1.25))
    report = ask(rented(), plain, Hosted("both", both), demand=demand)
    millions = 0.25 * 20_000 * DAYS_PER_MONTH * 750 / 1e6
    found = lines(report.option("both"))
    assert found["prompt in batches"] == pytest.approx(millions * 0.5 * 1.0)
    assert found["batches' prompt read from cache"] == pytest.approx(millions * 0.4 * 0.05)
    assert found["batches' prompt written to cache"] == pytest.approx(millions * 0.1 * 1.25)
    assert lines(report.option("plain"))["prompt in batches"] == pytest.approx(millions)
    (said,) = [note for note in report.notes if "cached prompts in batches" in note]
    assert said == (
        "No price of plain is known for cached prompts in batches: its batches are billed without "
        "what a cache saves, which may be too much."
    )
    # Where nothing waits, or nothing is cached, there is nothing to say.
    for one in ({"batch_share": certain(0.0)}, {"cached_share": certain(0.0)}):
        other = ask(rented(), plain, demand=replace(demand, **one))  # type: ignore[arg-type]
        assert not [note for note in other.notes if "batches" in note]


def test_a_host_without_other_prices_bills_all_alike() -> None:
    demand = replace(DEMAND, cached_share=certain(0.4), batch_share=certain(0.5))
    found = ask(rented(), api(2, 10), demand=demand).option("api")
    assert found.usd_per_month.value == pytest.approx(MONTH * 4.0)


def test_the_bill_of_rented_gpus() -> None:
    own = replace(
        rented(),
        rented=Rented(certain(2.0), on_fraction=certain(0.5), cold_start_hours=certain(10.0)),
        gpus_per_replica=2,
        people=People(certain(0.1), certain(150_000.0), certain(300.0)),
    )
    found = lines(ask(own, api(2, 10)).option("rented"))
    assert found == pytest.approx(
        {"GPUs, rented": 2 * 2 * (365.25 + 10), "people": 1250.0, "on-call": 300.0}
    )


def test_the_bill_of_owned_gpus() -> None:
    hardware = Owned(
        capex_gpu=certain(30_000.0), capex_host=certain(6_000.0), years=certain(3.0),
        residual=certain(0.2), load_w=certain(600.0), idle_w=certain(100.0),
        usd_per_kwh=certain(0.2), pue=certain(1.5), maintenance=certain(0.05),
        colocation=certain(150.0),
    )  # fmt: skip
    # 57.87 output tokens a second on average: a tenth of what the replica can do.
    own = replace(rented(tokens_per_s=20e6 / 4 / 8640), rented=None, owned=hardware)
    option = ask(own, api(2, 10)).option("rented")
    assert lines(option) == pytest.approx({
        "GPUs and hosts, written off": 800.0,
        "maintenance": 150.0,
        "power": 0.150 * 730.5 * 1.5 * 0.2,
        "colocation": 150.0,
    })  # fmt: skip
    assert option.kind == "owned"
    assert option.serving is not None
    assert option.serving.up_front_usd == 36_000.0


def test_average_and_marginal_cost_of_a_thousand_requests() -> None:
    flat = replace(DEMAND, profile=(1.0,) * 24)
    free = ask(rented(1.0, tokens_per_s=1000), api(2, 10), demand=flat)
    own, theirs = free.options
    assert own.usd_per_1000_requests.value == pytest.approx(730.5 / (20 * DAYS_PER_MONTH))
    assert own.marginal_usd_per_1000_requests == 0
    assert theirs.usd_per_1000_requests.value == pytest.approx(4.0)
    assert theirs.marginal_usd_per_1000_requests == pytest.approx(4.0)
    full = replace(flat, volume=certain(4000 * 86_400.0))
    next_one = ask(rented(1.0, tokens_per_s=1000), api(2, 10), demand=full).options[0]
    assert next_one.marginal_usd_per_1000_requests == pytest.approx(730.5)


def test_cost_per_accepted_request() -> None:
    own = replace(rented(), pass_rate=between(0.7, 0.8, 0.9))
    theirs = replace(api(2, 10), pass_rate=certain(0.95))
    mine, other = ask(own, theirs).options
    assert mine.usd_per_1000_accepted is not None
    assert mine.usd_per_1000_accepted.value == pytest.approx(mine.usd_per_1000_requests.value / 0.8)
    assert mine.usd_per_1000_accepted.low < mine.usd_per_1000_accepted.value
    assert other.usd_per_1000_accepted is not None
    assert other.usd_per_1000_accepted.value == pytest.approx(4.0 / 0.95)
    assert ask(rented(), api(2, 10)).options[0].usd_per_1000_accepted is None
    never = replace(rented(), pass_rate=certain(0.0))
    assert ask(never, api(2, 10)).options[0].usd_per_1000_accepted is None
    seldom = ask(replace(rented(), pass_rate=between(0.0, 0.1, 0.2)), api(2, 10)).options[0]
    assert seldom.usd_per_1000_accepted is not None
    assert seldom.usd_per_1000_accepted.high < 10 * seldom.usd_per_1000_accepted.value


def test_chance_that_self_hosting_is_cheaper_is_that_of_the_triangle() -> None:
    # 321.42 USD against an API whose price is triangular about just that: (0, mode, 2 mode).
    price = 321.42 / MONTH
    even = Uncertain(price, price / 2, price * 1.5)
    report = answer(CostQuestion(DEMAND, (rented(0.44),), (api(even, even),)), draws=10_000)
    # Both prices are drawn by themselves; their mixture is symmetric about the mode.
    assert only(report).p_self_cheaper == pytest.approx(0.5, abs=0.02)
    assert only(report).median_difference == pytest.approx(0, abs=3)


def test_lognormal_quantities_have_80_percent_between_their_ends() -> None:
    price = Uncertain(1.0, 0.5, 3.0, "lognormal")
    found = ask(rented(price), api(2, 10), draws=20_000).options[0].usd_per_month
    assert found.value == pytest.approx(730.5)
    assert found.low == pytest.approx(365.25, rel=0.03)
    assert found.high == pytest.approx(3 * 730.5, rel=0.03)


def test_the_same_seed_gives_the_same_report_and_another_another() -> None:
    own, theirs = rented(between(0.3, 0.44, 0.9)), api(2, 10)
    assert ask(own, theirs, seed=7) == ask(own, theirs, seed=7)
    assert ask(own, theirs, seed=7).options != ask(own, theirs, seed=8).options


def test_another_option_does_not_change_the_draws_of_the_first() -> None:
    own, theirs = rented(between(0.3, 0.44, 0.9)), api(between(1, 2, 3), 10)
    alone = ask(own, theirs)
    more = ask(own, theirs, api(between(0.1, 0.2, 0.3), 1, name="other", same_model=True))
    assert more.options[:2] == alone.options
    assert more.comparisons[0] == alone.comparisons[0]


def test_published_swings() -> None:
    # A 27B model, 20 million tokens a day, 3:1, on one H100 at 1.90 to 6.99 USD an hour against
    # 0.40/3.00 at a host. The ranges of volume and of the mix are not published, nor those of
    # people; these people give the published swings.
    own = replace(
        rented(between(1.90, 2.90, 6.99), tokens_per_s=between(800, 1000, 1200)),
        people=People(between(0.02, 1 / 12, 0.5), between(84_000, 144_000, 228_000)),
        min_replicas=between(1, 1, 2),
    )
    found = only(ask(own, api(0.4, between(1.5, 3.0, 5.0))))
    swings = {bar.driver: round(bar.usd) for bar in found.swings if not bar.assumed_range}
    assert list(swings.items()) == [
        ("self.people.fte", 5760),
        ("self.rented.usd_per_gpu_hour", 3718),
        ("self.min_replicas", 2118),
        ("self.people.usd_per_year", 1000),
        ("api.price.output", 533),
    ]
    # Throughput moves nothing, because one replica is enough anyway.
    assert "self.capacity.output_tokens_per_s" not in {bar.driver for bar in found.swings}
    assert found.p_self_cheaper == 0


def test_what_was_given_as_one_value_is_moved_by_a_fifth_and_marked() -> None:
    bars = {bar.driver: bar for bar in only(ask(rented(0.44), api(2, 10))).swings}
    price = bars["self.rented.usd_per_gpu_hour"]
    assert (price.low, price.high) == pytest.approx((0.352, 0.528))
    assert price.usd == pytest.approx(0.4 * 321.42)
    assert price.assumed_range
    same = only(ask(rented(0.44), api(2, 10, same_model=True)))
    assert "api.token_ratio" in bars
    assert "api.token_ratio" not in {bar.driver for bar in same.swings}


def test_flips() -> None:
    # 321.42 USD against 2,435: the same at 3.33 USD an hour, and at 2.64 million tokens a day.
    found = {flip.driver: flip for flip in only(ask(rented(0.44, ops=10), api(2, 10))).flips}
    volume = found["demand.volume"]
    assert volume.value == pytest.approx(331.42 / 2435 * 20e6, rel=1e-4)
    assert volume.sentence == (
        "api becomes cheaper with volume below 2.72M tokens a day; now it is 20.0M tokens a day."
    )
    # An output price of nothing still leaves 913 USD of input.
    assert found["api.price.output"].value is None
    assert found["api.price.output"].sentence == (
        "No value of API output price alone makes api the cheaper one."
    )


def test_a_flip_is_where_the_cheaper_option_changes() -> None:
    question = CostQuestion(DEMAND, (rented(5.0, ops=200),), (api(2, 10),))
    found = only(answer(question, draws=100))
    assert found.difference.value > 0
    told = [flip for flip in found.flips if flip.value is not None]
    assert len(told) >= 3
    for flip in told:
        assert flip.value is not None
        for value, cheaper in ((flip.value, True), (flip.base, False)):
            changed = with_driver(question, flip.driver, certain(value))
            assert (only(answer(changed, draws=100)).difference.value < 0) == cheaper


def test_more_than_the_gpus_allowed() -> None:
    demand = replace(DEMAND, volume=between(4e8, 5e8, 6e8))
    own = rented(0.44, tokens_per_s=500, max_gpus=2)
    report = ask(own, api(2, 10), demand=demand)
    found = only(report)
    assert found.p_within_capacity == 0
    assert found.p_self_cheaper == 0
    serving = report.options[0].serving
    assert serving is not None
    assert not serving.within_capacity
    assert serving.gpus == 6
    assert cannot_serve(report.options[0], own, demand) == (
        "rented cannot serve 500M tokens a day with 2 GPUs: it takes 6 GPUs (6 replicas) for the "
        "tokens of the busiest hour."
    )
    assert found.verdict == (
        "rented cannot serve this demand with the GPUs allowed, so api is what is left of the two."
    )


def test_no_break_even_in_words() -> None:
    found = only(ask(rented(0.44, max_gpus=1), api(0.02, 0.05)))
    assert break_even_sentence(found) == (
        "rented against api: no break-even within the capacity of 1 replica, 87.7M tokens a day "
        "(it would be 384M tokens a day if the fewest replicas served any volume)."
    )


def test_which_comparison_is_missing_is_said() -> None:
    displaced, same = api(2, 10), api(0.02, 0.05, name="host", same_model=True)
    assert ask(rented(), displaced, same).notes == ()
    assert "same open model at a host" in ask(rented(), displaced).notes[0]
    assert "would displace" in ask(rented(), same).notes[0]
    assert [one.against for one in ask(rented(), same, displaced).comparisons] == ["api", "host"]


def test_stale_prices_are_told() -> None:
    old = replace(api(2, 10).price, is_stale=True)
    notes = ask(rented(), replace(api(2, 10), price=old)).notes
    assert "The price of api is more than 60 days old." in notes


def test_a_report_is_stored_and_read_again() -> None:
    report = ask(owned(), api(2, 10))
    assert msgspec.json.decode(msgspec.json.encode(report), type=CostReport) == report


def test_every_quantity_has_a_name_and_a_unit() -> None:
    price = api(2, 10).price
    full = replace(
        price, cached_input=certain(0.2), written_input=certain(2.5), batch_input=certain(1.0),
        batch_output=certain(5.0), batch_cached_input=certain(0.1),
        batch_written_input=certain(1.2),
    )  # fmt: skip
    mine = replace(rented(ops=5), pass_rate=certain(0.9))
    have = replace(
        mine.capacity, prefill_tokens_per_s=certain(5e3), service_s=certain(6.0), slots=8
    )
    theirs = replace(api(2, 10), price=full, pass_rate=certain(0.9))
    question = CostQuestion(DEMAND, (replace(mine, capacity=have), owned()), (theirs,))
    found = all_quantities(question)
    assert len(found) == len({(option, driver) for option, driver, _ in found}) == 45
    for _, driver, one in found:
        assert label(driver)
        assert value_text(driver, one.base)


BAD = (
    ("demand.volume", certain(float("nan")), "volume is no finite number"),
    ("demand.volume", certain(float("inf")), "volume is no finite number"),
    ("demand.volume", certain(1e16), "volume is 1e+16"),
    ("demand.volume", certain(0.0), "volume is 0"),
    ("demand.cached_share", certain(1.5), "cache is 1.5"),
    ("demand.prompt_tokens", certain(-1.0), "prompt tokens is negative"),
    ("self.rented.usd_per_gpu_hour", certain(0.0), "0 means unknown"),
    ("self.rented.usd_per_gpu_hour", Uncertain(1.0, 2.0, 3.0), "ranges from 2 over 1 to 3"),
    ("self.capacity.output_tokens_per_s", certain(0.0), "tokens/s of a replica is 0"),
    ("self.people.fte", Uncertain(1.0, 0.0, 2.0, "lognormal"), "full-time people is 0"),
    ("self.fixed.operations", certain(-5.0), "operations is negative"),
    ("api.price.input", certain(0.0), "0 means unknown"),
    ("api.price.output", certain(1e13), "output price is 1e+13"),
)


@pytest.mark.parametrize(("driver", "value", "said"), BAD)
def test_impossible_quantities_are_refused(driver: str, value: Uncertain, said: str) -> None:
    question = CostQuestion(DEMAND, (rented(),), (api(2, 10),))
    with pytest.raises(InputError) as refused:
        answer(with_driver(question, driver, value), draws=100)
    assert said in str(refused.value)


def test_other_impossible_questions_are_refused() -> None:
    demand, own, theirs = DEMAND, rented(), api(2, 10)
    shares = replace(demand, cached_share=certain(0.6), written_share=certain(0.6))
    for question, said in (
        (CostQuestion(demand, (), (theirs,)), "nothing to host"),
        (CostQuestion(demand, (own, own), (theirs,)), "Two options are called 'rented'"),
        (CostQuestion(shares, (own,), (theirs,)), "120 % of a prompt"),
        (CostQuestion(replace(demand, profile=(1.0,) * 23), (own,), ()), "has 23 weights"),
        (CostQuestion(replace(demand, profile=(0.0,) * 24), (own,), ()), "all 0"),
        (CostQuestion(demand, (replace(own, rented=None),), ()), "either rented or owned"),
        (CostQuestion(demand, (replace(own, max_gpus=0),), ()), "max_gpus is 0"),
    ):
        with pytest.raises(InputError) as refused:
            answer(question, draws=100)
        assert said in str(refused.value)


def test_an_unknown_driver_is_no_place_for_a_value() -> None:
    question = CostQuestion(DEMAND, (rented(),), (api(2, 10),))
    for driver in ("demand.nothing", "nobody.price", "self.capacity.nothing"):
        with pytest.raises(InputError):
            with_driver(question, driver, certain(1.0))


usd = st.floats(0.01, 1e4)


@settings(deadline=None, max_examples=30)
@given(volume=st.floats(1e3, 1e10), more=st.floats(1, 10), hour=usd, tokens=usd, ops=usd)
def test_more_traffic_and_higher_prices_never_cost_less(
    volume: float, more: float, hour: float, tokens: float, ops: float
) -> None:
    def totals(volume: float, hour: float, tokens: float) -> list[float]:
        demand = replace(DEMAND, volume=certain(volume))
        options = (rented(hour, ops=ops), api(tokens, tokens))
        found = [costed(bill(demand, one, 0, 2)) for one in options]
        assert all(line.usd_per_month.low >= 0 for one in found for line in one.lines)
        return [one.usd_per_month.value for one in found]

    few = totals(volume, hour, tokens)
    for many in (totals(volume * more, hour, tokens), totals(volume, hour * more, tokens * more)):
        assert all(b >= a * (1 - 1e-9) for a, b in zip(few, many, strict=True))


sizes = st.sampled_from((1e-3, 1.0, 1e4, 1e9))


@settings(deadline=None, max_examples=12)
@given(volume=st.sampled_from((1e-6, 1.0, 1e6, 1e15)), tokens=sizes, price=sizes, service=sizes)
def test_extremes_stay_finite(volume: float, tokens: float, price: float, service: float) -> None:
    own = rented(price, tokens_per_s=tokens)
    have = replace(own.capacity, slots=4, service_s=certain(min(service, 86_400.0)), wait_s=0.5)
    demand = replace(DEMAND, volume=certain(volume))
    report = ask(replace(own, capacity=have), api(price, 1.0), demand=demand, draws=20)
    # JSON has no infinities and no NaN: they would be read back as null.
    assert msgspec.json.decode(msgspec.json.encode(report), type=CostReport) == report
