"""Multiple choice: which letter an answer settles on, however it says so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
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


# Possessive, here and below: a thousand line feeds must not be tried in all their divisions.
_WRAP = r"[\s*_`\"'(\[{{$]*+"
_CLOSING = r"[\s*_`\"')\]}}$]*+"
# A capital that is no part of a word; a small letter only where a word would not end like that.
_LETTER = (
    r"(?:([{upper}])(?![\w'\u2019])"
    r"|([{lower}])(?=[)\]}}*_.,;]|[^\w\n]{{0,9}}(?:\n|\Z)))"
)
# The whole answer is the letter, or begins with it as a list would: "B", "(b)", "**B.** Paris".
_ALONE = r"\A" + _WRAP + r"(?:\\text\{{)?([{upper}{lower}])[)\]}}.:*_`\"'$\s]*+\Z"
_FIRST = r"\A" + _WRAP + r"(?:([{upper}])\s*[*_`]*[)\].:]|([{lower}])[*_`]*[)\]])(?:[\s*_`]|\Z)"
_LISTED = r"(?:^|(?<=[.;!?)]\s))[\s*_`(\[]{{0,9}}([{upper}])\s*[*_`]*[)\].:](?=[\s*_`]|\Z)"
# "B because A is too cold".
_REASONED = (
    r"\A"
    + _WRAP
    + r"([{upper}])"
    + _CLOSING
    + r",?\s*(?i:because|since|as|due\s+to)\b(?!\s+well\b)"
)
_STATED = (
    (
        r"(?i:(?<!other )(?<!wrong )(?<!incorrect )(?<!another )"
        r"\b(?:answer|choice|option|correct(?:\s+one)?|right\s+one)[*_]*"
        r"(?:\s+(?:to|for|of)\s[^.\n:=]{{1,60}}?)?"
        r"(?:\s+(?:is|would\s+be|must\s+be|should\s+be)\b(?:\s+(?:therefore|thus|clearly|hence|then))?"
        r"|(?=\s{{0,9}}[:=]))\s*+[:=]?+"
        + _WRAP
        + r"(?:(?:the\s+)?(?:option|choice|letter)[\s:]+)?)"
    )
    + _WRAP
    + _LETTER
)
_LABEL = r"(?im:^[ \t*_#]{{0,9}}(?:final\s+|correct\s+)?answer[\s*_]+)" + _WRAP + _LETTER
_AFFIRMED = (
    r"(?<![\w'\u2019])([{upper}])"
    + _CLOSING
    + r"(?i:(?:\bis\b|\bmust\s+be\b|[:=])"
    + _CLOSING
    + r"(?:(?:the|indeed|clearly|only)\s+)*(?:correct|right|best|answer)\b)"
)
_CHOSEN = (
    r"(?i:\b(?:choose|pick|select|go\s+with)\s+(?:option|choice|answer)?\s*)" + _WRAP + _LETTER
)
# After a letter that was stated: another one, so that nothing is settled.
_HEDGE = (
    r"[\s*_`\"')\]}}$]*(?:[.,]\s*(?i:or\b)|,\s*(?i:and\b)|[/,&+]|(?i:\bor\b|\band\b))"
    + _WRAP
    + r"(?i:(?:option|choice|maybe|possibly)\s+)?"
    + _WRAP
    + r"([{upper}])(?![\w'\u2019])(?!\s+(?:is|was|are|isn|has|does|would|can|cannot)\b)"
)
_DENIED = (
    r"(?i:(?:\b(?:not|never|than|except|eliminate|exclude|rule\s+out)|n['\u2019]t)\s++"
    r"(?:(?:option|choice)\s++)?)" + _WRAP + r"([{upper}])(?![\w'\u2019])"
    r"|(?<![\w'\u2019])([{upper}])"
    + _CLOSING
    + r"(?i:(?:\bis\b|[:=])"
    + _CLOSING
    + r"(?:(?:the|clearly)\s+)?(?:not|wrong|incorrect|false|too)\b|\bisn['\u2019]t\b)"
)
_LONELY = r"(?<![\w'\u2019])([{upper}])(?![\w'\u2019])"
# "A man" has an article and "I think" a pronoun; "A or B", "A is right" have choices.
_NO_CHOICE = re.compile(
    r"(?<![\w'\u2019])[AI](?=\s+(?!(?:or|and|is|was|but)\b)[a-z])"
    r"|(?i:\b(?:vitamins?|hepatitis|plan|type|group|grade|class|protein|factor|point|team|person"
    r"|figure|part|section|appendix|vector|matrix|angle|line|side))\s+[A-Z]\b"
)


def chosen(text: str, options: ChoiceOptions, choices: Sequence[str] = ()) -> str | None:
    """The letter that an answer settles on, or None where it names none or several.

    In this order: a boxed letter; an answer that is a letter; the last "answer is X" and the like,
    unless it names another beside; an answer that begins with a letter as lists do and lists no
    other; "X because"; "X is correct"; "I choose X"; an answer that is the text of one choice; the
    only letter that stands by itself and is not said to be wrong.
    """
    letters = options.letters[: len(choices)] if choices else options.letters
    read = _Reading(text, letters)
    inside = boxed(text)
    for part in (inside, text.strip()) if inside is not None else (text.strip(),):
        alone = _Reading(part, letters).all_of(_ALONE)
        if alone:
            return alone[0]
    stated = read.last_stated()
    if stated is not None:
        return stated or None
    for found in (
        read.first_of_list(),
        read.all_of(_REASONED),
        read.all_of(_AFFIRMED),
        read.all_of(_CHOSEN)[-1:],
    ):
        if len(set(found)) == 1:
            return found[0]
    return _by_text(text, letters, choices) or read.only_lonely()


@dataclass(frozen=True, slots=True)
class _Reading:
    """A text, searched for the letters of an item."""

    text: str
    letters: str

    def all_of(self, shape: str) -> list[str]:
        """The letters that a shape finds, as capitals, in order."""
        return [letter for letter, _ in self._found(shape)]

    def last_stated(self) -> str | None:
        """The letter of the last statement; empty where that names several, None without one."""
        found = self._found(_STATED) or self._found(_LABEL)
        if not found:
            return None
        letter, end = found[-1]
        other = _pattern(_HEDGE, self.letters).match(self.text, end)
        return letter if other is None or other[1] == letter else ""

    def first_of_list(self) -> list[str]:
        """The letter with which the text begins, and others that begin further points."""
        first = self.all_of(_FIRST)
        return first + self.all_of(_LISTED) if first else []

    def only_lonely(self) -> str | None:
        """The only capital by itself, those aside that are said to be wrong."""
        text = _NO_CHOICE.sub("", self.text)
        rest = _Reading(text, self.letters)
        left = set(rest.all_of(_LONELY)) - set(rest.all_of(_DENIED))
        return left.pop() if len(left) == 1 else None

    def _found(self, shape: str) -> list[tuple[str, int]]:
        return [
            (next(filter(None, match.groups())).upper(), match.end())
            for match in _pattern(shape, self.letters).finditer(self.text)
        ]


@lru_cache(maxsize=256)
def _pattern(shape: str, letters: str) -> re.Pattern[str]:
    upper = re.escape(letters)
    return re.compile(shape.format(upper=upper, lower=upper.lower()), re.MULTILINE)


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
