"""The file of a learned route: what training writes and the gateway reads.

A fixed beginning, the length of a header, the header as JSON, and then numbers in little endian:
the buckets of which anything is known (uint32, ascending), for each of them one int16 per field,
and CRC-32 of all that precedes it. The fields of a bucket are: its weight squared, the weight for
escalation where there is one, and three for each task (see :class:`TaskCard`).
"""

from __future__ import annotations

import math
import sys
from array import array
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

import msgspec

from weighbridge.core.errors import FormatError
from weighbridge.core.text_features import FEATURES

MAGIC = b"weigh-route-1\n"
SIGNALS = 3
"""Fields per task: for it against the others, typical of it, and what nearly all of it has."""

MOST_BITS = 18
_LEAST_BITS = 8
_MOST_BYTES = 32 << 20
_MOST_HEADER = 1 << 20
_MOST_TASKS = 48
_LENGTH = 4
_FIX = "Train it again: `weigh route train`."


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Part of the header."""


class TaskCard(_Written, frozen=True):
    """A task that the route knows.

    Attributes:
        name: the suite's.
        models: the best for it and those tied with it, in order.
        usual: mean of each signal over the task's own prompts, which training had not seen.
        spread: standard deviation of each.
        least: a prompt whose signals fall short of usual by more than this is not of the task.
        prior: share of the task among what was trained on.
        on: whether its best model was shown to be better for it than the best single one.
    """

    name: str
    models: tuple[str, ...]
    usual: tuple[float, float, float]
    spread: tuple[float, float, float]
    least: float
    prior: float
    on: bool


class Escalation(_Written, frozen=True):
    """When to ask the stronger of two models.

    Attributes:
        weak: the cheaper model.
        strong: the better one.
        threshold: prompts whose expected gain exceeds it go to the strong model.
        mean: expected gain of a prompt of which nothing is known.
        share: of prompts that exceeded it in training.
    """

    weak: str
    strong: str
    threshold: float
    mean: float
    share: float


class RouteHeader(_Written, frozen=True):
    """All of a learned route but its weights.

    Attributes:
        features: version of the text features.
        bits: there are ``2 ** bits`` buckets.
        buckets: how many of them have a row.
        scales: what one step of each field is worth.
        unseen: the row of buckets that training has not seen.
        single: all models, the best single one first.
        tasks: what prompts are told apart into.
        escalation: instead of tasks, for two models.
        sureness: margins between the best and the second task with the share of right ones, rising.
        on: whether the route was shown to be better than the best single model.
        verdict: the evidence for that in a sentence.
        trained: when, ISO 8601.
    """

    features: int
    bits: int
    buckets: int
    scales: tuple[float, ...]
    unseen: tuple[int, ...]
    single: tuple[str, ...]
    tasks: tuple[TaskCard, ...] = ()
    escalation: Escalation | None = None
    sureness: tuple[tuple[float, float], ...] = ()
    on: bool = False
    verdict: str = ""
    trained: str = ""

    @property
    def fields(self) -> int:
        """Numbers per bucket."""
        return 1 + (self.escalation is not None) + SIGNALS * len(self.tasks)


@dataclass(frozen=True, slots=True)
class LearnedFile:
    """A learned route.

    Attributes:
        header: all but the weights.
        index: buckets that have a row, ascending.
        rows: their fields, one row after the other.
    """

    header: RouteHeader
    index: array[int]
    rows: array[int]


def encode(learned: LearnedFile) -> bytes:
    """The bytes of the file."""
    header = msgspec.json.encode(learned.header)
    parts = (
        MAGIC,
        len(header).to_bytes(_LENGTH, "little"),
        header,
        little(learned.index).tobytes(),
        little(learned.rows).tobytes(),
    )
    body = b"".join(parts)
    return body + crc32(body).to_bytes(_LENGTH, "little")


def decode(data: bytes, origin: str) -> LearnedFile:
    """The learned route in ``data``.

    Raises:
        FormatError: it is none, is damaged, or of another version.
    """
    if len(data) > _MOST_BYTES:
        raise FormatError(f"{origin} is larger than any learned route.", fix=_FIX)
    if not data.startswith(MAGIC) or len(data) < len(MAGIC) + 2 * _LENGTH:
        raise FormatError(f"{origin} is no learned route.", fix=_FIX)
    if crc32(data[:-_LENGTH]) != int.from_bytes(data[-_LENGTH:], "little"):
        raise FormatError(f"{origin} is damaged: its checksum is wrong.", fix=_FIX)
    start = len(MAGIC) + _LENGTH
    length = int.from_bytes(data[len(MAGIC) : start], "little")
    if length > min(_MOST_HEADER, len(data) - _LENGTH - start):
        raise FormatError(f"{origin} is damaged: its header has no end.", fix=_FIX)
    try:
        header = msgspec.json.decode(data[start : start + length], type=RouteHeader)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FormatError(f"{origin}: the header is wrong: {error}.", fix=_FIX) from None
    if header.features != FEATURES:
        raise FormatError(f"{origin} was trained by another version of Weighbridge.", fix=_FIX)
    fault = _fault(header)
    if fault:
        raise FormatError(f"{origin}: {fault}.", fix=_FIX)
    return _numbers(header, data[start + length : -_LENGTH], origin)


def _numbers(header: RouteHeader, data: bytes, origin: str) -> LearnedFile:
    split = 4 * header.buckets
    if len(data) != split + 2 * header.buckets * header.fields:
        raise FormatError(f"{origin} is damaged: its weights are cut.", fix=_FIX)
    index, rows = array("I"), array("h")
    index.frombytes(data[:split])
    rows.frombytes(data[split:])
    index, rows = little(index), little(rows)
    ascending = all(low < high for low, high in pairwise(index))
    if not ascending or (index and index[-1] >> header.bits):
        raise FormatError(f"{origin} is damaged: its buckets are in disorder.", fix=_FIX)
    return LearnedFile(header, index, rows)


def _fault(header: RouteHeader) -> str:
    """What cannot be about a header, or nothing."""
    checks = (
        (
            not _LEAST_BITS <= header.bits <= MOST_BITS
            or not 0 <= header.buckets <= 1 << header.bits,
            "its number of buckets cannot be",
        ),
        (len(header.tasks) > _MOST_TASKS, f"it has more than {_MOST_TASKS} tasks"),
        (
            not header.single or bool(header.tasks and header.escalation),
            "it names no model, or both tasks and an escalation",
        ),
        (
            len({task.name for task in header.tasks}) != len(header.tasks),
            "it names a task twice",
        ),
        (any(not task.models for task in header.tasks), "a task has no model"),
        (
            len(header.scales) != header.fields or len(header.unseen) != header.fields,
            "the number of its fields is wrong",
        ),
        (
            any(not -32768 <= value <= 32767 for value in header.unseen),
            "a weight is out of range",
        ),
        (not all(map(math.isfinite, _figures(header))), "one of its numbers is none"),
    )
    return next((fault for wrong, fault in checks if wrong), "")


def _figures(header: RouteHeader) -> list[float]:
    figures = [*header.scales, *(value for pair in header.sureness for value in pair)]
    for task in header.tasks:
        figures += [*task.usual, *task.spread, task.least, task.prior]
    if header.escalation is not None:
        figures += [header.escalation.threshold, header.escalation.mean]
    return figures


def little(numbers: array[int]) -> array[int]:
    """The numbers with their bytes in little endian, or back: a copy where that differs."""
    if sys.byteorder == "little":
        return numbers
    turned = numbers[:]
    turned.byteswap()
    return turned
