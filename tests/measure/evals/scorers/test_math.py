from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.measure.evals.scorers.scoring import score
from tests.shared_data import shared
from weighbridge.measure.evals.scorers.math import (
    final_formula,
    normalised_formula,
    same_formula,
)


@pytest.mark.parametrize(
    ("told", "gold"),
    [
        ("\\dfrac{1}{2}", "\\frac12"),
        ("0.5", "\\frac{1}{2}"),
        ("1/2", "\\frac{1}{2}"),
        ("-\\frac{1}{2}", "\\frac{-1}{2}"),
        ("10,000", "10000"),
        ("10,\\!000", "10000"),
        ("x = 5", "5"),
        ("x \\in [1,2)", "[1, 2)"),
        ("90^\\circ", "90"),
        ("5\\text{ cm}", "5"),
        ("\\$5", "5"),
        ("50\\%", "50"),
        ("\\sqrt2", "\\sqrt{2}"),
        ("2\\sqrt{3}", "\\sqrt{12}"),
        ("3\\frac{1}{2}", "\\frac{7}{2}"),
        ("\\left( 3, \\frac{\\pi}{2} \\right)", "(3,\\pi/2)"),
        ("x^2+2x+1", "(x+1)^2"),
        ("2x+3y", "3y + 2x"),
        ("6 - 5i", "-5i+6"),
        ("1,-2", "-2, 1"),
        ("\\{1,2\\}", "\\{2, 1\\}"),
        ("\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}",
         "\\begin{pmatrix}1&2\\\\3&\\frac{8}{2}\\end{pmatrix}"),
        ("\\text{Evelyn}", "Evelyn"),
        ("evelyn", "\\text{Evelyn}"),
        ("\\text{(C)}", "(C)"),
        ("p - q", "-q+p"),
        ("2516_8", "2516_{8}"),
        ("-2\\frac{1}{2}", "-\\frac{5}{2}"),
        ("3\\cdot2\\frac{1}{2}", "7.5"),
        ("x\\sqrt{x}", "\\sqrt{x^3}"),
        ("5 cm", "5"),
        ("12 cm^2", "12"),
        ("0.\\overline{3}", "\\frac{1}{3}"),
        ("0.1\\overline{6}", "1/6"),
        ("x=3\\text{ or }x=5", "3, 5"),
        ("x=3 or x=5", "5, 3"),
        ("\\pm 3", "-3, 3"),
        ("1\\pm\\sqrt{2}", "1+\\sqrt{2}, 1-\\sqrt{2}"),
        ("\\{1,2\\}", "2, 1"),
        ("5\\text{ cm}", "5\\text{ centimeters}"),
        ("5\\text{ inches}", "5 in"),
        ("5\\text{ apples}", "5\\text{ fruits}"),
        ("\\log 2", "\\log{2}"),
    ],
)  # fmt: skip
def test_one_formula_in_two_spellings(told: str, gold: str) -> None:
    assert same_formula(told, gold)
    assert same_formula(gold, told)


@pytest.mark.parametrize(
    ("told", "gold"),
    [
        ("0.33", "\\frac{1}{3}"),
        ("5", "-5"),
        ("(1,2)", "(2,1)"),
        ("(1,2)", "[1,2]"),
        ("(1,2]", "(1,2)"),
        ("1,2", "1,2,3"),
        ("1,1", "1,2"),
        ("x+1", "y+1"),
        ("x^2", "2x"),
        ("east", "seat"),
        ("1 2", "2"),
        ("\\sqrt[3]{2}", "\\sqrt{2}"),
        ("2516_8", "2516_9"),
        ("9^{9^{9^{9}}}", "9^{9^{9^{8}}}"),
        ("", "0"),
        ("-2\\frac{1}{2}", "-\\frac{3}{2}"),
        ("100000000001", "100000000000"),
        ("0.3333333333", "\\frac{1}{3}"),
        ("\\sqrt{x^2}", "x"),
        ("\\pm 3", "3"),
        ("0.5", "5\\%"),
        ("5\\text{ cm}", "5\\text{ m}"),
        ("5 cm", "5\\text{ m}"),
        ("30\\text{ minutes}", "30\\text{ hours}"),
        ("\\{1,2\\}", "1, 3"),
        ("\\{1,2\\}", "(1,2)"),
        ("1/0", "2/0"),
        ("\\infty", "-\\infty"),
    ],
)
def test_different_formulas_are_different(told: str, gold: str) -> None:
    assert not same_formula(told, gold)
    assert not same_formula(gold, told)


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        ("so \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}"),
        ("First $x=1$. The answer is $x=2$.", "x=2"),
        ("Hence it is $2$ and then $3$", "3"),
        ("We think.\n\n12", "12"),
        ("Answer: \\$36", "\\$36"),
        ("", None),
    ],
)
def test_the_formula_that_a_text_ends_up_with(text: str, formula: str | None) -> None:
    assert final_formula(text) == formula


@given(st.text(alphabet="\\{}()[]frac sqrtx12,.^_$%-+/=", max_size=40))
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalised_formula(text)
    assert normalised_formula(once) == once


@given(st.text(alphabet="\\{}()[]fracsqrtpix12,.^_$&-+/= \n", max_size=60), st.text(max_size=20))
def test_no_answer_breaks_the_scorer(answer: str, gold: str) -> None:
    told = score("math", answer, gold)
    assert told.correct == (told.detail == "")


@given(st.integers(-999, 999), st.integers(1, 99), st.integers(2, 9))
def test_fractions_of_one_value_are_equal(above: int, below: int, factor: int) -> None:
    gold = f"\\frac{{{above}}}{{{below}}}"
    assert same_formula(f"\\frac{{{above * factor}}}{{{below * factor}}}", gold)
    assert not same_formula(f"\\frac{{{above * factor + 1}}}{{{below * factor}}}", gold)


def test_the_golds_of_math500_are_right() -> None:
    lines = shared("data", "suites", "math500", "test.jsonl").read_bytes().splitlines()
    rows = [msgspec.json.decode(line) for line in lines]
    assert len(rows) == 500
    for row in rows:
        gold = row["answer"]
        for answer in (row["solution"], f"The answer is ${gold}$.", f"\\boxed{{{gold}}}"):
            assert score("math", answer, gold).correct, (row["unique_id"], gold)


def test_golds_of_math500_are_not_each_other() -> None:
    lines = shared("data", "suites", "math500", "test.jsonl").read_bytes().splitlines()
    golds = sorted({normalised_formula(msgspec.json.decode(line)["answer"]) for line in lines})
    same = [(a, b) for i, a in enumerate(golds) for b in golds[i + 1 :] if same_formula(a, b)]
    assert len(golds) > 280
    assert same == [("-2,1", "1,-2")]


def test_a_share_in_percent_is_a_number_but_a_gold_in_percent_asks_for_percent() -> None:
    assert same_formula("50\\%", "0.5")
    assert same_formula("12", "12\\%")
    assert not same_formula("0.12", "12\\%")
