"""A suite: a folder with ``suite.yaml`` and ``items.jsonl``."""

from __future__ import annotations

import codecs
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jsonschema
import msgspec
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.core.runs import content_hash
from weighbridge.facts.documents import read_yaml

_NAME = re.compile(r"[\w.-]{1,80}")


class SuiteFile(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What ``suite.yaml`` may say.

    Attributes:
        name: the task's name, used in verdicts and routes.
        prompt: the user message, with ``{field}`` for each item's fields.
        scorer: how answers are judged: ``exact`` or ``json``.
        system: the system message, if any.
        description: one line for readers.
        max_tokens: longest answer asked for.
        schema: JSON Schema that ``json`` answers must meet.
    """

    name: str
    prompt: str
    scorer: Literal["exact", "json"]
    system: str | None = None
    description: str = ""
    max_tokens: int = 256
    schema: dict[str, Any] | None = None


_ANSWERS: dict[str, tuple[tuple[type, ...], str]] = {
    "exact": ((str, int, float), "a string or a number"),
    "json": ((dict,), "an object"),
}


@dataclass(frozen=True, slots=True)
class Item:
    """One question with its answer; ``prompt`` has the fields filled in."""

    id: str
    prompt: str
    answer: Any


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite as loaded: its settings, its items, and the hash of both."""

    settings: SuiteFile
    items: tuple[Item, ...]
    hash: str

    @property
    def name(self) -> str:
        """The task's name."""
        return self.settings.name

    def head(self, limit: int | None) -> Suite:
        """The suite with only its first ``limit`` items (another hash: another measurement)."""
        if limit is None or limit >= len(self.items):
            return self
        return make_suite(self.settings, self.items[:limit])


def make_suite(settings: SuiteFile, items: tuple[Item, ...]) -> Suite:
    """A suite with its hash computed."""
    return Suite(settings, items, content_hash(settings, items))


def load_suite(folder: Path) -> Suite:
    """The suite in ``folder``.

    Raises:
        InputError: a file is missing.
        ConfigError: a file says something that cannot be; names the file and line.
    """
    if not folder.is_dir():
        raise InputError(
            f"There is no suite folder {folder}.",
            fix="A suite is a folder with suite.yaml and items.jsonl.",
        )
    settings = read_yaml(folder / "suite.yaml", SuiteFile)
    _check_settings(settings, folder / "suite.yaml")
    items = _read_items(folder / "items.jsonl", settings)
    return make_suite(settings, items)


def _check_settings(settings: SuiteFile, path: Path) -> None:
    if not _NAME.fullmatch(settings.name):
        raise ConfigError(
            f"{path}: {settings.name!r} cannot be a name.",
            fix="Use letters, digits, dot, dash and underscore: verdicts and routes carry it.",
        )
    if settings.max_tokens < 1:
        raise ConfigError(f"{path}: `max_tokens` must be at least 1.")
    if settings.schema is None:
        return
    if settings.scorer != "json":
        raise ConfigError(f"{path}: `schema` is only for the scorer `json`.")
    try:
        jsonschema.Draft202012Validator.check_schema(settings.schema)
    except jsonschema.SchemaError as error:
        raise ConfigError(f"{path}: `schema` is no JSON Schema: {error.message}.") from None
    resolver = Registry().with_resource("", DRAFT202012.create_resource(settings.schema)).resolver()
    for reference in _references(settings.schema):
        try:
            resolver.lookup(reference)
        except Unresolvable:
            raise ConfigError(
                f"{path}: `schema` refers to {reference}, which is not in it.",
                fix="Schemas are never fetched: write all of it into the file.",
            ) from None


def _references(schema: Any) -> Iterator[str]:  # noqa: ANN401 -- any JSON value
    children = schema.values() if isinstance(schema, dict) else schema
    if isinstance(schema, dict) and isinstance(schema.get("$ref"), str):
        yield schema["$ref"]
    if isinstance(schema, dict | list):
        for child in children:
            yield from _references(child)


def schema_validator(schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    """A validator that does not ask the network for what a foreign schema refers to."""
    return jsonschema.Draft202012Validator(schema, registry=Registry())


def _read_items(path: Path, settings: SuiteFile) -> tuple[Item, ...]:
    try:
        lines = path.read_bytes().removeprefix(codecs.BOM_UTF8).splitlines()
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.", fix="Check the path.") from None
    items: dict[str, Item] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        item = _item(line, settings, where)
        if item.id in items:
            raise ConfigError(f"{where}: the id {item.id!r} stands twice.", fix="Ids are unique.")
        items[item.id] = item
    if not items:
        raise ConfigError(f"{path} has no items.")
    return tuple(items.values())


def _item(line: bytes, settings: SuiteFile, where: str) -> Item:
    try:
        fields = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{where}: {error}.", fix="Each line is one JSON object.") from None
    missing = {"id", "answer"} - fields.keys()
    if missing:
        raise ConfigError(f"{where}: the item has no `{min(missing)}`.")
    if not isinstance(fields["id"], str | int):
        raise ConfigError(f"{where}: `id` must be a string or a whole number.")
    expected, name = _ANSWERS[settings.scorer]
    if not isinstance(fields["answer"], expected) or isinstance(fields["answer"], bool):
        raise ConfigError(f"{where}: for the scorer `{settings.scorer}`, `answer` must be {name}.")
    return Item(str(fields["id"]), fill(settings.prompt, fields, where), fields["answer"])


def fill(template: str, fields: dict[str, Any], where: str) -> str:
    """The template with ``{field}`` replaced; ``{{`` and ``}}`` stand for braces.

    Only plain names are placeholders: no attribute, index or format tricks from a foreign file.

    Raises:
        ConfigError: a placeholder is not a plain name or not among the fields.
    """
    parts: list[str] = []
    try:
        pieces = list(string.Formatter().parse(template))
    except ValueError as error:
        raise ConfigError(f"{where}: the prompt template is broken: {error}.") from None
    for literal, name, spec, conversion in pieces:
        parts.append(literal)
        if name is None:
            continue
        if name not in fields or spec or conversion:
            raise ConfigError(
                f"{where}: the prompt's placeholder {{{name}}} is not a field of the item.",
                fix=f"Fields: {', '.join(sorted(fields))}.",
            )
        parts.append(str(fields[name]))
    return "".join(parts)
