from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.measure.evals.scorers.scoring import complaint, score
from weighbridge.core.errors import ConfigError
from weighbridge.measure.evals.scorers.choice import ChoiceOptions, chosen

FOUR = ChoiceOptions(letters="ABCD")


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        ("(B)", "B"),
        ("B.", "B"),
        ("**B**", "B"),
        ("B) Paris", "B"),
        ("B: Paris", "B"),
        ("The answer is B.", "B"),
        ("ANSWER: B", "B"),
        ("Among A, B, C and D, the answer:\n\nC", "C"),
        ("the correct answer is (C) because A is wrong", "C"),
        ("Option A is wrong, so the answer is B", "B"),
        ("The best choice would be: D) none", "D"),
        ("Correct option: **(A)** x", "A"),
        ("I would go with option C.", "C"),
        ("\\boxed{A}", "A"),
        ("$\\boxed{\\text{C}}$", "C"),
        ("A bridge is a thing. I think the answer is **B**", "B"),
        ("Let me think. A is a city. B is a river. Answer: B\n", "B"),
        ("It is C", "C"),
        ("A man walks", None),
        ("B because A", "B"),
        ("B since A and C are false", "B"),
        ("(C), as A is too cold", "C"),
        ("The answer is A. or B", None),
        ("The answer is A, or maybe B", None),
        ("The answer is A. And B is wrong.", "A"),
        ("A. B. C.", None),
        ("A) B) C) D)", None),
        ("Either A or B.", None),
        ("Both are fine", None),
        ("answer is a dog", None),
        ("b", "B"),
        ("(b)", "B"),
        ("b) Paris", "B"),
        ("answer: b", "B"),
        ("The answer is (d).", "D"),
        ("The correct answer is B.\n\nOption A is too long. Option D is too small.", "B"),
        ("B is correct. Option C is wrong.", "B"),
        ("C is the correct answer, not B.", "C"),
        ("The correct option: A\nWhy not option B?", "A"),
        ("The answer is B, C is wrong", "B"),
        ("The answer to question 3 is C, as A is not.", "C"),
        ("A is wrong, B is right", "B"),
        ("A: wrong. B: right.", "B"),
        ("A. Paris is wrong\nB. right\nThe answer is B", "B"),
        ("A. Paris\nB. London", None),
        ("The answer is A or B", None),
        ("Answer: A/B", None),
        ("The answer is A, B and C", None),
        ("Both A and B are correct", None),
        ("The answer is not A.", None),
        ("The answer isn't A.", None),
        ("Vitamin C", None),
        ("E", None),
        ("Paris", None),
        ("", None),
    ],
)
def test_the_letter_that_an_answer_settles_on(text: str, letter: str | None) -> None:
    assert chosen(text, FOUR) == letter


@given(
    st.sampled_from("ABCD"),
    st.sampled_from(["{}", "({})", "{}.", "**{}**", "Answer: {}", "The answer is {}.",
                     "A friend told me so. The correct option is ({}).", "\\boxed{{{}}}"]),
)  # fmt: skip
def test_every_way_of_saying_a_letter_is_that_letter(letter: str, way: str) -> None:
    assert chosen(way.format(letter), FOUR) == letter


def test_the_text_of_a_choice_stands_for_its_letter() -> None:
    cities: dict[str, Any] = {"choices": ["London", "Paris", "Paris, Texas"]}
    assert score("choice", "paris.", "B", **cities).correct
    assert not score("choice", "Rome", "B", **cities).correct
    # There is no fourth choice, whatever letters the suite allows.
    assert score("choice", "D", "B", **cities).detail == "settles on no letter"


def test_golds_are_letters_or_numbers() -> None:
    assert score("choice", "C", 2).correct
    assert score("choice", "C", "c").correct
    assert score("choice", "B", 2).detail == "chooses B"
    assert complaint("choice", 2) == complaint("choice", "c") == ""
    assert "must be one of the letters AB," in complaint("choice", 2, choices=["x", "y"])
    for gold in (True, "Paris", None, -1, 99):
        assert "must be one of the letters" in complaint("choice", gold)
    assert "must be a list" in complaint("choice", "A", choices="ab")


@pytest.mark.parametrize("letters", ["abc", "AAB", "", "A1"])
def test_letters_must_be_different_capitals(letters: str) -> None:
    with pytest.raises(ConfigError, match="different capital letters"):
        score("choice", "A", "A", options={"letters": letters})


@pytest.mark.parametrize(
    "text",
    ["answer is" + "\n" * 9000 + "x", "answer" + "*" * 9000, "A" + " (" * 9000, "\n*" * 9000],
)
def test_long_runs_of_signs_are_read_once(text: str) -> None:
    """Tried in all their divisions, each of these would take hours."""
    assert chosen(text, FOUR) in (None, "A")


@given(st.text(alphabet="ABCD answer is().:*\n\\boxed{}", max_size=60))
def test_no_answer_breaks_the_scorer(answer: str) -> None:
    told = score("choice", answer, "A", options={"letters": "ABCD"})
    assert told.correct == (told.detail == "")
