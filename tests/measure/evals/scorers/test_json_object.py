from __future__ import annotations

import asyncio
import warnings
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from referencing.exceptions import Unresolvable

from tests.fakes.llm_server import fake_llm_thread
from weighbridge.core.errors import ConfigError
from weighbridge.measure.evals.records import Item, SuiteFile
from weighbridge.measure.evals.scorers.json_object import (
    JSON,
    FieldRule,
    JsonOptions,
    field_share,
)
from weighbridge.measure.evals.scoring import Answer, Means, Score, read_options

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
GOLD = {"name": "Jan", "age": 60}


def suite(schema: dict[str, Any] | None = None) -> SuiteFile:
    return SuiteFile(name="s", prompt="p", scorer="json", schema=schema)


def score_json(
    answer: str,
    gold: dict[str, Any],
    settings: SuiteFile,
    *,
    is_checked: bool = True,
    **options: Any,
) -> Score:
    return score_all([answer], gold, settings, is_checked=is_checked, **options)[0]


def score_all(
    answers: list[str],
    gold: dict[str, Any],
    settings: SuiteFile,
    *,
    is_checked: bool = True,
    **options: Any,
) -> list[Score]:
    """Judged at once, as a run does."""
    told = msgspec.structs.replace(settings, options=options)
    scorer = JSON.make(
        told, read_options(JSON, told, "here") if is_checked else JsonOptions(), Means()
    )

    async def judge() -> list[Score]:
        try:
            made = (scorer.score(Item("i", "p", gold), Answer(answer)) for answer in answers)
            return await asyncio.gather(*made)
        finally:
            await scorer.close()

    return asyncio.run(judge())


@pytest.mark.parametrize(
    "answer",
    [
        '{"name": "Jan", "age": 60}',
        ' {"age":60,"name":"Jan"}\n',
        '{"name": "\\u004aan", "age": 60}',
    ],
)
def test_json_does_not_mind_order_and_spaces(answer: str) -> None:
    assert score_json(answer, GOLD, suite(PERSON)) == score_json(answer, GOLD, suite())
    assert score_json(answer, GOLD, suite(PERSON)).correct


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        ('```json\n{"name": "Jan", "age": 60}\n```', "not JSON"),
        ('Sure: {"name": "Jan", "age": 60}', "not JSON"),
        ('{"name": "Jan", "age": 60} {}', "not JSON"),
        ('{"name": "Jan", "age": NaN}', "not JSON"),
        ('{"name": "Jan", "age": Infinity}', "not JSON"),
        ('{"name": "Jan", "age": 1e999}', "not JSON"),
        ("{'name': 'Jan', 'age': 60}", "not JSON"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "not JSON"),
        ('{"name": "\ud800"}', "not JSON"),
        ("", "not JSON"),
        ("null", "not a JSON object"),
        ('[{"name": "Jan", "age": 60}]', "not a JSON object"),
        ('"Jan"', "not a JSON object"),
    ],
)
def test_what_is_no_json_object_scores_nothing(answer: str, detail: str) -> None:
    score = score_json(answer, GOLD, suite(PERSON))
    assert (score.correct, score.value, score.detail) == (False, 0.0, detail)


@pytest.mark.parametrize(
    ("answer", "value", "detail"),
    [
        ('{"name": "Jan", "age": 61}', 0.5, "wrong: age"),
        ('{"name": "jan", "age": 6}', 0.0, "wrong: name, age"),
        ('{"name": "Jan"}', 0.5, "breaks the schema: 'age' is a required property"),
        ('{"name": "Jan", "age": "60"}', 0.5, "breaks the schema: '60' is not of type 'integer'"),
        ('{"name": "Jan", "age": true}', 0.5, "breaks the schema: True is not of type 'integer'"),
        ('{"name": "Jan", "age": 60, "city": "x"}', 1.0, "breaks the schema: Additional"),
    ],
)
def test_fields_are_counted_and_complaints_named(answer: str, value: float, detail: str) -> None:
    score = score_json(answer, GOLD, suite(PERSON))
    assert (score.correct, score.value) == (False, value)
    assert score.detail.startswith(detail)


def test_without_a_schema_extra_fields_are_no_fault() -> None:
    assert score_json('{"name": "Jan", "age": 60, "city": "x"}', GOLD, suite()).correct


