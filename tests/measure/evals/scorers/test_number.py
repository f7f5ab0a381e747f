from __future__ import annotations

import re
from datetime import date
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.measure.evals.scorers.scoring import complaint, score
from tests.shared_data import shared
from weighbridge.core.errors import ConfigError
from weighbridge.measure.evals.scorers.conclusion import final_number
from weighbridge.measure.evals.scorers.values import boxed, date_of, number_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("18", Fraction(18)),
        ("-18", Fraction(-18)),
        ("\u221218", Fraction(-18)),
        ("+3", Fraction(3)),
        ("1,234.5", Fraction(2469, 2)),
        ("1,234,567", Fraction(1234567)),
        ("1 234", None),
        ("12,34", None),
        ("3,5", None),
        ("$18", Fraction(18)),
        ("-$18", Fraction(-18)),
        ("$-18", Fraction(-18)),
        ("18 dollars", Fraction(18)),
        ("\\$18.90", Fraction(189, 10)),
        ("50%", Fraction(50)),
        ("50\\%", Fraction(50)),
        ("3/4", Fraction(3, 4)),
        ("-3/4", Fraction(-3, 4)),
        ("\\frac{3}{4}", Fraction(3, 4)),
        ("-\\dfrac{3}{4}", Fraction(-3, 4)),
        ("\\frac{3}{0}", None),
        ("3/0", None),
        ("1.5e3", Fraction(1500)),
        (".5", Fraction(1, 2)),
        ("18.", Fraction(18)),
        ("**18**", Fraction(18)),
        ("$18$", Fraction(18)),
        ("--3", None),
        ("x", None),
        ("", None),
        ("1 2", None),
        ("12 apples", None),
        ("$\\frac{3}{4}$.", Fraction(3, 4)),
        ("\\frac34", Fraction(3, 4)),
        ("2 1/2", Fraction(5, 2)),
        ("$1 234", Fraction(1234)),
        ("-2\\frac{1}{2}", Fraction(-5, 2)),
        ("10^5", Fraction(10**5)),
        ("10^{-2}", Fraction(1, 100)),
        ("3 × 10^8", Fraction(3 * 10**8)),
        ("3.5 \\times 10^{3}", Fraction(3500)),
        ("1 000 000", Fraction(10**6)),
        ("1.5 million", Fraction(1_500_000)),
        ("$2 billion", Fraction(2 * 10**9)),
        ("0^-1", None),
    ],
)
def test_a_number_is_read_or_refused(text: str, value: Fraction | None) -> None:
    assert number_of(text) == value


@given(st.integers(-(10**15), 10**15))
def test_whole_numbers_survive_every_spelling(number: int) -> None:
    for text in (str(number), f"{number:,}", f"${number}", f" {number}.", f"{number}.00"):
        assert number_of(text) == number


