"""The machine that this process runs on, as every probe together sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from weighbridge.core.machine import Machine
from weighbridge.facts.devices import apple, cpu, drm, nvidia
from weighbridge.facts.devices.found import Found, Gap, Probe


@dataclass(frozen=True, slots=True)
class Detection:
    """What was found here.

    Attributes:
        accelerators: GPUs and chips with one, equal ones together.
        processor: the processor and the host's memory.
        gaps: what could not be found out.
        gaps_on_gpus: whether some of it is about GPUs, so that there may be one all the same.
    """

    accelerators: tuple[Found, ...]
    processor: Found
    gaps: tuple[Gap, ...]
    gaps_on_gpus: bool = False

    @property
    def machine(self) -> Machine | None:
        """The devices that a plan would use: those with most memory, else the processor."""
        known = [one for one in self.accelerators if one.device is not None]
        best = max(known, key=_all_memory, default=None)
        if best is None and not (self.accelerators or self.gaps_on_gpus):
            best = self.processor
        return None if best is None else self._machine_of(best)

    def _machine_of(self, found: Found) -> Machine | None:
        if found.device is None:
            return None
        host = self.processor
        holder = found.device if found.device.kind == "apu" else host.device
        speed = holder.bandwidth_bytes_per_s if holder else None
        return Machine(found.device, found.count, host.memory_bytes, speed, detected=True)


def detect(
    *, measured_bytes_per_s: float | None = None, date: str = "", path: str | None = None
) -> Detection:
    """Probe this machine; never raises.

    Args:
        measured_bytes_per_s: the host's memory bandwidth, if it was measured.
        date: when it was.
        path: where to look for the drivers' programs instead of PATH.
    """
    probes = {
        "nvidia-smi": lambda: nvidia.probe(path=path),
        "the kernel": lambda: drm.probe(path=path),
        "macOS": lambda: apple.probe(path=path),
    }
    accelerators = sum((guarded(who, ask) for who, ask in probes.items()), Probe())
    return assembled(accelerators, cpu.probe(measured_bytes_per_s=measured_bytes_per_s, date=date))


def guarded(who: str, ask: Callable[[], Probe]) -> Probe:
    """What a probe finds; what it trips over is a gap, for the other probes still have answers."""
    try:
        return ask()
    except Exception as error:  # noqa: BLE001 -- drivers of all ages, folders of all permissions
        said = " ".join(str(error).split())[:160] or type(error).__name__
        return Probe(
            gaps=(
                Gap(
                    f"Which GPUs {who} shows: asking failed ({said}).",
                    "Name the machine yourself, for example `--device '2x RTX 4090'`.",
                ),
            )
        )


def assembled(accelerators: Probe, processor: Probe) -> Detection:
    """The outcomes of all probes as one."""
    shared = any(one.device and one.device.kind == "apu" for one in accelerators.found)
    # Where graphics and processor share the memory, its bandwidth is known with the former.
    gaps = accelerators.gaps + (() if shared else processor.gaps)
    return Detection(accelerators.found, processor.found[0], gaps, bool(accelerators.gaps))


def _all_memory(found: Found) -> int:
    return found.count * (found.memory_bytes or 0)
