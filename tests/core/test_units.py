from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core import units
from weighbridge.core.errors import InputError
from weighbridge.core.units import (
    GIB,
    format_bytes,
    format_count,
    format_figure,
    format_tokens,
    parse_bytes,
    parse_integers,
    parse_tokens,
)


def test_the_examples_in_the_docstrings_hold() -> None:
    failed, attempted = doctest.testmod(units)
    assert attempted >= 6
    assert failed == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1024", 1024),
        ("7b", 7),
        ("1k", 1024),
        ("1KB", 1000),
        ("1.5 GiB", 3 * GIB // 2),
        (" 24g ", 24 * GIB),
        ("2TB", 2 * 10**12),
        ("1TiB", 1024 * GIB),
    ],
)
def test_sizes_are_read(text: str, expected: int) -> None:
    assert parse_bytes(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "GiB", "-1GiB", "1e9", "1,5GiB", "1.GiB", "1 Gi B", "1XiB", "nan", "inf", "9" * 400],
)
def test_what_is_no_size_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_bytes(text)
    assert repr(text) in str(caught.value)
    assert "24GiB" in caught.value.fix


@given(st.integers(0, 10**15))
def test_written_sizes_are_read_back_within_their_rounding(count: int) -> None:
    assert parse_bytes(format_bytes(count)) == pytest.approx(count, rel=0.006)


@given(st.integers(0, 10**15 - 1), st.sampled_from(["MiB", "GB", "b", "t"]))
def test_units_ignore_case_and_spaces(count: int, unit: str) -> None:
    assert parse_bytes(f"{count}{unit}") == parse_bytes(f" {count}  {unit.upper()} ")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (2203.4, "2,203"), (1_234_567, "1,234,567"), (12.345, "12.3"), (0.0586, "0.0586")],
)
def test_figures_have_no_exponent(value: float, text: str) -> None:
    assert format_figure(value) == text


@given(st.integers(1, 10**8), st.sampled_from(["k", "K", "m", "M", ""]))
def test_tokens_are_binary(count: int, unit: str) -> None:
    assert (
        parse_tokens(f" {count} {unit}") == count * {"": 1, "k": 1024, "m": 1024**2}[unit.lower()]
    )


@given(st.integers(1, 2**29))
def test_written_lengths_are_read_back_within_their_rounding(count: int) -> None:
    text = format_tokens(count)
    assert "e" not in text
    if "." not in text:
        assert parse_tokens(text) == pytest.approx(count, rel=0.006)


@pytest.mark.parametrize("text", ["", "0", "-1", "8g", "1.5k", "k", "1" * 30])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="not a number of tokens"):
        parse_tokens(text)


def test_counts_are_decimal_and_sizes_binary() -> None:
    assert format_count(1_000_000) == "1.00M"
    assert format_bytes(1_048_576) == "1.00 MiB"
    assert (format_count(999), format_bytes(1023)) == ("999", "1023 B")
    assert format_count(1.5e12) == "1.50T"
    assert format_bytes(-2048) == "-2.00 KiB"


def test_integers_are_read() -> None:
    assert parse_integers("1, 4,8", what="Levels") == (1, 4, 8)


@pytest.mark.parametrize("text", ["", "1,,4", "0", "1,-4", "1.5", "a", "1_0", "²"])
def test_what_are_no_positive_integers_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"^Levels must be positive whole numbers"):
        parse_integers(text, what="Levels")
