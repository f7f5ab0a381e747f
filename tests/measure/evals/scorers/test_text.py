from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from tests.measure.evals.scorers.scoring import complaint, score
from weighbridge.core.errors import ConfigError
from weighbridge.measure.evals.normalise import normalised, token_f1
from weighbridge.measure.evals.records import Item, SuiteFile
from weighbridge.measure.evals.scorers.text import REGEX
from weighbridge.measure.evals.scoring import Answer, Means, Score, read_options


@pytest.mark.parametrize(
    ("answer", "gold", "correct"),
    [
        ("-9", "-9", True),
        (" -9\n", "-9", True),
        ("-9.", "-9", False),
        ("9", "-9", False),
        ("", "-9", False),
        ("7", 7, True),
        ("7.0", 7, False),
        ("Yes", "yes", False),
        ("a  b", "a b", False),
        ("two", ["one", "two"], True),
        ("three", ["one", "two"], False),
    ],
)
def test_exact_wants_the_very_words(answer: str, gold: object, correct: bool) -> None:
    told = score("exact", answer, gold)
    assert (told.correct, told.value) == (correct, float(correct))
    assert bool(told.detail) == (not correct)


@pytest.mark.parametrize(
    ("answer", "gold", "correct"),
    [
        ("The Eiffel Tower!", "eiffel tower", True),
        ("  eiffel\ttower ", "Eiffel Tower", True),
        ("Eiffel", "Eiffel Tower", False),
        ("ﬁve", "five", True),
        ("STRASSE", "straße", True),
        ("don't", "dont", True),
        ("3.5", "35", False),
        ("-3", "3", False),
        ("\u22123", "-3", True),
        ("1,000", "1000", True),
        ("1,234,567.5", "1234567.5", True),
        ("1,5", "15", False),
        ("$5", "5", True),
        ("-$5", "5", False),
        ("5 €", "5", True),
        ("A", "the", False),
        ("", "The", False),
        ("the", "The", True),
    ],
)
def test_normalised_forgives_case_punctuation_and_articles(
    answer: str, gold: str, correct: bool
) -> None:
    assert score("normalised", answer, gold).correct == correct


def test_articles_and_further_words_are_options() -> None:
    assert not score("normalised", "the cat", "cat", options={"articles": True}).correct
    answer = "It is Paris, of course."
    assert not score("normalised", answer, "paris").correct
    assert score("normalised", answer, "paris", options={"contains": True}).correct
    assert not score("normalised", "Parisians", "paris", options={"contains": True}).correct
    assert not score("normalised", "anything", "!", options={"contains": True}).correct
    denied = "not Paris, London"
    assert not score("normalised", denied, "paris", options={"contains": True}).correct
    assert score("normalised", f"{denied}. Paris?", "paris", options={"contains": True}).correct


@given(st.text())
def test_normalising_twice_is_normalising_once(text: str) -> None:
    for articles in (False, True):
        once = normalised(text, articles=articles)
        assert normalised(once, articles=articles) == once


@given(st.text(), st.text())
def test_token_f1_is_symmetric_and_between_0_and_1(a: str, b: str) -> None:
    assert token_f1(a, b) == token_f1(b, a)
    assert 0 <= token_f1(a, b) <= 1
    assert token_f1(a, a) == 1


def test_token_f1_by_hand() -> None:
    # 2 shared words; precision 2/3, recall 2/4.
    assert token_f1("red green blue", "red green white black") == pytest.approx(4 / 7)
    assert token_f1("red red", "red") == pytest.approx(2 / 3)
    assert token_f1("", "x") == 0


