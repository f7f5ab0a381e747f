from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from weighbridge.core.errors import LedgerError
from weighbridge.serve.budgets.book import Account, Reserve, Settle, Slot
from weighbridge.serve.budgets.cost import Amount
from weighbridge.serve.budgets.ledger import carry_out
from weighbridge.serve.budgets.process import identity, is_alive, own_identity
from weighbridge.serve.budgets.sqlite import SqliteLedger

SLOT = Slot("key:alice", "2026-11")

START = """
import sys
from pathlib import Path
from weighbridge.serve.budgets.sqlite import SqliteLedger
print("ready", flush=True)
sys.stdin.readline()
ledger = SqliteLedger(Path(sys.argv[1]))
ledger.open()
ledger.leave()
"""


def wanted(hold: int) -> Reserve:
    return Reserve(hold, SLOT, Amount(7, 100), None, 10_000)


def test_workers_that_start_together_all_get_their_ledger(tmp_path: Path) -> None:
    for turn in range(3):
        command = [sys.executable, "-c", START, str(tmp_path / f"l{turn}")]
        children = [
            subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                env=dict(os.environ),
            )
            for _ in range(6)
        ]
        for child in children:
            assert child.stdout is not None
            child.stdout.readline()
        for child in children:
            child.communicate("go\n", timeout=60)
        assert [child.returncode for child in children] == [0] * 6


def test_an_unfinished_batch_leaves_nothing(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "l")
    ledger.open()

    def torn() -> None:
        with ledger.transaction() as transaction:
            assert transaction.free([1]) == {1: Amount(7, 100)}
            raise KeyboardInterrupt

    carry_out(ledger, 1, [wanted(1)], [])
    with pytest.raises(KeyboardInterrupt):
        torn()
    assert ledger.read([SLOT]) == {SLOT: Account(held=Amount(7, 100))}
    carry_out(ledger, 2, [], [Settle(1, SLOT, Amount(3, 30), first=2)])
    assert ledger.read([SLOT]) == {SLOT: Account(Amount(3, 30))}
    ledger.leave()


def test_leaving_gives_back_what_is_still_set_aside(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "l")
    ledger.open()
    carry_out(ledger, 1, [wanted(1), wanted(2)], [])
    ledger.leave()
    ledger.open()
    assert ledger.read([SLOT]) == {SLOT: Account()}
    ledger.close()


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "l")
    ledger.open()
    ledger.close()
    with sqlite3.connect(tmp_path / "l") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(LedgerError, match="newer Weighbridge"):
        ledger.open()
    ledger.close()


def test_a_process_is_known_by_more_than_its_number() -> None:
    assert is_alive(own_identity())
    pid, _, rest = own_identity().partition(" ")
    assert not is_alive(f"{pid} {rest[:-1]}")  # the number was given again
    assert not is_alive("")
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    name = identity(child.pid)
    assert is_alive(name)
    child.kill()
    child.wait()
    assert not is_alive(name)
    assert child.stdin is not None
    child.stdin.close()


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "l"
    path.touch(mode=0o644)  # of an older version
    path.chmod(0o644)
    ledger = SqliteLedger(path)
    ledger.open()
    carry_out(ledger, 1, [wanted(1)], [])
    modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == {"l": 0o600, "l-wal": 0o600, "l-shm": 0o600}
    ledger.leave()
