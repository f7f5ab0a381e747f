"""The seams through which effects enter: each has one real implementation and one fake.

The HTTP client's seam is in :mod:`weighbridge.core.http`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.runs import RunInfo, RunKind

RecordT = TypeVar("RecordT")


class Clock(Protocol):
    """The two clocks: one for dates, one for durations."""

    def now_iso(self) -> str:
        """UTC, ISO 8601, to the second."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that never go backwards, comparable with the HTTP client's stamps."""


class Progress(Protocol):
    """Where long work says how far it is."""

    def stage(self, title: str, total: int) -> None:
        """A new stage of ``total`` steps begins."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Some steps are done; ``note`` is the latest figure worth showing."""


class RunningEngine(Protocol):
    """An engine process that serves one model."""

    @property
    def endpoint(self) -> Endpoint:
        """Where the model answers."""

    def memory_bytes(self) -> int | None:
        """Resident memory of the engine's processes, now; None for a server that is not ours."""

    def is_alive(self) -> bool:
        """Whether its process still runs."""

    async def describe(self) -> dict[str, str]:
        """What the engine says of itself: name, version, context."""

    async def stop(self) -> None:
        """End the process and everything it started; returns when it is gone."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """What to start.

    Attributes:
        model: the name under which it serves.
        source: path of the model file.
        context: tokens per request slot.
        slots: requests served at once.
        threads: CPU threads, or 0 for all cores.
    """

    model: str
    source: str
    context: int = 512
    slots: int = 4
    threads: int = 0


class Launcher(Protocol):
    """Starts engines."""

    async def launch(self, spec: EngineSpec, deadline_s: float) -> RunningEngine:
        """Start an engine and wait until it answers.

        Raises:
            EngineError: it cannot be started, died, or was not ready in time.
        """


class Store(Protocol):
    """Append-only home of runs."""

    def new_info(self, kind: RunKind, *, model: str, subject: str, key: str) -> RunInfo:
        """The identity of a run about to be saved: a fresh id, now, this machine."""

    def save(self, info: RunInfo, record: object) -> None:
        """Keep a finished run, all of it or nothing.

        Raises:
            WorkspaceError: it cannot be written.
        """

    def load(self, run_id: str, record_type: type[RecordT]) -> RecordT:
        """A run by its id.

        Raises:
            UnknownRunError: there is none.
        """

    def runs(self, kind: RunKind | None = None) -> list[RunInfo]:
        """All runs, newest first."""

    def find(self, name: str, kind: RunKind | None = None) -> RunInfo:
        """The run that ``name`` means: an id, how one begins, or the newest ``model@subject``.

        Raises:
            UnknownRunError: none, or more than one.
        """

    def journal(self, key: str) -> Journal:
        """The unfinished work under ``key``, which survives interruption."""


class Journal(Protocol):
    """Lines of unfinished work: appended and flushed one by one, read back on resumption."""

    def lines(self) -> Iterator[bytes]:
        """What earlier, interrupted work left."""

    def append(self, lines: Iterable[bytes]) -> None:
        """Add lines and flush them."""

    def reader(self) -> Callable[[int, int], bytes]:
        """Reads so many bytes from a place on, even when the work has been discarded."""

    def close(self) -> None:
        """Leave the lines for a later resumption."""

    def discard(self) -> None:
        """The work is finished and saved elsewhere."""