@pytest.mark.parametrize(
    ("options", "answer", "gold", "correct"),
    [
        ({"pattern": r"answer: (\w+)"}, "answer: a, then answer: b", "b", True),
        ({"pattern": r"answer: (\w+)", "take": "first"}, "answer: a, answer: b", "a", True),
        ({"pattern": r"answer: (\w+)"}, "ANSWER: b", "b", False),
        ({"pattern": r"answer: (\w+)", "ignore_case": True}, "ANSWER: b", "b", True),
        ({"pattern": r"\d+"}, "in 1969", "1969", True),
        ({"pattern": r"=(.+)$", "compare": "number"}, "x = 1,000.0", "1000", True),
        ({"pattern": r"=(.+)$", "compare": "number"}, "x = many", "1000", False),
        ({"pattern": r"is (.+)", "compare": "normalised"}, "it is The Moon.", "moon", True),
        ({"pattern": r"(a)|b"}, "b", "", True),
        ({}, "on 4 May", r"\b4(th)? May\b", True),
        ({}, "on 14 May", r"\b4(th)? May\b", False),
    ],
)
def test_a_pattern_finds_what_is_compared(
    options: dict[str, Any], answer: str, gold: str, correct: bool
) -> None:
    assert score("regex", answer, gold, options=options).correct == correct


def test_a_broken_pattern_is_told_before_anything_is_asked() -> None:
    with pytest.raises(ConfigError, match="no regular expression"):
        score("regex", "x", "x", options={"pattern": "("})
    assert "is its own pattern" in complaint("regex", "(")
    assert complaint("regex", "(", options={"pattern": "x"}) == ""


def test_a_pattern_that_never_ends_is_given_up_on_and_wrong() -> None:
    began = time.monotonic()
    options = {"pattern": "(a+)+$", "timeout_s": 0.3}
    told = score("regex", "a" * 60 + "!", "a", options=options)
    assert 0.3 <= time.monotonic() - began < 10
    assert told == Score(
        correct=False, value=0.0, detail="the search took longer than 0.3 s and was ended",
        notes={"given_up": True},
    )  # fmt: skip


@pytest.mark.parametrize("runner", [asyncio.run, uvloop.run])
def test_other_answers_are_judged_beside_one_that_never_ends(
    runner: Callable[[Coroutine[Any, Any, list[bool]]], list[bool]],
) -> None:
    options = {"timeout_s": 0.3}
    settings = SuiteFile(name="s", prompt="p", scorer="regex", options=options)
    made = REGEX.make(settings, read_options(REGEX, settings, "here"), Means())
    golds = ["(a+)+$", "^b", "c", "(a+)+$", "a!$"]
    text = "a" * 60 + "!"
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.02)
            ticks += 1

    async def judged() -> list[bool]:
        beside = asyncio.create_task(tick())
        items = [Item(str(n), "p", gold) for n, gold in enumerate(golds)]
        try:
            return [s.correct for s in await asyncio.gather(
                *(made.score(item, Answer(text)) for item in items)
            )]  # fmt: skip
        finally:
            beside.cancel()
            await made.close()

    assert runner(judged()) == [False, False, False, False, True]
    assert ticks >= 10  # two searches of .3 s held nobody up


def test_half_a_character_does_not_stop_a_search() -> None:
    assert score("regex", "\ud800 42", r"4\d").correct


@pytest.mark.parametrize("timeout_s", [0, -1, 1e9])
def test_the_time_of_a_search_must_make_sense(timeout_s: float) -> None:
    with pytest.raises(ConfigError, match="timeout_s"):
        score("regex", "x", "x", options={"timeout_s": timeout_s})


@pytest.mark.parametrize("scorer", ["exact", "normalised", "regex"])
@pytest.mark.parametrize("gold", [True, None, {}, [], [True], [["a"]]])
def test_golds_are_texts_or_numbers(scorer: str, gold: object) -> None:
    assert "`answer` must be a string or a number" in complaint(scorer, gold)


@given(st.text(), st.text())
def test_no_answer_breaks_a_scorer(answer: str, gold: str) -> None:
    for scorer in ("exact", "normalised"):
        told = score(scorer, answer, gold)
        assert told.correct == (told.detail == "")
