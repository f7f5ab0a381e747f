"""Answers that are a JSON object: valid by the schema, and right field by field."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, Literal

import jsonschema
import msgspec
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from weighbridge.measure.evals.normalise import normalised, token_f1
from weighbridge.measure.evals.records import Item, SuiteFile
from weighbridge.measure.evals.schema_check import CheckTimeoutError, SchemaCheck, has_patterns
from weighbridge.measure.evals.scorers.values import date_of, number_of
from weighbridge.measure.evals.scoring import Answer, Kind, Means, Score

_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_UNREADABLE = (msgspec.DecodeError, UnicodeEncodeError, RecursionError)


class FieldRule(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How one field is held against its gold.

    Attributes:
        rule: ``exact`` as JSON; ``normalised`` words; ``number`` however written; ``date`` however
            written; ``f1`` of the words; ``ignore`` not at all.
        at_least: the F1 from which a field counts as right.
        order: what 3/4/2025 means to ``date``.
        tolerance: how far from the gold a ``number`` may be.
    """

    rule: Literal["exact", "normalised", "number", "date", "f1", "ignore"] = "exact"
    at_least: float = 0.8
    order: Literal["dmy", "mdy"] = "dmy"
    tolerance: float = 0.0


class JsonOptions(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Options of ``json``.

    Attributes:
        fields: rules by field, as a rule's name or with its settings; others are ``exact``.
        fenced: accept an object in a code fence, or with words around it.
        timeout_s: longest check by a schema with patterns; one that takes longer counts as wrong.
    """

    fields: dict[str, Any] = {}
    fenced: bool = False
    timeout_s: float = 1.0


_EXACT = FieldRule()
_LONGEST_S = 600.0
_ONE_OF_EACH: tuple[Any, ...] = ({}, [], "", 0, True, None)


class JsonRule:
    """The scorer of one suite, its rules and its schema's validator made once."""

    def __init__(self, settings: SuiteFile, options: JsonOptions) -> None:
        self._rules = {name: field_rule(told) for name, told in options.fields.items()}
        self._fenced = options.fenced
        self._limit_s = options.timeout_s
        schema = settings.schema
        self._validator = schema_validator(schema) if schema else None
        # Only what may take for ever is worth a process.
        self._check = (
            SchemaCheck(schema, self._limit_s) if schema and has_patterns(schema) else None
        )

    async def score(self, item: Item, answer: Answer) -> Score:
        """One JSON object that meets the schema and has every gold field's value."""
        told = _decoded(answer.text, fenced=self._fenced)
        if told is None:
            return Score(correct=False, value=0.0, detail="not JSON")
        if not isinstance(told.value, dict):
            return Score(correct=False, value=0.0, detail="not a JSON object")
        held = self._held(told.value, item.answer)
        try:
            complaint = await self._schema_complaint(told.value)
        except CheckTimeoutError:
            why = f"the check by the schema took longer than {self._limit_s:g} s and was ended"
            return Score(False, held.value, why, {**held.notes, "given_up": True})
        if complaint:
            why = f"breaks the schema: {complaint}"
            return Score(correct=False, value=held.value, detail=why, notes=held.notes)
        return held

    async def close(self) -> None:
        """End the process that checks."""
        if self._check is not None:
            await self._check.close()

    def _held(self, told: dict[str, Any], gold: dict[str, Any]) -> Score:
        """The fields against their golds, whatever the schema says."""
        shares = {
            name: self._share(name, told, wanted)
            for name, wanted in gold.items()
            if self._rules.get(name, _EXACT).rule != "ignore"
        }
        wrong = [name for name, (right, _) in shares.items() if not right]
        value = sum(share for _, share in shares.values()) / len(shares) if shares else 1.0
        notes = {"wrong": wrong} if wrong else {}
        return Score(not wrong, value, f"wrong: {', '.join(wrong)}" if wrong else "", notes)

    def _share(self, name: str, told: dict[str, Any], gold: Any) -> tuple[bool, float]:  # noqa: ANN401
        if name not in told:
            return False, 0.0
        return field_share(told[name], gold, self._rules.get(name, _EXACT))

    async def _schema_complaint(self, told: Any) -> str:  # noqa: ANN401 -- any JSON value
        if self._check is not None:
            return await self._check.complaint(told)
        if self._validator is None:
            return ""
        try:
            error = next(self._validator.iter_errors(told), None)
        except (ArithmeticError, ValueError, RecursionError) as fault:
            # Numbers beyond all reckoning, or nested beyond all depth: nothing a schema allows.
            return f"it cannot be checked ({type(fault).__name__})"
        return "" if error is None else str(error.message)


def field_share(told: Any, gold: Any, rule: FieldRule) -> tuple[bool, float]:  # noqa: ANN401
    """Whether a field is right, and its share of the score."""
    if rule.rule == "f1":
        share = token_f1(_text(told), _text(gold))
        return share >= rule.at_least, share
    if rule.rule == "number":
        mine, theirs = number_of(_text(told)), number_of(_text(gold))
        right = mine is not None and theirs is not None and abs(mine - theirs) <= rule.tolerance
    elif rule.rule == "date":
        day = date_of(_text(told), rule.order)
        right = day is not None and day == date_of(_text(gold), rule.order)
    elif rule.rule == "normalised":
        right = normalised(_text(told)) == normalised(_text(gold))
    else:
        right = same(told, gold)
    # What no rule can read may still be the gold to the letter: "n/a", "".
    right = right or same(told, gold)
    return right, float(right)


def _text(value: Any) -> str:  # noqa: ANN401 -- any JSON value
    try:
        return "" if value is None else str(value)
    except (ValueError, RecursionError):  # a number with more digits than Python writes
        return ""


def same(told: Any, gold: Any) -> bool:  # noqa: ANN401 -- any JSON value
    """Equal as JSON: 1 and 1.0 are one number, but true is not 1, though Python's is."""
    if isinstance(told, dict) and isinstance(gold, dict):
        return told.keys() == gold.keys() and all(same(told[name], gold[name]) for name in gold)
    if isinstance(told, list) and isinstance(gold, list):
        return len(told) == len(gold) and all(map(same, told, gold))
    return isinstance(told, bool) == isinstance(gold, bool) and bool(told == gold)


class _Decoded(msgspec.Struct):
    value: Any


def _decoded(answer: str, *, fenced: bool) -> _Decoded | None:
    for text in _candidates(answer) if fenced else (answer,):
        try:
            return _Decoded(msgspec.json.decode(text))
        except _UNREADABLE:
            continue
    return None


def _candidates(answer: str) -> Iterator[str]:
    """Where an object may stand: the whole answer, a fence, or from the first brace to the last."""
    yield answer
    yield from (match[1] for match in _FENCE.finditer(answer))
    begin, end = answer.find("{"), answer.rfind("}")
    if 0 <= begin < end:
        yield answer[begin : end + 1]


def field_rule(told: Any) -> FieldRule:  # noqa: ANN401 -- as the file has it
    """A rule by its name alone or with its settings.

    Raises:
        msgspec.ValidationError: it is none.
    """
    return msgspec.convert({"rule": told} if isinstance(told, str) else told, FieldRule)


# -- Checks of the suite's file ------------------------------------------------------------------


def schema_validator(schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    """A validator that does not ask the network for what a foreign schema refers to."""
    return jsonschema.Draft202012Validator(schema, registry=Registry())


def _check(settings: SuiteFile, options: JsonOptions) -> str:
    if not 0 < options.timeout_s <= _LONGEST_S:
        return f"`options.timeout_s` must be above 0 and at most {_LONGEST_S:g}."
    for name, told in options.fields.items():
        try:
            rule = field_rule(told)
        except msgspec.ValidationError as error:
            return f"`options.fields.{name}`: {error}."
        if not (math.isfinite(rule.tolerance) and math.isfinite(rule.at_least)):
            return f"`options.fields.{name}`: `tolerance` and `at_least` must be finite."
    return "" if settings.schema is None else _schema_fault(settings.schema)


def _schema_fault(schema: dict[str, Any]) -> str:
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        return f"`schema` is no JSON Schema: {error.message}."
    resolver = Registry().with_resource("", DRAFT202012.create_resource(schema)).resolver()
    for reference in _references(schema):
        try:
            resolver.lookup(reference)
        except Unresolvable:
            return (
                f"`schema` refers to {reference}, which is not in it. "
                "Schemas are never fetched: write all of it into the file."
            )
    return _endless(schema)


def _endless(schema: dict[str, Any]) -> str:
    """A complaint about a schema that refers to itself without going any deeper."""
    validator = schema_validator(schema)
    for value in _ONE_OF_EACH:
        try:
            validator.is_valid(value)
        except RecursionError:
            return "`schema` refers to itself without end: no answer can be checked by it."
    return ""


def _references(schema: Any) -> Iterator[str]:  # noqa: ANN401 -- any JSON value
    children = schema.values() if isinstance(schema, dict) else schema
    if isinstance(schema, dict) and isinstance(schema.get("$ref"), str):
        yield schema["$ref"]
    if isinstance(schema, dict | list):
        for child in children:
            yield from _references(child)


def _complaint(item: Item, _: object) -> str:
    return "" if isinstance(item.answer, dict) else "`answer` must be an object"


def _make(settings: SuiteFile, options: JsonOptions, _: Means) -> JsonRule:
    return JsonRule(settings, options)


JSON = Kind(JsonOptions, _make, _complaint, check=_check)
