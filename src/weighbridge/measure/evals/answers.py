"""The answers of a run: on disk as they come, in memory only where each of them stands."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, overload

import msgspec

from weighbridge.core.effects import Journal
from weighbridge.core.runs import ItemResult

Key = tuple[str, int]
_NOWHERE = -1
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Outline(msgspec.Struct, frozen=True):
    """A result whose texts are left as they are: all that counting takes, in half the time."""

    id: str
    prompt: msgspec.Raw
    expected: msgspec.Raw
    answer: msgspec.Raw
    correct: bool
    score: float
    detail: str
    latency_ms: float
    output_tokens: int
    repeat: int = 0
    group: str = ""
    error: str | None = None
    finish_reason: str = ""
    prompt_tokens: int = 0
    request: str = ""
    judged_by: str = ""
    notes: dict[str, Any] = {}


def outlines(results: Sequence[ItemResult]) -> Iterable[ItemResult | Outline]:
    """Results, or where they are in a log, their outlines."""
    return results.outlines() if isinstance(results, LoggedResults) else results


class Answers(Protocol):
    """Where a run's results go, and where those of an interrupted one are found.

    Samples are numbered in the suite's order, the repeats of an item one after the other.
    """

    def earlier(self, number: int, key: Key) -> Outline | None:
        """What an interrupted run left of a sample; it stands until another is kept."""

    def keep(self, number: int, result: ItemResult) -> None:
        """A sample's result, or what there is of it before it is judged; the last one counts."""

    def results(self) -> Sequence[ItemResult]:
        """The results of all samples in the suite's order."""


class HeldAnswers:
    """Answers in memory; each is passed on as well."""

    def __init__(self, on_result: Callable[[ItemResult], None]) -> None:
        self._on_result = on_result
        self._results: dict[int, ItemResult] = {}

    def earlier(self, number: int, key: Key) -> Outline | None:  # noqa: ARG002 -- as Answers
        """Nothing: there was no run before."""
        return None

    def keep(self, number: int, result: ItemResult) -> None:
        """Hold a result."""
        self._on_result(result)
        self._results[number] = result

    def results(self) -> Sequence[ItemResult]:
        """In the suite's order."""
        return tuple(self._results[number] for number in sorted(self._results))


class LoggedAnswers:
    """Answers in a journal, which is log, cache and resume key in one; 12 bytes of memory each."""

    def __init__(self, journal: Journal, samples: int, *, fresh: bool) -> None:
        self._journal = journal
        self._starts = array("q", [_NOWHERE]) * samples
        self._sizes = array("I", [0]) * samples
        self._read = journal.reader()
        self._end = 0
        self._encode = msgspec.json.Encoder().encode
        self._decode = msgspec.json.Decoder(Outline).decode
        # Where the last line of each sample is, by a hash that is not trusted: see `earlier`.
        self._before = self._scan(fresh=fresh)
        self.left = len(self._before)  # answers that an interrupted run left

    def earlier(self, number: int, key: Key) -> Outline | None:
        """The last line kept of a sample."""
        place = self._before.pop(hash(key), None)
        if place is None:
            return None
        start, size = place >> 32, place & 0xFFFFFFFF
        try:
            result = self._decode(self._read(start, size))
        except _UNREADABLE:  # of another version's shape: asked anew
            return None
        if (result.id, result.repeat) != key:
            return None
        self._starts[number], self._sizes[number] = start, size
        return result

    def keep(self, number: int, result: ItemResult) -> None:
        """Append it, and hand it to the operating system."""
        line = self._encode(result)
        self._journal.append((line,))
        self._starts[number], self._sizes[number] = self._end, len(line)
        self._end += len(line) + 1

    def results(self) -> LoggedResults:
        """Read from the journal when asked for, even when it has been discarded."""
        return LoggedResults(self._read, self._starts, self._sizes)

    def _scan(self, *, fresh: bool) -> dict[int, int]:
        decode = msgspec.json.Decoder(_Head).decode
        found: dict[int, int] = {}
        end = 0
        for line in self._journal.lines():
            start, end = end, end + len(line) + 1
            if fresh:
                continue
            try:
                head = decode(line)
            except _UNREADABLE:
                continue
            found[hash((head.id, head.repeat))] = start << 32 | len(line)
        self._end = end
        return found


class LoggedResults(Sequence[ItemResult]):
    """Results in a log, each decoded when it is asked for."""

    def __init__(
        self, read: Callable[[int, int], bytes], starts: array[int], sizes: array[int]
    ) -> None:
        self._read = read
        self._starts = starts
        self._sizes = sizes
        self._decode = msgspec.json.Decoder(ItemResult).decode

    def __len__(self) -> int:
        return len(self._starts)

    @overload
    def __getitem__(self, index: int) -> ItemResult: ...
    @overload
    def __getitem__(self, index: slice) -> LoggedResults: ...
    def __getitem__(self, index: int | slice) -> ItemResult | LoggedResults:
        if isinstance(index, slice):
            return LoggedResults(self._read, self._starts[index], self._sizes[index])
        return self._decode(self._read(self._starts[index], self._sizes[index]))

    def __iter__(self) -> Iterator[ItemResult]:
        return map(self._decode, self._lines())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # compared by what it holds

    def _lines(self) -> Iterator[bytes]:
        return map(self._read, self._starts, self._sizes)

    def outlines(self) -> Iterator[Outline]:
        """The results without their texts."""
        return map(msgspec.json.Decoder(Outline).decode, self._lines())

    def as_written(self) -> Iterator[msgspec.Raw]:
        """The results as JSON, to be copied without being decoded."""
        return map(msgspec.Raw, self._lines())


class _Head(msgspec.Struct):
    """Of a line of the log, what tells whose result it is."""

    id: str
    repeat: int = 0
