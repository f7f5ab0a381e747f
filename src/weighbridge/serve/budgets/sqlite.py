"""The ledger in a file: SQLite, shared by the processes of one machine."""

from __future__ import annotations

import json
import os
import secrets
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from weighbridge.core.errors import LedgerError
from weighbridge.serve.budgets.book import Account, Decision, Slot
from weighbridge.serve.budgets.cost import Amount
from weighbridge.serve.budgets.ledger import total
from weighbridge.serve.budgets.process import is_alive, own_identity

_BUSY_S = 2.0
_PRIVATE = 0o600

# Numbered by position: `PRAGMA user_version` holds how many of them a file has had.
_MIGRATIONS = (
    (
        """
        CREATE TABLE accounts (
            budget TEXT NOT NULL, period TEXT NOT NULL,
            spent_nano INTEGER NOT NULL DEFAULT 0, spent_tokens INTEGER NOT NULL DEFAULT 0,
            held_nano INTEGER NOT NULL DEFAULT 0, held_tokens INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (budget, period)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE owners (
            id INTEGER PRIMARY KEY, process TEXT NOT NULL, applied INTEGER NOT NULL DEFAULT 0
        ) STRICT
        """,
        """
        CREATE TABLE holds (
            owner INTEGER NOT NULL, number INTEGER NOT NULL,
            budget TEXT NOT NULL, period TEXT NOT NULL,
            nano INTEGER NOT NULL, tokens INTEGER NOT NULL,
            PRIMARY KEY (owner, number)
        ) STRICT, WITHOUT ROWID
        """,
    ),
)
_READ = """
    SELECT spent_nano, spent_tokens, held_nano, held_tokens FROM accounts
    WHERE budget = ? AND period = ?
"""
_WRITE = "INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?, ?, ?)"
# Rows as JSON: every statement gives the interpreter's lock away and waits for it again.
_HOLD = """
    INSERT INTO holds SELECT ?, json_extract(value, '$[0]'), json_extract(value, '$[1]'),
        json_extract(value, '$[2]'), json_extract(value, '$[3]'), json_extract(value, '$[4]')
    FROM json_each(?)
"""
_FREE = """
    DELETE FROM holds WHERE owner = ? AND number IN (SELECT value FROM json_each(?))
    RETURNING number, nano, tokens
"""
_UNHOLD = """
    UPDATE accounts SET held_nano = max(held_nano - ?, 0), held_tokens = max(held_tokens - ?, 0)
    WHERE budget = ? AND period = ?
"""


