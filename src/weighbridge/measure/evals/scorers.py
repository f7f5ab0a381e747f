"""Is an answer right? Pure functions from answer and gold to a score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from weighbridge.measure.evals.suite import SuiteFile, schema_validator


@dataclass(frozen=True, slots=True)
class Score:
    """A judgement.

    Attributes:
        correct: accepted as a whole.
        value: 0 to 1, for structured answers the share of gold fields that are right.
        detail: why it was not accepted; nothing when it was.
    """

    correct: bool
    value: float
    detail: str = ""


def exact(answer: str, gold: Any, _: SuiteFile) -> Score:  # noqa: ANN401 -- any JSON value
    """Equal to the gold, white space at the ends aside."""
    correct = answer.strip() == str(gold).strip()
    return Score(correct, float(correct), "" if correct else "differs from the expected answer")


def json(answer: str, gold: Any, settings: SuiteFile) -> Score:  # noqa: ANN401 -- any JSON value
    """One JSON object that meets the suite's schema and has every gold field's value."""
    try:
        told = msgspec.json.decode(answer)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return Score(correct=False, value=0.0, detail="not JSON")
    if not isinstance(told, dict):
        return Score(correct=False, value=0.0, detail="not a JSON object")
    wrong = [name for name in gold if name not in told or not _same(told[name], gold[name])]
    value = 1 - len(wrong) / len(gold) if gold else 1.0
    complaint = _schema_complaint(told, settings.schema)
    if complaint:
        return Score(correct=False, value=value, detail=complaint)
    return Score(not wrong, value, f"wrong: {', '.join(wrong)}" if wrong else "")


def _same(told: Any, gold: Any) -> bool:  # noqa: ANN401 -- any JSON value
    """Equal as JSON: 1 and 1.0 are one number, but true is not 1, though Python's is."""
    if isinstance(told, dict) and isinstance(gold, dict):
        return told.keys() == gold.keys() and all(_same(told[name], gold[name]) for name in gold)
    if isinstance(told, list) and isinstance(gold, list):
        return len(told) == len(gold) and all(map(_same, told, gold))
    return isinstance(told, bool) == isinstance(gold, bool) and bool(told == gold)


def _schema_complaint(told: Any, schema: dict[str, Any] | None) -> str:  # noqa: ANN401
    if schema is None:
        return ""
    error = next(schema_validator(schema).iter_errors(told), None)
    return "" if error is None else f"breaks the schema: {error.message}"


SCORERS: dict[str, Callable[[str, Any, SuiteFile], Score]] = {"exact": exact, "json": json}
