"""Answers that are a number, with or without the way that led there."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import msgspec

from weighbridge.measure.evals.records import Item, SuiteFile
from weighbridge.measure.evals.scorers.conclusion import final_number
from weighbridge.measure.evals.scorers.values import number_of
from weighbridge.measure.evals.scoring import Kind, Means, Rule, Score


class NumberOptions(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Options of ``number``.

    Attributes:
        absolute: how far from the gold an answer may be.
        relative: the same as a share of the gold.
    """

    absolute: float = 0.0
    relative: float = 0.0


def gold_number(answer: Any) -> Fraction | None:  # noqa: ANN401 -- any JSON value
    """The number that an item's answer is; the one after ``####`` of a worked solution."""
    if isinstance(answer, bool) or not isinstance(answer, str | int | float):
        return None
    text = str(answer)
    whole = number_of(text)
    if whole is not None or "####" not in text:
        return whole
    return number_of(text.rpartition("####")[2])


def number(answer: str, gold: Any, options: NumberOptions) -> Score:  # noqa: ANN401
    """The number that the answer ends up with equals the gold, within the tolerance."""
    wanted, told = gold_number(gold), final_number(answer)
    if told is None or wanted is None:
        return Score(correct=False, value=0.0, detail="no number in the answer")
    allowed = max(Fraction(options.absolute), abs(wanted) * Fraction(options.relative))
    correct = abs(told - wanted) <= allowed
    return Score(correct, float(correct), "" if correct else f"says {_shown(told)}")


def _shown(value: Fraction) -> str:
    try:
        return str(value) if value.denominator == 1 else f"{float(value):.10g}"
    except (ValueError, OverflowError):  # more digits than Python writes
        return "a number too large to be shown"


def _complaint(item: Item, _: object) -> str:
    wanted = gold_number(item.answer)
    return "`answer` must be a number" if wanted is None else ""


def _check(_: SuiteFile, options: NumberOptions) -> str:
    if options.absolute < 0 or options.relative < 0:
        return "`options`: a tolerance cannot be negative."
    if not math.isfinite(options.absolute) or not math.isfinite(options.relative):
        return "`options`: a tolerance must be a finite number."
    return ""


def _make(_: SuiteFile, options: NumberOptions, __: Means) -> Rule:
    return Rule(lambda item, answer: number(answer.text, item.answer, options))


NUMBER = Kind(NumberOptions, _make, _complaint, check=_check)
