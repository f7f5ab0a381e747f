from __future__ import annotations

import pytest

from weighbridge.core.provenance import Interval
from weighbridge.report import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "\N{EN DASH}"),
        (0, "0"),
        (0.0123, "0.0123"),
        (1.234, "1.23"),
        (12.34, "12.3"),
        (123.4, "123"),
        (123_456, "123,456"),
    ],
)
def test_numbers_have_about_three_digits(value: float | None, text: str) -> None:
    assert numbers.number(value) == text


def test_shares_and_differences() -> None:
    interval = Interval(-0.04, -0.101, 0.021)
    assert numbers.percent(0.84) == "84.0\N{NO-BREAK SPACE}%"
    assert numbers.bounds(Interval(0.5, 0.4, 0.6)) == "40.0\N{EN DASH}60.0"
    assert numbers.points(-0.04) == "\N{MINUS SIGN}4.0"
    assert numbers.point_bounds(interval) == "\N{MINUS SIGN}10.1 to +2.1"


def test_p_values_are_never_zero() -> None:
    assert numbers.p_value(1e-12).replace("\N{NO-BREAK SPACE}", " ") == "p < 0.001"
    assert numbers.p_value(1.0).replace("\N{NO-BREAK SPACE}", " ") == "p = 1"
    assert numbers.p_value(0.0312).replace("\N{NO-BREAK SPACE}", " ") == "p = 0.031"


def test_expected_answers_are_text_or_json() -> None:
    assert numbers.plain("-9") == "-9"
    assert numbers.plain({"city": "Kraków"}) == '{"city": "Kraków"}'


def test_long_answers_say_what_is_missing() -> None:
    assert numbers.shortened("ab", limit=2) == "ab"
    assert numbers.shortened("x" * 12, limit=2).endswith("(10 more characters)")
