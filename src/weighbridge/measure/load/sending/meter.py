"""What measuring costs this process, and how late its event loop is."""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICK_S = 0.01
_MB = 1e6


@dataclass(frozen=True, slots=True)
class Reading:
    """One process during one level.

    Attributes:
        cpu_s: its CPU time.
        wall_s: the level's time.
        lags_ms: how late each tick of 10 ms was.
        max_rss_mb: its largest resident memory since it started, in 10⁶ bytes.
    """

    cpu_s: float
    wall_s: float
    lags_ms: tuple[float, ...]
    max_rss_mb: float


class Meter:
    """Reads the process's clocks from :meth:`start` to :meth:`stop`; ticks in the running loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lags = array("d")
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._cpu_s = 0.0
        self._wall_s = 0.0

    def start(self) -> None:
        """Begin."""
        self._cpu_s, self._wall_s = time.process_time(), time.perf_counter()
        self._arm()

    def stop(self) -> Reading:
        """The reading since :meth:`start`."""
        if self._timer is not None:
            self._timer.cancel()
        return Reading(
            cpu_s=time.process_time() - self._cpu_s,
            wall_s=time.perf_counter() - self._wall_s,
            lags_ms=tuple(self._lags),
            max_rss_mb=max_rss_mb(),
        )

    def _arm(self) -> None:
        self._due = time.perf_counter() + _TICK_S
        self._timer = self._loop.call_later(_TICK_S, self._tick)

    def _tick(self) -> None:
        self._lags.append(max(0.0, (time.perf_counter() - self._due) * 1e3))
        self._arm()


def max_rss_mb() -> float:
    """Largest resident memory of this process so far, in 10⁶ bytes."""
    if sys.platform == "linux":
        # getrusage(2) would remember what our parent had when it started us.
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / _MB
    unit = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _MB


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep the garbage collector from pausing the block: it may look, but seldom and at little."""
    thresholds, others = gc.get_threshold(), gc.get_freeze_count()
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 1000)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        if not others:  # what somebody else has frozen cannot be told from ours, and stays so
            gc.unfreeze()
