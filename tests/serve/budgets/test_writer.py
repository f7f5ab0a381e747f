from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import until
from weighbridge.core.errors import LedgerError
from weighbridge.serve.budgets.book import Account, Reserve, Settle, Slot
from weighbridge.serve.budgets.cost import Amount
from weighbridge.serve.budgets.ledger import Transaction
from weighbridge.serve.budgets.sqlite import SqliteLedger
from weighbridge.serve.budgets.writer import Writer

SLOT = Slot("key:alice", "ever")


def wanted(hold: int) -> Reserve:
    return Reserve(hold, SLOT, Amount(0, 100), None, 10_000)


class Torn(SqliteLedger):
    """Every third commit is carried out and reported as failed, as when a connection breaks."""

    commits = 0

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:  # type: ignore[override]
        with super().transaction() as transaction:
            yield transaction
        self.commits += 1
        if self.commits % 3 == 1:
            raise LedgerError("The connection was lost.")


def read(path: Path) -> Account:
    ledger = SqliteLedger(path)
    ledger.open()
    try:
        return ledger.read([SLOT])[SLOT]
    finally:
        ledger.close()


def test_a_commit_whose_confirmation_is_lost_is_booked_once(tmp_path: Path) -> None:
    async def scenario() -> tuple[int, list[str]]:
        said: list[str] = []
        writer = Writer(Torn(tmp_path / "l"), tell=said.append)
        granted = 0
        for hold in range(1, 9):
            if await writer.reserve(wanted(hold)) == "granted":
                granted += 1
                writer.settle(Settle(hold, SLOT, Amount(0, 10)))
            await until(lambda: not writer.fault)
            await asyncio.sleep(0.05)
        await writer.close()
        return granted, said

    granted, said = asyncio.run(scenario())
    assert granted
    assert "The ledger can be written again." in said
    assert read(tmp_path / "l") == Account(Amount(0, 10 * granted))


def test_a_locked_ledger_refuses_and_recovers_and_loses_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        said: list[str] = []
        writer = Writer(SqliteLedger(tmp_path / "l"), tell=said.append)
        assert await writer.reserve(wanted(1)) == "granted"
        locker = sqlite3.connect(tmp_path / "l", isolation_level=None)
        locker.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        assert await writer.reserve(wanted(2)) is None
        assert time.monotonic() - started < 4
        assert "Another process holds it" in writer.fault
        # From now on at once, and what is settled meanwhile is kept.
        started = time.monotonic()
        assert await writer.reserve(wanted(3)) is None
        assert time.monotonic() - started < 0.1
        writer.settle(Settle(1, SLOT, Amount(0, 42)))
        locker.close()
        await until(lambda: not writer.fault)
        assert await writer.reserve(wanted(4)) == "granted"
        writer.settle(Settle(4, SLOT))
        await writer.close()
        assert len(said) == 2

    asyncio.run(scenario())
    assert read(tmp_path / "l") == Account(Amount(0, 42))


def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    class Full(SqliteLedger):
        is_full = False

        def open(self) -> None:
            super().open()
            assert self._connection is not None
            if self.is_full:  # SQLite answers just as for a disk without room
                self._connection.execute("PRAGMA max_page_count = 1")

        @contextmanager
        def transaction(self) -> Iterator[Transaction]:  # type: ignore[override]
            with super().transaction() as transaction:
                if self.is_full:
                    assert self._connection is not None
                    self._connection.execute("CREATE TABLE filler (x)")
                yield transaction

    async def scenario() -> None:
        ledger = Full(tmp_path / "l")
        writer = Writer(ledger)
        assert await writer.reserve(wanted(1)) == "granted"
        ledger.is_full = True
        assert ledger._connection is not None
        ledger._connection.execute("PRAGMA max_page_count = 1")
        assert await writer.reserve(wanted(2)) is None
        assert "Make room" in writer.fault
        ledger.is_full = False
        await until(lambda: not writer.fault)
        assert await writer.reserve(wanted(3)) == "granted"
        await writer.close()

    asyncio.run(scenario())
    assert read(tmp_path / "l") == Account()


