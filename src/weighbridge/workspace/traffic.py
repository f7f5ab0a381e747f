"""Captured traffic: ``traffic/<segment>.jsonl`` in a workspace, one request with its answer a line.

Several processes may write: each has segments of its own, and a lock keeps all of them together
within their bound. The oldest segments go first. A kill leaves at most a torn last line, which
readers skip.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.core.errors import UnknownRunError, WorkspaceError

_FOLDER = "traffic"
_PARTS = 16  # a segment is at most this part of the bound, so that dropping one drops little
_LEAST_SEGMENT = 4 * 1024


class CapturedUse(msgspec.Struct, frozen=True):
    """Tokens of a captured request; ``estimated`` where the engine did not tell."""

    prompt: int
    output: int
    cached: int = 0
    estimated: bool = False


class CapturedTool(msgspec.Struct, frozen=True):
    """A tool that the model called, with its arguments as the model wrote them."""

    name: str
    arguments: str


class Captured(msgspec.Struct, frozen=True):
    """A request as it was answered, secrets taken out.

    Attributes:
        id: the request's, as in the answer's header ``x-request-id``.
        time: when it ended, UTC, ISO 8601.
        key: who asked, by name.
        path: the endpoint.
        model: who answered; empty where nobody did.
        status: of the answer.
        end: how it ended: ``complete``, ``client_left``, ``cut``, ``refused`` or ``failed``.
        request: its body.
        task: the task that routing recognised.
        why: the routing decision.
        text: what the model wrote, pieces of a stream joined; of several answers the first.
        reasoning: its thinking, where that came apart from the text.
        tools: tools it called.
        answer: the body of an answer that did not come as a stream; None for streams.
        use: tokens; None where nothing was generated.
        ttft_ms: until the first byte; None where there was none.
        duration_ms: until the end.
        redacted: how many places were taken out or replaced.
        blobs: how many of them were images and other binary parts.
    """

    id: str
    time: str
    key: str
    path: str
    model: str
    status: int
    end: str
    request: Any
    task: str | None = None
    why: str = ""
    text: str = ""
    reasoning: str = ""
    tools: tuple[CapturedTool, ...] = ()
    answer: Any = None
    use: CapturedUse | None = None
    ttft_ms: float | None = None
    duration_ms: float = 0.0
    redacted: int = 0
    blobs: int = 0


_decoder = msgspec.json.Decoder(Captured)


class TrafficWriter:
    """Appends captured requests to a workspace within a bound of disk.

    Args:
        root: the workspace's folder.
        most_bytes: most that all segments of all writers may take together.
    """

    def __init__(self, root: Path, most_bytes: int) -> None:
        self._folder = root / _FOLDER
        self._most = most_bytes
        self._segment_bytes = max(most_bytes // _PARTS, _LEAST_SEGMENT)
        self._path: Path | None = None
        self._torn = False

    def append(self, line: bytes) -> None:
        """Keep one line (without its end), dropping the oldest segments where there is no room.

        Raises:
            WorkspaceError: it is larger than the bound.
            OSError: the disk is full or cannot be written.
        """
        data = b"\n" * self._torn + line + b"\n"
        if len(data) > self._most:
            raise WorkspaceError(
                f"A captured request of {len(data)} bytes is larger than all that may be kept.",
                fix="Raise `capture.max_size`.",
            )
        # What was captured may be confidential: only this user may read it.
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._locked():
            path = self._segment(len(data))
            self._make_room(len(data), path)
            self._write(path, data)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        descriptor = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _segment(self, further: int) -> Path:
        """The segment to write to, a new one where the last is full or somebody removed it."""
        path = self._path
        with contextlib.suppress(OSError):
            if path is not None and path.stat().st_size + further <= self._segment_bytes:
                return path
        self._torn = False
        # Names in the order of time; random, because several processes make them.
        self._path = self._folder / f"{time.time_ns():020d}-{secrets.token_hex(3)}.jsonl"
        return self._path

    def _make_room(self, further: int, path: Path) -> None:
        sizes = {segment: size for segment in _segments(self._folder) if (size := _size(segment))}
        total = sum(sizes.values())
        for segment in sorted(sizes, key=lambda found: found.name):
            if total + further <= self._most:
                return
            if segment != path:
                segment.unlink(missing_ok=True)
                total -= sizes[segment]
        if total + further > self._most:
            path.unlink(missing_ok=True)

    def _write(self, path: Path, data: bytes) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        start = os.fstat(descriptor).st_size
        done = 0
        try:
            while done < len(data):
                done += os.write(descriptor, data[done:])
        except OSError:
            # Half a line takes room and says nothing; where it stays, the next begins a new one.
            try:
                os.ftruncate(descriptor, start)
                if start == 0:
                    path.unlink(missing_ok=True)
            except OSError:
                self._torn = done > 0
            raise
        finally:
            os.close(descriptor)
        self._torn = False


def captured_in(path: Path) -> Iterator[Captured]:
    """The captured requests of one file; lines that cannot be read are skipped.

    Raises:
        WorkspaceError: the file cannot be read.
    """
    try:
        with path.open("rb") as lines:
            for line in lines:
                with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                    yield _decoder.decode(line)
    except OSError as error:
        raise WorkspaceError(f"Cannot read {path}: {error.strerror or error}.") from error


class Traffic:
    """The captured requests of a workspace.

    Args:
        root: the workspace's folder.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / _FOLDER

    def all(self) -> Iterator[Captured]:
        """Every captured request, segment by segment; lines that cannot be read are skipped."""
        for segment in _segments(self._folder):
            try:
                with segment.open("rb") as lines:
                    for line in lines:
                        with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                            yield _decoder.decode(line)
            except FileNotFoundError:
                continue  # the writer has just dropped it
            except OSError as error:
                raise WorkspaceError(
                    f"Cannot read {segment}: {error.strerror or error}.",
                    fix="Captures may be read by the user only who runs the gateway.",
                ) from error

    def find(self, name: str) -> Captured:
        """The request whose id is ``name``, or begins with it.

        Raises:
            UnknownRunError: none, or more than one.
        """
        found: dict[str, Captured] = {}
        for captured in self.all():
            if captured.id == name:
                return captured
            if captured.id.startswith(name):
                found[captured.id] = captured
        if len(found) == 1:
            return next(iter(found.values()))
        if found:
            raise UnknownRunError(
                f"{name!r} could be {', '.join(list(found)[:5])}.", fix="Write more of the id."
            )
        raise UnknownRunError(
            f"No captured request has the id {name!r}.", fix="`weigh traffic list` shows them."
        )

    def size_bytes(self) -> int:
        """What all of them take on the disk."""
        return sum(map(_size, _segments(self._folder)))


def _segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*.jsonl"), key=lambda path: path.name)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
