"""How fast this machine's memory really is: two seconds of copying on all cores."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from weighbridge.core.units import GIB, MIB
from weighbridge.facts.host import host_memory_bytes

SECONDS = 2.0
# Twice this per thread: far more than any cache, unless that were to fill the memory.
_BLOCK = 64 * MIB
_LEAST_BLOCK = 16 * MIB
_PART_OF_MEMORY = 8


def copy_bytes_per_s(*, seconds: float = SECONDS, threads: int | None = None) -> float:
    """Bytes read and written per second by copying blocks, on all threads together.

    The best round, as is usual for memory: others only tell who else was using it. Decoding reads
    more than it writes and may be a little faster.
    """
    count = threads or _cores()
    block = _block_size(count)
    rounds: list[float] = []
    buffers = [_buffers(block) for _ in range(count)]
    deadline = time.perf_counter() + seconds
    while not rounds or time.perf_counter() < deadline:
        rounds.append(2 * block * count / _round(buffers))
    return max(rounds)


def _cores() -> int:
    usable = getattr(os, "sched_getaffinity", None)
    return len(usable(0)) if usable else os.cpu_count() or 1


def _block_size(count: int) -> int:
    memory = host_memory_bytes() or 4 * GIB
    affordable = memory // _PART_OF_MEMORY // (2 * count)
    return max(_LEAST_BLOCK, min(_BLOCK, affordable))


def _buffers(size: int) -> tuple[Any, Any]:
    import numpy as np  # noqa: PLC0415 -- comes with scipy; only when somebody asks for the probe

    target, source = np.empty(size // 8), np.empty(size // 8)
    target.fill(0.0)  # the kernel gives pages when they are written, which no round should pay for
    source.fill(1.0)
    return target, source


def _round(buffers: list[tuple[Any, Any]]) -> float:
    """Seconds in which every thread copies its block once; numpy lets go of the interpreter."""
    import numpy as np  # noqa: PLC0415

    workers = [
        threading.Thread(target=np.copyto, args=(target, source)) for source, target in buffers
    ]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return time.perf_counter() - start
