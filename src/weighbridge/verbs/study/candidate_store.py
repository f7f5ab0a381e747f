"""Workspaces as parts of a study see them: under a candidate's name, or certain runs only."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

from weighbridge.core.effects import Journal, Store
from weighbridge.core.runs import RunInfo, RunKind

RecordT = TypeVar("RecordT")


class CandidateStore:
    """A workspace that keeps runs under a candidate's name, as :class:`~.effects.Store`."""

    def __init__(self, store: Store, candidate: str) -> None:
        self._store = store
        self._candidate = candidate

    def new_info(self, kind: RunKind, *, model: str, subject: str, key: str) -> RunInfo:
        """The identity of a run of the candidate, whatever its server calls it."""
        del model
        return self._store.new_info(kind, model=self._candidate, subject=subject, key=key)

    def save(self, info: RunInfo, record: object) -> None:
        """Keep a run."""
        self._store.save(info, record)

    def load(self, run_id: str, record_type: type[RecordT]) -> RecordT:
        """A run by its id."""
        return self._store.load(run_id, record_type)

    def runs(self, kind: RunKind | None = None) -> list[RunInfo]:
        """All runs, newest first."""
        return self._store.runs(kind)

    def find(self, name: str, kind: RunKind | None = None) -> RunInfo:
        """The run that ``name`` means."""
        return self._store.find(name, kind)

    def journal(self, key: str) -> Journal:
        """The unfinished work under ``key``."""
        return self._store.journal(key)


class SelectedStore:
    """A workspace in which only some runs can be seen, as :class:`~.effects.Store`.

    Args:
        store: the whole of it.
        shown: ids of those that can be seen.
        as_kept: what of a record is kept, where that is not the record itself.
    """

    def __init__(
        self,
        store: Store,
        shown: Collection[str],
        as_kept: Callable[[object], object] = lambda record: record,
    ) -> None:
        self._store = store
        self._shown = shown
        self._as_kept = as_kept

    def new_info(self, kind: RunKind, *, model: str, subject: str, key: str) -> RunInfo:
        """The identity of a run about to be saved."""
        return self._store.new_info(kind, model=model, subject=subject, key=key)

    def save(self, info: RunInfo, record: object) -> None:
        """Keep a run."""
        self._store.save(info, self._as_kept(record))

    def load(self, run_id: str, record_type: type[RecordT]) -> RecordT:
        """A run by its id."""
        return self._store.load(run_id, record_type)

    def runs(self, kind: RunKind | None = None) -> list[RunInfo]:
        """Those that are shown, newest first."""
        return [info for info in self._store.runs(kind) if info.id in self._shown]

    def find(self, name: str, kind: RunKind | None = None) -> RunInfo:
        """The run that ``name`` means."""
        return self._store.find(name, kind)

    def journal(self, key: str) -> Journal:
        """The unfinished work under ``key``."""
        return self._store.journal(key)
