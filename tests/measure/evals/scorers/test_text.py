from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.measure.evals.scorers.scoring import complaint, score
from weighbridge.core.errors import ConfigError
from weighbridge.measure.evals.normalise import normalised, token_f1


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
        ("1,000", "1000", False),
        ("A", "the", True),  # both are nothing but an article
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


@pytest.mark.parametrize("scorer", ["exact", "normalised", "regex"])
@pytest.mark.parametrize("gold", [True, None, {}, [], [True], [["a"]]])
def test_golds_are_texts_or_numbers(scorer: str, gold: object) -> None:
    assert "`answer` must be a string or a number" in complaint(scorer, gold)


@given(st.text(), st.text())
def test_no_answer_breaks_a_scorer(answer: str, gold: str) -> None:
    for scorer in ("exact", "normalised"):
        told = score(scorer, answer, gold)
        assert told.correct == (told.detail == "")
