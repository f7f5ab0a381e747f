"""The SQLite index of a workspace: which runs there are. A cache; the folders are the truth."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weighbridge.core.errors import WorkspaceError
from weighbridge.core.runs import RunInfo, RunKind

_FIELDS = ("id", "kind", "created", "model", "subject", "key", "machine", "version")

# Numbered by position: `PRAGMA user_version` holds how many of them a file has had.
_MIGRATIONS = (
    (
        """
        CREATE TABLE runs (
            id TEXT PRIMARY KEY, kind TEXT NOT NULL, created TEXT NOT NULL, model TEXT NOT NULL,
            subject TEXT NOT NULL, key TEXT NOT NULL, machine TEXT NOT NULL, version TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX runs_by_kind ON runs (kind, created)",
    ),
)


class MemoryIndex:
    """The same rows for this process only: of a workspace that cannot be written."""

    def __init__(self) -> None:
        self._rows: list[RunInfo] = []

    def add(self, info: RunInfo) -> None:
        """Add a row; later ones of the same second count as newer."""
        self._rows.append(info)

    def remove(self, run_id: str) -> None:
        """Forget a run."""
        self._rows = [row for row in self._rows if row.id != run_id]

    def rows(self, kind: RunKind | None = None) -> list[RunInfo]:
        """All runs, or those of one kind, newest first."""
        # A later row of the same second is newer.
        order = sorted(enumerate(self._rows), key=lambda pair: (pair[1].created, pair[0]))
        return [row for _, row in reversed(order) if kind is None or row.kind == kind]


class Index:
    """Rows of :class:`RunInfo`, one per run."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._connection() as connection:
            _migrate(connection, path)

    def add(self, info: RunInfo) -> None:
        """Insert or replace a run's row."""
        marks = ", ".join("?" * len(_FIELDS))
        with self._connection() as connection:
            connection.execute(
                f"INSERT OR REPLACE INTO runs VALUES ({marks})",  # noqa: S608 -- question marks
                [getattr(info, field) for field in _FIELDS],
            )

    def remove(self, run_id: str) -> None:
        """Forget a run whose folder is gone."""
        with self._connection() as connection:
            connection.execute("DELETE FROM runs WHERE id = ?", [run_id])

    def rows(self, kind: RunKind | None = None) -> list[RunInfo]:
        """All runs, or those of one kind, newest first."""
        where, values = ("WHERE kind = ?", [kind]) if kind else ("", [])
        query = f"SELECT {', '.join(_FIELDS)} FROM runs {where} ORDER BY created DESC, rowid DESC"  # noqa: S608 -- constants
        with self._connection() as connection:
            return [RunInfo(*row) for row in connection.execute(query, values)]

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self._path, timeout=10)
            try:
                with connection:
                    yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise _unusable(self._path, error) from error


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    # The exclusive lock comes first, so that two processes cannot both apply a migration.
    connection.execute("BEGIN EXCLUSIVE")
    (done,) = connection.execute("PRAGMA user_version").fetchone()
    if done > len(_MIGRATIONS):
        raise WorkspaceError(
            f"The workspace {path.parent} was written by a newer Weighbridge.",
            fix="Update Weighbridge, or choose another folder with --workspace.",
        )
    for statements in _MIGRATIONS[done:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")


def _unusable(path: Path, error: sqlite3.Error) -> WorkspaceError:
    code = getattr(error, "sqlite_errorcode", None)
    fix = "Delete that file; it is rebuilt from the runs beside it."
    if code == sqlite3.SQLITE_FULL:
        fix = "Make room on the disk, or choose another folder with --workspace."
    elif code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        fix = "Another process holds it: try again."
    return WorkspaceError(f"The workspace index {path} cannot be used: {error}.", fix=fix)
