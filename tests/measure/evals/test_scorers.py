from __future__ import annotations

import warnings
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from referencing.exceptions import Unresolvable

from tests.fakes.llm_server import fake_llm_thread
from weighbridge.measure.evals.scorers import SCORERS, exact
from weighbridge.measure.evals.scorers import json as score_json
from weighbridge.measure.evals.suite import SuiteFile

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
    "additionalProperties": False,
}
GOLD = {"name": "Jan", "age": 60}


def suite(schema: dict[str, Any] | None = None) -> SuiteFile:
    return SuiteFile(name="s", prompt="p", scorer="json", schema=schema)


@pytest.mark.parametrize(
    ("answer", "gold", "correct"),
    [
        ("-9", "-9", True),
        (" -9\n", "-9", True),
        ("-9.", "-9", False),
        ("9", "-9", False),
        ("", "-9", False),
        ("7", 7, True),
        ("7.0", 7, False),
        ("Yes", "yes", False),
        ("a  b", "a b", False),
    ],
)
def test_exact_wants_the_very_words(answer: str, gold: object, correct: bool) -> None:
    score = exact(answer, gold, suite())
    assert (score.correct, score.value) == (correct, float(correct))
    assert bool(score.detail) == (not correct)


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
            score_json("{}", {}, suite({"$ref": f"{url}/models"}))  # an address that answers JSON


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
def test_no_answer_breaks_a_scorer(answer: str, gold: dict[str, Any]) -> None:
    for scorer in SCORERS.values():
        score = scorer(answer, gold, suite(PERSON))
        assert 0 <= score.value <= 1
        assert score.correct == (score.detail == "")
