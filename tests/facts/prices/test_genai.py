"""The published price list, read: tiers, hours, batches, announced prices, and what is no price."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.facts.prices.documents import document, model
from weighbridge.core.errors import FormatError
from weighbridge.core.prices import ApiPrice, HourlyPrice, PriceTier, TokenPrice
from weighbridge.facts.prices import genai, package
from weighbridge.facts.prices.loading import shipped
from weighbridge.facts.prices.rows import MOST_USD, PriceFile, Source

TODAY = "2026-11-21"
TIERED = {"base": 1, "tiers": [{"start": 500, "price": 3}, {"start": 200, "price": 2}]}


def converted(content: bytes) -> genai.Converted:
    return genai.convert(content, today=TODAY, origin="list.json")


def price(entry: dict[str, Any], *, on: str = TODAY) -> ApiPrice:
    file = PriceFile(Source("a list", TODAY), converted(document(us=[entry])).rows)
    known, unknown = file.prices(on)
    assert not unknown
    return known[0]


def test_a_plain_price() -> None:
    found = price(
        model(
            "m",
            {
                "input_mtok": 3,
                "output_mtok": "15",
                "cache_read_mtok": 0.3,
                "cache_write_mtok": 3.75,
            },
            context_window=200000,
            match={"or": [{"equals": "m"}, {"starts_with": "m-1"}, {"contains": "not a name"}]},
        )
    )
    assert found.tiers == (PriceTier(0, TokenPrice(3.0, 15.0, 0.3, 3.75)),)
    assert (found.name, found.context, found.aliases) == ("us/m", 200000, ("m-1",))
    assert found.provenance.source == "a list"


def test_long_prompts_are_billed_whole_above_the_limit() -> None:
    found = price(
        model(
            "m",
            {
                "input_mtok": TIERED,
                "output_mtok": {"base": 5, "tiers": [{"start": 200, "price": 6}]},
                "cache_read_mtok": 0.1,
            },
        )
    )
    assert found.tiers == (
        PriceTier(0, TokenPrice(1.0, 5.0, 0.1)),
        PriceTier(201, TokenPrice(2.0, 6.0, 0.1)),
        PriceTier(501, TokenPrice(3.0, 6.0, 0.1)),
    )
    assert found.at(200).input == 1.0
    assert found.at(201).input == 2.0


def test_hours_of_the_day_are_utc_and_may_pass_midnight() -> None:
    found = price(
        model(
            "m",
            [
                {"prices": {"input_mtok": 1, "output_mtok": 2}},
                {
                    "constraint": {"start_date": "2026-01-01"},
                    "prices": {"input_mtok": 3, "output_mtok": 4},
                },
                {
                    "constraint": {"start_time": "16:30:00Z", "end_time": "00:30:00Z"},
                    "prices": {"input_mtok": 5, "output_mtok": 6},
                },
                {
                    "constraint": {"start_time": "01:00:00+02:00", "end_time": "03:00:00+02:00"},
                    "prices": {"input_mtok": 7, "output_mtok": 8},
                },
            ],
        )
    )
    assert found.price == TokenPrice(3.0, 4.0)
    assert found.hours == (
        HourlyPrice(23.0, 1.0, TokenPrice(7.0, 8.0)),
        HourlyPrice(16.5, 0.5, TokenPrice(5.0, 6.0)),
    )
    assert found.at(hour=12).input == 3.0
    assert found.at(hour=17).input == 5.0
    assert found.at(hour=23.5).input == 7.0  # the later condition of the list counts


def test_a_batch_replaces_only_the_prices_that_it_states() -> None:
    found = price(
        model(
            "m",
            {"input_mtok": 4, "output_mtok": 8, "cache_read_mtok": 1},
            price_variants=[
                {"when": {"service_tier": "flex"}, "prices": {"input_mtok": 1}},
                {
                    "when": {"processing": "batch"},
                    "constraint": {"start_date": "2027-01-01"},
                    "prices": {"input_mtok": 0.1, "output_mtok": 0.1},
                },
                {"when": {"processing": "batch"}, "prices": {"input_mtok": 2}},
            ],
        )
    )
    assert found.batch == TokenPrice(2.0, 8.0)


@pytest.mark.parametrize(("provider", "cached"), [("google", 1.0), ("openai", None)])
def test_cached_tokens_of_a_batch_have_no_price_but_a_documented_one(
    provider: str, cached: float | None
) -> None:
    batch = {"when": {"processing": "batch"}, "prices": {"input_mtok": 2, "output_mtok": 4}}
    usual = {"input_mtok": 4, "output_mtok": 8, "cache_read_mtok": 1, "cache_write_mtok": 5}
    (row,) = converted(document(**{provider: [model("m", usual, price_variants=[batch])]})).rows
    assert row.batch is not None
    assert row.batch.cached == cached
    stated = batch | {"prices": {"input_mtok": 2, "output_mtok": 4, "cache_read_mtok": 0.5}}
    (row,) = converted(document(**{provider: [model("m", usual, price_variants=[stated])]})).rows
    assert row.batch is not None
    assert row.batch.cached == 0.5


def test_an_announced_price_holds_from_its_day() -> None:
    entry = model(
        "m",
        [
            {"prices": {"input_mtok": 1, "output_mtok": 2}},
            {
                "constraint": {"start_date": "2026-12-01"},
                "prices": {"input_mtok": 3, "output_mtok": 6},
            },
        ],
    )
    assert price(entry).price.input == 1.0
    assert price(entry, on="2026-11-30").price.input == 1.0
    assert price(entry, on="2026-12-01").price.input == 3.0


@pytest.mark.parametrize(
    "prices",
    [
        {"input_mtok": 0, "output_mtok": 0},
        {"input_mtok": 1, "output_mtok": 0},
        {"input_mtok": 1},
        {},
    ],
)
def test_zero_and_missing_are_unknown(prices: dict[str, float]) -> None:
    rows = converted(document(us=[model("m", prices)])).rows
    assert PriceFile(Source("a list", TODAY), rows).prices(TODAY) == ((), ("us/m",))


def test_what_is_not_billed_by_tokens_is_left_out() -> None:
    assert converted(document(us=[model("m", {"audio_hours": 1})])).rows == ()


def test_a_cache_price_of_zero_is_unknown() -> None:
    found = price(model("m", {"input_mtok": 1, "output_mtok": 2, "cache_read_mtok": 0}))
    assert found.price.cached is None


@pytest.mark.parametrize(
    "entry",
    [
        model("m", {"input_mtok": MOST_USD * 2, "output_mtok": 1}),
        model("m", {"input_mtok": "dear", "output_mtok": 1}),
        model("m", {"input_mtok": [1], "output_mtok": 1}),
        model("m", {"input_mtok": {"base": 1}, "output_mtok": 1}),
        model(
            "m", {"input_mtok": {"base": 1, "tiers": [{"start": -5, "price": 1}]}, "output_mtok": 1}
        ),
        model("m", {"input_mtok": {"base": 1, "tiers": 7}, "output_mtok": 1}),
        model("m", [{"constraint": {"start_date": "soon"}, "prices": {}}]),
        model("m", [{"constraint": {"start_time": "25:00", "end_time": "1"}, "prices": {}}]),
        model("m\x1b[31m"),
        model(""),
        model("x" * 300),
        {"id": "m"},
        {"id": 7, "prices": {}},
    ],
)
def test_a_model_that_cannot_be_read_spoils_no_other(entry: dict[str, Any]) -> None:
    found = converted(document(us=[entry, model("good")]))
    assert [row.model for row in found.rows] == ["good"]
    assert found.skipped == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[1]",
        b"null",
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"id": ' * 50_000,
        b"<html>",
        b'[{"id": "us"}]',
        b'[{"id": "us", "models": {}}]',
    ],
)
def test_what_is_no_price_list_is_refused(content: bytes) -> None:
    with pytest.raises(FormatError, match=r"list\.json is no price list"):
        converted(content)


def test_a_model_nested_beyond_reason_is_left_out() -> None:
    bomb = b'{"or": [' * 5000 + b"]}" * 5000
    content = b'[{"id": "us", "models": [{"id": "m", "prices": {}, "match": ' + bomb + b"}]}]"
    try:
        found = converted(content)
    except FormatError:
        return  # refused as a whole where the decoder gives up earlier
    assert found.rows == ()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["id", "match", "prices", "price_variants", "context_window"]), JSON
    ),
    JSON,
)
def test_mutated_models_never_break_it(changes: dict[str, Any], rate: Any) -> None:
    entry = model("m", {"input_mtok": rate, "output_mtok": 1}) | changes
    found = converted(json.dumps([{"id": "us", "models": [entry]}]).encode())
    for row in found.rows:
        stated = row.price()
        assert stated is None or 0 < stated.input <= MOST_USD


def test_every_price_is_what_the_package_itself_would_bill() -> None:
    """The shipped file against genai-prices: each model by length, hour and batch."""
    data = pytest.importorskip("genai_prices.data")
    if package.installed_version() != shipped().source.version:
        pytest.skip("another genai-prices than the one that was shipped from is installed")
    ours, _ = shipped().prices(shipped().source.date)
    theirs = {
        (each.id, each_model.id): each_model
        for each in data.providers
        for each_model in each.models
    }
    compared = 0
    for mine in ours:
        entry = theirs[mine.provider, mine.model]
        for prompt, hour, batch in ((1000, 2, False), (300_000, 12, False), (1000, 12, True)):
            day = datetime(2026, 11, 12, hour, tzinfo=UTC)
            stated = entry.get_prices(day, {"processing": "batch"} if batch else None)
            usual = entry.get_prices(day, None)
            billed = mine.at(prompt, hour=hour, batch=batch)
            for key, usd in (
                ("input_mtok", billed.input), ("output_mtok", billed.output),
                ("cache_read_mtok", billed.cached), ("cache_write_mtok", billed.cache_write),
            ):  # fmt: skip
                told = _billed(getattr(stated, key, None), prompt)
                same = told is not None and told == _billed(getattr(usual, key, None), prompt)
                if batch and usd is None and same:
                    # The package takes what no batch states as usual; of a cache nobody says so.
                    assert key.startswith("cache_")
                    assert mine.provider != "google"
                else:
                    assert usd == told, (mine.name, key, hour)
            compared += 1
    assert compared > 5000


def _billed(value: Any, prompt: int) -> float | None:
    if value is None:
        return None
    if hasattr(value, "tiers"):
        above = [tier.price for tier in value.tiers if prompt > tier.start]
        value = above[-1] if above else value.base
    return float(value) or None
