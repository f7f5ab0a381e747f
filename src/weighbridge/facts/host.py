"""The machine that this process runs on, as far as it tells."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from weighbridge.core.units import GIB

_CPUINFO = Path("/proc/cpuinfo")

ResultT = TypeVar("ResultT")


def host_line() -> str:
    """The machine in one line, without the parts that cannot be found out; never fails.

    For example ``AMD EPYC 9B14, 2 cores, 23.5 GiB, Linux 6.1, Python 3.11.7``. Cores are those this
    process may use; memory is the machine's.
    """
    parts = (_processor, _cores, _memory, _system, _python)
    return ", ".join(text for part in parts if (text := _attempt(part))) or "unknown machine"


def host_memory_bytes() -> int | None:
    """Physical memory in bytes, or None when it cannot be found out; never fails."""
    return _attempt(_memory_bytes)


def processor_name(cpuinfo: Path = _CPUINFO) -> str | None:
    """What the system calls its processor, or None when it does not say; never fails."""
    return _attempt(lambda: _processor(cpuinfo)) or None


def _attempt(part: Callable[[], ResultT]) -> ResultT | None:
    try:
        return part()
    except Exception:  # noqa: BLE001 -- whatever a strange platform does, the rest is still worth saying
        return None


def _processor(cpuinfo: Path = _CPUINFO) -> str:
    text = cpuinfo.read_text(encoding="utf-8", errors="replace") if cpuinfo.exists() else ""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip().lower() in {"model name", "cpu model", "hardware"} and value.strip():
            return " ".join(value.split())
    return platform.processor() or platform.machine()


def _cores() -> str:
    usable = getattr(os, "sched_getaffinity", None)
    count = len(usable(0)) if usable else os.cpu_count()
    if not count:
        return ""
    return f"{count} core" if count == 1 else f"{count} cores"


def _memory_bytes() -> int:
    import psutil  # noqa: PLC0415 -- costs 10 ms, which most commands need not pay

    return int(psutil.virtual_memory().total)


def _memory() -> str:
    return f"{_memory_bytes() / GIB:.1f} GiB"


def _system() -> str:
    release = ".".join(platform.release().split(".")[:2])
    return f"{platform.system()} {release}".strip()


def _python() -> str:
    return f"Python {platform.python_version()}"
