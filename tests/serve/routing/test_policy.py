from __future__ import annotations

import pytest

from weighbridge.core.routing import Condition, ModelEntry, Route, RouterConfig, Signals, TaskSignal
from weighbridge.serve.routing.policy import choose, classify

SIGNALS = Signals(
    task={
        "arithmetic": TaskSignal(keywords=("+", "plus", "minus")),
        "extraction": TaskSignal(keywords=("extract", "json", "lives")),
    }
)
CONFIG = RouterConfig(
    models={name: ModelEntry(url="http://127.0.0.1:1") for name in ("tally", "clerk", "porter")},
    signals=SIGNALS,
    routes=(
        Route(use=("tally", "porter"), when=Condition(task="arithmetic")),
        Route(use=("clerk",), when=Condition(task="extraction")),
        Route(use=("porter",)),
    ),
)


@pytest.mark.parametrize(
    ("message", "task"),
    [
        ("12+35=", "arithmetic"),
        ("What is 2 PLUS 2?", "arithmetic"),
        ("Extract JSON: Anna lives in Rome.", "extraction"),
        ("Extract one plus", None),  # a tie
        ("Hello", None),
        ("", None),
        ("surplus", None),  # words, not substrings
    ],
)
def test_classify(message: str, task: str | None) -> None:
    assert classify(message, SIGNALS) == task


def test_no_signals_recognise_nothing() -> None:
    assert classify("12+35=", Signals()) is None


def test_auto_goes_by_the_first_route_that_applies() -> None:
    assert choose(CONFIG, "auto", "12+35=").use == ("tally", "porter")
    assert choose(CONFIG, "auto", "Extract JSON: …").use == ("clerk",)
    assert choose(CONFIG, "auto", "Hello").use == ("porter",)


def test_a_name_goes_straight_there_whatever_the_message() -> None:
    choice = choose(CONFIG, "clerk", "12+35=")
    assert choice.use == ("clerk",)
    assert choice.task is None


def test_an_unknown_name_goes_nowhere() -> None:
    assert choose(CONFIG, "gpt-4", "12+35=").use == ()


def test_without_a_last_resort_an_unrecognised_message_goes_nowhere() -> None:
    config = RouterConfig(models=CONFIG.models, signals=SIGNALS, routes=CONFIG.routes[:2])
    assert choose(config, "auto", "Hello").use == ()
