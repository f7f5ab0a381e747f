"""Recorded conversations to ask again: a file of prompts, ShareGPT-style JSON, captured traffic.

What each format looks like: docs/workloads.md. Only as many entries as are asked for are read.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from weighbridge.core.errors import FormatError, InputError
from weighbridge.core.traffic import Message
from weighbridge.measure.load.traffic.lengths import LONGEST
from weighbridge.measure.load.traffic.lines import LONGEST_LINE, opened, text_lines

_CHUNK: Final = 1 << 18
_USERS: Final = frozenset(("user", "human"))
_ANSWERERS: Final = frozenset(("assistant", "gpt", "chatgpt", "model", "bot", "bard", "bing"))
_SYSTEMS: Final = frozenset(("system", "developer"))
# Unix times in seconds stay below this for thousands of years; in milliseconds they are above.
_MILLISECONDS_FROM: Final = 1e11
_FIX: Final = (
    'Each entry needs a "prompt", "messages" with role and content, or "conversations" with from '
    "and value."
)


@dataclass(frozen=True, slots=True)
class RecordedTurn:
    """What a user said, and how long the recorded answer was.

    Attributes:
        messages: that this turn adds.
        answer: as recorded, or nothing.
        output_tokens: of it as the file states them, or None.
    """

    messages: tuple[Message, ...]
    answer: str = ""
    output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """A conversation of a file.

    Attributes:
        turns: at least one.
        at_s: when its first request came, or None where the file does not say.
        where: file and line or entry.
    """

    turns: tuple[RecordedTurn, ...]
    at_s: float | None
    where: str


class _Said(msgspec.Struct):
    """A message in either convention."""

    role: str | None = None
    content: str | list[dict[str, Any]] | None = None
    sender: str | None = msgspec.field(default=None, name="from")
    value: str | None = None


class _Entry(msgspec.Struct):
    """One line or element; unknown keys are ignored."""

    prompt: str | None = None
    messages: list[_Said] | None = None
    conversations: list[_Said] | None = None
    output_tokens: int | None = None
    output_len: int | None = None
    expected_output_length: int | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    timestamp: float | str | None = None
    created: float | None = None

    @property
    def stated(self) -> int | None:
        """The length of the answer as far as the file states one."""
        told = (
            self.output_tokens,
            self.output_len,
            self.expected_output_length,
            self.max_completion_tokens,
            self.max_tokens,
        )
        return next((length for length in told if length is not None), None)


def read_dataset(path: Path, *, limit: int | None = None) -> tuple[Recorded, ...]:
    """The first conversations of a file, at most ``limit``; those in which no user speaks are left.

    Raises:
        InputError: the file cannot be read.
        FormatError: it has no conversation, or an entry that is none; the line is named.
    """
    found = tuple(islice(_recorded(path), limit))
    if not found:
        raise FormatError(f"{path} has no prompts.", fix="Write one prompt a line.")
    return found


def _recorded(path: Path) -> Iterator[Recorded]:
    if path.suffix.lower() == ".txt":
        for line in text_lines(path):
            where = f"{path}, line {line.number}"
            yield Recorded((RecordedTurn((Message("user", line.text),)),), None, where)
        return
    for where, raw in _entries(path):
        try:
            entry = msgspec.convert(raw, _Entry)
        except (msgspec.ValidationError, RecursionError) as error:
            raise FormatError(f"{where}: {error}.", fix=_FIX) from None
        turns = _turns(entry, where)
        if turns:
            yield Recorded(turns, _at(entry, where), where)


def _entries(path: Path) -> Iterator[tuple[str, object]]:
    """JSON values of a file with a value a line, or of one JSON array, or lines of text."""
    start = _first_character(path)
    if start == "[":
        yield from _elements(path)
        return
    for line in text_lines(path):
        where = f"{path}, line {line.number}"
        if start != "{" and path.suffix.lower() not in (".json", ".jsonl", ".ndjson"):
            yield where, {"prompt": line.text}
            continue
        try:
            yield where, msgspec.json.decode(line.text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise FormatError(f"{where}: {error}.", fix=_FIX) from None


def _first_character(path: Path) -> str:
    return next((line.text.lstrip()[:1] for line in text_lines(path)), "")


def _elements(path: Path) -> Iterator[tuple[str, object]]:
    """The elements of a JSON array, one at a time: such files may be larger than memory."""
    try:
        with TextIOWrapper(opened(path), encoding="utf-8-sig") as file:
            yield from _decoded(file, path)
    except UnicodeDecodeError:
        raise FormatError(f"{path} is not UTF-8 text.") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"Cannot read {path}: {error}.", fix="Check the file.") from None


def _decoded(file: TextIOWrapper, path: Path) -> Iterator[tuple[str, object]]:
    decoder = json.JSONDecoder()
    text, number, wanted = file.read(_CHUNK).lstrip()[1:], 0, _CHUNK
    while True:
        text = text.lstrip(" \t\r\n,") if number else text.lstrip()
        if text.startswith("]"):
            return
        where = f"{path}, entry {number + 1}"
        try:
            value, end = decoder.raw_decode(text)
            # A number at the very end of what was read may go on.
            complete = end < len(text)
        except RecursionError:
            raise FormatError(f"{where} is nested too deeply.") from None
        except ValueError as error:
            complete, problem = False, error
        else:
            problem = ValueError("the array has no end")
        if complete:
            yield where, value
            text, number, wanted = text[end:], number + 1, _CHUNK
            continue
        # Read twice as much each time: decoding from the start again stays cheap on the whole.
        more = file.read(wanted)
        if not more or len(text) > LONGEST_LINE:
            raise FormatError(f"{where} is not JSON: {problem}.", fix=_FIX)
        text, wanted = text + more, wanted * 2


def _turns(entry: _Entry, where: str) -> tuple[RecordedTurn, ...]:
    stated = entry.stated
    if stated is not None and not 1 <= stated <= LONGEST:
        raise FormatError(f"{where}: an answer cannot have {stated} tokens.")
    if entry.prompt is not None:
        return (RecordedTurn((Message("user", entry.prompt),), output_tokens=stated),)
    said = entry.messages if entry.messages is not None else entry.conversations
    if said is None:
        raise FormatError(f"{where} has no prompt and no messages.", fix=_FIX)
    messages = [_message(one, where) for one in said]
    if entry.messages is not None and messages and messages[-1].role != "assistant":
        # A request as it was sent: the answers in it are part of what it sent.
        asks = any(message.role == "user" for message in messages)
        return (RecordedTurn(tuple(messages), output_tokens=stated),) if asks else ()
    return _split(messages, stated)


def _split(messages: list[Message], stated: int | None) -> tuple[RecordedTurn, ...]:
    """A whole conversation as turns: what users said between answers."""
    turns: list[RecordedTurn] = []
    added: list[Message] = []
    for message in messages:
        if message.role != "assistant":
            added.append(message)
        elif any(one.role == "user" for one in added):
            turns.append(RecordedTurn(tuple(added), message.content, stated))
            added = []
        # Else the answer to nothing: ShareGPT cuts long conversations in the middle.
    if any(one.role == "user" for one in added):
        turns.append(RecordedTurn(tuple(added), output_tokens=stated))
    return tuple(turns)


def _message(said: _Said, where: str) -> Message:
    role = (said.role or said.sender or "").lower()
    if role in _USERS:
        role = "user"
    elif role in _ANSWERERS:
        role = "assistant"
    elif role in _SYSTEMS:
        role = "system"
    elif role != "tool":
        raise FormatError(
            f"{where}: nobody known speaks as {role[:40]!r}.",
            fix="Roles are system, user or human, assistant or gpt, and tool.",
        )
    content = said.content if said.content is not None else said.value
    if isinstance(content, list):
        if any(not isinstance(part.get("text"), str) for part in content):
            raise FormatError(
                f"{where} has content other than text.", fix="Leave out images and sounds."
            )
        content = "".join(part["text"] for part in content)
    return Message(role, content or "")


def _at(entry: _Entry, where: str) -> float | None:
    told = entry.timestamp if entry.timestamp is not None else entry.created
    if told is None:
        return None
    if isinstance(told, str):
        try:
            moment = datetime.fromisoformat(told)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            raise FormatError(
                f"{where}: {told[:40]!r} is no time.",
                fix="Write seconds, Unix milliseconds or ISO 8601.",
            ) from None
    if not math.isfinite(told):
        raise FormatError(f"{where}: {told} is no time.")
    return told / 1000 if abs(told) >= _MILLISECONDS_FROM else told
