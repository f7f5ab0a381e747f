"""Which process a number means: numbers are given again, and other machines have the same ones."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def identity(pid: int) -> str:
    """A name that no other process has had or will have; empty where there is no such process."""
    try:
        # After the last parenthesis, because a program's name may contain anything; the 22nd field.
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        fields = status.rpartition(")")[2].split()
        if fields[0] in "ZX":
            return ""
        return f"{pid} {_BOOT.read_text().strip()} {fields[19]}"
    except FileNotFoundError:
        if _BOOT.exists():
            return ""
    except (OSError, IndexError):
        pass
    try:
        return f"{pid} {psutil.Process(pid).create_time():.0f}"
    except psutil.Error:
        return ""


def own_identity() -> str:
    """This process's."""
    return identity(os.getpid())


def is_alive(name: str) -> bool:
    """Whether the process still runs."""
    pid = name.partition(" ")[0]
    return pid.isdecimal() and identity(int(pid)) == name
