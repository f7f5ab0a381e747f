"""NVIDIA's GPUs, as nvidia-smi lists them."""

from __future__ import annotations

from pathlib import Path

from weighbridge.core.units import MIB
from weighbridge.facts.devices.commands import ask, located
from weighbridge.facts.devices.found import Gap, Probe, Sighting, grouped

# nvidia-smi is NVML's own command line and comes with every driver. Asking it instead of the
# library costs 50 ms and saves a dependency, struct layouts that change with versions, and our
# process when the driver hangs: a child can be given up on, a call into a library cannot.
_FIELDS = ("name", "driver_version", "memory.total", "memory.reserved")
_LOADED = Path("/proc/driver/nvidia/version")


def probe(*, path: str | None = None, loaded: Path = _LOADED) -> Probe:
    """All NVIDIA GPUs of this machine; never raises.

    Args:
        path: where to look for nvidia-smi instead of PATH.
        loaded: the file that is there when the kernel has the driver.
    """
    program = located("nvidia-smi", path)
    if program is None:
        return Probe(gaps=(_NO_PROGRAM,)) if loaded.exists() else Probe()
    fields = list(_FIELDS)
    answer = ask([program, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"])
    if not answer.ok and "not a valid field" in answer.out + answer.err:
        fields.remove("memory.reserved")  # drivers before 510 do not tell it
        answer = ask([program, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits"])
    if "no devices were found" in answer.out.lower():
        return Probe()
    if not answer.ok:
        said = " ".join((answer.err or answer.out).split())[:160].rstrip(".")
        return Probe(gaps=(_failed(said),))
    lines = (line for line in answer.out.splitlines() if line.strip())
    read = [_sighting(line) for line in lines]
    unread = Gap(
        "Which GPUs nvidia-smi lists: its answer has another form than expected.",
        "Name the machine yourself, for example `--device '2x RTX 4090'`.",
    )
    gaps = (unread,) if None in read else ()
    return grouped(tuple(one for one in read if one is not None)) + Probe(gaps=gaps)


_NO_PROGRAM = Gap(
    "Which NVIDIA GPUs there are: the driver is loaded, but nvidia-smi is not on the PATH.",
    "Install the driver's tools (nvidia-utils), or pass them into the container.",
)


def _failed(said: str) -> Gap:
    return Gap(
        f"Which NVIDIA GPUs there are: nvidia-smi failed{f' ({said})' if said else ''}.",
        "Make `nvidia-smi` work first: reload the driver or restart the machine.",
    )


def _sighting(line: str) -> Sighting | None:
    name, *rest = (cell.strip() for cell in line.split(","))
    if len(rest) < 2 or not name:
        return None
    total, reserved = _mebibytes(rest[1]), _mebibytes(rest[2]) if len(rest) > 2 else 0
    # What the driver keeps for itself no program can have. GB10 has no memory of its own to state.
    memory = None if total is None else (total - (reserved or 0)) * MIB
    return Sighting(name, memory, f"NVIDIA {rest[0]}")


def _mebibytes(cell: str) -> int | None:
    return int(cell) if cell.isdecimal() else None
