"""Whether a document has the shape of a Struct: every fault of it, and what is left without them.

The decoder of msgspec stops at the first fault; whoever mends a file wants to hear of all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import inspect

from weighbridge.facts.documents import key_hint
from weighbridge.serve.config.faults import Fault, Path, listed

_WORDS: tuple[tuple[type[inspect.Type], str], ...] = (
    (inspect.StrType, "text"),
    (inspect.IntType, "a whole number"),
    (inspect.FloatType, "a number"),
    (inspect.BoolType, "true or false"),
    (inspect.DictType, "`name: value` lines"),
    (inspect.VarTupleType, "a list"),
)
_WORD = re.compile(r"[A-Za-z_]{1,40}")
# A short word, or a number with its unit.
_HARMLESS = re.compile(r"[a-z]{1,12}|\d{1,9}(?:\.\d{1,9})?[A-Za-z%$ ]{0,6}")
_MOST_NAMED = 2
_MISSING = object()
# What a file may say wrongly at most before the rest is not worth reading.
_MOST_FAULTS = 200


@dataclass(slots=True)
class _Walk:
    """A walk through one document."""

    root: type[msgspec.Struct]
    faults: list[Fault] = field(default_factory=list)

    def fault(self, path: Path, text: str) -> object:
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(Fault(path, text))
        return _MISSING

    def part(self, value: Any, info: inspect.Type, path: Path, at: str) -> Any:  # noqa: ANN401 -- YAML
        """What of ``value`` fits ``info``; ``_MISSING`` where nothing does."""
        option = _option(value, info)
        if option is None:
            return self.fault(path, _unfit(value, info, path))
        if isinstance(option, inspect.StructType):
            return self.struct(value, option, path, at)
        if isinstance(option, inspect.DictType):
            return self.mapping(value, option, path, f"{at}[...]")
        if isinstance(option, inspect.VarTupleType):
            return self.items(value, option, path, f"{at}[...]")
        return value

    def items(self, value: list[Any], info: inspect.VarTupleType, path: Path, at: str) -> Any:  # noqa: ANN401
        parts = [self.part(v, info.item_type, (*path, n), at) for n, v in enumerate(value)]
        return [part for part in parts if part is not _MISSING]

    def struct(self, value: dict[Any, Any], info: inspect.StructType, path: Path, at: str) -> Any:  # noqa: ANN401
        fields = {known.encode_name: known for known in info.fields}
        kept = {}
        for key, inner in value.items():
            if key not in fields:
                hint = key_hint(str(key), at, self.root)
                self.fault((*path, _shown(key, path)), f"the key is unknown. {hint}".rstrip(". "))
                continue
            inside = f"{at}.{key}" if at else key
            part = self.part(inner, fields[key].type, (*path, key), inside)
            if part is not _MISSING:
                kept[key] = part
        missing = [name for name, known in fields.items() if known.required and name not in kept]
        for name in missing:
            if name not in value:
                self.fault(path, f"`{name}` is missing")
        return _MISSING if missing else kept

    def mapping(self, value: dict[Any, Any], info: inspect.DictType, path: Path, at: str) -> Any:  # noqa: ANN401
        kept = {}
        for key, inner in value.items():
            if not isinstance(key, str):
                self.fault((*path, str(key)), f'the name should be text: write "{key}"')
                continue
            part = self.part(inner, info.value_type, (*path, key), at)
            if part is not _MISSING:
                kept[key] = part
        return kept


def fit(document: Any, struct: type[msgspec.Struct]) -> tuple[Any, tuple[Fault, ...]]:  # noqa: ANN401
    """What of ``document`` fits ``struct``, None where too little does; and all that does not."""
    walk = _Walk(struct)
    part = walk.part(document, inspect.type_info(struct), (), "")
    return (None if part is _MISSING else part), tuple(walk.faults)


def _shown(key: object, path: Path) -> str:
    """An unknown key for messages: what stands among keys may be a token followed by a colon."""
    return str(key) if path[:1] != ("keys",) or _WORD.fullmatch(str(key)) else "…"


def _option(value: Any, info: inspect.Type) -> inspect.Type | None:  # noqa: ANN401
    """The type, of those that ``info`` allows, whose kind is the value's."""
    return next((option for option in _options(info) if _is_kind(value, option)), None)


def _options(info: inspect.Type) -> Iterator[inspect.Type]:
    if isinstance(info, inspect.UnionType):
        for option in info.types:
            yield from _options(option)
    else:
        yield info


def _is_kind(value: Any, info: inspect.Type) -> bool:  # noqa: ANN401
    if isinstance(info, inspect.LiteralType):
        return isinstance(value, str | int) and any(
            value == known and type(value) is type(known) for known in info.values
        )
    kinds: dict[type[inspect.Type], type | tuple[type, ...]] = {
        inspect.StrType: str,
        inspect.IntType: int,
        inspect.FloatType: (int, float),
        inspect.BoolType: bool,
        inspect.NoneType: type(None),
        inspect.StructType: dict,
        inspect.DictType: dict,
        inspect.VarTupleType: list,
    }
    if isinstance(value, bool) and not isinstance(info, inspect.BoolType):
        return False
    return isinstance(value, kinds.get(type(info), ()))


def _unfit(value: Any, info: inspect.Type, path: Path) -> str:  # noqa: ANN401
    """Why ``value`` does not fit."""
    options = [option for option in _options(info) if not isinstance(option, inspect.NoneType)]
    choices = [
        str(known) for o in options if isinstance(o, inspect.LiteralType) for known in o.values
    ]
    kinds = [word for kind, word in _WORDS if any(isinstance(o, kind) for o in options)]
    if not choices and "text" in kinds and isinstance(value, int | float):
        return "this is a number or a truth value and should be text: put it in quotation marks"
    keys = [_keys(o) for o in options if isinstance(o, inspect.StructType)]
    wanted = " or ".join(dict.fromkeys([*([listed(choices)] if choices else []), *kinds, *keys]))
    text = f"this should be {wanted}, {_said(value, path)}"
    return f"{text}: put it in [ ]" if kinds == ["a list"] and isinstance(value, str) else text


def _keys(struct: inspect.StructType) -> str:
    """A part with keys of its own, and which: those that it needs, else the first."""
    needed = [known.encode_name for known in struct.fields if known.required]
    names = needed or [known.encode_name for known in struct.fields][:_MOST_NAMED]
    return f"`key: value` lines, such as {' and '.join(f'`{name}`' for name in names)}"


def _said(value: Any, path: Path) -> str:  # noqa: ANN401
    """What there is instead. Most texts are not printed: they may be secrets in a wrong place."""
    if value is None:
        return "and is empty"
    shown = path[:1] != ("keys",) and _HARMLESS.fullmatch(str(value))
    if isinstance(value, str):
        return f"not the text {value!r}" if shown else "not a text"
    if shown and type(value) in (int, float):
        return f"not {value}"
    words = {bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return f"not {words.get(type(value), '`key: value` lines')}"
