"""A suite: a folder with ``suite.yaml``, ``items.jsonl`` and at times ``shots.jsonl``."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.facts.documents import read_yaml
from weighbridge.facts.file_reader import file_reader
from weighbridge.measure.evals.item_file import ItemFile, Places
from weighbridge.measure.evals.records import (
    Item,
    Message,
    Sampling,
    Suite,
    SuiteFile,
    SuiteHash,
    make_suite,
)
from weighbridge.measure.evals.scoring import Kind, read_options
from weighbridge.measure.evals.table import kind_of
from weighbridge.measure.evals.template import fill, template

__all__ = ["Item", "Message", "Sampling", "Suite", "SuiteFile", "fill", "load_suite", "make_suite"]

# Suites of an ordinary size are held, so that their files may be edited while they are asked.
_HELD_BYTES = 2**20
_NAME = re.compile(r"[\w.-]{1,80}")
_decode_line = msgspec.json.Decoder(dict[str, Any]).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def load_suite(folder: Path, places: Sequence[str] | None = None) -> Suite:
    """The suite in ``folder``.

    ``places`` says of each item where it is from, to name in errors instead of its own line.

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
    return _read_items(folder / "items.jsonl", settings, reader, places)


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
    lines = [(f"{path}, line {number}", line) for number, _, line in _lines_of(path)]
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


def _read_items(
    path: Path, settings: SuiteFile, reader: _Reader, places_of: Sequence[str] | None
) -> Suite:
    """The items, all of them read and checked once; those of a large file stay there."""
    seen: set[str] = set()
    places, hashing = Places(), SuiteHash(settings)
    held: list[Item] | None = [] if _size(path) <= _HELD_BYTES else None
    for number, start, line in _lines_of(path):
        where = places_of[number - 1] if places_of else f"{path}, line {number}"
        item = reader.item(line, where)
        if item.id in seen:
            raise ConfigError(f"{where}: the id {item.id!r} stands twice.", fix="Ids are unique.")
        seen.add(item.id)
        hashing.add((item,))
        if held is None:
            places.add(start, line)
        else:
            held.append(item)
    if not seen:
        raise ConfigError(f"{path} has no items.")
    if held is not None:
        return Suite(settings, tuple(held), hashing.hex)
    stay = ItemFile(path, file_reader(path), places, partial(reader.checked, where=str(path)))
    return Suite(settings, stay, hashing.hex)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # why it cannot be read is told when it is


def _lines_of(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """The lines that are not empty, each with its number and where it starts."""
    start = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                mark = len(codecs.BOM_UTF8) if not start and line.startswith(codecs.BOM_UTF8) else 0
                text = line[mark:].rstrip(b"\n")
                if text.strip():
                    yield number, start + mark, text
                start += len(line)
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.", fix="Check the path.") from None


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
        self._needed = sorted(needed)

    def item(self, line: bytes, where: str) -> Item:
        """The item of one line.

        Raises:
            ConfigError: it cannot be one of this suite.
        """
        fields = _fields(line, where)
        self._check(fields, where)
        item = self._made(fields, where)
        complaint = self._kind.complaint(item, self._options)
        if complaint:
            scorer = self._settings.scorer
            raise ConfigError(f"{where}: for the scorer `{scorer}`, {complaint}.")
        return item

    def checked(self, line: bytes, where: str) -> Item:
        """The item of a line that :meth:`item` has accepted before."""
        return self._made(_fields(line, where), where)

    def _made(self, fields: Mapping[str, Any], where: str) -> Item:
        if self._fill is None:
            self._fill = template(self._settings.prompt, where)
        group, reads = self._settings.group, self._reads
        return Item(
            id=str(fields["id"]),
            prompt=self._fill(fields, where),
            answer=fields.get("answer"),
            fields={name: fields[name] for name in reads if name in fields} if reads else {},
            before=(*self._shots, *_turns(fields["messages"], where))
            if "messages" in fields
            else self._shots,
            group=str(fields[group]) if group else "",
        )

    def _check(self, fields: Mapping[str, Any], where: str) -> None:
        for name in self._needed:
            if name not in fields:
                raise ConfigError(f"{where}: the item has no `{name}`.")
        if type(fields["id"]) not in (str, int):
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
