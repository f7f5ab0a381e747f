"""Function calls: the right functions with acceptable arguments, as BFCL's answers list them.

An item's answer is a list of calls that must be made, each ``{"name", "arguments"}``, where every
argument has a list of acceptable values; an empty text among them means that it may be left out.
An empty list means that no function fits and none may be called.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from weighbridge.measure.evals.records import Item, SuiteFile
from weighbridge.measure.evals.scoring import Answer, Call, Kind, Means, NoOptions, Rule, Score

_FENCE = re.compile(r"```\w*\s*\n?(.*?)```", re.DOTALL)
_TAGGED = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)
# What string arguments may differ in: BFCL ignores case, spaces and these signs.
_IGNORED = re.compile(r"[ ,./\-_*^]")
_LONGEST = 20_000


def judge_calls(item: Item, answer: Answer) -> Score:
    """Every wanted call is made, none beside them, in any order."""
    told = list(answer.calls) or calls_in(answer.text)
    wanted = [Wanted.of(one) for one in item.answer]
    if len(told) != len(wanted):
        detail = f"calls {_counted(len(told))}, not {_counted(len(wanted))}"
        return Score(correct=False, value=0.0, detail=detail)
    left, faults = list(told), []
    for want in wanted:
        said = [want.fault(call) for call in left]
        if "" in said:
            left.pop(said.index(""))
        else:
            faults.append(said[0])
    value = 1.0 - len(faults) / len(wanted) if wanted else 1.0
    return Score(not faults, value, "; ".join(faults))


def _counted(count: int) -> str:
    return "no function" if count == 0 else f"{count} function{'s' * (count > 1)}"


class Wanted(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A call that must be made, with the acceptable values of each argument."""

    name: str
    arguments: dict[str, list[Any]]

    @staticmethod
    def of(told: Any) -> Wanted:  # noqa: ANN401 -- any JSON value
        """One entry of an item's answer.

        Raises:
            msgspec.ValidationError: it is none.
        """
        return msgspec.convert(told, Wanted)

    def fault(self, call: Call) -> str:
        """Why a call is not this one; nothing when it is."""
        if plain_name(call.name) != plain_name(self.name):
            return f"calls {call.name or 'nothing readable'}, not {self.name}"
        if call.arguments is None:
            return f"{self.name}: the arguments are no object"
        unknown = call.arguments.keys() - self.arguments.keys()
        if unknown:
            return f"{self.name}: has no argument {min(unknown)}"
        for name, values in self.arguments.items():
            if name not in call.arguments:
                if "" not in values:
                    return f"{self.name}: {name} is missing"
            elif not any(acceptable(call.arguments[name], value) for value in values):
                return f"{self.name}: {name} is {_shown(call.arguments[name])}"
        return ""


def _shown(value: Any) -> str:  # noqa: ANN401 -- any JSON value
    try:
        return repr(value)[:200]
    except (ValueError, RecursionError):  # a number with more digits than Python writes
        return "a value that cannot be shown"


def plain_name(name: str) -> str:
    """A function's name as APIs allow it: they know no dots."""
    return name.replace(".", "_")


def acceptable(told: Any, gold: Any) -> bool:  # noqa: ANN401 -- any JSON value
    """Whether a value is the acceptable one.

    Texts may differ in case, spaces and light punctuation; a whole number may stand for a real one
    but not the other way round unless it is whole; in an object, each key has a list of
    acceptable values of its own.
    """
    if isinstance(told, bool) or isinstance(gold, bool):
        return told is gold
    if isinstance(gold, str):
        return isinstance(told, str) and _plain(told) == _plain(gold)
    if isinstance(gold, int | float):
        return isinstance(told, int | float) and told == gold
    if isinstance(gold, list):
        return (
            isinstance(told, list) and len(told) == len(gold) and all(map(acceptable, told, gold))
        )
    if isinstance(gold, dict):
        return isinstance(told, dict) and _same_object(told, gold)
    return told is None and gold is None


def _same_object(told: dict[str, Any], gold: dict[str, Any]) -> bool:
    if told.keys() - gold.keys():
        return False
    for name, values in gold.items():
        listed = values if isinstance(values, list) else [values]
        if name not in told:
            if "" not in listed:
                return False
        elif not any(acceptable(told[name], value) for value in listed) and not acceptable(
            told[name], values
        ):
            return False
    return True


def _plain(text: str) -> str:
    return _IGNORED.sub("", text).lower().replace("'", '"')


# -- Calls written as text -----------------------------------------------------------------------


def calls_in(text: str) -> list[Call]:
    """Calls that a model wrote into its answer: as Python, as JSON, or between tool-call tags."""
    text = text.strip()[:_LONGEST]
    tagged = _TAGGED.findall(text)
    if tagged:
        return [call for part in tagged for call in _from_json(part)]
    fenced = _FENCE.search(text)
    for part in (text, fenced[1].strip()) if fenced else (text,):
        found = _from_json(part) or _from_python(part)
        if found:
            return found
    return []


def _from_json(text: str) -> list[Call]:
    try:
        told = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return []
    return [call for one in (told if isinstance(told, list) else [told]) for call in _call(one)]


def _call(told: Any) -> Iterator[Call]:  # noqa: ANN401 -- any JSON value
    """``{"name": …, "arguments": …}`` as most write it, or ``{name: arguments}``."""
    if not isinstance(told, dict):
        return
    arguments = told.get("arguments", told.get("parameters"))
    if isinstance(told.get("name"), str) and isinstance(arguments, dict):
        yield Call(told["name"], arguments)
    elif len(told) == 1:
        name, inner = next(iter(told.items()))
        if isinstance(inner, dict):
            yield Call(name, inner)


def _from_python(text: str) -> list[Call]:
    try:
        tree = ast.parse(text.strip("`\n "), mode="eval").body
        nodes: Sequence[ast.expr] = tree.elts if isinstance(tree, ast.List | ast.Tuple) else [tree]
        return [_python_call(node) for node in nodes]
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return []


def _python_call(node: ast.expr) -> Call:
    """``name(key=value)``; values are literals, nothing is run."""
    if not isinstance(node, ast.Call) or node.args:
        raise ValueError(node)
    arguments = {
        keyword.arg: _as_json(ast.literal_eval(keyword.value))
        for keyword in node.keywords
        if keyword.arg is not None
    }
    return Call(ast.unparse(node.func), arguments)


def _as_json(value: Any) -> Any:  # noqa: ANN401 -- any literal
    if isinstance(value, tuple | list):
        return [_as_json(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _as_json(one) for name, one in value.items()}
    return value


def _complaint(item: Item, _: object) -> str:
    fault = "`answer` must be a list of calls, each with `name` and the `arguments` it accepts"
    if not isinstance(item.answer, list):
        return fault
    try:
        for one in item.answer:
            Wanted.of(one)
    except msgspec.ValidationError:
        return fault
    return ""


def _make(_: SuiteFile, __: NoOptions, ___: Means) -> Rule:
    return Rule(judge_calls)


CALLS = Kind(NoOptions, _make, _complaint)
