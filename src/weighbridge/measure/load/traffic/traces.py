"""Recorded traces: when requests came, how long they were, and what their prompts had in common.

Formats are told apart by content. Files are read line by line: only the requests that are asked
for are kept. Formats with examples: docs/workloads.md.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

import msgspec

from weighbridge.core.errors import FormatError, InputError
from weighbridge.measure.load.traffic.lengths import LONGEST
from weighbridge.measure.load.traffic.lines import Line, text_lines

MOONCAKE_BLOCK: Final = 512
_MOST_BLOCKS: Final = 1_000_000
_KNOWN: Final = (
    "Known are Mooncake's JSON lines (timestamp, input_length, output_length), Azure's CSV "
    "(TIMESTAMP, ContextTokens, GeneratedTokens), BurstGPT's CSV (Timestamp, Request tokens, "
    "Response tokens), and arrival_s, prompt_tokens, output_tokens as CSV or JSON lines."
)


@dataclass(frozen=True, slots=True)
class TraceRequest:
    """One request of a trace.

    Attributes:
        due_s: when it came, from the beginning of what was asked for.
        prompt_tokens: of its prompt.
        output_tokens: of its answer.
        blocks: names of the pieces its prompt is made of, each standing for the same text
            wherever it occurs; empty where the trace does not tell.
    """

    due_s: float
    prompt_tokens: int
    output_tokens: int
    blocks: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """What was read of a trace.

    Attributes:
        format: in words.
        requests: in order of time.
        skipped: rows of requests that failed or were empty, left out.
    """

    format: str
    requests: tuple[TraceRequest, ...]
    skipped: int


@dataclass(frozen=True, slots=True)
class _Format:
    """How a kind of file names what we need. Column names are compared in lower case."""

    name: str
    time: str
    prompt: str
    output: str
    seconds: Callable[[object], float]


def _number(value: object) -> float:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        return float(value)
    raise TypeError(value)


def _milliseconds(value: object) -> float:
    return _number(value) / 1000


def _moment(value: object) -> float:
    moment = datetime.fromisoformat(str(value))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


_FORMATS: Final = (
    _Format("Mooncake", "timestamp", "input_length", "output_length", _milliseconds),
    _Format("Azure", "timestamp", "contexttokens", "generatedtokens", _moment),
    _Format("BurstGPT", "timestamp", "request tokens", "response tokens", _number),
    _Format("Weighbridge trace", "arrival_s", "prompt_tokens", "output_tokens", _number),
    _Format(
        "Weighbridge run, first level", "sent_ms", "prompt_tokens", "output_tokens", _milliseconds
    ),
)


def read_trace(
    path: Path,
    *,
    start_s: float = 0.0,
    duration_s: float | None = None,
    limit: int | None = None,
) -> Trace:
    """The requests of a trace within a window, at most ``limit`` of them.

    Times are counted from the window's beginning, which lies ``start_s`` after the first request.

    Raises:
        InputError: the file cannot be read, or the window holds no request.
        FormatError: it is no trace of a known format, or damaged; the line is named.
    """
    if not 0 <= start_s < math.inf or (duration_s is not None and not 0 < duration_s < math.inf):
        raise InputError(
            f"{path} cannot be played from {start_s:g} s for {duration_s or 0:g} s.",
            fix="Give a start of at least 0 and a positive duration.",
        )
    reader = _Reader(path)
    window = _window(reader.requests(), start_s, duration_s)
    requests = tuple(window if limit is None else islice(window, limit))
    if not requests:
        raise InputError(
            f"{path} has no requests between {start_s:g} s and "
            f"{'its end' if duration_s is None else f'{start_s + duration_s:g} s'}.",
            fix="Choose another window.",
        )
    return Trace(reader.format, requests, reader.skipped)


def _window(
    requests: Iterator[TraceRequest], start_s: float, duration_s: float | None
) -> Iterator[TraceRequest]:
    for request in requests:
        due_s = request.due_s - start_s
        if due_s < 0:
            continue
        if duration_s is not None and due_s >= duration_s:
            return
        yield TraceRequest(due_s, request.prompt_tokens, request.output_tokens, request.blocks)


class _Reader:
    """Reads one file; afterwards knows its format and how many rows it left out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.format = ""
        self.skipped = 0

    def requests(self) -> Iterator[TraceRequest]:
        first_s: float | None = None
        last_s = -math.inf
        form: _Format | None = None
        level: object = None
        for number, row in _rows(self.path):
            where = f"{self.path}, line {number}"
            if form is None:
                form = _form(row, where)
                self.format = form.name
                level = row.get("level")
            if row.get("level") != level:
                # The next level of a run starts its clock anew.
                return
            at_s = _time(form, row, where)
            prompt = _count(row, form.prompt, where)
            output = _count(row, form.output, where)
            if at_s < last_s:
                raise FormatError(
                    f"{where} comes before the line above.", fix="Sort the file by time."
                )
            last_s = at_s
            # BurstGPT writes failed requests with no answer; nothing can be replayed of them.
            if prompt < 1 or output < 1 or row.get("error"):
                self.skipped += 1
                continue
            first_s = at_s if first_s is None else first_s
            yield TraceRequest(at_s - first_s, prompt, output, _blocks(row, where))
        if form is None:
            raise FormatError(f"{self.path} has no requests.", fix=_KNOWN)


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Rows with lower-case keys, from JSON lines or a CSV with a header."""
    lines = text_lines(path)
    first = next(lines, None)
    if first is None:
        return
    if first.text.lstrip().startswith("{"):
        for line in _with(first, lines):
            yield line.number, _json(line, path)
        return
    header = _cells(first, path)
    names = [name.strip().lower() for name in header]
    for line in lines:
        cells = _cells(line, path)
        if len(cells) != len(names):
            raise FormatError(
                f"{path}, line {line.number} has {len(cells)} columns, the header {len(names)}.",
                fix="Check whether the file was cut.",
            )
        yield line.number, dict(zip(names, cells, strict=True))


def _with(first: Line, rest: Iterator[Line]) -> Iterator[Line]:
    yield first
    yield from rest


def _json(line: Line, path: Path) -> Mapping[str, Any]:
    try:
        row = msgspec.json.decode(line.text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise FormatError(f"{path}, line {line.number} is not JSON: {error}.") from None
    if not isinstance(row, dict):
        raise FormatError(f"{path}, line {line.number} is not a JSON object.", fix=_KNOWN)
    return {key.lower(): value for key, value in row.items()}


def _cells(line: Line, path: Path) -> list[str]:
    try:
        return next(csv.reader([line.text]))
    except (csv.Error, StopIteration) as error:
        raise FormatError(f"{path}, line {line.number} is not CSV: {error}.") from None


def _form(row: Mapping[str, Any], where: str) -> _Format:
    for form in _FORMATS:
        if {form.time, form.prompt, form.output} <= row.keys():
            return form
    raise FormatError(f"{where} is of no known trace format.", fix=_KNOWN)


def _time(form: _Format, row: Mapping[str, Any], where: str) -> float:
    value = row.get(form.time)
    try:
        at_s = form.seconds(value)
    except (TypeError, ValueError, OverflowError):
        at_s = math.nan
    if not math.isfinite(at_s):
        raise FormatError(f"{where}: {form.time} is {_short(value)}, which is no time.")
    return at_s


def _count(row: Mapping[str, Any], name: str, where: str) -> int:
    value = row.get(name)
    # Our own records of failed requests have no count of the prompt.
    if value is None and row.get("error"):
        return 0
    try:
        number = _number(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 <= number <= LONGEST or number != int(number):
        raise FormatError(f"{where}: {name} is {_short(value)}, not a number of tokens.")
    return int(number)


def _blocks(row: Mapping[str, Any], where: str) -> tuple[int, ...]:
    value = row.get("hash_ids") or ()
    if (
        not isinstance(value, list | tuple)
        or len(value) > _MOST_BLOCKS
        or not all(isinstance(name, int) for name in value)
    ):
        raise FormatError(f"{where}: hash_ids is {_short(value)}, not a list of numbers.")
    return tuple(value)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
