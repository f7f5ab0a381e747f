r"""Answers of mathematics: what is boxed, or stated at the end, held against the gold.

Equal are: the same LaTeX once normalised; formulas of the same value (:mod:`expression`); tuples,
intervals and matrices of equal parts; sets and lists of equal members in any order. There is no
algebra system behind this: an equation solved for another letter, an unevaluated sum or a set
described in words does not equal what it means.
"""

from __future__ import annotations

import re
from typing import Any

from weighbridge.measure.evals.records import Item, SuiteFile
from weighbridge.measure.evals.scorers.conclusion import stated
from weighbridge.measure.evals.scorers.expression import equal
from weighbridge.measure.evals.scorers.values import boxed
from weighbridge.measure.evals.scoring import Kind, Means, NoOptions, Rule, Score

_MATHS = re.compile(r"(?<!\\)\$\$?(.+?)(?<!\\)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_SPACING = re.compile(
    r"\\(?:left|right|big|Big|bigg|Bigg|displaystyle|limits)(?![a-zA-Z])|(?<!\\)\\[!,;: ]|~"
)
_QUAD = re.compile(r"\\q?quad(?![a-zA-Z])")
_STYLE = re.compile(
    r"\\(?:text|mbox|textbf|textit|mathrm|mathbf|mathit|mathbb|boldsymbol|rm|bf)\s*\{([^{}]*)\}"
)
_UNIT = re.compile(r"(?<=[\d})])\s*\\(?:text|mbox|mathrm|rm)\s*\{[^{}]*\}(?:\^\{?\d\}?)?\s*$")
_DEGREES = re.compile(r"\^\s*\{?\s*\\circ\s*\}?|\\degree|°")
_SHORT_FRACTION = re.compile(
    r"\\frac\s*(?:\{([^{}]*)\}|([\da-zA-Z]))\s*(?:\{([^{}]*)\}|([\da-zA-Z]))"
)
_SHORT_ROOT = re.compile(r"\\sqrt\s*([\da-zA-Z])")
_SHORT_POWER = re.compile(r"([\^_])\{([\da-zA-Z])\}")
_THOUSANDS = re.compile(r"(?<![\d,.])(\d{1,3}(?:,\d{3})+)(?![\d,])")
_NAMED = re.compile(r"^[a-zA-Z](?:_\{?\w\}?|\([a-z]\))?=(?!=)(.+)$")
_JOINED = re.compile(
    r"\\(?:text|mbox|mathrm|rm)\s*\{\s*(?:or|and)\s*\}|(?<=[\w)}])\s{1,9}(?:or|and)\s+(?=[\w\\(-])"
)
_UNIT_WORD = re.compile(
    r"(?<=\d)\s{1,9}(?:[ckm]?m|mm|in|ft|yd|[km]?g|[cm]?l|lbs?|oz|sec|min|mph|inch(?:es)?|feet|foot"
    r"|yards?|miles?|met(?:er|re)s?|(?:centi|kilo)met(?:er|re)s?|grams?|kilograms?|lit(?:er|re)s?"
    r"|seconds?|minutes?|hours?|days?|weeks?|months?|years?|degrees|radians|units|dollars|cents)"
    r"(?:\^\{?\d\}?)?$"
)
_LAST_UNIT = re.compile(
    r"[\d)}]\s*(?:\\[,;: ]\s*)?(?:\\(?:text|mbox|mathrm|rm)\s*\{)?\s*([a-zA-Z]+)\.?\s*\}?"
    r"(?:\^\{?\d\}?)?$"
)
_UNITS = (
    "mm millimeter millimetre", "cm centimeter centimetre", "m meter metre",
    "km kilometer kilometre", "in inch inches", "ft foot feet", "yd yard", "mi mile",
    "mg milligram", "g gram", "kg kilogram", "lb pound", "oz ounce", "ml milliliter millilitre",
    "l liter litre", "s sec second", "min minute", "h hr hour", "day", "week", "month", "year",
    "degree deg", "radian rad", "dollar", "cent",
)  # fmt: skip
_SIGNS = {
    word + plural: names.split()[0]
    for names in _UNITS
    for word in names.split()
    for plural in ("", "s")
}
_REPEATING = re.compile(r"(?<![\d.])(\d{0,9})\.(\d{0,9})\\overline\s*\{\s*(\d{1,9})\s*\}")
_FUNCTION = re.compile(r"(\\(?:log|ln|lg|exp|sin|cos|tan|cot|sec|csc))\{(\w+)\}")
_MEMBER = re.compile(r"^[a-zA-Z]\\in(?![a-zA-Z])(.+)$")
_MATRIX = re.compile(r"^\\begin\{([pbvBV]?matrix)\}(.*)\\end\{\1\}$", re.DOTALL)
_ROUNDS = 8


