from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.serve.budgets.conftest import fresh_database
from tests.serve.budgets.postgres import cluster
from tests.waiting import until
from weighbridge.core.errors import ConfigError, LedgerError
from weighbridge.serve.budgets.book import Account, Reserve, Settle, Slot
from weighbridge.serve.budgets.cost import Amount
from weighbridge.serve.budgets.ledger import Transaction, carry_out
from weighbridge.serve.budgets.opening import is_postgres, open_ledger
from weighbridge.serve.budgets.writer import Writer

psycopg = pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")

from weighbridge.serve.budgets.postgres import PostgresLedger  # noqa: E402 -- after the check

if TYPE_CHECKING:
    from tests.serve.budgets.postgres import Cluster

SLOT = Slot("key:alice", "ever")


def wanted(hold: int) -> Reserve:
    return Reserve(hold, SLOT, Amount(0, 100), None, 10_000)


def test_a_server_that_goes_and_comes_back_loses_nothing() -> None:
    async def scenario(server: Cluster) -> None:
        said: list[str] = []
        writer = Writer(PostgresLedger(server.address), tell=said.append)
        assert await writer.reserve(wanted(1)) == "granted"
        server.stop()
        assert await writer.reserve(wanted(2)) is None
        writer.settle(Settle(1, SLOT, Amount(0, 42)))
        server.start()
        await until(lambda: not writer.fault)
        assert await writer.reserve(wanted(3)) == "granted"
        writer.settle(Settle(3, SLOT, Amount(0, 8)))
        await writer.close()
        assert said[-1] == "The ledger can be written again."
        ledger = PostgresLedger(server.address)
        ledger.open()
        assert ledger.read([SLOT]) == {SLOT: Account(Amount(0, 50))}
        ledger.close()

    with cluster() as server:
        asyncio.run(scenario(server))


def test_a_gateway_that_falls_silent_gives_its_holds_back_and_still_pays(server: Cluster) -> None:
    address = fresh_database(server)
    silent, other = PostgresLedger(address), PostgresLedger(address)
    silent.open()
    carry_out(silent, 1, [wanted(1)], [])
    other.open()
    assert other.read([SLOT])[SLOT].held == Amount(0, 100)  # it spoke a moment ago
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("UPDATE weighbridge_owners SET seen = now() - interval '31 s'")
    other.beat()
    assert other.read([SLOT]) == {SLOT: Account()}
    # It was only cut off: what it spent counts, and counts once.
    carry_out(silent, 2, [], [Settle(1, SLOT, Amount(0, 60), first=2)])
    carry_out(silent, 3, [], [Settle(1, SLOT, Amount(0, 60), first=2)])
    assert other.read([SLOT]) == {SLOT: Account(Amount(0, 60))}
    silent.leave()
    other.leave()


def test_a_commit_whose_confirmation_is_lost_is_booked_once(server: Cluster) -> None:
    class Torn(PostgresLedger):
        commits = 0

        @contextmanager
        def transaction(self) -> Iterator[Transaction]:  # type: ignore[override]
            with super().transaction() as transaction:
                yield transaction
            self.commits += 1
            if self.commits % 4 == 0:  # opening takes two
                raise LedgerError("The connection was lost.")

    address = fresh_database(server)

    async def scenario() -> int:
        writer = Writer(Torn(address))
        granted = 0
        for hold in range(1, 9):
            if await writer.reserve(wanted(hold)) == "granted":
                granted += 1
                writer.settle(Settle(hold, SLOT, Amount(0, 10)))
            await until(lambda: not writer.fault)
            await asyncio.sleep(0.02)
        await writer.close()
        return granted

    granted = asyncio.run(scenario())
    assert granted
    ledger = PostgresLedger(address)
    ledger.open()
    assert ledger.read([SLOT]) == {SLOT: Account(Amount(0, 10 * granted))}
    ledger.close()


def test_an_error_names_the_server_and_not_the_password() -> None:
    ledger = PostgresLedger("postgresql://me:swordfish@127.0.0.1:1/spending")
    with pytest.raises(LedgerError) as caught:
        ledger.open()
    assert "127.0.0.1" in str(caught.value)
    assert "spending" in str(caught.value)
    assert "swordfish" not in str(caught.value)


def test_a_ledger_of_a_newer_version_is_left_alone(server: Cluster) -> None:
    address = fresh_database(server)
    ledger = PostgresLedger(address)
    ledger.open()
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("UPDATE weighbridge_ledger SET version = 99")
    with pytest.raises(LedgerError, match="newer Weighbridge"):
        ledger.open()
    ledger.close()


def test_eight_gateways_that_start_together_make_the_tables_once(server: Cluster) -> None:
    address = fresh_database(server)
    program = (
        "import sys; from weighbridge.serve.budgets.postgres import PostgresLedger; "
        "ledger = PostgresLedger(sys.argv[1]); ledger.open(); ledger.leave()"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", program, address], env=dict(os.environ))
        for _ in range(8)
    ]
    assert [child.wait(timeout=60) for child in children] == [0] * 8


def test_without_the_extra_the_configuration_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weighbridge.serve.budgets.postgres", None)
    with pytest.raises(ConfigError, match="extra `postgres`"):
        open_ledger("postgresql://127.0.0.1/spending")
    assert not is_postgres(Path("postgresql://x"))
