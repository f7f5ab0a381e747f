"""Multiple choice: which letter an answer settles on, however it says so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from weighbridge.measure.evals.normalise import normalised
from weighbridge.measure.evals.records import Item, SuiteFile
from weighbridge.measure.evals.scorers.values import boxed
from weighbridge.measure.evals.scoring import Answer, Kind, Means, Rule, Score


class ChoiceOptions(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Options of ``choice``.

    Attributes:
        letters: those that may be chosen.
        choices: the item field that lists the texts behind the letters, in their order.
    """

    letters: str = "ABCDEFGHIJ"
    choices: str = "choices"


_WRAP = r"[\s*_`\"'(\[{$]*"
_END = r"(?![\w'\u2019])"
# The whole answer is the letter, or begins with it as a list would: "B", "(B)", "**B.** Paris".
_ALONE = r"\A{wrap}(?:\\text\{{)?([{letters}])\s*[)\]}}.:*_`\"'$\s]*\Z"
_FIRST = r"\A{wrap}([{letters}])\s*[*_`]*[)\].:](?:[\s*_`]|\Z)"
_STATED = (
    r"(?:answer|choice|option|correct(?:\s+(?:answer|choice|option|one))?)"
    r"(?:\s+(?:is|would\s+be|must\s+be|should\s+be))?\s*(?:option|choice|letter)?\s*[:=]?"
    r"{wrap}(?:option\s+|choice\s+)?{wrap}([{letters}])"
) + _END
_CHOSEN = (
    r"(?i:\b(?:choose|pick|select|go\s+with)\s+(?:option|choice|answer)?\s*){wrap}([{letters}])"
    + _END
)
_LONELY = r"(?<![\w'\u2019])([{letters}])(?![\w'\u2019])"
# "A man" has an article and "I think" a pronoun; "A or B", "A is right" have choices.
_NO_CHOICE = re.compile(r"(?<![\w'\u2019])[AI](?=\s+(?!(?:or|and|is|was|but)\b)[a-z])")


def chosen(text: str, options: ChoiceOptions, choices: Sequence[str] = ()) -> str | None:
    """The letter that an answer settles on, or None where it names none or several.

    In this order: a boxed letter; an answer that is a letter, or begins with one as lists do; the
    last "answer is X" and the like; an answer that is the text of one choice; the only letter that
    stands by itself.
    """
    letters = options.letters[: len(choices)] if choices else options.letters
    inside = boxed(text)
    for part in (inside, text.strip()) if inside is not None else (text.strip(),):
        for shape in (_ALONE, _FIRST):
            match = re.search(_pattern(shape, letters), part)
            if match:
                return match[1]
    for shape in (_STATED, _CHOSEN):
        matches = re.findall(_pattern(shape, letters, ignore_case=shape is _STATED), text)
        upper = [letter for letter in matches if letter in letters]
        if upper:
            return str(upper[-1])
    by_text = _by_text(text, letters, choices)
    if by_text is not None:
        return by_text
    lonely = set(re.findall(_pattern(_LONELY, letters), _NO_CHOICE.sub("", text)))
    return lonely.pop() if len(lonely) == 1 else None


@lru_cache(maxsize=256)
def _pattern(shape: str, letters: str, *, ignore_case: bool = False) -> str:
    pattern = shape.format(wrap=_WRAP, letters=re.escape(letters))
    if not ignore_case:
        return pattern
    # Only the words may be in any case: "a" is an article, "A" a choice.
    before, _, after = pattern.rpartition("([")
    return f"(?i:{before})([{after}"


def _by_text(text: str, letters: str, choices: Sequence[str]) -> str | None:
    told = normalised(text)
    same = [
        letter
        for letter, choice in zip(letters, choices, strict=False)
        if told and normalised(choice) == told
    ]
    return same[0] if len(same) == 1 else None


def gold_letter(answer: Any, letters: str) -> str | None:  # noqa: ANN401 -- any JSON value
    """The letter of an item's answer, which may be the letter or its number from 0."""
    if isinstance(answer, bool):
        return None
    if isinstance(answer, int):
        return letters[answer] if 0 <= answer < len(letters) else None
    letter = answer.strip().upper() if isinstance(answer, str) else ""
    return letter if len(letter) == 1 and letter in letters else None


def choice(item: Item, answer: Answer, options: ChoiceOptions) -> Score:
    """The letter that the answer settles on is the gold's."""
    choices = [str(one) for one in item.fields.get(options.choices, ())]
    told = chosen(answer.text, options, choices)
    if told is None:
        return Score(correct=False, value=0.0, detail="settles on no letter")
    correct = told == gold_letter(item.answer, options.letters)
    return Score(correct, float(correct), "" if correct else f"chooses {told}")


def _complaint(item: Item, options: ChoiceOptions) -> str:
    choices = item.fields.get(options.choices, [])
    if not isinstance(choices, list) or len(choices) > len(options.letters):
        return f"`{options.choices}` must be a list of at most {len(options.letters)} texts"
    letters = options.letters[: len(choices)] if choices else options.letters
    if gold_letter(item.answer, letters) is None:
        return f"`answer` must be one of the letters {letters}, or its number from 0"
    return ""


def _check(_: SuiteFile, options: ChoiceOptions) -> str:
    letters = options.letters
    if not letters.isalpha() or letters != letters.upper() or len(set(letters)) != len(letters):
        return f"`options.letters` must be different capital letters, not {letters!r}."
    return ""


def _make(_: SuiteFile, options: ChoiceOptions, __: Means) -> Rule:
    return Rule(lambda item, answer: choice(item, answer, options))


CHOICE = Kind(
    ChoiceOptions, _make, _complaint, reads=lambda options: (options.choices,), check=_check
)