def final_formula(text: str) -> str | None:
    """The formula that a text ends up with.

    What is boxed; else what is stated after the last "answer is", "answer:" or ``####``; else the
    last formula between dollar signs; else the last line.
    """
    inside = boxed(text)
    if inside is not None:
        return inside
    said = stated(text)
    formulas = [next(filter(None, groups)) for groups in _MATHS.findall(said or text)]
    if formulas:
        return str(formulas[0] if said else formulas[-1])
    if said:
        return said
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else None


def normalised_formula(text: str) -> str:
    """LaTeX in one of its many spellings; a formula in this form is left as it is."""
    for _ in range(_ROUNDS):
        once = _once(text)
        if once == text:
            break
        text = once
    return text


def _once(text: str) -> str:
    text = text.strip().strip("$").strip()
    for opening, closing in (("\\(", "\\)"), ("\\[", "\\]")):
        if text.startswith(opening) and text.endswith(closing):
            text = text[2:-2]
    text = text.replace("\u2212", "-").replace("{,}", ",").replace(",\\!", ",")
    text = text.rstrip(". ").replace("\\%", "").replace("%", "").replace("\\$", "")
    text = text.replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac")
    text = _REPEATING.sub(_repeating, _JOINED.sub(",", _UNIT_WORD.sub("", text)))
    text = _DEGREES.sub("", _QUAD.sub(" ", _SPACING.sub("", text)))
    text = _STYLE.sub(r"\1", _UNIT.sub("", text))
    text = _SHORT_ROOT.sub(r"\\sqrt{\1}", text)
    text = _SHORT_FRACTION.sub(_fraction, text)
    text = _THOUSANDS.sub(lambda match: match[1].replace(",", ""), "".join(text.split()))
    text = _FUNCTION.sub(r"\1\2", _SHORT_POWER.sub(r"\1\2", text))
    if text.count("\\pm") == 1 and "," not in text:
        both = text.replace("\\pm", "+").removeprefix("+"), text.replace("\\pm", "-")
        text = ",".join(both)
    for pattern in (_NAMED, _MEMBER):
        if match := pattern.match(text):
            text = match[1]
    return text


def _repeating(match: re.Match[str]) -> str:
    r"""``0.1\overline{6}`` as the fraction that it is."""
    before, again = match[1] + match[2], match[3]
    above = int(before + again) - int(before or "0")
    below = 10 ** len(match[2]) * (10 ** len(again) - 1)
    return f"\\frac{{{above}}}{{{below}}}"


def _fraction(match: re.Match[str]) -> str:
    above = match[1] if match[1] is not None else match[2]
    below = match[3] if match[3] is not None else match[4]
    return f"\\frac{{{above}}}{{{below}}}"


def same_formula(told: str, gold: str) -> bool:
    """Whether two answers are the same."""
    units = _unit(told), _unit(gold)
    if all(units) and units[0] != units[1]:
        return False
    mine, theirs = normalised_formula(told), normalised_formula(gold)
    if _same(mine, theirs):
        return True
    # 50% is the number 0.5. A gold in percent was asked for in percent, and 0.5 is another answer.
    is_percent, wants_percent = (one.rstrip("$. ").endswith("%") for one in (told, gold))
    return is_percent and not wants_percent and equal(f"\\frac{{{mine}}}{{100}}", theirs)


