from __future__ import annotations

import doctest

import pytest

from weighbridge.core.errors import InputError
from weighbridge.facts.licenses import intents
from weighbridge.facts.licenses.intents import Intents, parse_intents


def test_the_examples_in_the_docstrings_hold() -> None:
    failed, attempted = doctest.testmod(intents)
    assert attempted >= 1
    assert failed == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("commercial,eu,maas", Intents(("commercial", "eu", "maas"))),
        (" EU , eu ", Intents(("eu",))),
        ("maas,revenue=1.5M", Intents(("maas",), revenue=1_500_000)),
        ("users=800M", Intents(("commercial",), users=800_000_000)),
    ],
)
def test_intents_are_read(text: str, expected: Intents) -> None:
    assert parse_intents(text) == expected


def test_a_typo_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match="Did you mean 'commercial'"):
        parse_intents("comercial")


@pytest.mark.parametrize("text", ["", "commercial,", "revenue=much", "users=", "eu=1", "xyzzy"])
def test_what_is_no_intent_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse_intents(text)