def test_a_ledger_that_cannot_be_opened_is_no_reason_to_wait(tmp_path: Path) -> None:
    place = tmp_path / "file" / "l"
    (tmp_path / "file").write_text("not a folder")

    async def scenario() -> None:
        said: list[str] = []
        writer = Writer(SqliteLedger(place), tell=said.append)
        assert await writer.reserve(wanted(1)) is None
        (tmp_path / "file").unlink()
        await until(lambda: not writer.fault)
        assert await writer.reserve(wanted(2)) == "granted"
        await writer.close()
        assert len(said) == 2

    asyncio.run(scenario())


def test_a_file_that_is_no_ledger_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "l").write_bytes(b"something else, and rather long" * 100)

    async def scenario() -> str:
        writer = Writer(SqliteLedger(tmp_path / "l"))
        assert await writer.reserve(wanted(1)) is None
        fault = writer.fault
        await writer.close()
        return fault

    assert "not a database" in asyncio.run(scenario())
    assert (tmp_path / "l").read_bytes().startswith(b"something else")


def test_a_ledger_deleted_under_a_running_gateway_is_made_anew(tmp_path: Path) -> None:
    async def scenario() -> None:
        said: list[str] = []
        writer = Writer(SqliteLedger(tmp_path / "l"), tell=said.append)
        assert await writer.reserve(wanted(1)) == "granted"
        remove_all(tmp_path)
        writer._next_beat = 0.0  # now rather than in five seconds
        await until(lambda: len(said) == 2)
        assert await writer.reserve(wanted(2)) == "granted"
        writer.settle(Settle(2, SLOT, Amount(0, 5)))
        await writer.close()

    asyncio.run(scenario())
    assert read(tmp_path / "l") == Account(Amount(0, 5))


def test_the_loop_is_not_kept_waiting(tmp_path: Path) -> None:
    async def scenario() -> float:
        writer = Writer(SqliteLedger(tmp_path / "l"))
        await writer.reserve(wanted(1))
        locker = sqlite3.connect(tmp_path / "l", isolation_level=None)
        locker.execute("BEGIN EXCLUSIVE")
        waiting = asyncio.create_task(writer.reserve(wanted(2)))
        longest = await longest_turn(lambda: not waiting.done())
        locker.close()
        await writer.close()
        return longest

    assert asyncio.run(scenario()) < 0.5  # SQLite itself waits two seconds for the lock


async def longest_turn(while_: Callable[[], bool]) -> float:
    longest, last = 0.0, time.monotonic()
    while while_():
        await asyncio.sleep(0.001)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    return longest


def remove_all(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


class Counted(SqliteLedger):
    """Counts commits."""

    commits = 0

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:  # type: ignore[override]
        with super().transaction() as transaction:
            yield transaction
        self.commits += 1


def test_what_was_spent_is_booked_with_the_next_reservation_or_in_a_moment(
    tmp_path: Path,
) -> None:
    async def scenario() -> None:
        ledger = Counted(tmp_path / "l")
        writer = Writer(ledger)
        assert await writer.reserve(wanted(1)) == "granted"
        began = ledger.commits
        asked = [writer.reserve(wanted(hold)) for hold in range(2, 18)]
        writer.settle(Settle(1, SLOT, Amount(0, 10)))
        assert await asyncio.gather(*asked) == ["granted"] * 16
        assert ledger.commits == began + 1  # sixteen reservations and what was spent before
        assert read(tmp_path / "l") == Account(Amount(0, 10), Amount(0, 1600))
        for hold in range(2, 18):
            writer.settle(Settle(hold, SLOT, Amount(0, 10)))
        # Nobody reserves any more; what is not booked yet stays set aside.
        assert read(tmp_path / "l").held == Amount(0, 1600)
        async with asyncio.timeout(5):
            await until(lambda: ledger.commits == began + 2)
        assert read(tmp_path / "l") == Account(Amount(0, 170), Amount(0, 0))
        await writer.close()

    asyncio.run(scenario())