def _unit(text: str) -> str | None:
    """The unit at the end of an answer by its usual sign; None without one that is known."""
    match = _LAST_UNIT.search(text.strip().rstrip("$. "))
    return _SIGNS.get(match[1].lower()) if match else None


def _same(told: str, gold: str) -> bool:
    if told == gold or (_is_words(gold) and told.casefold() == gold.casefold()):
        return True
    matrices = _MATRIX.match(told), _MATRIX.match(gold)
    if matrices[0] and matrices[1]:
        rows = [_cells(match[2]) for match in matrices if match]
        return len(rows[0]) == len(rows[1]) and all(map(_same, rows[0], rows[1]))
    mine, theirs = _parts(told), _parts(gold)
    brackets = {_bracket(told), _bracket(gold)}
    if len(mine) == len(theirs) == 1:
        return _same(_inside(told), _inside(gold)) if brackets == {"{"} else equal(told, gold)
    if len(mine) == len(theirs) and brackets <= {"", "{"}:  # a set may be told as a list
        return _same_members(mine, theirs)
    alike = len(mine) == len(theirs) and len(brackets) == 1 and _closing(told) == _closing(gold)
    return alike and all(map(_same, mine, theirs))


def _same_members(mine: list[str], theirs: list[str]) -> bool:
    """Equal in any order, each with one of the others."""
    left = list(theirs)
    for one in mine:
        match = next((other for other in left if _same(one, other)), None)
        if match is None:
            return False
        left.remove(match)
    return True


def _is_words(text: str) -> bool:
    return len(text) > 1 and text.replace(",", "").replace("-", "").isalpha()


def _cells(body: str) -> list[str]:
    return [cell for row in body.split("\\\\") for cell in (*row.split("&"), ";")]


_OPENING = {"\\{": "{", "(": "(", "[": "["}
_CLOSING = ("\\}", ")", "]")


def _bracket(text: str) -> str:
    """The bracket that encloses all of a text, without one nothing; ``{`` for a set's."""
    for opening, short in _OPENING.items():
        if text.startswith(opening) and text.endswith(_CLOSING) and _encloses(text, len(opening)):
            return short
    return ""


def _closing(text: str) -> str:
    return text[-1:]


def _encloses(text: str, begin: int) -> bool:
    """Whether the bracket at the front is closed only at the very end."""
    depth = 1
    end = len(text) - (2 if text.endswith("\\}") else 1)
    for letter in text[begin:end]:
        depth += (letter in "([{") - (letter in ")]}")
        if depth < 1:
            return False
    return depth == 1


def _inside(text: str) -> str:
    return text[2:-2] if text.startswith("\\{") else text[1:-1]


def _parts(text: str) -> list[str]:
    """What stands between the commas of the outermost level; words joined by "and" or "or" too."""
    body = _inside(text) if _bracket(text) else text
    parts, depth, begin = [], 0, 0
    for index, letter in enumerate(body):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append(body[begin:index])
            begin = index + 1
    parts.append(body[begin:])
    if len(parts) > 1:  # x=3,x=5
        parts = [_NAMED.sub(r"\1", part) for part in parts]
    return parts


def formula(answer: str, gold: Any) -> Score:  # noqa: ANN401 -- any JSON value
    """The formula that the answer ends up with equals the gold."""
    told = final_formula(answer)
    if told is None:
        return Score(correct=False, value=0.0, detail="no formula in the answer")
    correct = same_formula(told, str(gold))
    return Score(correct, float(correct), "" if correct else f"says {told[:80]}")


def _complaint(item: Item, _: object) -> str:
    sound = isinstance(item.answer, str | int | float) and not isinstance(item.answer, bool)
    return "" if sound else "`answer` must be a formula or a number"


def _make(_: SuiteFile, __: NoOptions, ___: Means) -> Rule:
    return Rule(lambda item, answer: formula(answer.text, item.answer))


MATH = Kind(NoOptions, _make, _complaint)
