from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.message_words import words
from weighbridge.core.routing import (
    Condition,
    ModelEntry,
    Route,
    RouterConfig,
    Signals,
    TaskSignal,
)


def test_words_are_folded_letters_and_operators_without_digits() -> None:
    assert words("What is 17 MINUS 26?") == {"what", "is", "minus"}
    assert words("3*37 × 2 ÷ 1 = x_y") == {"*", "×", "÷", "=", "x", "y"}
    assert words("Straße STRASSE") == {"strasse"}
    assert words("漢字 42!") == {"漢字"}
    assert words("") == frozenset()


@given(st.text())
def test_words_do_not_depend_on_case(text: str) -> None:
    assert words(text.casefold()) == words(text)


def test_a_configuration_survives_writing_and_reading() -> None:
    config = RouterConfig(
        models={"a": ModelEntry(engine="llamacpp-embedded", source="a.gguf"), "b": ModelEntry()},
        routes=(Route(use=("a", "b"), when=Condition(task="sums")), Route(use=("b",))),
        signals=Signals(task={"sums": TaskSignal(keywords=("plus", "+"))}),
    )
    encoded = msgspec.json.encode(config)
    assert msgspec.json.decode(encoded, type=RouterConfig) == config
    assert b"url" not in encoded


def test_entries_kept_before_contexts_could_be_left_out_still_read() -> None:
    kept = b'{"engine":"llamacpp-embedded","source":"a.gguf","slots":8}'
    assert msgspec.json.decode(kept, type=ModelEntry).context is None
    kept = b'{"engine":"llamacpp-embedded","source":"a.gguf","context":256,"slots":8}'
    assert msgspec.json.decode(kept, type=ModelEntry).context == 256


@pytest.mark.parametrize(
    "text",
    [
        '{"models": {}, "routes": [], "listn": "x"}',
        '{"models": {"a": {"engin": "x"}}, "routes": []}',
        '{"models": {}, "routes": [{"use": ["a"], "when": {"tsk": "x"}}]}',
        '{"models": {}, "routes": [{"use": "a"}]}',
        '{"routes": []}',
    ],
)
def test_what_no_configuration_says_is_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"^(Object|Expected)"):
        msgspec.json.decode(text, type=RouterConfig)
