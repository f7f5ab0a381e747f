"""What has been done of studies: ``studies/<name>.jsonl`` in a workspace, one unit a line.

Lines are only ever appended, each handed to the system at once: a kill leaves at most a torn last
line, which readers skip. Who runs a study holds its lock, so that a second run is told at once.
"""

from __future__ import annotations

import contextlib
import fcntl
from pathlib import Path
from typing import Literal

import msgspec

from weighbridge.core.errors import WorkspaceError
from weighbridge.core.study import StageName
from weighbridge.workspace.journal import FileJournal

_LOOKS = 3
_encode = msgspec.json.Encoder().encode


class UnitRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """A unit of a study that was done, or failed.

    Attributes:
        stage: to which it belongs.
        unit: its name.
        key: hash of all that it depended on.
        state: how it ended.
        runs: ids of what it left.
        why: why it failed, or waits for people.
        seconds: how long it took.
        created: when it ended, UTC, ISO 8601.
        machine: where it was done.
        basis: hash of what was measured, where the same measurement may be judged anew.
    """

    stage: StageName
    unit: str
    key: str
    state: Literal["done", "failed", "waiting"]
    runs: tuple[str, ...] = ()
    why: str = ""
    seconds: float = 0.0
    created: str = ""
    machine: str = ""
    basis: str = ""


_decoder = msgspec.json.Decoder(UnitRecord)


class StudyLedger:
    """The records of one study, for whoever holds its lock."""

    def __init__(self, journal: FileJournal) -> None:
        self._journal = journal

    def append(self, record: UnitRecord) -> None:
        """Keep a record; it survives whatever happens next."""
        self._journal.append([_encode(record)])

    def close(self) -> None:
        """Let others run the study."""
        self._journal.close()


class Studies:
    """The studies of one workspace.

    Args:
        root: the workspace's folder.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / "studies"

    def names(self) -> list[str]:
        """All studies that were ever run here."""
        return sorted(path.stem for path in self._folder.glob("*.jsonl"))

    def records(self, name: str) -> list[UnitRecord]:
        """What was done of a study, the oldest first; lines that cannot be read are skipped."""
        try:
            lines = self._path(name).read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise WorkspaceError(f"Cannot read {self._path(name)}: {error.strerror}.") from error
        found = []
        for line in lines[:-1]:  # after the last newline there is nothing, or a torn line
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                found.append(_decoder.decode(line))
        return found

    def open(self, name: str) -> StudyLedger:
        """The records of a study, to add to them.

        Raises:
            WorkspaceError: another process runs this study, or nothing can be written.
        """
        for _ in range(_LOOKS):
            try:
                return StudyLedger(FileJournal(self._path(name)))
            except WorkspaceError:
                if self.is_running(name):
                    raise _busy(name) from None
                if not self._path(name).exists():
                    raise
        # Somebody looked at the lock at the very moments at which it was asked for.
        raise _busy(name)

    def is_running(self, name: str) -> bool:
        """Whether a process holds the study's lock at this moment."""
        try:
            with self._path(name).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.jsonl"


def _busy(name: str) -> WorkspaceError:
    return WorkspaceError(
        f"The study {name} is being run by another process.",
        fix="Wait for it, or stop it: what it has done by then is kept.",
    )
