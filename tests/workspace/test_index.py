from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from weighbridge.core.errors import WorkspaceError
from weighbridge.core.runs import RunInfo, RunKind
from weighbridge.workspace.index import Index


def info(run_id: str, created: str = "2026-01-05T12:00:00Z", kind: RunKind = "eval") -> RunInfo:
    return RunInfo(run_id, kind, created, "m'; DROP TABLE runs; --", "s", "k", "a machine", "0")


def test_rows_come_back_newest_first(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite")
    old, new = info("a", "2026-01-05T12:00:00Z"), info("b", "2026-01-06T00:00:00Z", "load")
    index.add(new)
    index.add(old)
    assert index.rows() == [new, old]
    assert index.rows("eval") == [old]
    assert Index(tmp_path / "index.sqlite").rows() == [new, old]


def test_of_one_second_the_last_added_is_newest(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite")
    for name in "cab":
        index.add(info(name))
    assert [row.id for row in index.rows()] == ["b", "a", "c"]


def test_a_row_is_replaced_or_removed(tmp_path: Path) -> None:
    index = Index(tmp_path / "index.sqlite")
    index.add(info("a"))
    index.add(info("a", kind="load"))
    assert index.rows() == [info("a", kind="load")]
    index.remove("a")
    index.remove("never there")
    assert index.rows() == []


def test_an_index_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    Index(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(WorkspaceError, match="newer Weighbridge") as caught:
        Index(path)
    assert "Update Weighbridge" in caught.value.fix


def test_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    path.write_bytes(b"\x00garbage" * 512)
    with pytest.raises(WorkspaceError, match="cannot be used"):
        Index(path)
    with pytest.raises(WorkspaceError, match="cannot be used"):
        Index(tmp_path / "no such folder" / "index.sqlite")


def test_many_may_open_and_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "index.sqlite"
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            index = Index(path)
            for each in range(5):
                index.add(info(f"{number}-{each}"))
        except BaseException as error:  # noqa: BLE001 -- shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(Index(path).rows()) == 30
