"""Child processes that cannot outlive us.

Three independent safeguards: the child reads a pipe whose other end only we hold (our death closes
it, whatever killed us); on Linux the kernel kills it when its parent dies; and it leads a process
group of its own, which :meth:`Child.stop` signals as a whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import tempfile
from typing import IO

import psutil

from weighbridge.core.errors import EngineError
from weighbridge.core.units import KIB
from weighbridge.facts.listener import tree_memory_bytes

_GRACE_S = 2.0


class Child:
    """A running child process: its death pipe is its standard input, its log a deleted file.

    Made of plain pipes and threads rather than asyncio's subprocesses, whose transports complain
    when a loop ends before every pipe has reported its end.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
        self._process = process
        self._log = log

    @classmethod
    def start(cls, *argv: str) -> Child:
        """Start ``argv`` in its own process group, standard output piped to us.

        Call it from the main thread: Linux takes the end of the starting thread for the parent's.

        Raises:
            EngineError: the program cannot be started.
        """
        log = tempfile.TemporaryFile()  # noqa: SIM115 -- closed by stop()
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        except OSError as error:
            log.close()
            raise EngineError(f"{argv[0]} cannot be started: {error.strerror}.") from error
        return cls(process, log)

    @property
    def pid(self) -> int:
        """Process id, which is also its group's."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    async def next_line(self) -> bytes:
        """The next line of its standard output; empty at its end."""
        assert self._process.stdout is not None  # noqa: S101 -- piped in start()
        return await asyncio.to_thread(self._process.stdout.readline)

    def memory_bytes(self) -> int:
        """Resident memory of the process and its descendants; 0 when it is gone."""
        try:
            return tree_memory_bytes(self.pid)
        except psutil.Error:
            return 0

    def log(self) -> str:
        """The end of its standard error, at most 16 KiB."""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - 16 * KIB))
        return self._log.read().decode("utf-8", "replace")

    async def stop(self) -> None:
        """Close the death pipe, then insist: SIGTERM, then SIGKILL to the whole group."""
        assert self._process.stdin is not None  # noqa: S101 -- piped in start()
        self._process.stdin.close()
        for insist in (None, signal.SIGTERM, signal.SIGKILL):
            if insist is not None:
                self._signal_group(insist)
            if await self._ended_within(_GRACE_S):
                break
        self._signal_group(signal.SIGKILL)  # descendants that outlived their leader
        assert self._process.stdout is not None  # noqa: S101
        self._process.stdout.close()
        self._log.close()

    async def _ended_within(self, seconds: float) -> bool:
        try:
            await asyncio.to_thread(self._process.wait, seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _signal_group(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)
