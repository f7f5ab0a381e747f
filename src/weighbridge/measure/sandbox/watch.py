"""What a sandbox uses as a whole, read from outside: no resource limit counts it."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from pathlib import Path

from weighbridge.measure.sandbox.jail import SCRATCH
from weighbridge.measure.sandbox.limits import Ending, Limits

_KIB = 1024
# Of a process's own status: what it has for itself or shares with no file of the host's. Pages of
# the host's files, as of the interpreter, are nobody's.
_STATUS = ("RssAnon", "RssShmem", "VmSwap", "VmPTE")
_PROPORTIONAL = ("Pss_Anon", "Pss_Shmem", "SwapPss")
_READINGS = 5
_BUFFER_FILE = "/proc/sys/net/core/wmem_default"
_USUAL_BUFFER = 212_992
_OWN_NAMESPACE = "/proc/{}/net/sockstat"


def excess(pid: int, limits: Limits) -> Ending | None:
    """Which limit the process and all that descend from it are past together, if any.

    Memory that processes share counts once.
    """
    if _holds_too_much(pid, limits.total_memory_bytes):
        return "memory"
    family = descendants(pid)
    if family and _files(family[-1]) > limits.files:
        return "files"
    return None


def _holds_too_much(pid: int, most_bytes: int) -> bool:
    """Whether a process and its descendants hold more.

    They are read one after the other. Where some begin or end meanwhile, the shares of what all
    of them share change, and the sum can be more than was ever held: it is taken again, but not
    for ever, as a program may keep starting and ending others.
    """
    for _ in range(_READINGS):
        family = _living(pid)
        if memory_of(family, most_bytes) <= most_bytes:
            return False
        if family == _living(pid):
            break
    return True


def _living(pid: int) -> list[int]:
    """Descendants without those that have ended and are not waited for yet."""
    return [one for one in descendants(pid) if _kib(f"/proc/{one}/status", _STATUS)]


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


def memory_of(family: Iterable[int], enough: int) -> int:
    """Bytes that all of them hold: pages, what was swapped out, page tables, socket buffers.

    Pages that several share are told apart only where counting them for each comes to more than
    ``enough``: to look at every page takes the kernel a while.
    """
    members = list(family)
    if not members:
        return 0
    buffers = _socket_buffers(members[-1])
    told = [_kib(f"/proc/{pid}/status", _STATUS) for pid in members]
    held = sum(sum(one.values()) for one in told) + buffers
    if held <= enough:
        return held
    return buffers + sum(
        sum(_kib(f"/proc/{pid}/smaps_rollup", _PROPORTIONAL).values() or one.values())
        + one.get("VmPTE", 0)
        for pid, one in zip(members, told, strict=True)
    )


def _kib(path: str, names: tuple[str, ...]) -> dict[str, int]:
    """Figures of a file of lines such as ``RssAnon:  1234 kB``, in bytes."""
    try:
        lines = Path(path).read_text().splitlines()
    except OSError:  # gone meanwhile, or not ours to see
        return {}
    pairs = (line.partition(":")[::2] for line in lines)
    return {name: int(rest.split()[0]) * _KIB for name, rest in pairs if name in names}


def _socket_buffers(pid: int) -> int:
    """The most that all sockets of a sandbox can hold, those on their way in messages included.

    A buffer takes one message more than its size, which in turn is no larger than that.
    """
    try:
        first = Path(_OWN_NAMESPACE.format(pid)).read_text().split("\n", 1)[0]
        return int(first.rsplit(" ", 1)[1]) * 2 * _buffer_bytes()
    except (OSError, ValueError, IndexError):
        return 0


@functools.cache
def _buffer_bytes() -> int:
    try:
        return int(Path(_BUFFER_FILE).read_text())
    except (OSError, ValueError):
        return _USUAL_BUFFER


def _files(pid: int) -> int:
    try:
        told = os.statvfs(f"/proc/{pid}/root{SCRATCH}")
    except OSError:
        return 0
    return told.f_files - told.f_ffree
