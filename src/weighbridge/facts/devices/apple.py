"""Apple's chips, as sysctl and system_profiler tell."""

from __future__ import annotations

import json
import re
import sys

from weighbridge.core.units import GIB, MIB
from weighbridge.facts.devices.commands import ask, located
from weighbridge.facts.devices.found import Found, Gap, Probe, identified, with_found_memory

_CORES_ASKED_S = 5.0


def probe(*, path: str | None = None, system: str = sys.platform) -> Probe:
    """The chip of this Mac; never raises.

    Args:
        path: where to look for sysctl and system_profiler instead of PATH.
        system: which system this is, as Python calls it.
    """
    if system != "darwin":
        return Probe()
    chip, memory = _sysctl("machdep.cpu.brand_string", path), _sysctl("hw.memsize", path)
    if not chip.startswith("Apple") or not memory.isdecimal():
        return Probe()
    size = f"{int(memory) / GIB:.0f}GB"
    cores = _gpu_cores(path)
    entry = identified(f"{chip} {cores}-core {size}", None) if cores else None
    entry = entry or identified(f"{chip} {size}", None)
    if entry is None:
        gap = Gap(
            f"How fast {chip} with {size} is: the catalogue does not have it, or has several.",
            "Name it with its GPU cores, for example `--device 'M3 Max 40-core 64GB'`.",
        )
        return Probe((Found(chip, 1, None, "macOS", None),), (gap,))
    # A limit that the user set; 0 stands for the system's own, which the catalogue has.
    limit = _sysctl("iogpu.wired_limit_mb", path)
    wired = int(limit) * MIB if limit.isdecimal() and int(limit) > 0 else None
    device = with_found_memory(entry.device, wired)
    return Probe((Found(f"{chip} {size}", 1, device.memory_bytes, "macOS", device),))


def _sysctl(name: str, path: str | None) -> str:
    program = located("sysctl", path)
    return ask([program, "-n", name]).out.strip() if program else ""


def _gpu_cores(path: str | None) -> int | None:
    """How many GPU cores the chip has, which tells its bins apart; None if nobody says."""
    program = located("system_profiler", path)
    if program is None:
        return None
    answer = ask([program, "SPDisplaysDataType", "-json"], timeout_s=_CORES_ASKED_S)
    try:
        displays = json.loads(answer.out)["SPDisplaysDataType"]
        stated = next(str(one["sppci_cores"]) for one in displays if "sppci_cores" in one)
    except (ValueError, LookupError, TypeError, StopIteration):
        return None
    digits = re.match(r"\d+", stated)
    return int(digits[0]) if digits else None
