"""A suite: a folder with ``suite.yaml``, ``items.jsonl`` and at times ``shots.jsonl``."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.facts.documents import read_yaml
from weighbridge.measure.evals.records import (
    Item,
    Message,
    Sampling,
    Suite,
    SuiteFile,
    make_suite,
)
from weighbridge.measure.evals.scoring import Kind, read_options
from weighbridge.measure.evals.table import kind_of
from weighbridge.measure.evals.template import fill, template

__all__ = ["Item", "Message", "Sampling", "Suite", "SuiteFile", "fill", "load_suite", "make_suite"]

_NAME = re.compile(r"[\w.-]{1,80}")
_decode_line = msgspec.json.Decoder(dict[str, Any]).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


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
    path = folder / "suite.yaml"
    settings = read_yaml(path, SuiteFile)
    _check_settings(settings, path)
    kind = kind_of(settings.scorer, str(path))
    options = read_options(kind, settings, str(path))
    reader = _Reader(settings, kind, options, tuple(_shots(folder, settings)))
    return make_suite(settings, _read_items(folder / "items.jsonl", reader))


def _check_settings(settings: SuiteFile, path: Path) -> None:
    if not _NAME.fullmatch(settings.name):
        raise ConfigError(
            f"{path}: {settings.name!r} cannot be a name.",
            fix="Use letters, digits, dot, dash and underscore: verdicts and routes carry it.",
        )
    if settings.max_tokens < 1:
        raise ConfigError(f"{path}: `max_tokens` must be at least 1.")
    if settings.shots < 0:
        raise ConfigError(f"{path}: `shots` must be at least 0.")
    if settings.timeout_s is not None and not settings.timeout_s > 0:
        raise ConfigError(f"{path}: `timeout_s` must be above 0.")
    if settings.schema is not None and settings.scorer != "json":
        raise ConfigError(f"{path}: `schema` is only for the scorer `json`.")


def _shots(folder: Path, settings: SuiteFile) -> list[Message]:
    """The turns of the examples that stand before every question."""
    if not settings.shots:
        return []
    path = folder / "shots.jsonl"
    lines = _read_lines(path)
    if len(lines) < settings.shots:
        raise ConfigError(
            f"{path} has {len(lines)} examples, but `shots` is {settings.shots}.",
            fix="Write more examples, or ask for fewer.",
        )
    turns = []
    for where, line in lines[: settings.shots]:
        fields = _fields(line, where)
        turns.append(Message("user", fill(settings.prompt, fields, where)))
        turns.append(Message("assistant", fill(settings.shot_answer, fields, where)))
    return turns


def _read_lines(path: Path) -> list[tuple[str, bytes]]:
    """The lines that are not empty, each with its place."""
    try:
        lines = path.read_bytes().removeprefix(codecs.BOM_UTF8).split(b"\n")
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.", fix="Check the path.") from None
    return [(f"{path}, line {n}", line) for n, line in enumerate(lines, start=1) if line.strip()]


def _read_items(path: Path, reader: _Reader) -> tuple[Item, ...]:
    items: dict[str, Item] = {}
    for where, line in _read_lines(path):
        item = reader.item(line, where)
        if item.id in items:
            raise ConfigError(f"{where}: the id {item.id!r} stands twice.", fix="Ids are unique.")
        items[item.id] = item
    if not items:
        raise ConfigError(f"{path} has no items.")
    return tuple(items.values())


def _fields(line: bytes, where: str) -> dict[str, Any]:
    try:
        return _decode_line(line)
    except _UNREADABLE as error:
        raise ConfigError(f"{where}: {error}.", fix="Each line is one JSON object.") from None


class _Reader:
    """Turns lines into items, for one suite."""

    def __init__(
        self,
        settings: SuiteFile,
        kind: Kind,
        options: Any,  # noqa: ANN401 -- as the kind has them
        shots: tuple[Message, ...],
    ) -> None:
        self._settings = settings
        self._kind = kind
        self._options = options
        self._shots = shots
        self._fill: Callable[[Mapping[str, Any], str], str] | None = None
        self._reads = ("tools", *kind.reads(options)) if settings.tools else kind.reads(options)
        needed = ["id", *(["answer"] if kind.needs_answer else ())]
        needed += [*(["tools"] if settings.tools else ()), *filter(None, [settings.group])]
        self._needed = frozenset(needed)

    def item(self, line: bytes, where: str) -> Item:
        """The item of one line.

        Raises:
            ConfigError: it cannot be one of this suite.
        """
        fields = _fields(line, where)
        self._check(fields, where)
        if self._fill is None:
            self._fill = template(self._settings.prompt, where)
        group = self._settings.group
        item = Item(
            id=str(fields["id"]),
            prompt=self._fill(fields, where),
            answer=fields.get("answer"),
            fields={name: fields[name] for name in self._reads if name in fields},
            before=(*self._shots, *_turns(fields["messages"], where))
            if "messages" in fields
            else self._shots,
            group=str(fields[group]) if group else "",
        )
        complaint = self._kind.complaint(item, self._options)
        if complaint:
            scorer = self._settings.scorer
            raise ConfigError(f"{where}: for the scorer `{scorer}`, {complaint}.")
        return item

    def _check(self, fields: Mapping[str, Any], where: str) -> None:
        if not self._needed <= fields.keys():
            raise ConfigError(f"{where}: the item has no `{min(self._needed - fields.keys())}`.")
        if not isinstance(fields["id"], str | int) or isinstance(fields["id"], bool):
            raise ConfigError(f"{where}: `id` must be a string or a whole number.")


def _turns(messages: Any, where: str) -> tuple[Message, ...]:  # noqa: ANN401 -- any JSON value
    """The turns that an item brings along, before its prompt."""
    try:
        return msgspec.convert(messages, tuple[Message, ...])
    except msgspec.ValidationError:
        raise ConfigError(
            f"{where}: `messages` must be a list of turns, each with `role` and `content`.",
            fix="They stand before the prompt; leave them out where there are none.",
        ) from None
