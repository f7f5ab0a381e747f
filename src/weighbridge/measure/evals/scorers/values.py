"""Numbers and dates as people write them, and the answer at the end of a text."""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction

# An integer with or without thousands separators, decimals, an exponent.
_DIGITS = r"(?:\d{1,3}(?:[,\u00a0\u202f']\d{3})+|\d+)"
_NUMBER = rf"(?:{_DIGITS}(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d{{1,3}})?"
_IN_TEXT = re.compile(rf"(?<![\w.,/])[-+]?\s?[$€£¥]?\s?{_NUMBER}(?:\s?/\s?{_NUMBER})?")
_WHOLE = re.compile(
    rf"([-+]?)\s*[$€£¥]?\s*([-+]?)\s*({_NUMBER})(?:\s*/\s*({_NUMBER}))?"
    r"\s*(?:%|percent|dollars?|euros?|[$€£¥°])?\s*\.?",
    re.IGNORECASE,
)
_SEPARATORS = re.compile(r"[,\u00a0\u202f']")
_MINUS = str.maketrans({"\u2212": "-", "\u2012": "-", "\u2013": "-"})
_BOX = re.compile(r"\\(?:boxed|fbox)\s*")
_FRACTION = re.compile(r"([-+]?)\\[dt]?frac\s*\{\s*([-+]?[\d.]+)\s*\}\s*\{\s*([-+]?[\d.]+)\s*\}")
_STATED = re.compile(r"(?:\banswer\b[^.\n:=]{0,40}?(?:\bis\b|:|=)|####)\s*[:*_\s]*", re.IGNORECASE)


def number_of(text: str) -> Fraction | None:
    r"""The number that ``text`` is, a unit of money or a percent sign aside; None if it is none.

    ``1,234.5``, ``-3/4``, ``$ 18``, ``50%`` (as 50) and ``\frac{1}{2}`` are numbers; ``3,5`` is
    not, because it is 3.5 in one country and a slip in another.
    """
    plain = text.translate(_MINUS).strip().strip("*_`").strip().strip("$").strip()
    fraction = _FRACTION.fullmatch(plain.rstrip("."))
    if fraction is not None:
        value = _divided(fraction[2], fraction[3])
        return -value if value is not None and fraction[1] == "-" else value
    match = _WHOLE.fullmatch(plain.replace("\\$", "").replace("\\%", "%").replace("{,}", ","))
    if match is None or (match[1] and match[2]):
        return None
    value = _divided(match[3], match[4] or "1")
    return -value if value is not None and "-" in (match[1], match[2]) else value


def _divided(above: str, below: str) -> Fraction | None:
    try:
        top = Fraction(_SEPARATORS.sub("", above))
        return top / Fraction(_SEPARATORS.sub("", below))
    except (ValueError, ZeroDivisionError):
        return None


def numbers_in(text: str) -> list[Fraction]:
    """All numbers in a text, in order."""
    found = (number_of(match[0]) for match in _IN_TEXT.finditer(text.translate(_MINUS)))
    return [number for number in found if number is not None]


def boxed(text: str) -> str | None:
    r"""What stands in the last ``\boxed{…}`` (or ``\fbox``) of a text; braces may nest."""
    marks = list(_BOX.finditer(text))
    if not marks:
        return None
    rest = text[marks[-1].end() :]
    if not rest.startswith("{"):  # `\boxed 5` is what some write
        words = rest.partition("$")[0].split()
        return words[0] if words else None
    depth = 0
    for index, letter in enumerate(rest):
        depth += (letter == "{") - (letter == "}")
        if depth == 0:
            return rest[1:index].strip()
    return None


def stated(text: str) -> str | None:
    """What follows the last "answer is", "answer:" or ``####``, to the end of its line."""
    matches = list(_STATED.finditer(text))
    if not matches:
        return None
    return text[matches[-1].end() :].partition("\n")[0].strip() or None


def final_number(text: str) -> Fraction | None:
    """The number that a text ends up with.

    What is boxed, else the first number after the last "answer is", "answer:" or ``####``, else
    the last number of all.
    """
    inside = boxed(text)
    if inside is not None:
        number = number_of(inside)
        if number is not None:
            return number
        within = numbers_in(inside)
        return within[0] if len(within) == 1 else None
    said = stated(text)
    after = numbers_in(said) if said else []
    if said and (whole := number_of(said)) is not None:
        return whole
    if after:
        return after[0]
    every = numbers_in(text)
    return every[-1] if every else None


_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("jan", "january"), ("feb", "february"), ("mar", "march"), ("apr", "april"),
            ("may",), ("jun", "june"), ("jul", "july"), ("aug", "august"),
            ("sep", "sept", "september"), ("oct", "october"), ("nov", "november"),
            ("dec", "december"),
        ),
        start=1,
    )
    for name in names
}  # fmt: skip
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[t ].*)?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_NUMERIC = re.compile(r"(\d{1,2})[-/. ](\d{1,2})[-/. ](\d{4}|\d{2})")
_DAY_MONTH = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[-/. ,]*([a-z]{3,9})[-/. ,']*(\d{4}|\d{2})")
_MONTH_DAY = re.compile(r"([a-z]{3,9})[. ]*(\d{1,2})(?:st|nd|rd|th)?[, ]+(\d{4}|\d{2})")
_PIVOT = 70  # two-digit years below it are of this century


def date_of(text: str, order: str = "dmy") -> date | None:
    """The date that ``text`` is, or None; ``order``, dmy or mdy, says what 3/4/2025 means."""
    plain = " ".join(text.lower().split()).strip(" .,")
    if match := _ISO.fullmatch(plain) or _COMPACT.fullmatch(plain):
        return _date(match[1], match[2], match[3])
    if match := _NUMERIC.fullmatch(plain):
        day, month = (match[1], match[2]) if order == "dmy" else (match[2], match[1])
        return _date(match[3], month, day)
    if match := _DAY_MONTH.fullmatch(plain):
        return _date(match[3], str(_MONTHS.get(match[2], 0)), match[1])
    if match := _MONTH_DAY.fullmatch(plain):
        return _date(match[3], str(_MONTHS.get(match[1], 0)), match[2])
    return None


def _date(year: str, month: str, day: str) -> date | None:
    full = int(year)
    if len(year) == 2:
        full += 2000 if full < _PIVOT else 1900
    try:
        return date(full, int(month), int(day))
    except ValueError:
        return None
