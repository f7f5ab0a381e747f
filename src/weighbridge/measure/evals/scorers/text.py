"""Answers that are words: equal to the gold, equal once normalised, or found by a pattern."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from weighbridge.measure.evals.normalise import normalised
from weighbridge.measure.evals.pattern_search import PatternSearch, Search, SearchTimeoutError
from weighbridge.measure.evals.records import Item, SuiteFile
from weighbridge.measure.evals.scorers.values import number_of
from weighbridge.measure.evals.scoring import Answer, Kind, Means, NoOptions, Rule, Score

_LONGEST_S = 600.0
_DENIALS = frozenset({"not", "never", "isnt", "wasnt", "neither"})


class NormalisedOptions(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Options of ``normalised``.

    Attributes:
        articles: whether a, an and the count.
        contains: accept an answer that has the gold's words in a row among others.
    """

    articles: bool = False
    contains: bool = False


class RegexOptions(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Options of ``regex``.

    Attributes:
        pattern: what to look for; without it, each item's answer is its own pattern.
        take: which match counts.
        compare: how the match is held against the gold: as it is, normalised, or as a number.
        ignore_case: whether case matters not to the pattern.
        timeout_s: longest search in one answer; one that takes longer counts as wrong.
    """

    pattern: str | None = None
    take: Literal["first", "last"] = "last"
    compare: Literal["exact", "normalised", "number"] = "exact"
    ignore_case: bool = False
    timeout_s: float = 1.0


def golds(answer: Any) -> list[str]:  # noqa: ANN401 -- any JSON value
    """The texts that an item accepts: its answer, or each of a list."""
    return [str(one) for one in (answer if isinstance(answer, list) else [answer])]


def words_complaint(item: Item, _: object) -> str:
    """Texts, numbers, or lists of them."""
    if isinstance(item.answer, str):
        return ""
    accepted = item.answer if isinstance(item.answer, list) else [item.answer]
    sound = bool(accepted) and all(
        isinstance(one, str | int | float) and not isinstance(one, bool) for one in accepted
    )
    return "" if sound else "`answer` must be a string or a number, or a list of them"


def exact(answer: str, gold: Any) -> Score:  # noqa: ANN401 -- any JSON value
    """Equal to the gold, white space at the ends aside."""
    told = answer.strip()
    correct = any(told == one.strip() for one in golds(gold))
    return Score(correct, float(correct), "" if correct else "differs from the expected answer")


def alike(answer: str, gold: Any, options: NormalisedOptions) -> Score:  # noqa: ANN401
    """Equal to the gold, or having its words, once both are normalised."""
    told = normalised(answer, articles=options.articles)
    wanted = [normalised(one, articles=options.articles) for one in golds(gold)]
    if options.contains:
        correct = any(one and _says(told, one) for one in wanted)
    else:
        correct = told in wanted
    return Score(correct, float(correct), "" if correct else "differs from the expected answer")


def _says(told: str, gold: str) -> bool:
    """Whether the gold's words stand in a row, at least once without a denial before them."""
    before = f" {told} ".split(f" {gold} ")[:-1]
    return any(part.rpartition(" ")[2] not in _DENIALS for part in before)


class _Regex:
    """Searches elsewhere, because a suite's pattern may take for ever on a model's answer."""

    def __init__(self, options: RegexOptions) -> None:
        self._options = options
        self._flags = re.MULTILINE | (re.IGNORECASE if options.ignore_case else 0)
        self._search = PatternSearch()

    async def score(self, item: Item, answer: Answer) -> Score:
        """What a pattern finds in the answer, held against the gold."""
        options, text = self._options, answer.text
        own = options.pattern is None
        patterns = tuple(golds(item.answer)) if own else (options.pattern or "",)
        last = not own and options.take == "last"
        search = Search(patterns, int(self._flags), _sendable(text), last, options.timeout_s)
        try:
            told = await self._search.found(search)
        except SearchTimeoutError:
            why = f"the search took longer than {options.timeout_s:g} s and was ended"
            return Score(False, 0.0, why, {"given_up": True})
        if told is None:
            return Score(correct=False, value=0.0, detail="the pattern is not in the answer")
        correct = own or any(_COMPARE[options.compare](told, one) for one in golds(item.answer))
        return Score(correct, float(correct), "" if correct else f"found {told!r}, which differs")

    async def close(self) -> None:
        """End the process that searches."""
        await self._search.close()


def _sendable(text: str) -> str:
    """Half of a surrogate pair, which a model may write, is no text that another process reads."""
    return text.encode("utf-8", "replace").decode()


def _same_number(told: str, gold: str) -> bool:
    return (number := number_of(told)) is not None and number == number_of(gold)


_COMPARE: dict[str, Callable[[str, str], bool]] = {
    "exact": lambda told, gold: told.strip() == gold.strip(),
    "normalised": lambda told, gold: normalised(told) == normalised(gold),
    "number": _same_number,
}


def _pattern_complaint(item: Item, options: RegexOptions) -> str:
    said = words_complaint(item, options)
    if said or options.pattern is not None:
        return said
    for one in golds(item.answer):
        try:
            re.compile(one)
        except re.error as error:
            return f"`answer` is its own pattern, and {one!r} is none: {error}"
    return ""


def _check_pattern(_: SuiteFile, options: RegexOptions) -> str:
    if not 0 < options.timeout_s <= _LONGEST_S:
        return f"`options.timeout_s` must be above 0 and at most {_LONGEST_S:g}."
    try:
        re.compile(options.pattern or "")
    except re.error as error:
        return f"`options.pattern` is no regular expression: {error}."
    return ""


def _exact(_: SuiteFile, __: NoOptions, ___: Means) -> Rule:
    return Rule(lambda item, answer: exact(answer.text, item.answer))


def _normalised(_: SuiteFile, options: NormalisedOptions, __: Means) -> Rule:
    return Rule(lambda item, answer: alike(answer.text, item.answer, options))


def _regex(_: SuiteFile, options: RegexOptions, __: Means) -> _Regex:
    return _Regex(options)


EXACT = Kind(NoOptions, _exact, words_complaint)
NORMALISED = Kind(NormalisedOptions, _normalised, words_complaint)
REGEX = Kind(RegexOptions, _regex, _pattern_complaint, check=_check_pattern)
