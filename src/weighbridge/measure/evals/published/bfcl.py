"""The Berkeley function-calling leaderboard's single-turn files, with their possible answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.core.counting import counted
from weighbridge.core.errors import FormatError, InputError
from weighbridge.measure.evals.published.lines import Published, rows

# Its type names, which are Python's, as JSON Schema has them.
_TYPES = {"dict": "object", "float": "number", "tuple": "array", "any": None}
_PREFIX = "BFCL_"


def bfcl(path: Path) -> Published:
    """One file, or all that a folder has; files of answers lie beside them."""
    files = [path] if path.is_file() else sorted(path.glob(f"{_PREFIX}*.json"))
    files = [file for file in files if not file.name.endswith(".answers.json")]
    if not files:
        raise InputError(f"{path} has no {_PREFIX}*.json.", fix="Check the path.")
    found = [one for file in files for one in _items(file)]
    settings = {
        "name": "bfcl",
        "description": "Function calls: the right function with acceptable arguments, or none.",
        "prompt": "{question}",
        "scorer": "calls",
        "tools": True,
        "max_tokens": 1024,
        "source": "ShishirPatil/gorilla, berkeley-function-call-leaderboard",
        "license": "Apache-2.0",
    }
    return Published(settings, [item for _, item in found], [where for where, _ in found])


class _Turn(msgspec.Struct):
    role: str
    content: str


class _Function(msgspec.Struct):
    name: str
    parameters: dict[str, Any]
    description: str = ""


class _Question(msgspec.Struct):
    id: str | int
    question: list[list[_Turn]]
    function: list[_Function]


class _Answers(msgspec.Struct):
    id: str | int
    ground_truth: list[dict[str, dict[str, list[Any]]]]


def _items(file: Path) -> list[tuple[str, dict[str, Any]]]:
    answers = _answers(file)
    found = []
    for where, row in rows(file, _Question):
        name = str(row.id)
        if answers is not None and name not in answers:
            raise FormatError(f"{where}: {name} has no answer in the file of answers.")
        turns = row.question[0] if len(row.question) == 1 else []
        if not turns or turns[-1].role != "user":
            raise FormatError(
                f"{where}: {name} is not a single turn of a user.",
                fix="Only single-turn files can be read.",
            )
        item = {
            "id": name,
            "question": turns[-1].content,
            "tools": [_tool(function) for function in row.function],
            "answer": answers[name] if answers is not None else [],
        }
        if len(turns) > 1:
            item["messages"] = msgspec.to_builtins(turns[:-1])
        found.append((where, item))
    return found


def _answers(file: Path) -> dict[str, list[dict[str, Any]]] | None:
    """Possible answers by id; None where no function fits and so there are none."""
    if "irrelevance" in file.name:
        return None
    beside = [
        file.with_name(f"{file.stem}.answers.json"),
        file.parent / "possible_answer" / file.name,
    ]
    for place in beside:
        if place.is_file():
            return {
                str(row.id): [_call(call, where) for call in row.ground_truth]
                for where, row in rows(place, _Answers)
            }
    raise InputError(
        f"The answers to {file.name} are missing.", fix=f"Put them at {beside[0]} or {beside[1]}."
    )


def _call(told: Mapping[str, Mapping[str, Sequence[Any]]], where: str) -> dict[str, Any]:
    if len(told) != 1:
        raise FormatError(f"{where}: a call names {counted(len(told), 'function')} instead of one.")
    ((name, arguments),) = told.items()
    # Two of the published answers accept nothing at all for lists that a good call leaves empty.
    accepted = {key: list(values) or ["", []] for key, values in arguments.items()}
    return {"name": name, "arguments": accepted}


def _tool(function: _Function) -> dict[str, Any]:
    """A function as chat APIs want it: no dots in its name, JSON Schema's types."""
    told = {
        "name": function.name.replace(".", "_"),
        "description": function.description,
        "parameters": _schema(function.parameters),
    }
    return {"type": "function", "function": told}


def _schema(node: Any) -> Any:  # noqa: ANN401 -- any JSON value
    if isinstance(node, list):
        return [_schema(one) for one in node]
    if not isinstance(node, dict):
        return node
    # `properties` has names of parameters as keys, among which may be `type`.
    told = {
        key: {name: _schema(inner) for name, inner in value.items()}
        if key == "properties" and isinstance(value, dict)
        else _schema(value)
        for key, value in node.items()
    }
    kind = told.get("type")
    if isinstance(kind, str) and kind in _TYPES:
        named = _TYPES[kind]
        told.pop("type")
        if named is not None:
            told["type"] = named
    return told
