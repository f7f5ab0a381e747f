"""YAML files that people write, decoded strictly: a typo is an error with the nearest known key."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from weighbridge.core.errors import ConfigError, InputError

StructT = TypeVar("StructT", bound=msgspec.Struct)

# Names for parts (`&a`, `*a`) save typing; a few lines of them can also mean billions of values.
_MOST_REPEATED = 100_000
# What PyYAML's constructors trip over in values such as 2024-13-45 or `!!int x`.
_LEAKS = (ValueError, LookupError, AttributeError)
_WANTS_TEXT = re.compile(r"Expected `str(?: \| null)?`, got `(?:int|float)` - at `\$\.(.+)`")
_UNKNOWN = re.compile(r"unknown field `(.+?)`(?: - at `\$(.*)`)?")
_INDEX = re.compile(r"\[\d+\]")
# Of the places where a key belongs, so many are named.
_MOST_PLACES = 3
_MOST_BYTES = 16 << 20


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


@dataclass(frozen=True, slots=True)
class Loaded:
    """A YAML document as plain values, and where they stand."""

    document: Any
    node: yaml.Node

    def line(self, path: tuple[str | int, ...]) -> int:
        """The line, from 1, of the innermost part that ``path`` leads to, as far as it leads."""
        node, line = self.node, self.node.start_mark.line
        for step in path:
            inner = _child(node, step)
            if inner is None:
                break
            line, node = inner
        return int(line) + 1


def _child(node: yaml.Node, step: str | int) -> tuple[int, yaml.Node] | None:
    """The line and the node of a key or item."""
    if isinstance(node, yaml.MappingNode):
        # Of merged keys the last counts.
        for key, value in reversed(node.value):
            if isinstance(key, yaml.ScalarNode) and key.value == str(step):
                return key.start_mark.line, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        item = node.value[step]
        return item.start_mark.line, item
    return None


def read_yaml(path: Path, struct: type[StructT]) -> StructT:
    """The document in ``path`` as ``struct``.

    Raises:
        InputError: the file cannot be read.
        ConfigError: it is no YAML, or does not fit ``struct``; names file, place and nearest key.
    """
    return parse_yaml(read_text(path), struct, origin=str(path))


def read_text(path: Path) -> str:
    """The text of a file that a person writes.

    Raises:
        InputError: the file cannot be read, or is no text.
    """
    try:
        with path.open("rb") as file:  # a device may have no end
            raw = file.read(_MOST_BYTES + 1)
        if len(raw) > _MOST_BYTES:
            raise InputError(f"{path} is larger than anything that a person writes.")
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not a UTF-8 text file.") from None
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.", fix="Check the path.") from None


def parse_yaml(text: str, struct: type[StructT], *, origin: str) -> StructT:
    """Like :func:`read_yaml`, for text that came from ``origin``."""
    document = load_yaml(text, origin=origin).document
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


def load_yaml(text: str, *, origin: str) -> Loaded:
    """The one document in ``text``, not yet decoded, with the line of each of its parts.

    Raises:
        ConfigError: it is no YAML, or empty.
    """
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        _refuse_bombs(node)
        document = None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, RecursionError, *_LEAKS) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{origin}, line {mark.line + 1}" if mark else origin
        problem = getattr(error, "problem", None) or getattr(error, "reason", None)
        problem = problem or "it is not readable"
        raise ConfigError(f"{where}: this is not YAML: {problem}.") from None
    if node is None or document is None:
        raise ConfigError(f"{origin}: the file is empty.", fix="Check the path, or fill it in.")
    return Loaded(document, node)


def _refuse_bombs(root: yaml.Node | None) -> None:
    """Refuse a document that is much larger than what is written, or that holds itself."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        known = sizes.get(id(node))
        if known is None:
            sizes[id(node)] = -1  # under way
            known = sizes[id(node)] = 1 + sum(map(size, _parts(node)))
        if known < 0:
            raise _refused("a part stands inside itself", node)
        if known - len(sizes) > _MOST_REPEATED:
            raise _refused("names for parts (`&` and `*`) repeat too many values", node)
        return known

    if root is not None:
        size(root)


def _parts(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _refused(problem: str, node: yaml.Node) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


def _nearest(message: str, struct: type[msgspec.Struct]) -> str:
    """What to write instead of an unknown key, or where a key of that name belongs."""
    unknown = _UNKNOWN.search(message)
    if unknown is None:
        return ""
    return key_hint(unknown[1], _INDEX.sub("[...]", unknown[2] or "").removeprefix("."), struct)


def key_hint(key: str, at: str, struct: type[msgspec.Struct]) -> str:
    """What to write instead of an unknown key, or where a key of that name belongs.

    Args:
        key: the unknown key.
        at: what holds it, with ``[...]`` for the names and numbers of items: ``models[...]``.
        struct: what the whole document is to be.
    """
    places = _places(msgspec.inspect.type_info(struct), "")
    here = sorted({name for name, place in places if place == at})
    elsewhere = sorted({place for name, place in places if name == key})
    near = difflib.get_close_matches(key, here, n=1)
    told = [f"Did you mean `{near[0]}`?"] if near else []
    if elsewhere:
        told.append(f"`{key}` belongs {_where(elsewhere)}.")
    return " ".join(told) or f"Known keys there: {', '.join(here)}."


def _where(places: list[str]) -> str:
    """``at the top, or under `a` or `b` ``; of many places the first few."""
    inner = [f"`{place}`" for place in places if place]
    named = " or ".join(inner[:_MOST_PLACES])
    more = ", among others" if len(inner) > _MOST_PLACES else ""
    parts = ["at the top"] * ("" in places) + [f"under {named}{more}"] * bool(inner)
    return ", or ".join(parts)


def _places(info: Any, at: str) -> list[tuple[str, str]]:  # noqa: ANN401 -- many node types
    """Every key that a document of this type may contain, with the place of what holds it."""
    found: list[tuple[str, str]] = []
    for field in getattr(info, "fields", ()):
        name = field.encode_name
        found.append((name, at))
        found += _places(field.type, f"{at}.{name}" if at else name)
    for child in ("item_type", "value_type"):
        if hasattr(info, child):
            found += _places(getattr(info, child), f"{at}[...]")
    for option in getattr(info, "types", ()):
        found += _places(option, at)
    return found
