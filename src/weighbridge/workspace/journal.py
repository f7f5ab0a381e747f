"""Unfinished work as an append-only file of lines that survives a kill at any moment."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from weighbridge.core.errors import WorkspaceError
from weighbridge.facts.file_reader import ReadAt, file_reader

_TAIL_BYTES = 2**16


class FileJournal:
    """A locked file of complete lines; a line torn by a kill is dropped on opening."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b")
        except OSError as error:
            raise _cannot_write(path, error) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise WorkspaceError(
                "The same measurement is being made by another process.",
                fix="Wait for it to end, or stop it; its answers are kept.",
            ) from None
        except OSError as error:
            self._file.close()
            raise _cannot_write(path, error) from error
        self._drop_torn_line()

    def lines(self) -> Iterator[bytes]:
        """Complete lines, without their ends."""
        self._file.seek(0)
        for line in self._file:
            yield line.rstrip(b"\n")

    def append(self, lines: Iterable[bytes]) -> None:
        """Add lines and hand them to the operating system, so that a kill loses none."""
        try:
            self._file.write(b"".join(line + b"\n" for line in lines))
            self._file.flush()
        except OSError as error:
            raise _cannot_write(self._path, error) from error

    def reader(self) -> ReadAt:
        """Reads so many bytes from a place on, even when the file has been discarded."""
        return file_reader(self._path)

    def close(self) -> None:
        """Leave the lines for a later resumption; a file without any is no use to anybody."""
        with contextlib.suppress(OSError, ValueError):
            if os.fstat(self._file.fileno()).st_size == 0:
                self._path.unlink(missing_ok=True)
        # What is still buffered belongs to an `append` that has already raised.
        with contextlib.suppress(OSError):
            self._file.close()

    def discard(self) -> None:
        """Delete the file: its work is saved elsewhere."""
        self._path.unlink(missing_ok=True)
        self.close()

    def _drop_torn_line(self) -> None:
        """Cut the file after its last whole line, which is looked for from the end."""
        fd = self._file.fileno()
        end = os.fstat(fd).st_size
        complete = 0
        while end:
            start = max(0, end - _TAIL_BYTES)
            found = os.pread(fd, end - start, start).rfind(b"\n")
            if found >= 0:
                complete = start + found + 1
                break
            end = start
        os.truncate(fd, complete)
        self._file.seek(0, os.SEEK_END)


def _cannot_write(path: Path, error: OSError) -> WorkspaceError:
    return WorkspaceError(
        f"Cannot write {path}: {error.strerror or error}.",
        fix="Choose another folder with --workspace, or make room.",
    )
