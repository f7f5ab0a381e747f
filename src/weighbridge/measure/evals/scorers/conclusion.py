"""Where a text says what its answer is, and the number that it ends up with."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from fractions import Fraction

from weighbridge.measure.evals.scorers.values import Found, boxed, found_in, number_of, plain

_STATED = re.compile(r"\banswer\b[^.\n:=]{0,40}?(?:\bis\b|:|=)\s*[:*_\s]*", re.IGNORECASE)
_MARK = re.compile(r"^[ \t]*####(?!#)[ \t:*_]*(.*)$", re.MULTILINE)
# What a number is that is said not to be the answer.
_DENIED = re.compile(
    r"\b(?:not|isn't|isn\u2019t|never|rather\s+than|instead\s+of)\s+[-$€£¥\d.,]*\d"
)
_SENTENCE_ENDS = re.compile(r"(?<=\S)[.;!?]\s+(?=[^\d\s])")
_EQUALS = re.compile(r"(?<![<>!=])=(?!=)|\\approx|[≈≅]|\bequals\b")
_OPERATOR = re.compile(r"[\s)\]%]*(?:[-+*/×÷^]|\bx\b|\\div\b)[\s(\[$€£¥-]*")

_LONGEST = 2000  # letters of a conclusion's line that are read
_TRIED = 5  # conclusions that may lack a number


def conclusions(text: str) -> list[str]:
    """What follows each "answer is", "answer:" or ``####``, to the end of its line, in order.

    ``####`` is also how Markdown writes headings: it counts before a number alone, or on the last
    line.
    """
    found = [(one.end(), _line_from(text, one.end())) for one in _STATED.finditer(text)]
    last = len(text.rstrip())
    found += [
        (one.start(1), one[1].strip())
        for one in _MARK.finditer(text)
        if number_of(one[1]) is not None or one.end() >= last
    ]
    return [said for _, said in sorted(found) if said]


def _line_from(text: str, begin: int) -> str:
    return text[begin : begin + _LONGEST].partition("\n")[0].strip()


def stated(text: str) -> str | None:
    """The last of its conclusions."""
    said = conclusions(text)
    return said[-1] if said else None


def final_number(text: str) -> Fraction | None:
    """The number that a text ends up with; None where it has none, or does not settle on one.

    What is boxed; else what the last conclusion says that has a number; else the last number of
    all.
    """
    inside = boxed(text)
    if inside is not None:
        number = number_of(inside)
        return number if number is not None else _single(inside)
    for said in conclusions(text)[-_TRIED:][::-1]:
        if found_in(plain(said)):
            return _settled(said)
    every = found_in(plain(text))
    return every[-1].value if every else None


def _settled(said: str) -> Fraction | None:
    """The number of a conclusion: of an equation its result, else the first that it names."""
    whole = number_of(said)
    if whole is not None:
        return whole
    for sentence in _SENTENCE_ENDS.split(_DENIED.sub(" ", plain(said))):
        if found_in(sentence):
            return next(_results(sentence), None)
    return None


def _results(sentence: str) -> Iterator[Fraction]:
    """The first number of each side of an equation that is no calculation, the last side first."""
    for side in reversed(_EQUALS.split(sentence)):
        found = found_in(side)
        if found and not _is_calculation(side, found):
            yield found[0].value


def _single(inside: str) -> Fraction | None:
    """The only number of a box's last side."""
    side = _EQUALS.split(plain(inside))[-1]
    found = found_in(side)
    return found[0].value if len(found) == 1 else None


def _is_calculation(side: str, found: list[Found]) -> bool:
    return any(
        _OPERATOR.fullmatch(side, one.end, other.begin) for one, other in itertools.pairwise(found)
    )
