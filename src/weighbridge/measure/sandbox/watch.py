"""What a sandbox uses as a whole, read from outside: no resource limit counts it."""

from __future__ import annotations

import os
from pathlib import Path

from weighbridge.measure.sandbox.jail import SCRATCH
from weighbridge.measure.sandbox.limits import Ending, Limits

_PAGE = os.sysconf("SC_PAGE_SIZE")


def excess(pid: int, limits: Limits) -> Ending | None:
    """Which limit the process and all that descend from it are past together, if any.

    Memory that processes share by copy-on-write counts for each.
    """
    family = descendants(pid)
    if sum(map(_own_memory, family)) > limits.total_memory_bytes:
        return "memory"
    if family and _files(family[-1]) > limits.files:
        return "files"
    return None


def descendants(pid: int) -> list[int]:
    """The process's children and theirs, parents first."""
    found: list[int] = []
    open_ends = [pid]
    while open_ends:
        children = _children(open_ends.pop())
        found += children
        open_ends += children
    return found


def _children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(one) for task in tasks for one in (task / "children").read_text().split()]
    except (OSError, ValueError):  # gone meanwhile
        return []


def _own_memory(pid: int) -> int:
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) * _PAGE


def _files(pid: int) -> int:
    try:
        told = os.statvfs(f"/proc/{pid}/root{SCRATCH}")
    except OSError:
        return 0
    return told.f_files - told.f_ffree
