from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.measure.evals.scorers.scoring import complaint, score
from tests.shared_data import shared
from weighbridge.measure.evals.published.bfcl import bfcl
from weighbridge.measure.evals.scorers.calls import acceptable, calls_in
from weighbridge.measure.evals.scoring import Call

GOLD = [
    {"name": "area.of", "arguments": {"base": [10], "height": [5.0], "unit": ["cm", "units", ""]}}
]


def right(*calls: Call, gold: Any = None) -> bool:
    return score("calls", "", GOLD if gold is None else gold, calls=calls).correct


def test_the_right_call_is_right_however_its_name_is_written() -> None:
    assert right(Call("area.of", {"base": 10, "height": 5}))
    assert right(Call("area_of", {"base": 10.0, "height": 5, "unit": "Units"}))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (Call("volume", {"base": 10, "height": 5}), "calls volume, not area.of"),
        (Call("area.of", {"base": 10}), "height is missing"),
        (Call("area.of", {"base": 11, "height": 5}), "base is 11"),
        (Call("area.of", {"base": "10", "height": 5}), "base is '10'"),
        (Call("area.of", {"base": True, "height": 5}), "base is True"),
        (Call("area.of", {"base": 10, "height": 5, "depth": 1}), "has no argument depth"),
        (Call("area.of", None), "the arguments are no object"),
        (Call("", None), "calls nothing readable"),
    ],
)
def test_a_wrong_call_says_why(call: Call, said: str) -> None:
    told = score("calls", "", GOLD, calls=(call,))
    assert (told.correct, told.value) == (False, 0.0)
    assert said in told.detail


def test_several_calls_in_any_order_none_beside_them() -> None:
    gold = [{"name": "play", "arguments": {"who": [who]}} for who in ("Ann", "Bo")]
    ann, bo = Call("play", {"who": "ann"}), Call("play", {"who": "BO"})
    assert right(bo, ann, gold=gold)
    assert not right(ann, ann, gold=gold)
    assert not right(ann, bo, ann, gold=gold)
    half = score("calls", "", gold, calls=(ann, Call("play", {"who": "Cy"})))
    assert half.value == 0.5


def test_where_no_function_fits_none_may_be_called() -> None:
    assert score("calls", "None of these can do that.", []).correct
    assert (
        score("calls", "", [], calls=(Call("x", {}),)).detail == "calls 1 function, not no function"
    )


@pytest.mark.parametrize(
    "text",
    [
        '[{"name": "area_of", "arguments": {"base": 10, "height": 5}}]',
        '{"name": "area.of", "parameters": {"base": 10, "height": 5}}',
        '{"area.of": {"base": 10, "height": 5}}',
        "area.of(base=10, height=5.0)",
        "[area_of(base=10, height=5, unit='cm')]",
        "Sure:\n```python\narea.of(base=10, height=5)\n```",
        '<tool_call>\n{"name": "area_of", "arguments": {"base": 10, "height": 5}}\n</tool_call>',
    ],
)
def test_calls_written_as_text_are_read(text: str) -> None:
    assert score("calls", text, GOLD).correct


@pytest.mark.parametrize(
    "text", ["area.of(10, 5)", "area.of(base=__import__('os'))", "area.of", ""]
)
def test_text_is_never_run_and_positions_are_no_names(text: str) -> None:
    assert calls_in(text) == []


@pytest.mark.parametrize(
    ("told", "gold", "same"),
    [
        ("New York, NY", "new york ny", True),
        ("2024-01-02", "2024/01/02", True),
        ("a", "b", False),
        (1, 1.0, True),
        (1.5, 1, False),
        ("1", 1, False),
        (None, "x", False),
        ([1, "A"], [1, "a"], True),
        ([1], [1, 2], False),
        ({"a": 1}, {"a": [1, 2], "b": ["", 3]}, True),
        ({"a": 3}, {"a": [1, 2]}, False),
        ({"a": 1, "c": 1}, {"a": [1]}, False),
        ({}, {"a": [1]}, False),
    ],
)
def test_acceptable_values(told: Any, gold: Any, same: bool) -> None:
    assert acceptable(told, gold) == same


@pytest.mark.parametrize(
    "gold", ["x", {}, [1], [{"name": "x"}], [{"name": "x", "arguments": {"a": 1}}]]
)
def test_golds_are_lists_of_calls(gold: object) -> None:
    assert "must be a list of calls" in complaint("calls", gold)


@given(st.text())
def test_no_answer_breaks_the_scorer(answer: str) -> None:
    told = score("calls", answer, GOLD)
    assert told.correct == (told.detail == "")


def first(values: list[Any]) -> Any:
    """An acceptable value, those of objects unfolded."""
    return unfolded(next(value for value in values if value != ""))


def unfolded(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: first(inner) if isinstance(inner, list) else inner
            for name, inner in value.items()
            if not (isinstance(inner, list) and inner[:1] == [""])
        }
    return [unfolded(one) for one in value] if isinstance(value, list) else value


def test_the_possible_answers_of_bfcl_are_right() -> None:
    suite = bfcl(shared("data", "suites", "bfcl"))
    assert len(suite.items) == 1298
    for item in suite.items:
        calls = [
            {
                "name": wanted["name"].replace(".", "_"),
                "arguments": {
                    name: first(values)
                    for name, values in wanted["arguments"].items()
                    if "" not in values
                },
            }
            for wanted in item["answer"]
        ]
        told = tuple(Call(call["name"], call["arguments"]) for call in calls)
        for judged in (
            score("calls", "", item["answer"], calls=told),
            score("calls", json.dumps(calls), item["answer"]),
        ):
            assert judged.correct, (item["id"], judged.detail)
        if item["answer"]:
            assert not score("calls", "I would rather not.", item["answer"]).correct


def test_the_functions_of_bfcl_become_tools_as_apis_want_them() -> None:
    suite = bfcl(shared("data", "suites", "bfcl", "BFCL_v4_multiple.json"))
    assert len(suite.items) == 200
    text = json.dumps([item["tools"] for item in suite.items])
    assert '"type": "dict"' not in text
    assert '"type": "float"' not in text
    for item in suite.items:
        for tool in item["tools"]:
            assert "." not in tool["function"]["name"]
            assert tool["function"]["parameters"]["type"] == "object"


@pytest.mark.parametrize("text", ["f(x={[1]: 2})", "f(x={{}: 1})", "f(x=0x" + "f" * 9999 + ")"])
def test_no_argument_breaks_the_scorer(text: str) -> None:
    assert not score("calls", text, [{"name": "f", "arguments": {"x": [1]}}]).correct
