"""Numbers and dates as people write them, and what is boxed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

# An integer with or without thousands separators, decimals, an exponent.
_DIGITS = r"(?:\d{1,3}(?:[,\u00a0\u202f']\d{3})+|\d{1,3}(?: \d{3})+(?!\d)|\d+)"
_NUMBER = rf"(?:{_DIGITS}(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d{{1,3}})?"
_POWER = r"\s?\^\s?\(?([-+]?\d{1,3})\)?"
# 3 × 10^8; 2 1/2; 10^5; 3/4 or 7.
_VALUE = (
    rf"(?:({_NUMBER})\s?[×x*]\s?10{_POWER}|(\d{{1,9}})\s+(\d{{1,9}})/(\d{{1,9}})(?![\d/])"
    rf"|({_NUMBER}){_POWER}|({_NUMBER})(?:\s?/\s?({_NUMBER}))?)"
    r"(?:[\s-]?(hundred|thousand|million|billion|trillion)\b)?"
)
_MONEY = r"[$€£¥]"
_IN_TEXT = re.compile(
    rf"(?=[-+$€£¥.\d])(?<![\w.,/^])([-+]?){_MONEY}?\s?([-+]?){_VALUE}", re.IGNORECASE
)
_WHOLE = re.compile(
    rf"([-+]?)\s*{_MONEY}?\s*([-+]?)\s*{_VALUE}"
    r"\s*(?:%|percent|dollars?|euros?|[$€£¥°])?\s*\.?",
    re.IGNORECASE,
)
_WORDS = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12}
# Two numbers, or one with a space between its thousands.
_TWO = re.compile(r"(?<!\d)(?<!\d )\d{1,3} \d{3}(?! ?\d)")
_COMMAS = re.compile(r"(?:,\d+)+")
_SEPARATORS = re.compile(r"[,\u00a0\u202f' ]")
_MINUS = str.maketrans({"\u2212": "-", "\u2012": "-", "\u2013": "-"})
_BOX = re.compile(r"\\(?:boxed|fbox)\s*")
_FRACTION = re.compile(
    r"(?:(\d)\s*)?([-+]?)\\[dt]?frac\s*(?:\{\s*([-+]?)([\d.,]+)\s*\}\s*\{\s*([\d.,]+)\s*\}|()(\d)(\d))"
)
_TEXT = re.compile(r"\\(?:text|mbox|mathrm|textbf|mathbf)\s*\{([^{}]*)\}(?:\^\{?\d\}?)?")
# Notes of a calculator, as GSM8K's solutions have them.
_NOTE = re.compile(r"<<[^<>\n]*>>")
_BOLD = re.compile(r"\*\*(?!\d)|(?<!\d)\*\*")
_SPELLINGS = (
    (re.compile(r"\\times|\\cdot|[\u00b7\u2219\u22c5]"), "×"),
    (re.compile(r"\\([$%])"), r"\1"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"(?<=\d)(,?)\\[,!;:]\s*(?=\d)"), r"\1"),
    (re.compile(r"\^\s*\{\s*([-+]?\d+)\s*\}"), r"^\1"),
    (re.compile(r"(?<=\d)\*\*(?=-?\d)"), "^"),
)


@dataclass(frozen=True, slots=True)
class Found:
    """A number in a text: where its digits begin and where it ends.

    The value is None where what is written may be several numbers: ``1,5`` or ``118 000``.
    """

    value: Fraction | None
    begin: int
    end: int


def plain(text: str) -> str:
    """A text in which numbers are spelt in the few ways that are read here."""
    text = _BOLD.sub("", _NOTE.sub("", text.translate(_MINUS)))
    for spelling, ours in _SPELLINGS:
        text = spelling.sub(ours, text)
    text = _TEXT.sub(lambda told: told[1] if any(map(str.isdigit, told[1])) else " ", text)
    return _FRACTION.sub(_fraction, text)


def _fraction(told: re.Match[str]) -> str:
    before, sign, inner, above, below = told[1], told[2], told[3], told[4], told[5]
    if above is None:
        inner, above, below = told[6], told[7], told[8]
    signs = "" if sign == inner == "-" else sign + inner
    return f"{before} {signs}{above}/{below}" if before else f"{signs}{above}/{below}"


def number_of(text: str) -> Fraction | None:
    r"""The number that ``text`` is, a unit of money or a percent sign aside; None if it is none.

    ``1,234.5``, ``-3/4``, ``2 1/2``, ``$ 18``, ``50%`` (as 50), ``10^5``, ``3 × 10^8``,
    ``1.5 million`` and ``\frac{1}{2}`` are numbers; ``3,5`` is not, because it is 3.5 in one
    country and a slip in another.
    """
    told = text.strip().rstrip(".").strip("*_`").strip()
    told = plain(told.removesuffix("\\$").strip("$").strip()).strip().strip("*_`")
    match = _WHOLE.fullmatch(told)
    if match is None or (match[1] and match[2]) or _may_be_two(text):
        return None
    return _value(match)


def _may_be_two(told: str) -> bool:
    """Whether these may be two numbers side by side; an amount of money is one."""
    return _TWO.search(told) is not None and re.search(_MONEY, told) is None


def _value(match: re.Match[str]) -> Fraction | None:
    """What a match of :data:`_VALUE`, after two groups for signs, is worth."""
    head, tens, whole, part, of, base, power, above, below, word = match.groups()[2:]
    value: Fraction
    try:
        if head:
            value = _plain_number(head) * Fraction(10) ** int(tens)
        elif whole:
            value = Fraction(int(part), int(of)) + int(whole)
        elif base:
            value = _plain_number(base) ** int(power)
        else:
            value = _plain_number(above) / _plain_number(below or "1")
    except (ValueError, ArithmeticError):
        return None
    value *= Fraction(10) ** _WORDS.get((word or "").lower(), 0)
    return -value if "-" in (match[1], match[2]) else value


def _plain_number(digits: str) -> Fraction:
    return Fraction(_SEPARATORS.sub("", digits))


def found_in(text: str) -> list[Found]:
    """The numbers in a text that :func:`plain` has made readable, in order."""
    found = []
    for match in _IN_TEXT.finditer(text):
        value = _value(match)
        if value is None:
            continue
        begin = match.end(2)
        # 200 -50 is a difference, not a negative number beside another.
        is_minus = match[1] == "-" and re.search(
            r"[\d)%]\s*\Z", text[max(0, match.start() - 8) : match.start()]
        )
        commas = _COMMAS.match(text, match.end())
        if commas or _may_be_two(match[0]):
            found.append(Found(None, begin, commas.end() if commas else match.end()))
            continue
        found.append(Found(abs(value) if is_minus else value, begin, match.end()))
    return found


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