@given(st.decimals(-(10**9), 10**9, places=3, allow_nan=False))
def test_decimals_are_exact(number: object) -> None:
    assert number_of(str(number)) == Fraction(str(number))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("She makes 9 * 2 = $18 every day.\n#### 18", 18),
        ("So 3 + 4 = 7, and the answer is \\boxed{7}. Check: 10 - 3 = 7, 5 > 2.", 7),
        ("The answer is 5. This took 3 steps.", 5),
        ("Answer: 1,250 dollars", 1250),
        ("**Final answer:** -4", -4),
        ("The final answer is $\\frac{1}{2}$", Fraction(1, 2)),
        ("First 12, then 13", 13),
        ("The answer is 5 + 3 = 8.", 8),
        ("Answer: 9 * 2 = **18** dollars in all", 18),
        ("The answer is 9 * 2 = $<<9*2=18>>18 a day", 18),
        ("The answer is 42 because 6 * 7 = 42", 42),
        ("The answer is $\\frac{3}{4}$.", Fraction(3, 4)),
        ("The answer is 10^5 bolts", 10**5),
        ("The answer is 3 × 10^8 m/s", 3 * 10**8),
        ("The answer is 1 000 000 of them", 10**6),
        ("The answer is 1.5 million people", 1_500_000),
        ("The answer is not 12, it is 15.", 15),
        ("The answer is not 12.", None),
        ("The answer is 200 - 50", None),
        ("That leaves 200 - 50", 50),
        ("The answer is 3 cm^2.", 3),
        ("\\boxed{42\\text{ cm}^2}", 42),
        ("\\boxed{5 + 3 = 8}", 8),
        ("#### Step 1\nTake 20.\n\n#### Step 2\nThat leaves 9 apples.", 9),
        ("#### Step 1\nTake 20.\n#### 18\n", 18),
        ("Take 20.\n#### 18 apples", 18),
        ("It costs 12/5 of that", Fraction(12, 5)),
        ("\\boxed{x = 12}", 12),
        ("\\boxed{3 and 4}", None),
        ("The answer is 18 (9 * 2).", 18),
        ("Answer: **13** (10 + 3)", 13),
        ("#### 13 (10+3)", 13),
        ("Answer: $13 ($10 + $3)", 13),
        ("The answer is 8 because 5 + 3 is 8.", 8),
        ("The answer is 13, since 20-7 is 13", 13),
        ("The answer is 42 (see steps 3-5).", 42),
        ("Answer: 13 \u2014 that is 10 + 3.", 13),
        ("Answer: 13 - that is 10 + 3.", 13),
        ("The answer is 12 apples per 2-3 days", 12),
        ("The answer is 3, where x = 9.", 3),
        ("Answer: x = 13, where y = 2", 13),
        ("Answer: 25 USD (1 USD = 0.92 EUR)", 25),
        ("The answer is the sum of 10 and 3, which is 13.", 13),
        ("The answer is 9 * 2, which is 18.", 18),
        ("The answer is 13, which is 10 + 3 = 13", 13),
        ("13 (see note 2)", 13),
        ("Therefore she pays 13 dollars.[1]", 13),
        ("The answer is between 5 and 7", None),
        ("The answer is 5 or 6", None),
        ("The answer is 5 * (3 + 2)", None),
        ("The answer is 5 * (3 + 2) = 25", 25),
        ("Answer: 20 apples * 3 = 60, so 60 + 5 = 65", 65),
        ("Answer: 20 apples, for a total of 20 * 3 = 60", 60),
        ("The answer is 2/3 * x = 12, so x = 18", 18),
        ("1,5", None),
        ("The answer is 1,5.", None),
        ("$118 000.", 118000),
        ("The answer is $118 000.", 118000),
        ("The answer is 118 000.", None),
        ("no number at all", None),
        ("version2 of file3", None),
    ],
)
def test_the_number_that_a_text_ends_up_with(text: str, value: Fraction | int | None) -> None:
    assert final_number(text) == value


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("\\boxed{5}", "5"),
        ("\\boxed{\\frac{1}{2}} or \\boxed{ \\sqrt{2} }", "\\sqrt{2}"),
        ("$\\boxed 5$", "5"),
        ("\\fbox{7}", "7"),
        ("\\boxed{never closed", None),
        ("nothing", None),
    ],
)
def test_what_is_boxed(text: str, inside: str | None) -> None:
    assert boxed(text) == inside


def test_tolerances() -> None:
    assert not score("number", "3.14", "3.14159").correct
    assert score("number", "3.14", "3.14159", options={"absolute": 0.01}).correct
    assert score("number", "98", 100, options={"relative": 0.02}).correct
    assert not score("number", "97.9", 100, options={"relative": 0.02}).correct
    with pytest.raises(ConfigError, match="cannot be negative"):
        score("number", "1", 1, options={"absolute": -1})


def test_golds_must_be_numbers() -> None:
    assert complaint("number", "many") == complaint("number", True) == "`answer` must be a number"
    assert complaint("number", "worked out\n#### 1,000") == complaint("number", 1.5) == ""


@pytest.mark.parametrize("answer", ["The answer is 1e400/3", "1" * 4299 + "e999", "7^999 " * 99])
def test_numbers_too_large_for_python_are_wrong(answer: str) -> None:
    told = score("number", answer, 5)
    assert not told.correct
    assert told.detail.startswith("says")


