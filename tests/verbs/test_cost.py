"""`weigh cost`: from what a user says to a report."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.runs import accurate, eval_run
from weighbridge.core.cost import CostRun, Uncertain
from weighbridge.core.errors import InputError, UnknownRunError
from weighbridge.core.load import Distribution, Goodput, Limit, LoadLevel, LoadRun, RequestRecord
from weighbridge.core.plan import Requirements
from weighbridge.core.prices import ApiPrice, GpuOffer, PriceTier, TokenPrice
from weighbridge.core.provenance import Provenance
from weighbridge.core.telemetry import ClientHealth
from weighbridge.core.traffic import LoadShape
from weighbridge.core.workload import parse_slo
from weighbridge.facts.catalog.catalogue import load as load_catalogue
from weighbridge.facts.devices import read_machine
from weighbridge.facts.prices import Prices
from weighbridge.verbs import plan as plan_verb
from weighbridge.verbs.cost import cost, is_possible, keep, to_csv, to_json, verdict_sentences
from weighbridge.verbs.cost_capacity import CapacityError, NothingServesError, measured
from weighbridge.verbs.cost_options import HardwareAsked, OperatingAsked
from weighbridge.verbs.cost_place import place_notes
from weighbridge.verbs.cost_quality import evaluated
from weighbridge.verbs.cost_question import (
    Asked,
    CapacityAsked,
    DemandAsked,
    Sources,
    question,
)
from weighbridge.verbs.runs import listed, load_any
from weighbridge.workspace.folder import Workspace

TODAY = "2026-11-21"
FRESH = Provenance("catalogue", "a list", "2026-11-01")
OLD = Provenance("catalogue", "a list", "2026-08-01")
PRICES = Prices(
    api=(
        ApiPrice(
            "host",
            "model-a",
            (
                PriceTier(0, TokenPrice(2, 10, 0.2, 2.5), TokenPrice(1, 5)),
                PriceTier(200_000, TokenPrice(4, 20), TokenPrice(2, 10)),
            ),
            FRESH,
            retires="2027-01-01",
        ),
        ApiPrice("host", "model-b", (PriceTier(0, TokenPrice(0.02, 0.05)),), OLD),
    ),
    gpus=tuple(
        GpuOffer(name, "L4", "on-demand", usd, "", FRESH)
        for name, usd in (("a", 0.40), ("b", 0.44), ("c", 0.90))
    ),
    unknown=("host/free",),
    own=frozenset(),
    notes=(),
    today=TODAY,
)
BASE = Asked(
    demand=DemandAsked(volume="20M-tokens/day"),
    capacity=CapacityAsked(tokens_per_s="500"),
    device="L4",
    apis=("host/model-a",),
    same_model_apis=("host/model-b",),
)


def sources(store: Workspace | None = None) -> Sources:
    return Sources(PRICES, FakeClock(), store)


@pytest.fixture
def store(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace", FakeClock(), lambda: "a machine")


def test_what_the_user_does_not_say_comes_from_prices_and_is_told() -> None:
    found, notes = question(BASE, sources())
    own = found.selfhosted[0]
    assert own.rented is not None
    assert own.rented.usd_per_gpu_hour == Uncertain(0.44, 0.40, 0.90, "triangular", FRESH)
    first, second = found.hosted
    assert (first.price.input.base, first.price.cached_input and first.price.cached_input.base) == (
        2, 0.2,
    )  # fmt: skip
    assert first.price.batch_output is not None
    assert first.price.batch_output.base == 5
    assert second.same_model
    assert second.price.is_stale
    told = " ".join(notes)
    for said in (
        "Nobody's time is counted",
        "750 prompt and 250 output tokens",
        "peak 1.97 times its mean",
        "$0.4 to $0.9 an hour, middle offer $0.44, from 3 offers",
        "ends on 2027-01-01",
        "Who has to wait for a slot is not computed",
    ):
        assert said in told


def test_long_prompts_are_billed_by_their_tier() -> None:
    asked = replace(BASE, demand=replace(BASE.demand, prompt="250k", output="1k"))
    found, notes = question(asked, sources())
    assert found.hosted[0].price.input.base == 4
    assert "prompts of 200,000 tokens and more at another price" in " ".join(notes)


def test_prices_and_quantities_of_the_users_own() -> None:
    asked = replace(
        BASE,
        demand=DemandAsked(
            volume="100k-requests/day", prompt="1500", output="300", reasoning="200",
            cached="40%", written="5%", batch="10..20..30%", profile="flat",
        ),
        capacity=CapacityAsked(
            tokens_per_s="400..500..600", prefill_per_s="8k", slots=16, service="6", cv=0.5,
            rho=0.9, wait_s=2.0,
        ),
        hardware=HardwareAsked(gpu_price="1.90..2.29..3.99", on_fraction="50%"),
        operating=OperatingAsked(fte="0.1", fte_cost="150k", ops="500", fixed=("audit=200",)),
        device="2x H100 SXM",
        max_gpus=8,
        spare_replicas=1,
        apis=("ours=1.5..2/8..10..12",),
        pass_rates=("85..90%", "ours=0.95"),
        token_ratios=("1.1",),
    )  # fmt: skip
    found, notes = question(asked, sources())
    own, api = found.selfhosted[0], found.hosted[0]
    assert found.demand.requests_per_day == 100_000
    assert found.demand.tokens_per_request == 2000
    assert own.gpus_per_replica == 2
    assert own.max_replicas == 4
    assert own.capacity.slots == 16
    assert own.capacity.rho == 0.9
    assert [line.name for line in own.fixed] == ["operations", "audit"]
    assert own.pass_rate is not None
    assert own.pass_rate.base == pytest.approx(0.875)
    assert (api.name, api.price.output.low, api.token_ratio.base) == ("ours", 8, 1.1)
    assert api.pass_rate is not None
    assert api.pass_rate.base == 0.95
    # The same model has the same tokenizer.
    assert found.hosted[1].token_ratio.base == 1
    assert not any("Who has to wait" in note or "Nobody's time" in note for note in notes)


def test_owning_has_usual_ranges_that_are_told() -> None:
    asked = replace(BASE, hardware=HardwareAsked(owned="4000", kwh="0.30"), device="RTX 5090")
    found, notes = question(asked, sources())
    have = found.selfhosted[0].owned
    assert have is not None
    assert found.selfhosted[0].rented is None
    assert (have.load_w.low, have.load_w.base, have.load_w.high) == (287.5, 402.5, 575)
    assert have.usd_per_kwh.base == 0.30
    assert any("years of use 3 (2 to 5)" in note and "USD per kWh" not in note for note in notes)
    assert any("W idle 69 (28.75 to 143.75)" in note for note in notes)


def test_one_offer_is_no_market_and_undated_is_told() -> None:
    undated = Provenance("catalogue", "a list", "")
    thin = replace(PRICES, gpus=(GpuOffer("a", "L4", "on-demand", 0.5, "", undated),))
    found, notes = question(BASE, replace(sources(), prices=thin))
    assert found.selfhosted[0].rented is not None
    price = found.selfhosted[0].rented.usd_per_gpu_hour
    assert (price.low, price.base, price.high) == pytest.approx((0.35, 0.5, 0.85))
    said = " ".join(notes)
    assert "L4 on-demand: $0.5 an hour, middle offer $0.5, from 1 offer (undated)." in said
    assert "$0.35 to $0.85 is reckoned with (assumed)" in said


def test_reserved_prices_of_ones_own_book() -> None:
    mine = Provenance("vendor", "our contract (prices.toml)", "2026-11-01")
    offers = (*PRICES.gpus, GpuOffer("us", "L4", "reserved", 0.3, "", mine))
    asked = replace(BASE, hardware=HardwareAsked(terms="reserved"))
    found, notes = question(asked, replace(sources(), prices=replace(PRICES, gpus=offers)))
    assert found.selfhosted[0].rented is not None
    assert found.selfhosted[0].rented.usd_per_gpu_hour.base == 0.3
    assert any(note.startswith("L4 reserved: $0.3 an hour") for note in notes)
    with pytest.raises(InputError, match="--spot and --terms reserved contradict"):
        question(replace(asked, hardware=HardwareAsked(terms="reserved", spot=True)), sources())


def test_rented_and_owned_side_by_side() -> None:
    asked = replace(BASE, hardware=HardwareAsked(gpu_price="0.44", owned="2500"))
    report = cost(question(asked, sources())[0], FakeClock(), draws=200)
    assert [one.kind for one in report.options] == ["rented", "owned", "api", "api"]
    assert len(report.comparisons) == 4


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (replace(BASE, demand=DemandAsked()), "How much traffic"),
        (replace(BASE, capacity=CapacityAsked()), "What one replica serves is not known"),
        (replace(BASE, device="", hardware=HardwareAsked()), "Nobody says what a GPU costs"),
        (replace(BASE, device="H100 SXM"), "No on-demand price of H100 SXM"),
        (replace(BASE, apis=("nobody/nothing",)), "No price of 'nobody/nothing'"),
        (replace(BASE, apis=("host/free",)), "is unknown"),
        (replace(BASE, apis=("x=0..1/2/3/4",)), "is no price"),
        (replace(BASE, operating=OperatingAsked(fte="1")), "full-time person costs"),
        (replace(BASE, operating=OperatingAsked(fixed=("200",))), "no line of a bill"),
        (replace(BASE, token_ratios=("x=1",)), "--token-ratio names 'x'"),
        (replace(BASE, pass_rates=("x=1",)), "--pass-rate names 'x'"),
        (replace(BASE, capacity=CapacityAsked(from_run="load-1")), "no workspace"),
        (
            replace(BASE, device="T4 nobody", hardware=HardwareAsked(owned="1")),
            "power of T4 nobody is not known",
        ),
    ],
)
def test_what_is_missing_is_said_with_what_to_do(asked: Asked, said: str) -> None:
    with pytest.raises(InputError) as refused:
        question(asked, sources())
    assert said in str(refused.value)


def level(rate: float, tokens: int, *, met: bool = True) -> LoadLevel:
    slo = parse_slo("ttft_p95<2s")
    spread = Distribution(100, 6000, 6000, 7000, 7500, 8000)
    return LoadLevel(
        LoadShape("open", rate=rate), 100, 0, (), "", 10.0, rate, 100 * tokens, rate * tokens,
        "usage", None, None, None, spread, prompt_tokens=80_000,
        goodput=Goodput(slo, 0.99, 0.97, 1.0, rate, met),
        client=ClientHealth(0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 50.0, in_flight=6 * rate),
    )  # fmt: skip


def load_run(store: Workspace, *levels: LoadLevel, limit: Limit | None = None) -> LoadRun:
    info = store.new_info("load", model="m", subject="w", key="k")
    records = [RequestRecord(len(levels) - 1, n, 0.0, 1.0, ms, (), 200)
               for n, ms in enumerate((3000.0, 9000.0) * 20)]  # fmt: skip
    run = LoadRun(info, "http://a/v1", 256, levels, tuple(records), limit=limit)
    store.save(info, run)
    return run


def test_goodput_of_a_load_run(store: Workspace) -> None:
    slo = parse_slo("ttft_p95<2s")
    run = load_run(
        store, level(2.0, 200), level(3.0, 200, met=False), level(2.5, 200),
        limit=Limit(slo, 2.5, 2.3, 2.8, 3, "ttft"),
    )  # fmt: skip
    asked = replace(BASE, capacity=CapacityAsked(from_run=run.info.id))
    found, notes = question(asked, sources(store))
    have = found.selfhosted[0].capacity
    assert have.output_tokens_per_s.low == pytest.approx(460)
    assert have.output_tokens_per_s.base == pytest.approx(500)
    assert have.output_tokens_per_s.provenance == Provenance(
        "measured", run.info.id, run.info.created
    )
    assert (have.slots, have.rho, have.slo) == (15, 1.0, "ttft_p95<2000ms")
    assert have.service_s is not None
    assert have.service_s.base == 6.0
    # Half of the requests take 3 s, half 9: a standard deviation of 3 about 6.
    assert have.cv == pytest.approx(0.5, rel=0.02)
    assert (found.demand.prompt_tokens.base, found.demand.output_tokens.base) == (800, 200)
    assert any(f"measured: {run.info.id}" in note for note in notes)


def test_a_load_run_without_goodput_is_none(store: Workspace) -> None:
    with pytest.raises(InputError, match="met an SLO"):
        measured(load_run(store, level(2.0, 200, met=False)))
    good = level(2.0, 200)
    assert good.client is not None
    limited = replace(good, client=replace(good.client, limited=("It had no CPU left.",)))
    assert limited.goodput is not None
    missed = replace(limited, goodput=replace(limited.goodput, met=False))
    with pytest.raises(InputError, match="the client was the bottleneck and no load met the SLO"):
        measured(load_run(store, missed))
    with pytest.raises(InputError, match="was measured without an SLO"):
        measured(load_run(store, replace(good, goodput=None)))


def test_a_limited_client_tells_the_least_that_a_replica_serves(store: Workspace) -> None:
    good = level(2.0, 200)
    assert good.client is not None
    limited = replace(good, client=replace(good.client, limited=("It had no CPU left.",)))
    run = load_run(store, good, replace(limited, goodput=None))
    asked = replace(BASE, capacity=CapacityAsked(from_run=run.info.id))
    found, notes = question(asked, sources(store))
    (own,) = found.selfhosted
    assert own.capacity.at_least
    assert own.capacity.output_tokens_per_s.base == pytest.approx(400)
    assert own.name.endswith(" (at most)")
    assert any("its bill is at most what is said here" in note for note in notes)
    document = to_json(cost(found, FakeClock(), draws=200, notes=notes))
    assert [one["at_most"] for one in document["options"]] == [True, False, False]
    for part in ("comparisons", "break_even"):
        assert [one["at_most"] for one in document[part]] == [True, True]


def test_requests_of_the_run_may_be_the_demands_whatever_their_lengths(store: Workspace) -> None:
    run = load_run(store, level(2.0, 200))  # 800 prompt tokens and 200 of answers, twice a second
    short = replace(BASE.demand, prompt="900", output="50")
    told = CapacityAsked(from_run=run.info.id)
    with pytest.raises(CapacityError, match="more prompt for each output token"):
        question(replace(BASE, demand=short, capacity=told), sources(store))
    as_requests = replace(told, as_requests=True)
    found, _ = question(replace(BASE, demand=short, capacity=as_requests), sources(store))
    assert found.selfhosted[0].capacity.output_tokens_per_s.base == pytest.approx(2.0 * 50)


@pytest.mark.parametrize(
    ("machine", "url", "told"),
    [
        ("EPYC, 2 cores, 1 x NVIDIA L4, Linux 6.1", "http://localhost/v1", ""),
        ("EPYC, 2 cores, Linux 6.1", "http://localhost/v1", "It shows no L4, so this capacity"),
        ("EPYC, 2 cores, Linux 6.1", "http://a/v1", "measured on L4 is taken from you: it was"),
        ("arm, Darwin 23.1", "http://localhost/v1", "which GPUs its machine has could not"),
    ],
)
def test_where_a_run_was_measured_is_held_against_the_device(
    store: Workspace, machine: str, url: str, told: str
) -> None:
    run = load_run(store, level(2.0, 200))
    placed = replace(run, url=url, info=replace(run.info, machine=machine))
    notes = place_notes(placed, "1x L4")
    assert (told in notes[0]) if told else not notes
    assert place_notes(placed, "") == ()
    assert not told or "L4" in notes[0]


def test_a_prediction_has_an_interval_and_says_so() -> None:
    asked = replace(BASE, model="Qwen3-8B", capacity=CapacityAsked(slo="tpot_p95<100ms"))
    found, notes = question(asked, sources())
    have = found.selfhosted[0].capacity
    speed = have.output_tokens_per_s
    assert speed.provenance.kind == "predicted"
    assert speed.shape == "lognormal"
    assert speed.low < speed.base < speed.high
    assert have.slots is not None
    assert have.slots > 1
    assert any("is predicted, with 80 % intervals" in note for note in notes)


def test_a_prediction_that_no_way_to_serve_meets() -> None:
    asked = replace(BASE, model="Qwen3-8B", capacity=CapacityAsked(slo="tpot_p95<1ms"))
    with pytest.raises(NothingServesError, match="Nothing meets all of that"):
        question(asked, sources())


def test_a_report_is_kept_listed_and_read(store: Workspace) -> None:
    report = cost(question(BASE, sources())[0], FakeClock(), draws=200)
    run = keep(store, report)
    assert load_any(store, run.info.id) == run == CostRun(run.info, report)
    assert [one.info for one in listed(store, "cost")] == [run.info]
    assert run.info.subject == "20.0M tokens/day on L4"


def test_json_has_the_break_evens() -> None:
    report = cost(question(BASE, sources())[0], FakeClock(), seed=3, draws=200)
    document = to_json(report)
    first, second = document["break_even"]
    assert (first["against"], first["within_capacity"]) == ("host/model-a", True)
    # 0.44 USD an hour against 4 USD per million tokens.
    assert first["tokens_per_day"] == pytest.approx(0.44 * 24 / 4 * 1e6)
    assert first["crossings"][0]["self_becomes"] == "cheaper"
    assert (second["against"], second["tokens_per_day"]) == ("host/model-b", None)
    assert document["seed"] == 3
    assert document["comparisons"][0]["swings"][0]["driver"]
    assert {one["driver"] for one in document["quantities"]} >= {"demand.volume", "api.price.input"}
    assert all(one["provenance"]["kind"] for one in document["quantities"])


def test_csv_has_a_row_per_line_and_totals() -> None:
    report = cost(question(BASE, sources())[0], FakeClock(), draws=200)
    rows = to_csv(report).splitlines()
    assert rows[0] == "option,line,usd_per_month,low,high,kind,source,date"
    assert len(rows) == 1 + (1 + 1) + (2 + 1) + (2 + 1)
    assert sum(row.split(",")[1] == "total" for row in rows) == 3


def test_no_cell_is_a_formula() -> None:
    report = cost(question(BASE, sources())[0], FakeClock(), draws=200)
    named = replace(report, options=(replace(report.options[0], name="=1+1"),))
    assert {row.split(",")[0] for row in to_csv(named).splitlines()[1:]} == {"'=1+1"}


def test_a_demand_that_no_gpus_satisfy() -> None:
    asked = replace(BASE, demand=DemandAsked(volume="2B-tokens/day"), max_gpus=3)
    report = cost(question(asked, sources())[0], FakeClock(), draws=200)
    assert not is_possible(report)
    assert verdict_sentences(report)[0].startswith(
        "the model on rented L4 cannot serve 2.00B tokens a day with 3 GPUs: it takes 27 GPUs"
    )
    assert is_possible(cost(question(BASE, sources())[0], FakeClock(), draws=200))


def test_pass_rates_of_evaluations(store: Workspace) -> None:
    run = eval_run("m", "tickets", accurate(80, 100), run_id="eval-000001")
    store.save(run.info, run)
    asked = replace(BASE, pass_rates=("eval-000001", "host/model-a=m@tickets"))
    found, _ = question(asked, sources(store))
    rate = found.selfhosted[0].pass_rate
    assert rate is not None
    # Wilson's interval of 80 in 100.
    assert (rate.base, rate.low, rate.high) == pytest.approx((0.8, 0.7112, 0.8666), abs=5e-5)
    assert rate.provenance.kind == "measured"
    assert found.hosted[0].pass_rate == rate
    with pytest.raises(UnknownRunError):
        question(replace(BASE, pass_rates=("eval-999999",)), sources(store))
    with pytest.raises(InputError, match="no workspace"):
        question(asked, sources())
    empty = eval_run("m", "none", [], run_id="eval-000002")
    with pytest.raises(InputError, match="no items"):
        evaluated(empty)


def test_repeated_items_are_one_unit_of_evidence() -> None:
    run = eval_run("m", "s", accurate(1, 2))
    repeated = replace(run, items=tuple(item for item in run.items for _ in range(50)))
    assert evaluated(repeated).low == evaluated(run).low


def test_a_kept_plan_tells_too(store: Workspace) -> None:
    found = plan_verb.plan(
        read_machine("L4"),
        Requirements(plan_verb.workload(prompt=600, output=200, users=8)),
        load_catalogue(),
        FakeClock(),
        names=("Qwen3-8B",),
    )
    run = plan_verb.keep(store, found)
    asked = replace(BASE, capacity=CapacityAsked(from_run=run.info.id))
    told, notes = question(asked, sources(store))
    have = told.selfhosted[0].capacity
    assert found.winner is not None
    assert found.winner.tokens_per_s is not None
    assert have.output_tokens_per_s.base == found.winner.tokens_per_s.value
    assert have.slots == 8
    assert told.demand.tokens_per_request == 800
    assert any(note.startswith(run.info.id) for note in notes)
