"""The machine that this process runs on, as far as it tells."""

from __future__ import annotations

import os
import platform
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from weighbridge.core.units import GIB

_CPUINFO = Path("/proc/cpuinfo")
_NVIDIA = Path("/proc/driver/nvidia/gpus")
_CARDS = Path("/sys/class/drm")
_CARD = re.compile(r"card\d+")
# An AMD card that the catalogue does not know, with less memory, is graphics inside a processor.
_LEAST_VRAM = 2 * GIB

ResultT = TypeVar("ResultT")


def host_line() -> str:
    """The machine in one line, without the parts that cannot be found out; never fails.

    For example ``AMD EPYC 9B14, 2 cores, 23.5 GiB, 1 x NVIDIA L4, Linux 6.1, Python 3.11.7``. Cores
    are those this process may use; memory is the machine's; GPUs are those that a driver shows.
    """
    parts = (_processor, _cores, _memory, gpus, _system, _python)
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


def gpus(nvidia: Path = _NVIDIA, cards: Path = _CARDS) -> str:
    """The GPUs that drivers show, such as ``2 x NVIDIA L4``; asks files alone and no program.

    Args:
        nvidia: where NVIDIA's driver lists its GPUs.
        cards: where the kernel lists graphics cards.
    """
    names = [*_nvidia(nvidia), *_cards(cards)]
    return ", ".join(f"{count} x {name}" for name, count in Counter(names).items())


def _nvidia(folder: Path) -> Iterator[str]:
    for file in sorted(folder.glob("*/information")):
        for line in _text(file).splitlines():
            key, _, value = line.partition(":")
            if key.strip().lower() == "model" and value.strip():
                yield _clean(value)


def _cards(folder: Path) -> Iterator[str]:
    """GPUs of AMD and Intel; what only draws a screen is none."""
    for card in sorted(folder.glob("card*")):
        if not _CARD.fullmatch(card.name):
            continue
        device = card / "device"
        pci = ":".join(
            _text(device / key).lower().removeprefix("0x") for key in ("vendor", "device")
        )
        maker = {"1002": "AMD", "8086": "Intel"}.get(pci[:4])
        if maker is None:
            continue
        name = _text(device / "product_name")  # the kernel has it of few
        if name or _has_memory(device):
            yield _clean(name or f"{maker} GPU {pci}")


def _has_memory(device: Path) -> bool:
    told = _text(device / "mem_info_vram_total")
    return (told.isdecimal() and int(told) >= _LEAST_VRAM) or (device / "tile0/vram0").exists()


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _clean(name: str) -> str:
    """A name without commas, which part the line."""
    return " ".join(name.replace(",", " ").split())


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
