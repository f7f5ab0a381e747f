"""A workspace: ``runs/<id>/run.json`` with its ``.jsonl`` tables, journals, and an index.

A run appears whole or not at all: it is written beside its place and renamed into it.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from weighbridge import __version__
from weighbridge.core.effects import Clock
from weighbridge.core.errors import UnknownRunError, WorkspaceError
from weighbridge.core.runs import RunInfo, RunKind
from weighbridge.workspace.index import Index, MemoryIndex
from weighbridge.workspace.journal import FileJournal

RecordT = TypeVar("RecordT")

# Fields that are kept as one JSON object a line, so that other tools can read them as a table.
TABLES = ("items", "requests")
_STALE_S = 3600.0
_encode = msgspec.json.Encoder().encode
_ELSEWHERE = "Choose another folder with --workspace."


class Workspace:
    """A folder of runs, as :class:`weighbridge.core.effects.Store`."""

    def __init__(self, root: Path, clock: Clock, machine: Callable[[], str]) -> None:
        self.root = root
        self._clock = clock
        self._machine = machine
        self._runs = root / "runs"
        self._index: Index | MemoryIndex = MemoryIndex()
        in_the_way = next(path for path in (root, *root.absolute().parents) if path.exists())
        if not in_the_way.is_dir():
            raise WorkspaceError(
                f"The workspace {root} cannot be made: {in_the_way} is not a folder.",
                fix=_ELSEWHERE,
            )
        self._open()

    def _open(self) -> None:
        """Use the index; where it cannot be written, read the runs themselves."""
        if isinstance(self._index, Index) or not self._runs.is_dir():
            return
        self._index = MemoryIndex()
        if os.access(self.root, os.W_OK) and os.access(self._runs, os.W_OK):
            self._index = Index(self.root / "index.sqlite")
            self._sweep()
        self._reconcile()

    def _make(self) -> None:
        """Make the folder when the first run is saved: looking leaves no trace."""
        if self._runs.is_dir():
            return
        try:
            self._runs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WorkspaceError(
                f"The workspace {self.root} cannot be made: {error.strerror or error}.",
                fix=_ELSEWHERE,
            ) from error
        self._open()

    def new_info(self, kind: RunKind, *, model: str, subject: str, key: str) -> RunInfo:
        """The identity of a run about to be saved: a fresh id, now, this machine."""
        return RunInfo(
            id=f"{kind}-{secrets.token_hex(3)}",
            kind=kind,
            created=self._clock.now_iso(),
            model=model,
            subject=subject,
            key=key,
            machine=self._machine(),
            version=__version__,
        )

    def save(self, info: RunInfo, record: object) -> None:
        """Keep a finished run, all of it or nothing.

        Raises:
            WorkspaceError: it cannot be written.
        """
        document, tables = _split(record)
        self._make()
        draft = self._runs / f".draft-{info.id}"
        try:
            draft.mkdir()
            for table, rows in tables.items():
                with (draft / f"{table}.jsonl").open("wb") as out:
                    out.writelines(_encode(row) + b"\n" for row in rows)
            text = json.dumps(document, indent=1, ensure_ascii=False)
            (draft / "run.json").write_text(text + "\n", encoding="utf-8")
            draft.rename(self._runs / info.id)
        except OSError as error:
            raise WorkspaceError(
                f"The run could not be saved in {self.root}: {error.strerror or error}.",
                fix="Make room or choose another folder with --workspace.",
            ) from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)  # gone already when all went well
        self._index.add(info)

    def document(self, run_id: str, tables: Collection[str] = TABLES) -> dict[str, Any]:
        """A run as stored, with these of its tables.

        Raises:
            UnknownRunError: there is none by that id.
            WorkspaceError: its files are damaged.
        """
        folder = self._runs / run_id
        if run_id not in {info.id for info in self.runs()}:
            raise self._unknown(run_id)
        try:
            document: dict[str, Any] = msgspec.json.decode((folder / "run.json").read_bytes())
            for table in tables:
                path = folder / f"{table}.jsonl"
                if path.exists():
                    lines = path.read_bytes().splitlines()
                    document[table] = [msgspec.json.decode(line) for line in lines]
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _damaged(run_id, folder, error) from error
        return document

    def load(self, run_id: str, record_type: type[RecordT]) -> RecordT:
        """A run as the record it was saved from, or as one that has some of its fields.

        Tables that the record does not have are not read.

        Raises:
            UnknownRunError: there is none by that id.
            WorkspaceError: its files are damaged, or of another kind.
        """
        fields = getattr(record_type, "__annotations__", TABLES)
        document = self.document(run_id, [table for table in TABLES if table in fields])
        try:
            return msgspec.convert(document, record_type)
        except msgspec.ValidationError as error:
            raise _damaged(run_id, self._runs / run_id, error) from error

    def runs(self, kind: RunKind | None = None) -> list[RunInfo]:
        """All runs, or those of one kind, newest first."""
        self._open()  # another process may have made it meanwhile
        return [row for row in self._index.rows(kind) if (self._runs / row.id).is_dir()]

    def find(self, name: str, kind: RunKind | None = None) -> RunInfo:
        """The run that ``name`` means: an id, how one begins, or the newest ``model@subject``.

        Raises:
            UnknownRunError: none, or more than one.
        """
        rows = self.runs(kind)
        if "@" in name:
            matches = [row for row in rows if f"{row.model}@{row.subject}" == name][:1]
        else:
            matches = [row for row in rows if row.id.startswith(name)]
            matches = [row for row in matches if row.id == name] or matches
        if len(matches) == 1:
            return matches[0]
        if matches:
            ids = ", ".join(row.id for row in matches[:5])
            raise UnknownRunError(f"{name!r} could be {ids}.", fix="Write more of the id.")
        raise self._unknown(name, kind)

    def journal(self, key: str) -> FileJournal:
        """The unfinished work under ``key``."""
        return FileJournal(self.root / "journals" / f"{key}.jsonl")

    def _unknown(self, name: str, kind: RunKind | None = None) -> UnknownRunError:
        rows = self.runs(kind)
        known = [row.id for row in rows] + [f"{row.model}@{row.subject}" for row in rows]
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        sort = f"{kind} run" if kind else "run"
        return UnknownRunError(
            f"There is no {sort} {name!r} in {self.root}.", fix=f"{hint}`weigh runs` lists them."
        )

    def _reconcile(self) -> None:
        """Make the index agree with the folders, after a kill or a hand that deleted some."""
        indexed = {info.id for info in self._index.rows()}
        present = {path.name for path in self._runs.iterdir() if not path.name.startswith(".")}
        for gone in indexed - present:
            self._index.remove(gone)
        # Oldest first: runs of one second keep their order.
        for found in sorted(present - indexed, key=lambda name: (self._saved_ns(name), name)):
            path = self._runs / found / "run.json"
            try:
                document = msgspec.json.decode(path.read_bytes())
                info = msgspec.convert(document["info"], RunInfo)
            except (OSError, msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError):
                continue  # not a run of ours: leave it alone, show only what can be read
            if info.id == found:  # else a copy under another name
                self._index.add(info)

    def _sweep(self) -> None:
        """Delete what killed processes were about to save; an hour spares those still at it."""
        for draft in self._runs.glob(".draft-*"):
            with contextlib.suppress(OSError):
                if time.time() - draft.stat().st_mtime > _STALE_S:
                    shutil.rmtree(draft, ignore_errors=True)

    def _saved_ns(self, run_id: str) -> int:
        try:
            return (self._runs / run_id / "run.json").stat().st_mtime_ns
        except OSError:
            return 0


def _split(record: object) -> tuple[dict[str, Any], dict[str, Sequence[Any]]]:
    """A record's own fields as JSON has them, and its tables, whose rows are encoded one by one."""
    fields = getattr(record, "__dataclass_fields__", ())
    rows = {name: getattr(record, name) for name in TABLES if name in fields}
    tables = {name: told for name, told in rows.items() if told is not None}
    own = {name: getattr(record, name) for name in fields if name not in tables}
    document: dict[str, Any] = msgspec.to_builtins(own if fields else record)
    return document, tables


def _damaged(run_id: str, folder: Path, error: Exception) -> WorkspaceError:
    return WorkspaceError(
        f"The run {run_id} cannot be read: {error}.", fix=f"Delete {folder} and measure again."
    )
