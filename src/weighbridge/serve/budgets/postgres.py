"""The ledger in PostgreSQL: shared by gateways on several machines (extra ``postgres``)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from weighbridge.core.errors import LedgerError
from weighbridge.serve.budgets.book import Account, Decision, Slot
from weighbridge.serve.budgets.cost import Amount
from weighbridge.serve.budgets.ledger import total

_Connection = psycopg.Connection[tuple[object, ...]]

# Seconds without a sign of life after which a process counts as dead, by the server's clock.
_SILENCE_S = 30
# Gateways that have been silent so long will not come back to ask which batch was their last.
_FORGET_S = 7 * 86400
# So that a server that hangs is noticed within seconds, whatever it hangs in.
_OPTIONS: dict[str, str | int] = {
    "connect_timeout": 3,
    "tcp_user_timeout": 4000,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "application_name": "weighbridge",
    "options": "-c statement_timeout=3000 -c lock_timeout=2000 "
    "-c idle_in_transaction_session_timeout=10000",
}
# An arbitrary number that only migrations of this ledger take.
_LOCK = 7_264_119_840

_MIGRATIONS = (
    (
        """
        CREATE TABLE weighbridge_accounts (
            budget text NOT NULL, period text NOT NULL,
            spent_nano bigint NOT NULL DEFAULT 0, spent_tokens bigint NOT NULL DEFAULT 0,
            held_nano bigint NOT NULL DEFAULT 0, held_tokens bigint NOT NULL DEFAULT 0,
            PRIMARY KEY (budget, period)
        )
        """,
        """
        CREATE TABLE weighbridge_owners (
            id bigint PRIMARY KEY, seen timestamptz NOT NULL DEFAULT now(),
            applied bigint NOT NULL DEFAULT 0
        )
        """,
        """
        CREATE TABLE weighbridge_holds (
            owner bigint NOT NULL, number bigint NOT NULL,
            budget text NOT NULL, period text NOT NULL,
            nano bigint NOT NULL, tokens bigint NOT NULL,
            PRIMARY KEY (owner, number)
        )
        """,
    ),
)


class PostgresLedger:
    """Accounts on a server. Rows are always locked in the same order: holds, then accounts."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._owner = secrets.randbits(62)
        self._connection: _Connection | None = None

    def open(self) -> None:
        """Connect, bring the tables up to date and release what dead processes had set aside."""
        self.close()
        with self._explained():
            # The address may override any option, as libpq's parameters do everywhere.
            said = conninfo_to_dict(self._address)
            ours = {name: value for name, value in _OPTIONS.items() if name not in said}
            address = make_conninfo(self._address, **ours)
            self._connection = psycopg.connect(address, autocommit=True)
            with self._connection.transaction():
                self._migrate(self._connection)
        self.beat()

    @contextmanager
    def transaction(self) -> Iterator[_Transaction]:
        """Begin; commit at the end, or take everything back on an error."""
        with self._explained():
            connection = self._connected()
            with connection.transaction():
                yield _Transaction(connection, self._owner)

    def read(self, slots: Iterable[Slot]) -> dict[Slot, Account]:
        """Accounts as they are, without locking anything."""
        with self._explained():
            wanted = sorted(slots)
            rows = self._connected().execute(_READ, _columns(wanted)).fetchall()
        return {slot: Account() for slot in wanted} | dict(map(_account, rows))

    def beat(self) -> None:
        """Say that this process lives, and release what dead ones had set aside."""
        with self.transaction() as transaction:
            transaction.beat()
        with self.transaction() as transaction:
            transaction.release_dead()

    def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(psycopg.Error, OSError):
                connection.close()

    def leave(self) -> None:
        """Release what this process still has set aside, and close."""
        try:
            with self.transaction() as transaction:
                transaction.release([self._owner])
                transaction.forget()
        finally:
            self.close()

    def _connected(self) -> _Connection:
        if self._connection is None:
            raise LedgerError(f"The ledger at {self._where()} is not connected.")
        return self._connection

    def _migrate(self, connection: _Connection) -> None:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        connection.execute(
            "CREATE TABLE IF NOT EXISTS weighbridge_ledger (version integer NOT NULL)"
        )
        row = connection.execute("SELECT version FROM weighbridge_ledger").fetchone()
        done = int(str(row[0])) if row else 0
        if done > len(_MIGRATIONS):
            raise LedgerError(
                f"The ledger at {self._where()} was written by a newer Weighbridge.",
                fix="Update Weighbridge, or use another database.",
            )
        for statements in _MIGRATIONS[done:]:
            for statement in statements:
                connection.execute(statement)
        if done < len(_MIGRATIONS):
            connection.execute("DELETE FROM weighbridge_ledger")
            connection.execute("INSERT INTO weighbridge_ledger VALUES (%s)", [len(_MIGRATIONS)])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.Error, OSError) as error:
            said = " ".join(str(error).split())
            raise LedgerError(
                f"The ledger at {self._where()} cannot be used: {said or type(error).__name__}.",
                fix="See that PostgreSQL runs there and lets this gateway in.",
            ) from error

    def _where(self) -> str:
        """Server and database, never the password."""
        try:
            parts = conninfo_to_dict(self._address)
        except psycopg.Error:
            return "that address"
        host, name = parts.get("host", "the local socket"), parts.get("dbname", "postgres")
        return f"{host}, database {name}"


