"""Quantities as people write them."""

from pathlib import Path

import pytest

from weighbridge.core.cost import DAY, FLAT, Uncertain
from weighbridge.core.errors import InputError
from weighbridge.core.provenance import Provenance
from weighbridge.verbs.cost_words import named, parse_profile, parse_uncertain, parse_volume

ORIGIN = Provenance("assumed", "a test", "2026-11-21")


@pytest.mark.parametrize(
    ("text", "base", "low", "high"),
    [
        ("0.44", 0.44, 0.44, 0.44),
        ("$2", 2, 2, 2),
        (".5", 0.5, 0.5, 0.5),
        ("150k", 150_000, 150_000, 150_000),
        ("1e-3", 0.001, 0.001, 0.001),
        ("12_000", 12_000, 12_000, 12_000),
        ("0.4..0.9", 0.65, 0.4, 0.9),
        ("0.4..0.44..0.9", 0.44, 0.4, 0.9),
        ("5..20..80M", 20e6, 5e6, 80e6),
        ("500k..2M", 1.25e6, 5e5, 2e6),
        ("30..50%", 0.4, 0.3, 0.5),
        ("1 .. 2", 1.5, 1, 2),
    ],
)
def test_quantities(text: str, base: float, low: float, high: float) -> None:
    found = parse_uncertain(text, "price", ORIGIN)
    assert (found.base, found.low, found.high) == pytest.approx((base, low, high))
    assert found.is_certain == (low == high)
    assert found.provenance == ORIGIN


def test_a_tilde_makes_it_lognormal() -> None:
    assert parse_uncertain("~1..4", "x", ORIGIN) == Uncertain(2.0, 1.0, 4.0, "lognormal", ORIGIN)
    assert parse_uncertain("~1..3..4", "x", ORIGIN).base == 3


@pytest.mark.parametrize(
    "text",
    ["", "x", "1..", "..1", "1..2..3..4", "2..1", "1..3..2", "-1", "nan", "inf", "1e999", "~3",
     "1-2", "1,5", "1" * 400],
)  # fmt: skip
def test_what_is_no_quantity_is_refused_by_name(text: str) -> None:
    with pytest.raises(InputError, match="GPU price"):
        parse_uncertain(text, "GPU price", ORIGIN)


@pytest.mark.parametrize(
    ("text", "per_day", "unit"),
    [
        ("20M-tokens/day", 20e6, "tokens"),
        ("100k-requests/day", 1e5, "requests"),
        ("20M tokens/day", 20e6, "tokens"),
        ("1B-tokens/month", 1e9 / 30.4375, "tokens"),
        ("10-requests/hour", 240, "requests"),
        ("1-request/s", 86_400, "requests"),
    ],
)
def test_volumes(text: str, per_day: float, unit: str) -> None:
    found, told = parse_volume(text, ORIGIN)
    assert found.base == pytest.approx(per_day)
    assert told == unit


def test_a_volume_with_a_range() -> None:
    found, _ = parse_volume("5..20..80M-tokens/day", ORIGIN)
    assert (found.low, found.base, found.high) == (5e6, 20e6, 80e6)


@pytest.mark.parametrize(
    "text", ["", "20M", "tokens/day", "20M-tokens", "20M-words/day", "20M-tokens/year", "x" * 10**6]
)
def test_what_is_no_volume_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_volume(text, ORIGIN)


def test_profiles_by_word_numbers_and_file(tmp_path: Path) -> None:
    assert parse_profile("day")[0] == DAY
    assert parse_profile("flat")[0] == FLAT
    hours = tuple(float(hour) for hour in range(24))
    file = tmp_path / "day.csv"
    file.write_text("\n".join(map(str, hours)), encoding="utf-8")
    assert parse_profile(str(file)) == (hours, "file day.csv")
    assert parse_profile(",".join(map(str, hours))) == (hours, "as asked")


@pytest.mark.parametrize("content", [b"one two", b"\xff\xfe\x00"])
def test_a_profile_that_is_none(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "day.csv"
    file.write_bytes(content)
    with pytest.raises(InputError):
        parse_profile(str(file))
    with pytest.raises(InputError, match="cannot be read"):
        parse_profile(str(tmp_path / "absent.csv"))


def test_named_values() -> None:
    found = named(("0.9", "a/b=0.8..0.9"), "pass rate", ORIGIN)
    assert found[""].base == 0.9
    assert found["a/b"].low == 0.8
