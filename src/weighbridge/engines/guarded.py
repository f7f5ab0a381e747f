"""Any program as a process tree that cannot outlive us, whatever it starts and however we end."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import IO

import psutil

from weighbridge.core.errors import EngineError
from weighbridge.core.units import KIB, MIB

_GUARDIAN = Path(__file__).with_name("guardian.py")
_LOG_LIMIT = MIB
_LOG_TAIL = 16 * KIB
_POLL_S = 0.02
# By force nothing takes longer, unless a driver does not let go.
_FORCE_S = 20.0


class Guarded:
    """A program under the care of :mod:`weighbridge.engines.guardian`.

    What it writes goes to a deleted file, of which the end is kept: no pipe that a grandchild might
    hold open, and no disk that fills.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
        self._process = process
        self._log = log
        self._seen: dict[int, float] = {}

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        env: Mapping[str, str] | None = None,
        *,
        hidden: Collection[str] = (),
    ) -> Guarded:
        """Start ``argv``, with ``env`` on top of our own environment without ``hidden``.

        Raises:
            EngineError: not even the guardian can be started.
        """
        log = tempfile.TemporaryFile()  # noqa: SIM115 -- closed by stop()
        # So that the engine goes on at the new end once we have shortened it.
        fcntl.fcntl(log.fileno(), fcntl.F_SETFL, os.O_APPEND)
        inherited = {name: text for name, text in os.environ.items() if name not in hidden}
        program = [sys.executable, "-I", "-S", str(_GUARDIAN), str(os.getpid()), *argv]
        try:
            process = subprocess.Popen(
                program,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=inherited | dict(env or {}),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            log.close()
            raise EngineError(f"{argv[0]} cannot be started: {error}.") from error
        return cls(process, log)

    @property
    def pid(self) -> int:
        """Process id of the guardian, the root of the tree."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether the engine still runs."""
        return self._process.poll() is None

    @property
    def code(self) -> int | None:
        """How the engine ended: its exit status, above 128 for a signal; None while it runs."""
        return self._process.poll()

    def processes(self) -> list[psutil.Process]:
        """The engine's processes, without the guardian; also remembers them for :meth:`stop`."""
        try:
            found = psutil.Process(self.pid).children(recursive=True)
        except psutil.Error:
            return []
        living = []
        for process in found:
            with contextlib.suppress(psutil.Error):
                self._seen[process.pid] = process.create_time()
                living.append(process)
        return living

    def memory_bytes(self) -> int:
        """Resident memory of the engine's processes; 0 when it is gone."""
        total = 0
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        return total

    def is_stopped(self) -> bool:
        """Whether one of its processes was halted (SIGSTOP): it will not answer by itself."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                if process.status() == psutil.STATUS_STOPPED:
                    return True
        return False

    def log(self) -> str:
        """The end of what it wrote, at most 16 KiB."""
        if self._log.closed:
            return ""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - _LOG_TAIL))
        tail = self._log.read()
        if size > _LOG_LIMIT:
            os.ftruncate(self._log.fileno(), 0)
            os.write(self._log.fileno(), tail)
        return tail.decode("utf-8", "replace")

    async def stop(self, grace_s: float = 5.0) -> None:
        """End it and all that it started: gently for ``grace_s``, then by force.

        Raises:
            EngineError: something of it does not even end by force.
        """
        self.processes()
        pipe = self._process.stdin
        assert pipe is not None  # noqa: S101 -- piped in start()
        if self.is_alive():
            with contextlib.suppress(OSError, ValueError):
                pipe.write(f"stop {grace_s}\n".encode())
                pipe.flush()
        gone = await self._ended_within(1.5 * grace_s + _FORCE_S)
        if not gone:  # the guardian itself may be halted
            self._process.kill()
            gone = await self._ended_within(_FORCE_S / 10)
        with contextlib.suppress(OSError):
            pipe.close()
        self._kill_remembered()
        if not gone:
            raise EngineError(
                f"Process {self.pid} does not end, not even by force.",
                fix="Its driver may hang: look at `dmesg`, and restart the machine if need be.",
            )
        self._log.close()

    async def _ended_within(self, seconds: float) -> bool:
        deadline = asyncio.get_running_loop().time() + seconds
        while self.is_alive():
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    def _kill_remembered(self) -> None:
        """What was seen of it and still lives: only if the guardian itself was killed."""
        for pid, since in self._seen.items():
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(pid)
                if process.create_time() == since and process.status() != psutil.STATUS_ZOMBIE:
                    process.send_signal(signal.SIGKILL)
