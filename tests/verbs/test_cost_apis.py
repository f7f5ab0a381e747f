"""The APIs of a cost question: hours, long prompts, ends, contexts, and hosts of the same model."""

from __future__ import annotations

import pytest

from tests.fakes.clock import FakeClock
from weighbridge.core.cost import ALL, FLAT, Demand, Hosted, Uncertain, certain
from weighbridge.core.errors import InputError
from weighbridge.core.prices import ApiPrice, HourlyPrice, PriceTier, TokenPrice
from weighbridge.core.provenance import Provenance
from weighbridge.facts.prices import Prices
from weighbridge.verbs.cost import cost
from weighbridge.verbs.cost_apis import hosted, same_model_notes
from weighbridge.verbs.cost_options import HardwareAsked
from weighbridge.verbs.cost_question import Asked, CapacityAsked, DemandAsked, Sources, question

FRESH = Provenance("catalogue", "a list", "2026-11-01")
SAID = Provenance("assumed", "given on the command line", "2026-11-21")
CHEAP, DEAR = TokenPrice(1, 4), TokenPrice(2, 8)
LONG = (PriceTier(0, TokenPrice(2, 10)), PriceTier(200_001, TokenPrice(4, 15)))
PRICES = Prices(
    api=(
        ApiPrice("a", "night", (PriceTier(0, CHEAP),), FRESH, (HourlyPrice(0.5, 16.5, DEAR),)),
        ApiPrice("a", "long", LONG, FRESH, context=500_000),
        ApiPrice("a", "gone", (PriceTier(0, CHEAP),), FRESH, retires="2026-07-24"),
        ApiPrice("one", "Qwen/Qwen3-8B-FP8", (PriceTier(0, CHEAP),), FRESH),
        ApiPrice("two", "qwen3-8b", (PriceTier(0, CHEAP),), FRESH),
        ApiPrice("two", "qwen3-8b", (PriceTier(0, CHEAP),), FRESH, retires="2026-01-01"),
        ApiPrice("two", "qwen3-vl-8b", (PriceTier(0, CHEAP),), FRESH),
    ),
    gpus=(), unknown=(), own=frozenset(), notes=(), today="2026-11-21",
)  # fmt: skip


def demand(*prompt: float, profile: tuple[float, ...] = FLAT, source: str = "as asked") -> Demand:
    low, base, high = prompt if len(prompt) == 3 else prompt * 3
    tokens = Uncertain(base, low, high)
    return Demand(certain(1000.0), tokens, certain(200.0), "requests", profile=profile,
                  profile_source=source)  # fmt: skip


def ask(name: str, of: Demand, ratio: Uncertain = ALL) -> tuple[Hosted, str]:
    found, notes = hosted(name, PRICES, of, SAID, same_model=False, ratio_of=lambda _: ratio)
    return found, " ".join(notes)


def test_prices_by_the_hour_are_weighed_by_the_traffic_of_the_hours() -> None:
    found, said = ask("a/night", demand(750))
    # 8 hours at 1 and 16 at 2.
    assert found.price.input.base == pytest.approx(40 / 24)
    assert found.price.output.base == pytest.approx(160 / 24)
    assert found.price.input.is_certain
    assert "$1.667 in and $6.667 out" in said
    # All of it from 16 to 17 o'clock, half of which is dear.
    evening = tuple(1.0 if hour == 16 else 0.0 for hour in range(24))
    assert ask("a/night", demand(750, profile=evening))[0].price.input.base == pytest.approx(1.5)


def test_a_day_that_is_assumed_may_lie_anywhere_on_the_clock() -> None:
    evening = tuple(1.0 if hour == 17 else 0.0 for hour in range(24))
    found, said = ask("a/night", demand(750, profile=evening, source="assumed: a cosine"))
    price = found.price.input
    assert (price.base, price.low, price.high) == pytest.approx((1, 1, 2))
    assert "elsewhere $1 to $2 in" in said


def test_the_tier_is_by_tokens_as_the_api_counts_them() -> None:
    assert ask("a/long", demand(150_000))[0].price.input.base == 2
    found, said = ask("a/long", demand(150_000), certain(1.5))
    assert (found.price.input.base, found.token_ratio.base) == (4, 1.5)
    assert "200,001 tokens and more" in said


def monthly(prompt: str) -> float:
    asked = Asked(
        demand=DemandAsked(volume="1k-requests/day", prompt=prompt, output="200"),
        capacity=CapacityAsked(tokens_per_s="1000"),
        hardware=HardwareAsked(gpu_price="1"),
        apis=("a/long",),
    )
    found = question(asked, Sources(PRICES, FakeClock()))[0]
    report = cost(found, FakeClock(), draws=400)
    of = report.option("a/long").usd_per_month
    assert of.low <= of.value <= of.high
    return of.high if ".." in prompt else of.value


def test_a_range_of_prompts_is_billed_at_each_lengths_own_price() -> None:
    # 30.4375 days × 1000 × (prompt × 2 or 4 + 200 × 10 or 15) / 1e6.
    assert monthly("150k") == pytest.approx(30.4375 * (300 + 2))
    assert monthly("400k") == pytest.approx(30.4375 * (1600 + 3))
    # More than one in ten draws are above 200,001 tokens, and their bill is at the dear price.
    assert monthly("100k..150k..400k") > 30.4375 * (200_001 * 4 + 200 * 15) / 1000
    said = ask("a/long", demand(100_000, 150_000, 400_000))[1]
    assert "changes its price at 200,001 tokens" in said


def test_what_cannot_be_bought_is_no_rival() -> None:
    with pytest.raises(InputError, match="ended on 2026-07-24") as refused:
        ask("a/gone", demand(750))
    assert "ended=1/4" in str(refused.value)
    with pytest.raises(InputError, match="takes 500,000 tokens at most, and prompts have 600,000"):
        ask("a/long", demand(400_000), certain(1.5))
    said = ask("a/long", demand(100_000, 300_000, 600_000))[1]
    assert "the longest prompts of the range would be refused" in said


def test_hosts_of_the_same_model_are_offered_by_name() -> None:
    (said,) = same_model_notes("Qwen3-8B", (), [], PRICES)
    assert said.startswith("2 hosts of Qwen3-8B by name: one/Qwen/Qwen3-8B-FP8, two/qwen3-8b.")
    assert same_model_notes("Mistral-7B", (), [], PRICES) == ()
    assert same_model_notes("", (), [], PRICES) == ()


def test_a_host_of_another_model_is_told() -> None:
    assert same_model_notes("Qwen3-8B", ("one/Qwen/Qwen3-8B-FP8", "x=1/2"), [], PRICES) == ()
    (said,) = same_model_notes("Qwen3-8B", ("two/qwen3-vl-8b",), [], PRICES)
    assert "two/qwen3-vl-8b is given as a host of the same model" in said