@pytest.mark.parametrize(
    ("told", "gold", "same"),
    [
        ("true", 1, False),
        ("1", True, False),
        ("0", False, False),
        ("true", True, True),
        ("1.0", 1, True),
        ("1", 1.0, True),
        ('"1"', 1, False),
        ("null", None, True),
        ("[true]", [1], False),
        ("[1, 2]", [1, 2], True),
        ("[2, 1]", [1, 2], False),
        ("[1]", [1, 2], False),
        ('{"a": false}', {"a": 0}, False),
        ('{"a": 1, "b": 2}', {"a": 1}, False),
        ('{"a": [{"b": 1.0}]}', {"a": [{"b": 1}]}, True),
        ("{}", [], False),
        ("9007199254740993", 9007199254740992, False),
    ],
)
def test_values_are_equal_as_json_says(told: str, gold: object, same: bool) -> None:
    assert score_json(f'{{"x": {told}}}', {"x": gold}, suite()).correct == same


def test_a_missing_field_is_not_null() -> None:
    score = score_json("{}", {"x": None}, suite())
    assert (score.correct, score.value, score.detail) == (False, 0.0, "wrong: x")


def test_an_empty_gold_asks_only_for_an_object() -> None:
    assert score_json('{"x": 1}', {}, suite()).correct
    assert not score_json("1", {}, suite()).correct


def test_a_schema_is_never_fetched_from_the_network() -> None:
    with fake_llm_thread() as url, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jsonschema's own, which would hide a fetch as an error
        with pytest.raises(Unresolvable):
            # An address that answers JSON; reading a suite refuses it, judging does not ask it.
            score_json("{}", {}, suite({"$ref": f"{url}/models"}), is_checked=False)


def test_a_pattern_that_never_ends_is_given_up_on_and_the_others_are_checked() -> None:
    schema = {"properties": {"name": {"type": "string", "pattern": "^(a+)+$"}}}
    hostile = "a" * 60 + "!"
    texts = [hostile, "aaa", "b"]
    answers = [msgspec.json.encode({"name": text, "age": 60}).decode() for text in texts]
    gold = {"name": hostile, "age": 60}
    given_up, right, wrong = score_all(answers, gold, suite(schema), timeout_s=0.3)
    assert given_up == Score(
        correct=False,
        value=1.0,
        detail="the check by the schema took longer than 0.3 s and was ended",
        notes={"given_up": True},
    )
    assert (right.value, right.detail) == (0.5, "wrong: name")
    assert wrong.detail == "breaks the schema: 'b' does not match '^(a+)+$'"


def test_patterns_of_names_are_checked_elsewhere_too() -> None:
    schema = {"patternProperties": {"^(x+)+$": {"type": "integer"}}, "additionalProperties": False}
    name = "x" * 60
    answers = [f'{{"{name}!": 1}}', '{"x": 1}', '{"x": "1"}', '{"x": 1' + "0" * 4400 + "}"]
    told = score_all(answers, {}, suite(schema), timeout_s=0.3)
    assert told[0].notes == {"given_up": True}
    assert told[1].correct
    assert told[2].detail == "breaks the schema: '1' is not of type 'integer'"
    assert not told[3].correct  # more digits than Python writes


def test_half_a_surrogate_pair_reaches_the_process() -> None:
    schema = {"properties": {"x": {"pattern": "^.$"}}}
    assert score_json('{"x": "é"}', {}, suite(schema)).correct
    assert not score_json('{"x": "\\ud800"}', {}, suite(schema)).notes.get("given_up")


def test_a_limit_is_a_limit() -> None:
    for limit in (0, 601, float("nan")):
        with pytest.raises(ConfigError, match="timeout_s"):
            score_json("{}", {}, suite(), timeout_s=limit)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(), _VALUES, max_size=4))
def test_the_gold_itself_is_always_right(gold: dict[str, Any]) -> None:
    score = score_json(msgspec.json.encode(gold).decode(), gold, suite())
    assert (score.correct, score.value, score.detail) == (True, 1.0, "")


@given(st.text(), st.dictionaries(st.text(), _VALUES, max_size=3))
def test_no_answer_breaks_the_scorer(answer: str, gold: dict[str, Any]) -> None:
    for fenced in (False, True):
        score = score_json(answer, gold, suite(PERSON), fenced=fenced)
        assert 0 <= score.value <= 1
        assert score.correct == (score.detail == "")