class SqliteLedger:
    """Accounts in one file. A commit reaches the disk a little later: see ``synchronous`` below."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._owner = secrets.randbits(62)
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    def open(self) -> None:
        """Connect, bring the tables up to date and release what dead processes had set aside."""
        self.close()
        with self._explained():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _keep_private(self._path)
            # Autocommit: transactions are begun by hand, with the lock that they need.
            connection = sqlite3.connect(
                self._path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            self._connection = connection
            _write_ahead(connection)
            # A crash of the machine, not of the process, may lose the last commits, but never
            # damages the file. A sync per request would cost milliseconds.
            connection.execute("PRAGMA synchronous = NORMAL")
            # A checkpoint does sync: one per several thousand requests, of at most 16 MiB.
            connection.execute("PRAGMA wal_autocheckpoint = 4000")
            self._migrate(connection)
            self._inode = self._path.stat().st_ino
        self.beat()

    @contextmanager
    def transaction(self) -> Iterator[_Transaction]:
        """Begin with the lock for writing; commit at the end, or take everything back."""
        with self._explained():
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield _Transaction(connection, self._owner)
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def read(self, slots: Iterable[Slot]) -> dict[Slot, Account]:
        """Accounts as they are, without locking anything."""
        with self._explained():
            return _accounts(self._connected(), slots)

    def beat(self) -> None:
        """Release what dead processes had set aside; see that the file is still the one opened."""
        with self._explained():
            connection = self._connected()
            if self._path.stat().st_ino != self._inode:
                raise LedgerError(
                    f"The ledger {self._path} was replaced by another file.",
                    fix="It is opened again in a moment.",
                )
            owners = connection.execute("SELECT id, process FROM owners").fetchall()
        dead = [owner for owner, process in owners if not is_alive(process)]
        if dead:
            self._release(dead)

    def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def leave(self) -> None:
        """Release what this process still has set aside, and close."""
        try:
            self._release([self._owner])
        finally:
            self.close()

    def _release(self, owners: Sequence[int]) -> None:
        with self.transaction() as transaction:
            for owner in owners:
                transaction.release(owner)

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            raise LedgerError(f"The ledger {self._path} is not open.")
        return self._connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        # The lock comes first, so that two processes cannot both apply a migration.
        connection.execute("BEGIN EXCLUSIVE")
        try:
            (done,) = connection.execute("PRAGMA user_version").fetchone()
            self._check_version(done)
            for statements in _MIGRATIONS[done:]:
                for statement in statements:
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise

    def _check_version(self, version: int) -> None:
        if version > len(_MIGRATIONS):
            raise LedgerError(
                f"The ledger {self._path} was written by a newer Weighbridge.",
                fix="Update Weighbridge, or name another file under `ledger`.",
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise _unusable(self._path, error) from error


class _Transaction:
    def __init__(self, connection: sqlite3.Connection, owner: int) -> None:
        self._connection = connection
        self._owner = owner

    def applied(self) -> int:
        """The number of this process's last batch that was carried out."""
        row = self._connection.execute(
            "SELECT applied FROM owners WHERE id = ?", [self._owner]
        ).fetchone()
        return int(row[0]) if row else 0

    def free(self, holds: Sequence[int]) -> dict[int, Amount]:
        """Remove holds of this process; those that were still there, with what they held."""
        if not holds:
            return {}
        rows = self._connection.execute(_FREE, [self._owner, json.dumps(list(holds))]).fetchall()
        return {hold: Amount(nano, tokens) for hold, nano, tokens in rows}

    def accounts(self, slots: Iterable[Slot]) -> dict[Slot, Account]:
        """What budgets have seen of periods; empty accounts where there were none."""
        return _accounts(self._connection, slots)

    def write(self, decision: Decision, number: int) -> None:
        """Keep what was decided, and that batch ``number`` is carried out."""
        self._connection.executemany(
            _WRITE, [(*slot, *a.spent, *a.held) for slot, a in decision.accounts.items()]
        )
        if decision.holds:
            rows = [(hold.hold, *hold.slot, *hold.most) for hold in decision.holds]
            self._connection.execute(_HOLD, [self._owner, json.dumps(rows)])
        done = self._connection.execute(
            "UPDATE owners SET applied = ? WHERE id = ?", [number, self._owner]
        )
        if not done.rowcount:
            self._connection.execute(
                "INSERT INTO owners VALUES (?, ?, ?)", [self._owner, own_identity(), number]
            )

    def release(self, owner: int) -> None:
        """Give back all that a process had set aside, and forget it."""
        rows = self._connection.execute(
            "DELETE FROM holds WHERE owner = ? RETURNING budget, period, nano, tokens", [owner]
        ).fetchall()
        held = total((Slot(*row[:2]), Amount(*row[2:])) for row in rows)
        self._connection.executemany(_UNHOLD, [(*amount, *slot) for slot, amount in held.items()])
        self._connection.execute("DELETE FROM owners WHERE id = ?", [owner])


def _keep_private(path: Path) -> None:
    """Nobody else may read who spent how much; SQLite gives the files beside it the same mode."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
    try:
        if os.fstat(descriptor).st_mode & 0o077:
            os.fchmod(descriptor, _PRIVATE)
    finally:
        os.close(descriptor)
    for beside in ("-wal", "-shm"):
        with suppress(OSError):
            path.with_name(path.name + beside).chmod(_PRIVATE)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Use a write-ahead log. SQLite does not wait for others in doing so, so that we have to."""
    deadline = time.monotonic() + _BUSY_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _is_busy(error: Exception) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _accounts(connection: sqlite3.Connection, slots: Iterable[Slot]) -> dict[Slot, Account]:
    found = {}
    for slot in slots:
        row = connection.execute(_READ, slot).fetchone()
        found[slot] = Account(Amount(*row[:2]), Amount(*row[2:])) if row else Account()
    return found


def _unusable(path: Path, error: Exception) -> LedgerError:
    code = getattr(error, "sqlite_errorcode", None)
    fix = f"See that {path} can be written and is an undamaged SQLite file, or move it away."
    if code == sqlite3.SQLITE_FULL:
        fix = f"Make room on the disk of {os.fspath(path.parent)}."
    elif _is_busy(error):
        fix = "Another process holds it; end whatever else has it open."
    return LedgerError(f"The ledger {path} cannot be used: {error}.", fix=fix)
