"""YAML files that people write, decoded strictly: a typo is an error with the nearest known key."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from weighbridge.core.errors import ConfigError, InputError

StructT = TypeVar("StructT", bound=msgspec.Struct)

# What PyYAML's constructors trip over in values such as 2024-13-45 or `!!int x`.
_LEAKS = (ValueError, LookupError, AttributeError)
_WANTS_TEXT = re.compile(r"Expected `str(?: \| null)?`, got `(?:int|float)` - at `\$\.(.+)`")
_UNKNOWN = re.compile(r"unknown field `(.+?)`")


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                problem = f"the key `{key.value}` stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(path: Path, struct: type[StructT]) -> StructT:
    """The document in ``path`` as ``struct``.

    Raises:
        InputError: the file cannot be read.
        ConfigError: it is no YAML, or does not fit ``struct``; names file, place and nearest key.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not a UTF-8 text file.") from None
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.", fix="Check the path.") from None
    return parse_yaml(text, struct, origin=str(path))


def parse_yaml(text: str, struct: type[StructT], *, origin: str) -> StructT:
    """Like :func:`read_yaml`, for text that came from ``origin``."""
    try:
        document = yaml.load(text, _Loader)  # noqa: S506 -- a SafeLoader
    except (yaml.YAMLError, RecursionError, *_LEAKS) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{origin}, line {mark.line + 1}" if mark else origin
        problem = getattr(error, "problem", None) or getattr(error, "reason", None)
        problem = problem or "it is not readable"
        raise ConfigError(f"{where}: this is not YAML: {problem}.") from None
    if document is None:
        raise ConfigError(f"{origin}: the file is empty.", fix="Check the path, or fill it in.")
    try:
        return msgspec.convert(document, struct)
    except msgspec.ValidationError as error:
        number = _WANTS_TEXT.fullmatch(str(error))
        if number is not None:
            raise ConfigError(
                f"{origin}: `{number[1]}` is a number and should be text.",
                fix='Put it in quotation marks, as in "4090".',
            ) from None
        raise ConfigError(f"{origin}: {error}.", fix=_nearest(str(error), struct)) from None


def _nearest(message: str, struct: type[msgspec.Struct]) -> str:
    unknown = _UNKNOWN.search(message)
    if unknown is None:
        return ""
    known = sorted(_field_names(msgspec.inspect.type_info(struct)))
    near = difflib.get_close_matches(unknown[1], known, n=1)
    return f"Did you mean `{near[0]}`?" if near else f"Known keys: {', '.join(known)}."


def _field_names(info: Any) -> set[str]:  # noqa: ANN401 -- msgspec.inspect's many node types
    """Every key that a document of this type may contain, at any depth."""
    names: set[str] = set()
    for field in getattr(info, "fields", ()):
        names.add(field.encode_name)
        names |= _field_names(field.type)
    for child in ("item_type", "value_type"):
        if hasattr(info, child):
            names |= _field_names(getattr(info, child))
    for option in getattr(info, "types", ()):
        names |= _field_names(option)
    return names
