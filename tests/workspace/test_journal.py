from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.core.errors import WorkspaceError
from weighbridge.workspace.journal import FileJournal


@contextmanager
def opened(path: Path) -> Iterator[FileJournal]:
    journal = FileJournal(path)
    try:
        yield journal
    finally:
        journal.close()


LINES = st.lists(st.binary().map(lambda line: line.replace(b"\n", b"")), max_size=5)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(LINES, max_size=4), st.binary(max_size=9).map(lambda torn: torn.replace(b"\n", b""))
)
def test_whole_lines_survive_reopening_and_a_torn_one_does_not(
    tmp_path_factory: pytest.TempPathFactory, sessions: list[list[bytes]], torn: bytes
) -> None:
    path = tmp_path_factory.mktemp("j") / "deep" / "journal.jsonl"
    written: list[bytes] = []
    for lines in sessions:
        with opened(path) as journal:
            assert list(journal.lines()) == written
            journal.append(lines)
            written += lines
            assert list(journal.lines()) == written
        with path.open("ab") as file:
            file.write(torn)
    with opened(path) as journal:
        assert list(journal.lines()) == written
        journal.append([b"last"])
    assert path.read_bytes() == b"".join(line + b"\n" for line in [*written, b"last"])


def test_appended_lines_are_on_disk_before_closing(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with opened(path) as journal:
        journal.append([b"1", b"2"])
        assert path.read_bytes() == b"1\n2\n"


def test_a_second_opener_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with opened(path) as journal:
        journal.append([b"1"])
        with pytest.raises(WorkspaceError, match="being made by another process"):
            FileJournal(path)
        journal.append([b"2"])
    with opened(path) as journal:
        assert list(journal.lines()) == [b"1", b"2"]


_CHILD = """
import sys, time
from pathlib import Path
from weighbridge.workspace.journal import FileJournal
journal = FileJournal(Path(sys.argv[1]))
journal.append([b"kept"])
print("ready", flush=True)
time.sleep(60)
"""


def test_a_killed_process_leaves_its_lines_and_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(path)], stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        with pytest.raises(WorkspaceError, match="another process"):
            FileJournal(path)
        os.kill(child.pid, signal.SIGKILL)
    with opened(path) as journal:
        assert list(journal.lines()) == [b"kept"]


def test_a_discarded_journal_is_gone_and_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with opened(path) as journal:
        journal.append([b"1"])
        journal.discard()
        assert not path.exists()
    with opened(path) as journal:
        assert list(journal.lines()) == []


def test_a_path_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for path in (tmp_path / "file" / "j", tmp_path):
        with pytest.raises(WorkspaceError, match="Cannot write") as caught:
            FileJournal(path)
        assert "--workspace" in caught.value.fix


def test_a_full_disk_is_said_once_and_closing_is_quiet(tmp_path: Path) -> None:
    path = tmp_path / "j"
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    journal = FileJournal(path)
    journal.append([b"1"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, old[1]))
    try:
        with pytest.raises(WorkspaceError, match="Cannot write"):
            journal.append([b"a line that is too long"])
        journal.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    with opened(path) as again:
        assert list(again.lines()) == [b"1"]
