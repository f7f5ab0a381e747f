from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import yaml

from weighbridge.core.errors import InputError
from weighbridge.core.gateway import Asked, Refusal, TokenUse
from weighbridge.core.routing import Budget, Rate
from weighbridge.serve.budgets.meter import Meter
from weighbridge.serve.budgets.opening import ledger_place
from weighbridge.serve.config import key_digests, read_config
from weighbridge.verbs import keys

NOW = 1_800_000_000.0
CHAT = Asked(path="/v1/chat/completions", model="m", prompt_tokens=10, max_tokens=10)
MODELS = "models:\n  m: {url: 'http://127.0.0.1:1/v1', price: {prompt: 1, output: 2}}\n"


def configured(folder: Path, *lines: str, more: str = "") -> Path:
    path = folder / "router.config.yaml"
    path.write_text(f"{MODELS}{more}keys:\n{''.join(lines)}")
    return path


def test_the_printed_lines_are_a_key_of_the_configuration(tmp_path: Path) -> None:
    key, entry = keys.made(
        "alice: the #1",
        models=["m"],
        rate=keys.parse_rate(["60rpm", "100,000tpm"]),
        budget=keys.parse_budget("20.5usd/week"),
        tier="gold",
    )
    lines = keys.yaml_lines(key, entry)
    assert key.prefix in lines
    assert key.token not in lines
    config = read_config(configured(tmp_path, lines))
    ((_, read),) = key_digests(config)
    assert read == entry
    assert read.rate == Rate(60, 100_000)
    assert read.budget == Budget(usd=20.5, per="week")
    assert keys.owner(tmp_path / "router.config.yaml", f" {key.token}\n") == entry
    assert keys.owner(tmp_path / "router.config.yaml", key.token[:-1]) is None


def test_defaults_are_left_out_of_the_lines() -> None:
    key, entry = keys.made("bob")
    assert yaml.safe_load(keys.yaml_lines(key, entry)) == [{"name": "bob", "hash": key.hash}]
    assert keys.made_json(key, entry)["token"] == key.token


@pytest.mark.parametrize("text", ["60", "rpm", "-1rpm", "0tpm", "1.5rpm", "60 a minute"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="60rpm"):
        keys.parse_rate([text])


@pytest.mark.parametrize(
    "text",
    [
        "20/month",
        "20usd/year",
        "usd/month",
        "1.5tokens/day",
        "/",
        "5",
        "5usd",
        "$5",
        "1M tokens",
        "1,5usd/month",
        "5 euro/month",
        "2Musd/day",
        "{}",
        "{usd: x}",
        "{euro: 5}",
        "{usd: 5",
        "[]/day",
    ],
)
def test_what_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="20usd/month"):
        keys.parse_budget(text)


def test_a_budget_is_written_as_people_say_it_or_named() -> None:
    assert keys.parse_budget("1,000,000 tokens/day") == Budget(tokens=10**6, per="day")
    assert keys.parse_budget("0.5usd/ever") == Budget(usd=0.5, per="ever")
    assert keys.parse_budget("1.5M tokens/day") == Budget(tokens=1_500_000, per="day")
    assert keys.parse_budget("$5/week") == Budget(usd=5, per="week")
    both = "{usd: 20, tokens: 5000000, per: week}"
    assert keys.parse_budget(both) == Budget(usd=20, tokens=5_000_000, per="week")
    assert keys.parse_budget("team") == "team"
    assert keys.parse_budget("2nd team") == "2nd team"
    assert keys.parse_budget(None) is None


def test_a_list_tells_what_the_gateway_has_booked(tmp_path: Path) -> None:
    shared = [
        keys.yaml_lines(*keys.made(name, budget=budget))
        for name, budget in (("alice", "team"), ("bob", "team"), ("carol", None))
    ]
    path = configured(tmp_path, *shared, more="budgets:\n  team: {usd: 1, per: day}\n")
    fresh = keys.listed(path, now=NOW)
    assert [row.spending and row.spending.usd for row in fresh.rows] == [(0, 1), (0, 1), None]
    assert not (tmp_path / ".weighbridge").exists()  # looking makes no file

    async def spend() -> None:
        config = read_config(path)
        entries = [entry for _, entry in key_digests(config)]
        meter = Meter(config, entries, ledger_place(config, tmp_path), clock=lambda: NOW)
        booking = await meter.reserve("alice", CHAT, "m")
        assert not isinstance(booking, Refusal)
        booking.settle("m", TokenUse(prompt=100_000, output=50_000))
        await meter.close()

    asyncio.run(spend())
    alice, bob, carol = keys.to_json(keys.listed(path, now=NOW))
    assert alice["budget"]["usd_spent"] == pytest.approx(0.2)
    assert bob["budget"] == alice["budget"]
    assert carol["budget"] is None
    assert keys.listed(path, now=NOW + 86400).rows[0].spending is not None
    assert keys.to_json(keys.listed(path, now=NOW + 86400))[0]["budget"]["usd_spent"] == 0


def test_a_ledger_that_cannot_be_read_leaves_the_rest_of_the_list(tmp_path: Path) -> None:
    key, entry = keys.made("alice", budget=Budget(tokens=5))
    path = configured(tmp_path, keys.yaml_lines(key, entry), more="ledger: broken\n")
    (tmp_path / "broken").write_bytes(b"no database at all " * 100)
    found = keys.listed(path, now=NOW)
    assert "broken" in found.fault
    assert [row.entry.name for row in found.rows] == ["alice"]
    assert found.rows[0].spending is None
