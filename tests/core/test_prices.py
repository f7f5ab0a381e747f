"""Prices: long prompts, hours of the day, batches, age, and spreads of offers."""

from __future__ import annotations

import math

import pytest

from weighbridge.core.prices import (
    ApiPrice,
    GpuOffer,
    HourlyPrice,
    PriceTier,
    TokenPrice,
    age_days,
    is_stale,
    known,
    summary,
)
from weighbridge.core.provenance import Kind, Provenance

USUAL = TokenPrice(3.0, 15.0, cached=0.3, cache_write=3.75)
LONG = TokenPrice(6.0, 22.5)
BATCH = TokenPrice(1.5, 7.5)
LONG_BATCH = TokenPrice(3.0, 11.25)
PEAK = TokenPrice(9.0, 45.0)
NIGHT = TokenPrice(1.0, 5.0)
SEEN = Provenance("catalogue", "a list", "2026-09-20")
PRICE = ApiPrice(
    "us",
    "m",
    (PriceTier(0, USUAL, BATCH), PriceTier(200_001, LONG, LONG_BATCH)),
    SEEN,
    hours=(HourlyPrice(9, 12.5, PEAK), HourlyPrice(22, 2, NIGHT)),
)


@pytest.mark.parametrize(
    ("prompt", "hour", "batch", "expected"),
    [
        (0, None, False, USUAL),
        (200_000, None, False, USUAL),
        (200_001, None, False, LONG),
        (1_000_000, None, True, LONG_BATCH),
        (10, None, True, BATCH),
        (10, 8.99, False, USUAL),
        (10, 9, False, PEAK),
        (10, 12.5, False, USUAL),
        (10, 21.9, False, USUAL),
        (10, 22, False, NIGHT),
        (10, 23.99, False, NIGHT),
        (10, 0, False, NIGHT),
        (10, 24, False, NIGHT),
        (10, 2, False, USUAL),
        (10, 23, True, BATCH),
    ],
)
def test_the_price_of_a_request(
    prompt: float, hour: float | None, batch: bool, expected: TokenPrice
) -> None:
    assert PRICE.at(prompt, hour=hour, batch=batch) == expected


def test_without_a_batch_price_the_usual_one_holds() -> None:
    price = ApiPrice("us", "m", (PriceTier(0, USUAL),), SEEN)
    assert price.batch is None
    assert price.at(5, batch=True) == USUAL


def test_what_caching_costs_where_no_price_of_it_is_known() -> None:
    assert USUAL.cached_or_input == 0.3
    assert USUAL.cache_write_or_input == 3.75
    assert LONG.cached_or_input == 6.0
    assert LONG.cache_write_or_input == 6.0


@pytest.mark.parametrize(
    ("retires", "ended"), [("", False), ("2026-11-21", True), ("2026-11-22", False)]
)
def test_a_model_ends_on_its_day(retires: str, ended: bool) -> None:
    price = ApiPrice("us", "m", (PriceTier(0, USUAL),), SEEN, retires=retires)
    assert price.has_ended("2026-11-21T23:00:00Z") is ended


def test_names() -> None:
    assert PRICE.name == "us/m"
    assert ApiPrice("", "ours", (PriceTier(0, USUAL),), SEEN).name == "ours"


@pytest.mark.parametrize(
    ("date", "today", "days", "stale"),
    [
        ("2026-09-22", "2026-11-21", 60, False),
        ("2026-09-21", "2026-11-21", 61, True),
        ("2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z", 0, False),
        ("", "2026-11-21", None, True),
        ("last spring", "2026-11-21", None, True),
    ],
)
def test_age(date: str, today: str, days: int | None, stale: bool) -> None:
    provenance = Provenance("catalogue", "a list", date)
    assert age_days(provenance, today) == days
    assert is_stale(provenance, today) is stale


@pytest.mark.parametrize("usd", [0, 0.0, -0.0, -1, math.nan, math.inf, -math.inf, None])
def test_nothing_costs_nothing(usd: float | None) -> None:
    assert known(usd) is None


def offer(usd: float, source: str, date: str, kind: Kind = "catalogue") -> GpuOffer:
    return GpuOffer("p", "H100 SXM", "on-demand", usd, "", Provenance(kind, source, date))


def test_a_spread_has_the_date_of_its_oldest_offer() -> None:
    spread = summary([
        offer(2.0, "a", "2026-11-01"),
        offer(8.0, "b", "2026-10-01"),
        offer(3.0, "a", "2026-11-02"),
        offer(2.5, "c", "2026-11-03"),
    ])  # fmt: skip
    assert (spread.low, spread.median, spread.high, spread.offers) == (2.0, 2.5, 8.0, 4)
    assert spread.provenance == Provenance("catalogue", "a and 2 more", "2026-10-01")
    assert summary([offer(2.0, "a", "2026-11-01", "vendor")]).provenance.kind == "vendor"


def test_few_offers_get_a_spread_and_ones_own_price_does_not() -> None:
    two = summary([offer(1.9, "a", "2026-11-01"), offer(7.9, "b", "2026-11-01")])
    assert (two.median, two.is_thin) == (1.9, True)
    assert two.reckoned == pytest.approx((0.7 * 1.9, 7.9))
    one = summary([offer(2.0, "a", "2026-11-01")])
    assert one.reckoned == pytest.approx((1.4, 3.4))
    mine = summary([offer(2.0, "ours", "2026-11-01", "vendor")])
    assert (mine.reckoned, mine.is_thin) == ((2.0, 2.0), False)
    many = summary([offer(usd, "a", "2026-11-01") for usd in (2.0, 2.1, 2.2)])
    assert (many.reckoned, many.is_thin) == ((2.0, 2.2), False)
