"""Where a text says what its answer is, and the number that it ends up with."""

from __future__ import annotations

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
# What joins two numbers of which neither is the answer: a calculation, a range or a choice.
_OPERATOR = re.compile(
    r"[\s)\]%]*(?:[-+*/×÷^]|\b(?:x|or|to|and)\b|\\div\b)[\s(\[$€£¥-]*", re.IGNORECASE
)
_UNKNOWN = re.compile(r"[\s)]*[-+*/×÷]\s*[b-hj-z]\b", re.IGNORECASE)
# Notes to what was said: "13 dollars.[1]", "25 USD (1 USD = 0.92 EUR)"; no factor of a product.
_FOOTNOTE = re.compile(r"(?<=[\w.,;:!?%)])\[\^?\d{1,3}\](?!\()")
_BRACKET = re.compile(r"(?<=[^\s\-+*/×÷^=<>(\[])\s{1,9}[(\[][^()\[\]\n]*[)\]](?!\s*[-+*/×÷^=%])")
# What precedes a number that is given at once: "about $", "x = ".
_LEAD = re.compile(
    r"[\W_]*(?:[a-z]\w{0,2}\s*=(?!=)[\W_]*)?"
    r"(?:\b(?:about|approximately|around|roughly|exactly|only|just|a\s+total\s+of|us)\b[\W_]*)*",
    re.IGNORECASE,
)
# Where the reasons for a number begin that was given at once.
_REASONS = re.compile(
    r"[,;\s]\s*(?:because|since|as(?!\s+an?\b)|where|when|if|given|see)\b|\s*\u2014|\s-{1,2}\s(?=[a-z]{2})",
    re.IGNORECASE,
)
_MORE = re.compile(
    r"[,;:]\s+(?!(?:so|and\s+so|therefore|thus|hence|then|making|giving|bringing|for\s+a\s+total)\b)",
    re.IGNORECASE,
)
_WHICH = re.compile(r",?\s+which\s+(?:is|are|makes|gives|equals)\b", re.IGNORECASE)

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
    every = found_in(_without_notes(plain(text))) or found_in(plain(text))
    return every[-1].value if every else None


def _settled(said: str) -> Fraction | None:
    """The number of a conclusion: of an equation its result, else the first that it names."""
    whole = number_of(said)
    if whole is not None:
        return whole
    text = _DENIED.sub(" ", plain(said))
    for readable in (_without_notes(text), text):
        for sentence in _SENTENCE_ENDS.split(readable):
            if found := found_in(sentence):
                return _of_sentence(sentence, found[0])
    return None


def _without_notes(text: str) -> str:
    return _BRACKET.sub("", _FOOTNOTE.sub("", text))


def _of_sentence(sentence: str, first: Found) -> Fraction | None:
    """Of a number that is given at once, what follows it are reasons; else they lead to it."""
    if _LEAD.fullmatch(sentence[: first.begin]) and not _UNKNOWN.match(sentence, first.end):
        reasons = _REASONS.search(sentence, first.end)
        sentence = sentence[: reasons.start()] if reasons else sentence
        more = _MORE.search(sentence, first.end)
        claim = sentence[: more.start()] if more else sentence
        if not _EQUALS.search(claim, first.end) and _first(claim):
            return first.value
    if _EQUALS.search(sentence) is None:
        sentence = _WHICH.sub(" = ", sentence)
    return next(_results(sentence), None)


def _results(sentence: str) -> Iterator[Fraction | None]:
    """The first number of each side of an equation that is no calculation, the last side first."""
    for side in reversed(_EQUALS.split(sentence)):
        first = _first(side)
        if first is not None:
            yield first.value


def _first(side: str) -> Found | None:
    """The first number of a text; None where it has none, or that is part of a calculation."""
    found = found_in(side)
    if found and _UNKNOWN.match(side, found[0].end):
        return None
    if len(found) > 1 and _OPERATOR.fullmatch(side, found[0].end, found[1].begin):
        return None
    return found[0] if found else None


def _single(inside: str) -> Fraction | None:
    """The only number of a box's last side."""
    side = _EQUALS.split(plain(inside))[-1]
    found = found_in(side)
    return found[0].value if len(found) == 1 else None
