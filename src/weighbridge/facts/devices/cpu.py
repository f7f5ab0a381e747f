"""The processor and its memory, for models that run without a GPU or spill over from one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from weighbridge.core.machine import Device, Link
from weighbridge.core.provenance import Provenance
from weighbridge.facts.devices.catalogue import in_text
from weighbridge.facts.devices.found import Found, Gap, Probe
from weighbridge.facts.host import host_memory_bytes, processor_name

_CPUINFO = Path("/proc/cpuinfo")
_UNKNOWN_BANDWIDTH = Gap(
    "How fast this machine's memory is: the catalogue does not have its processor.",
    "Measure it, in two seconds: `weigh doctor --probe`.",
)
_UNKNOWN_MEMORY = Gap(
    "How much memory this machine has.",
    "Say it in a `machine:` block as host_memory.",
)


def probe(
    *,
    cpuinfo: Path = _CPUINFO,
    memory_bytes: int | None = None,
    measured_bytes_per_s: float | None = None,
    date: str = "",
) -> Probe:
    """The processor as a device that is slow but has much memory; never raises.

    Args:
        cpuinfo: where the kernel describes it.
        memory_bytes: the machine's memory, by default as psutil reports it.
        measured_bytes_per_s: what the probe of :mod:`bandwidth` measured, if it ran.
        date: when that was.
    """
    name = processor_name(cpuinfo) or "this processor"
    memory = memory_bytes if memory_bytes is not None else host_memory_bytes()
    if memory is None:
        return Probe((Found(name, 1, None, "", None),), (_UNKNOWN_MEMORY,))
    entry = in_text(name)
    listed = replace(entry.device, memory_bytes=memory) if entry else None
    device = listed
    if measured_bytes_per_s is not None:
        device = _measured(listed or _bare(name, memory), measured_bytes_per_s, date)
    gaps = () if device else (_UNKNOWN_BANDWIDTH,)
    return Probe((Found(name, 1, memory, "", device),), gaps)


def _measured(device: Device, bytes_per_s: float, date: str) -> Device:
    return replace(
        device,
        bandwidth_bytes_per_s=bytes_per_s,
        host_bytes_per_s=bytes_per_s,
        provenance=Provenance("measured", "bandwidth by copying in memory on this machine", date),
        notes=("The bandwidth is measured by copying; that of the catalogue is on paper.",),
    )


def _bare(name: str, memory: int) -> Device:
    return Device(
        name=name,
        vendor="other",
        kind="cpu",
        generation="",
        memory_bytes=memory,
        bandwidth_bytes_per_s=0.0,
        rates=(),
        link=Link("none", 0.0, 1),
        host_bytes_per_s=0.0,
        power_w=None,
        provenance=Provenance("assumed", "", ""),
    )
