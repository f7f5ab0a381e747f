"""Handing captures to the process that writes them, through a bounded queue and a thread."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from weighbridge.serve.observing.capture_writer import (
    DISK,
    KEPT,
    LENGTHS,
    SIZE,
    SLOW,
    WriterSettings,
)
from weighbridge.serve.observing.captured import CaptureHead

BROKEN = "broken"
_SAID = {
    DISK: "cannot be written: {}",
    SLOW: "take too long to be redacted: look at the expressions under `capture.redact`",
    SIZE: "do not fit: {}",
    BROKEN: "are lost because the process that writes them ended",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """A request to be kept, and how much memory it takes."""

    head: CaptureHead
    request: bytes
    answer: Sequence[bytes]
    size: int


class CaptureSink:
    """Passes frames on; the event loop only appends to a queue.

    Args:
        settings: for the writing process.
        tell: is given a sentence when captures are lost for a new reason, and one when they are
            kept again; called in a thread.
        patience_s: for the writing process to take or answer a frame, before it is replaced.

    Attributes:
        counts: what became of the frames: ``kept``, ``disk``, ``slow``, ``unreadable``, ``size``,
            ``broken``.
        taken: bytes of the frames that have left the queue.
    """

    def __init__(
        self, settings: WriterSettings, tell: Callable[[str], None], patience_s: float = 30.0
    ) -> None:
        self._settings = settings
        self._tell = tell
        self._patience_s = patience_s
        self._frames: deque[Frame] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._process: subprocess.Popen[bytes] | None = None
        self._answers = b""
        self._told = ""
        self._retry_at = 0.0
        self.counts: Counter[str] = Counter()
        self.taken = 0
        self._thread = threading.Thread(target=self._run, name="captures", daemon=True)
        self._thread.start()

    def put(self, frame: Frame) -> None:
        """Queue a frame; never waits. Who calls bounds the memory, see :attr:`taken`."""
        self._frames.append(frame)
        self._wake.set()

    def close(self, timeout_s: float = 5.0) -> None:
        """Write what waits, as far as the time allows, and end the process."""
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout_s)
        if self._thread.is_alive() and self._process is not None:
            self._process.kill()
            self._thread.join(1.0)

    @property
    def pid(self) -> int | None:
        """Of the writing process, while there is one."""
        return None if self._process is None else self._process.pid

    def _run(self) -> None:
        while True:
            stopping = self._stopping
            while self._frames:
                frame = self._frames.popleft()
                self._note(self._pass_on(frame))
                self.taken += frame.size
            if stopping:
                break
            self._wake.wait()
            self._wake.clear()
        self._end()

    def _pass_on(self, frame: Frame) -> str:
        if time.monotonic() < self._retry_at:
            return BROKEN
        try:
            process = self._process or self._start()
            self._send(process, msgspec.json.encode(frame.head), frame.request, frame.answer)
            return self._answer(process)
        except (OSError, TimeoutError):
            self._end()
            self._retry_at = time.monotonic() + 1.0  # one that cannot start must not be spun
            return BROKEN

    def _start(self) -> subprocess.Popen[bytes]:
        # -P: a file in the working directory must not pass for one of our modules.
        command = [sys.executable, "-P", "-m", "weighbridge.serve.observing.capture_writer"]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self._process = process
        self._answers = b""
        assert process.stdin is not None  # noqa: S101 -- it was asked for
        os.set_blocking(process.stdin.fileno(), False)
        self._send(process, msgspec.json.encode(self._settings), b"", ())
        return process

    def _send(
        self, process: subprocess.Popen[bytes], head: bytes, body: bytes, answer: Sequence[bytes]
    ) -> None:
        assert process.stdin is not None  # noqa: S101
        descriptor = process.stdin.fileno()
        joined = b"".join(answer)
        lengths = LENGTHS.pack(len(head), len(body), len(joined))
        left = memoryview(b"".join((lengths, head, body, joined)))
        while left:
            self._await(descriptor, select.POLLOUT)
            with contextlib.suppress(BlockingIOError):
                left = left[os.write(descriptor, left) :]

    def _answer(self, process: subprocess.Popen[bytes]) -> str:
        assert process.stdout is not None  # noqa: S101
        descriptor = process.stdout.fileno()
        while b"\n" not in self._answers:
            self._await(descriptor, select.POLLIN)
            data = os.read(descriptor, 4096)
            if not data:
                raise BrokenPipeError
            self._answers += data
        line, _, self._answers = self._answers.partition(b"\n")
        return line.decode()

    def _await(self, descriptor: int, what: int) -> None:
        poll = select.poll()  # select() cannot watch descriptors above 1,023
        poll.register(descriptor, what)
        if not poll.poll(1000 * self._patience_s):
            raise TimeoutError

    def _note(self, said: str) -> None:
        kind, _, detail = said.partition(" ")
        self.counts[kind] += 1
        if kind == KEPT:
            if self._told:
                self._told = ""
                self._tell("Captures are kept again.")
        elif kind in _SAID and kind != self._told:
            self._told = kind
            self._tell(f"Captured requests {_SAID[kind].format(detail)}. They are dropped.")

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None  # noqa: S101
        assert process.stdout is not None  # noqa: S101
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(2.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
