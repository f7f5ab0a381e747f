"""Whether processes are gone. One that only waits to be reaped is: it runs no more."""

from __future__ import annotations

import time
from collections.abc import Iterable

import psutil


def is_gone(pid: int) -> bool:
    """Ended, reaped or not. Orphans are reaped by init, which may take its time."""
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def gone_within(pids: Iterable[int], seconds: float) -> bool:
    """Whether all of them end in time."""
    deadline = time.monotonic() + seconds
    left = list(pids)
    while left and time.monotonic() < deadline:
        left = [pid for pid in left if not is_gone(pid)]
        time.sleep(0.01)
    return not left
