"""Which list counts: the shipped one, an update, a newer package; the user's book before all."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.facts.prices.documents import document, model
from tests.shared_data import shared
from weighbridge.core.errors import ConfigError, InputError
from weighbridge.facts.prices import load, package
from weighbridge.facts.prices.loading import cache_file, installed, newest, shipped
from weighbridge.facts.prices.rows import Row, Source, decode, encode

TODAY = "2026-11-21"
OPUS = "anthropic/claude-opus-5"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path / "cache")}


def kept(environment: dict[str, str], content: bytes) -> Path:
    path = cache_file(environment)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_the_shipped_prices(environment: dict[str, str]) -> None:
    prices = load(today=TODAY, environment=environment)
    assert len(prices.api) > 2000
    assert prices.notes == ()
    opus = prices.find_api(OPUS)
    assert (opus.price.input, opus.price.output, opus.price.cached) == (5.0, 25.0, 0.5)
    assert opus.batch is not None
    assert (opus.batch.input, opus.batch.output) == (2.5, 12.5)
    assert opus.provenance.date == shipped().source.date
    flash = prices.find_api("deepseek/deepseek-flash")
    assert [flash.at(hour=hour).output for hour in (0, 1, 4, 6, 10)] == [0.6, 1.2, 0.6, 1.2, 0.6]
    haiku = prices.find_api("anthropic/claude-haiku-5-5")
    assert [haiku.at(tokens).input for tokens in (100_000, 100_001)] == [0.1, 0.5]


def test_the_shipped_file_is_what_our_own_format_says() -> None:
    path = Path(sys.modules["weighbridge.facts.prices.loading"].__file__ or "").with_name(
        "api.jsonl"
    )
    content = path.read_bytes()
    file = decode(content, origin="api.jsonl")
    assert encode(file.source, file.rows) == content
    assert len(content) < 512 * 1024
    assert (
        path.with_name("LICENSE-genai-prices.txt").read_text("utf-8").startswith("The MIT License")
    )


def test_no_price_is_zero(environment: dict[str, str]) -> None:
    for price in load(today=TODAY, environment=environment).api:
        for tier in price.tiers:
            for each in (tier.price, tier.batch):
                if each is not None:
                    assert each.input > 0
                    assert each.output > 0
                    assert each.cached is None or each.cached > 0


def test_the_spread_of_gpus(environment: dict[str, str]) -> None:
    h100 = load(today=TODAY, environment=environment).find_gpu("H100 SXM")
    assert (h100.low, h100.high, h100.offers) == (2.29, 3.99, 6)
    assert h100.provenance.kind == "catalogue"
    assert h100.provenance.date == "2026-11-21"


def test_an_update_counts_when_it_is_newer(environment: dict[str, str]) -> None:
    row = Row(provider="anthropic", model="claude-opus-5", input=1.0, output=2.0)
    path = kept(environment, encode(Source("genai-prices", "2026-11-20"), [row]))
    prices = load(today=TODAY, environment=environment)
    assert prices.find_api(OPUS).price.input == 1.0
    path.write_bytes(encode(Source("genai-prices", "2026-01-01"), [row]))
    assert load(today=TODAY, environment=environment).find_api(OPUS).price.input == 5.0


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"\xff", b'{"source": "x", "date": "2027-01-01"}\n{"in": 0}', b"[" * 99999],
)
def test_a_damaged_update_is_left_out_and_said(environment: dict[str, str], content: bytes) -> None:
    kept(environment, content)
    prices = load(today=TODAY, environment=environment)
    assert prices.find_api(OPUS).price.input == 5.0
    (note,) = prices.notes
    assert "The prices of the last update are left out" in note


def test_a_newer_package_counts(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    condition = {
        "constraint": {"start_date": "2026-11-18"},
        "prices": {"input_mtok": 3, "output_mtok": 9},
    }
    later = {
        "constraint": {"start_date": "2026-12-24"},
        "prices": {"input_mtok": 4, "output_mtok": 9},
    }
    content = document(us=[model("m", [{"prices": {}}, condition, later])])
    monkeypatch.setattr(package, "installed_version", lambda: "99.0")
    monkeypatch.setattr(package, "document", lambda: content)
    installed.cache_clear()
    prices = load(today=TODAY, environment=environment)
    found = prices.find_api("us/m")
    assert (found.price.input, found.provenance.source) == (3.0, "genai-prices 99.0")
    assert found.provenance.date == "2026-11-18"  # the newest date in it that has come
    monkeypatch.setattr(package, "document", lambda: b"{}")
    installed.cache_clear()
    file, notes = newest(environment, TODAY)
    assert file is shipped()
    assert "genai-prices 99.0 are left out" in notes[0]
    installed.cache_clear()


def test_the_users_book_comes_first(environment: dict[str, str], tmp_path: Path) -> None:
    book = tmp_path / "prices.toml"
    book.write_text(
        'date = 2026-11-01\n[[api]]\nprovider = "anthropic"\nmodel = "claude-opus-5"\ninput = 4\n'
        'output = 20\n[[gpu]]\ndevice = "T4"\nusd_per_hour = 0.3\n',
        encoding="utf-8",
    )
    prices = load(today=TODAY, environment=environment, workspace=tmp_path)
    assert prices.find_api(OPUS).price.input == 4.0
    assert prices.find_api("claude-opus-5").name == OPUS  # several have it; theirs is meant
    assert prices.find_gpu("T4").median == 0.3
    assert load(today=TODAY, environment=environment).find_api(OPUS).price.input == 5.0
    with pytest.raises(InputError, match="Cannot read"):
        load(today=TODAY, environment={"WEIGHBRIDGE_PRICES": str(tmp_path / "absent.toml")})
    book.write_text("date = 2026-11-01\n[[ap]]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="Did you mean `api`"):
        load(today=TODAY, environment=environment, book=book)


def test_another_list_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    """At least nine in ten models that litellm prices at the same provider cost the same."""
    table = shared("data", "prices", "api_prices_litellm_1.109.1.csv")
    monkeypatch.syspath_prepend(str(Path(__file__).parents[3] / "tools"))
    litellm_prices = import_module("litellm_prices")
    entries = list(litellm_prices.read_entries(table).values())
    pairs = litellm_prices.pairs(shipped().prices(TODAY)[0], entries)
    agree = sum(pair.agrees for pair in pairs)
    assert len(pairs) >= 400
    assert agree >= 0.9 * len(pairs)