_APPLIED = "SELECT applied FROM weighbridge_owners WHERE id = %s FOR UPDATE"
_FREE = """
    DELETE FROM weighbridge_holds WHERE owner = %s AND number = ANY(%s)
    RETURNING number, nano, tokens
"""
_CREATE = """
    INSERT INTO weighbridge_accounts (budget, period)
    SELECT * FROM unnest(%s::text[], %s::text[]) ON CONFLICT DO NOTHING
"""
_READ = """
    SELECT budget, period, spent_nano, spent_tokens, held_nano, held_tokens
    FROM weighbridge_accounts
    WHERE (budget, period) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
"""
_READ_LOCKED = _READ + "ORDER BY budget, period FOR UPDATE"
_WRITE = """
    UPDATE weighbridge_accounts SET spent_nano = %s, spent_tokens = %s, held_nano = %s,
    held_tokens = %s WHERE budget = %s AND period = %s
"""
_HOLD = "INSERT INTO weighbridge_holds VALUES (%s, %s, %s, %s, %s, %s)"
_MARK = """
    INSERT INTO weighbridge_owners (id, applied) VALUES (%s, %s)
    ON CONFLICT (id) DO UPDATE SET applied = excluded.applied, seen = now()
"""
_BEAT = """
    INSERT INTO weighbridge_owners (id) VALUES (%s) ON CONFLICT (id) DO UPDATE SET seen = now()
"""
_SILENT = "SELECT id FROM weighbridge_owners WHERE seen < now() - make_interval(secs => %s)"
_RELEASE = """
    DELETE FROM weighbridge_holds WHERE owner = ANY(%s) RETURNING budget, period, nano, tokens
"""
_UNHOLD = """
    UPDATE weighbridge_accounts SET held_nano = greatest(held_nano - %s, 0),
    held_tokens = greatest(held_tokens - %s, 0) WHERE budget = %s AND period = %s
"""


class _Transaction:
    def __init__(self, connection: _Connection, owner: int) -> None:
        self._connection = connection
        self._owner = owner

    def applied(self) -> int:
        """The number of this process's last batch that was carried out."""
        row = self._connection.execute(_APPLIED, [self._owner]).fetchone()
        return _whole(row[0]) if row else 0

    def free(self, holds: Sequence[int]) -> dict[int, Amount]:
        """Remove holds of this process; those that were still there, with what they held."""
        if not holds:
            return {}
        rows = self._connection.execute(_FREE, [self._owner, list(holds)]).fetchall()
        return {_whole(hold): Amount(_whole(n), _whole(t)) for hold, n, t in rows}

    def accounts(self, slots: Iterable[Slot]) -> dict[Slot, Account]:
        """What budgets have seen of periods, locked; empty accounts where there were none."""
        wanted = sorted(slots)
        rows = self._connection.execute(_READ_LOCKED, _columns(wanted)).fetchall()
        if len(rows) < len(wanted):
            self._connection.execute(_CREATE, _columns(wanted))
            rows = self._connection.execute(_READ_LOCKED, _columns(wanted)).fetchall()
        return dict(map(_account, rows))

    def write(self, decision: Decision, number: int) -> None:
        """Keep what was decided, and that batch ``number`` is carried out."""
        with self._connection.pipeline(), self._connection.cursor() as cursor:
            for slot, account in decision.accounts.items():
                cursor.execute(_WRITE, [*account.spent, *account.held, *slot])
            for hold in decision.holds:
                cursor.execute(_HOLD, [self._owner, hold.hold, *hold.slot, *hold.most])
            cursor.execute(_MARK, [self._owner, number])

    def beat(self) -> None:
        """This process lives."""
        self._connection.execute(_BEAT, [self._owner])

    def release_dead(self) -> None:
        """Give back what silent processes had set aside; forget them when they are long silent.

        Until then their rows stay: one that was only cut off asks which batch was its last.
        """
        rows = self._connection.execute(_SILENT, [_SILENCE_S]).fetchall()
        if rows:
            self.release([_whole(row[0]) for row in rows])
            self._connection.execute(
                "DELETE FROM weighbridge_owners WHERE seen < now() - make_interval(secs => %s)",
                [_FORGET_S],
            )

    def release(self, owners: Sequence[int]) -> None:
        """Give back all that processes had set aside."""
        rows = self._connection.execute(_RELEASE, [list(owners)]).fetchall()
        held = total(
            (Slot(str(budget), str(period)), Amount(_whole(nano), _whole(tokens)))
            for budget, period, nano, tokens in rows
        )
        for slot in sorted(held):
            self._connection.execute(_UNHOLD, [*held[slot], *slot])

    def forget(self) -> None:
        """This process ends."""
        self._connection.execute("DELETE FROM weighbridge_owners WHERE id = %s", [self._owner])


def _columns(slots: Sequence[Slot]) -> list[list[str]]:
    return [[slot.budget for slot in slots], [slot.period for slot in slots]]


def _account(row: tuple[object, ...]) -> tuple[Slot, Account]:
    numbers = [_whole(value) for value in row[2:]]
    return Slot(str(row[0]), str(row[1])), Account(Amount(*numbers[:2]), Amount(*numbers[2:]))


def _whole(value: object) -> int:
    assert isinstance(value, int)  # noqa: S101 -- bigint columns, NOT NULL
    return value
