"""How much a program in the sandbox may use, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from weighbridge.measure.sandbox.inside.confine import NOT_RUN

MIB = 1 << 20

Ending = Literal["finished", "timeout", "memory", "output", "files"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What one execution may use.

    Attributes:
        wall_s: seconds from start to end.
        cpu_s: seconds of processor time, each process by itself.
        memory_bytes: address space of each process; None for programs that reserve far more than
            they use, as engines of JavaScript do.
        total_memory_bytes: resident memory of all processes together; looked at ten times a second.
        processes: processes and threads at once.
        disk_bytes: all files together. They live in memory, in a file system of their own.
        file_bytes: the largest single file.
        files: how many files and folders; looked at ten times a second.
        output_bytes: stdout and stderr, each.
    """

    wall_s: float = 10.0
    cpu_s: int = 10
    memory_bytes: int | None = 512 * MIB
    total_memory_bytes: int = 2048 * MIB
    processes: int = 32
    disk_bytes: int = 64 * MIB
    file_bytes: int = 16 * MIB
    files: int = 4096
    output_bytes: int = 1 * MIB

    @property
    def resource_limits(self) -> dict[str, int]:
        """As ``setrlimit`` takes them."""
        memory = {} if self.memory_bytes is None else {"AS": self.memory_bytes}
        return memory | {
            "CPU": self.cpu_s,
            "FSIZE": self.file_bytes,
            "NPROC": self.processes,
            "NOFILE": 256,
            "CORE": 0,
        }


@dataclass(frozen=True, slots=True)
class Ended:
    """How an execution ended.

    Attributes:
        ending: by itself, or which limit ended it.
        status: exit status as a shell tells it, 128 + signal for a signal.
        stdout: what it printed, up to the limit.
        stderr: the same.
        channel: what our own code inside told us; nothing foreign can write there.
        wall_s: how long it took.
    """

    ending: Ending
    status: int
    stdout: bytes
    stderr: bytes
    channel: bytes
    wall_s: float

    @property
    def not_run(self) -> str:
        """Why the program could not even be started; nothing when it was."""
        _, mark, why = self.channel.partition(NOT_RUN)
        return why.decode(errors="replace") or "it is not there" if mark else ""
