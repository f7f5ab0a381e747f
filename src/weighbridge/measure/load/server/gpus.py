"""Memory, utilisation and power of this host's NVIDIA GPUs while a load runs.

One nvidia-smi stays running and prints a line per GPU twice a second, for starting it anew each
time would cost more than what it reads. It is killed at the end; should we be killed first, its
next line finds no reader and ends it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter_ns
from typing import IO

from weighbridge.core.units import MIB

PERIOD_MS = 500
_FIELDS = "index,memory.used,utilization.gpu,power.draw"
_LINE_LIMIT = 4096
_END_WAIT_S = 1.0
_NS = 1e9
# Beyond this the power between two readings is a guess.
_GAP_LIMIT_NS = 5_000_000_000


@dataclass(frozen=True, slots=True)
class GpuLine:
    """One GPU at one moment; None where its driver does not say."""

    index: int
    memory_bytes: int | None
    use: float | None
    power_w: float | None


@dataclass(frozen=True, slots=True)
class GpuReading:
    """All GPUs of the host at one moment; None where one of them does not say.

    Attributes:
        at_ns: monotonic clock.
        gpus: how many.
        memory_bytes: in use, summed.
        use: mean utilisation, 0..1.
        power_w: summed.
    """

    at_ns: int
    gpus: int
    memory_bytes: int | None
    use: float | None
    power_w: float | None


def parse_line(text: str) -> GpuLine | None:
    """A line of nvidia-smi's answer to our query; None when it is something else."""
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != _FIELDS.count(",") + 1 or not (parts[0].isascii() and parts[0].isdigit()):
        return None
    memory, use, power = map(_number, parts[1:])
    return GpuLine(
        index=int(parts[0]),
        memory_bytes=None if memory is None else round(memory * MIB),
        use=None if use is None else use / 100,
        power_w=power,
    )


def summed(at_ns: int, lines: Sequence[GpuLine]) -> GpuReading:
    """The GPUs of one moment together."""
    memory = _sum([line.memory_bytes for line in lines])
    use = _sum([line.use for line in lines])
    return GpuReading(
        at_ns=at_ns,
        gpus=len(lines),
        memory_bytes=None if memory is None else round(memory),
        use=None if use is None else use / len(lines),
        power_w=_sum([line.power_w for line in lines]),
    )


def energy_j(readings: Sequence[GpuReading], from_ns: int, to_ns: int) -> float | None:
    """Energy between two moments: power integrated by trapezoids.

    None where the power is unknown, or not known for more than five seconds on end.
    """
    known = [(one.at_ns, one.power_w) for one in readings if one.power_w is not None]
    if not known or len(known) < len(readings) or to_ns <= from_ns:
        return None
    # Before the first reading and after the last the power is taken to be as at that reading.
    first, last = known[0], known[-1]
    known = [(min(from_ns, first[0]), first[1]), *known, (max(to_ns, last[0]), last[1])]
    total = 0.0
    for (begin_ns, begin_w), (end_ns, end_w) in pairwise(known):
        left, right = max(begin_ns, from_ns), min(end_ns, to_ns)
        if right <= left:
            continue
        if end_ns - begin_ns > _GAP_LIMIT_NS:
            return None
        slope = (end_w - begin_w) / (end_ns - begin_ns)
        middle_w = begin_w + slope * ((left + right) / 2 - begin_ns)
        total += middle_w * (right - left) / _NS
    return total


class GpuWatch:
    """Runs nvidia-smi in the background; a host without it has no readings.

    Args:
        program: what to run instead of ``nvidia-smi``.
    """

    def __init__(self, program: str = "nvidia-smi") -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._readings: list[GpuReading] = []

    @property
    def readings(self) -> tuple[GpuReading, ...]:
        """All so far, oldest first."""
        return tuple(self._readings)

    def start(self) -> bool:
        """Start nvidia-smi; whether there is one."""
        program = shutil.which(self._program)
        if program is None:
            return False
        query = f"--query-gpu={_FIELDS}"
        try:
            self._process = subprocess.Popen(
                [program, query, "--format=csv,noheader,nounits", "-lms", str(PERIOD_MS)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # ctrl-C at a terminal is for us; we end it ourselves
            )
        except OSError:
            return False
        self._thread = threading.Thread(
            target=self._read, args=(self._process.stdout,), name="nvidia-smi", daemon=True
        )
        self._thread.start()
        return True

    def stop(self) -> None:
        """Kill it; one that hangs in its driver is left to the kernel after a second."""
        process, self._process = self._process, None
        if process is None or self._thread is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_WAIT_S)
        self._thread.join(_END_WAIT_S)
        if process.stdout is not None and not self._thread.is_alive():
            process.stdout.close()

    def _read(self, pipe: IO[bytes]) -> None:
        moment: list[GpuLine] = []
        at_ns = 0
        while raw := pipe.readline(_LINE_LIMIT):
            line = parse_line(raw.decode("utf-8", "replace"))
            if line is None:
                continue
            # Lines of one moment come at once, in the order of their index.
            if moment and line.index <= moment[-1].index:
                self._readings.append(summed(at_ns, moment))
                moment = []
            if not moment:
                at_ns = perf_counter_ns()
            moment.append(line)
        # Killed between the lines of a moment, it has not told of all GPUs.
        if moment and len(moment) >= max((one.gpus for one in self._readings), default=1):
            self._readings.append(summed(at_ns, moment))


def _number(text: str) -> float | None:
    """nvidia-smi writes ``[N/A]``, ``[Not Supported]`` and the like for what it does not know."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None


def _sum(values: Sequence[float | None]) -> float | None:
    total = 0.0
    for value in values:
        if value is None:
            return None
        total += value
    return total