@pytest.mark.parametrize("options", [{"absolute": float("inf")}, {"relative": float("nan")}])
def test_tolerances_must_be_finite(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="finite"):
        score("number", "1", 1, options=options)


_WAYS = {
    "worked": "{solution}\n#### {gold}",
    "boxed": "{solution}\n\n$\\boxed{{{gold}}}$",
    "stated": "{solution}\nThe final answer is {gold}.",
    "bold": "{headed}\n\n**Answer:** **{gold}**",
}


def test_golds_of_gsm8k_are_found_however_they_are_told() -> None:
    rows = [
        msgspec.json.decode(line)
        for line in shared("data", "suites", "gsm8k", "test.jsonl").read_bytes().splitlines()
    ][::4]  # of all 1,319: all, but for 1,282 headed or unstated and 1,305 equations
    right = dict.fromkeys((*_WAYS, "headed", "unstated", "equation"), 0)
    for row in rows:
        solution, _, gold = (part.strip() for part in row["answer"].rpartition("####"))
        lines = solution.splitlines()
        headed = "\n\n".join(f"#### Step {at}\n{line}" for at, line in enumerate(lines, 1))
        texts = {
            name: way.format(solution=solution, headed=headed, gold=gold)
            for name, way in _WAYS.items()
        }
        texts |= {"headed": headed, "unstated": solution}
        texts |= {"equation": f"The answer is {lines[-1]}"}
        for name, text in texts.items():
            right[name] += final_number(text) == number_of(gold)
    assert len(rows) == 330
    # Some solutions end in another number than their gold, or say more in their last line.
    assert right == dict.fromkeys(_WAYS, 330) | {"headed": 325, "unstated": 325, "equation": 327}


def test_golds_of_gsm8k_are_found_before_their_calculation() -> None:
    lines = shared("data", "suites", "gsm8k", "test.jsonl").read_bytes().splitlines()
    told = 0
    for line in lines:
        solution, _, gold = msgspec.json.decode(line)["answer"].rpartition("####")
        gold, last = gold.strip(), re.findall(r"<<([^<>=]*)=", solution)[-1:]
        for calculation in last:
            told += 1
            for ending in ("The answer is {} ({}).", "Answer: **${}** ({})", "#### {} ({})"):
                text = solution + ending.format(gold, calculation)
                assert final_number(text) == number_of(gold), text
    assert told == 1301


@given(st.text())
def test_no_answer_breaks_the_scorer(answer: str) -> None:
    told = score("number", answer, 1)
    assert told.correct == (told.detail == "")


def test_the_golds_of_gsm8k_are_right() -> None:
    lines = shared("data", "suites", "gsm8k", "test.jsonl").read_bytes().splitlines()
    rows = [msgspec.json.decode(line) for line in lines]
    assert len(rows) == 1319
    for row in rows:
        gold = row["answer"].rpartition("####")[2].strip()
        for answer in (row["answer"], f"The answer is **${gold}**.", f"\\boxed{{{gold}}}"):
            assert score("number", answer, gold).correct, (gold, answer)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2018-12-25", date(2018, 12, 25)),
        ("2018-12-25T20:13:39", date(2018, 12, 25)),
        ("20181225", date(2018, 12, 25)),
        ("25/12/2018", date(2018, 12, 25)),
        ("25.12.18", date(2018, 12, 25)),
        ("25-DEC-2018", date(2018, 12, 25)),
        ("25th of", None),
        ("1st Mar 71", date(1971, 3, 1)),
        ("Sept. 5, 2020", date(2020, 9, 5)),
        ("29 February 2023", None),
        ("2018", None),
    ],
)
def test_dates(text: str, day: date | None) -> None:
    assert date_of(text) == day


@given(st.dates(date(1970, 1, 1), date(2069, 12, 31)))
def test_every_spelling_of_a_date_is_that_date(day: date) -> None:
    for shape in ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%y", "%d %B %Y", "%B %d, %Y", "%d-%b-%y"):
        assert date_of(day.strftime(shape)) == day
    assert date_of(day.strftime("%m/%d/%Y"), "mdy") == day