# -- Rules of fields -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "told", "gold", "right"),
    [
        ({"rule": "exact"}, "12.50", "12.5", False),
        ({"rule": "number"}, "$12.50", 12.5, True),
        ({"rule": "number"}, "1,250", "1250.00", True),
        ({"rule": "number"}, "12.51", 12.5, False),
        ({"rule": "number", "tolerance": 0.02}, "12.51", 12.5, True),
        ({"rule": "number"}, "none", 12.5, False),
        ({"rule": "number"}, "n/a", "n/a", True),
        ({"rule": "date"}, "2018-12-25", "25/12/2018", True),
        ({"rule": "date"}, "December 25, 2018", "25 Dec 18", True),
        ({"rule": "date"}, "3/4/2025", "2025-04-03", True),
        ({"rule": "date", "order": "mdy"}, "3/4/2025", "2025-03-04", True),
        ({"rule": "date"}, "2018-12-26", "25/12/2018", False),
        ({"rule": "date"}, "31/02/2018", "28/02/2018", False),
        ({"rule": "normalised"}, "ACME, Inc.", "acme inc", True),
        ({"rule": "normalised"}, "ACME", "acme inc", False),
        ({"rule": "f1"}, "12 High Street, Leeds", "12 high street leeds", True),
        ({"rule": "f1"}, "High Street", "12 high street leeds", False),
        ({"rule": "f1", "at_least": 0.6}, "High Street", "12 high street leeds", True),
    ],
)
def test_fields_are_held_against_their_golds_by_rule(
    rule: dict[str, Any], told: Any, gold: Any, right: bool
) -> None:
    assert field_share(told, gold, msgspec.convert(rule, FieldRule))[0] == right


def test_rules_stand_in_the_suite_by_name_or_with_settings() -> None:
    gold = {"day": "2024-02-01", "total": "9.90", "seen": "x", "who": "A"}
    fields = {"day": "date", "total": {"rule": "number"}, "seen": "ignore"}
    answer = '{"day": "1 Feb 2024", "total": 9.9, "who": "B"}'
    score = score_json(answer, gold, suite(), fields=fields)
    assert score == Score(False, 2 / 3, "wrong: who", {"wrong": ["who"]})


def test_a_fence_counts_only_where_the_suite_says_so() -> None:
    for answer in ('```json\n{"a": 1}\n```', 'Here: {"a": 1}. Anything else?'):
        assert not score_json(answer, {"a": 1}, suite()).correct
        assert score_json(answer, {"a": 1}, suite(), fenced=True).correct


def test_f1_counts_in_part() -> None:
    score = score_json('{"a": "one two"}', {"a": "one two three four"}, suite(), fields={"a": "f1"})
    assert not score.correct
    assert score.value == pytest.approx(2 / 3)


@pytest.mark.parametrize("told", [{"a": "dates"}, {"a": {"rule": "f1", "at_leest": 1}}])
def test_an_unknown_rule_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"options\.fields\.a"):
        score_json("{}", {}, suite(), fields=told)


@pytest.mark.parametrize("schema", [{"$ref": "#"}, {"allOf": [{"$ref": "#"}]}])
def test_a_schema_without_end_is_told_before_a_model_is_asked(schema: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="refers to itself without end"):
        score_json("{}", {}, suite(schema))


def test_a_schema_may_refer_to_itself_one_level_down() -> None:
    tree = {"type": "object", "additionalProperties": {"$ref": "#"}}
    assert score_json('{"a": {"b": {}}}', {}, suite(tree)).correct


@pytest.mark.parametrize("tolerance", [float("inf"), float("nan")])
def test_tolerances_must_be_finite(tolerance: float) -> None:
    with pytest.raises(ConfigError, match="must be finite"):
        score_json("{}", {}, suite(), fields={"a": {"rule": "number", "tolerance": tolerance}})


def test_numbers_beyond_all_reckoning_are_wrong() -> None:
    cents = {"properties": {"a": {"multipleOf": 0.01}}}
    told = score_json('{"a": 1%s}' % ("0" * 400), {"a": 1}, suite(cents))
    assert not told.correct
    assert told.detail.startswith("breaks the schema: it cannot be checked (OverflowError)")
