"""Records of studies: appended, locked, and read whatever a kill left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from weighbridge.core.errors import WorkspaceError
from weighbridge.workspace.studies import Studies, UnitRecord

DONE = UnitRecord("eval", "a × b", "k1", "done", ("eval-abc123",), seconds=1.5, machine="here")
FAILED = UnitRecord("bench", "a", "k2", "failed", why="It is gone.")


def test_records_come_back_in_order(tmp_path: Path) -> None:
    studies = Studies(tmp_path)
    assert studies.records("mine") == []
    assert studies.names() == []
    for record in (DONE, FAILED):
        ledger = studies.open("mine")
        ledger.append(record)
        ledger.close()
    assert studies.records("mine") == [DONE, FAILED]
    assert studies.names() == ["mine"]
    assert studies.records("other") == []


def test_torn_and_foreign_lines_are_skipped_and_the_next_record_is_whole(tmp_path: Path) -> None:
    studies = Studies(tmp_path)
    ledger = studies.open("mine")
    ledger.append(DONE)
    ledger.close()
    path = tmp_path / "studies" / "mine.jsonl"
    with path.open("ab") as file:
        file.write(b'{"stage": "nothing"}\n\xff\xfe\n{"stage": "eval", "unit": "a')
    assert studies.records("mine") == [DONE]
    ledger = studies.open("mine")
    ledger.append(FAILED)
    ledger.close()
    assert studies.records("mine") == [DONE, FAILED]


def test_another_process_that_runs_it_is_seen_and_told(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from weighbridge.workspace.studies import Studies;"
        "held = Studies(Path(sys.argv[1])).open('mine'); print('held', flush=True); input()"
    )
    studies = Studies(tmp_path)
    assert not studies.is_running("mine")
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert studies.is_running("mine")
        with pytest.raises(WorkspaceError, match="being run by another process"):
            studies.open("mine")
        studies.open("other").close()
        other.kill()
    assert not studies.is_running("mine")
    studies.open("mine").close()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "studies").write_text("no folder")
    with pytest.raises(WorkspaceError, match="Cannot write"):
        Studies(tmp_path).open("mine")
