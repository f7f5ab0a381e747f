"""What probing a machine brings to light, and what it could not find out."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Final

from weighbridge.core.errors import InputError
from weighbridge.core.machine import Device
from weighbridge.core.units import GIB
from weighbridge.facts.devices.catalogue import find
from weighbridge.facts.devices.rows import Entry

# What stands for a figure until somebody fills it in: no number, so that none is taken for one.
_UNSTATED: Final = {"memory": "SIZE", "bandwidth": "GB_PER_S", "tflops": "TFLOPS"}


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that could not be found out, and what the user can do about it."""

    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class Found:
    """Equal devices that a driver reports.

    Attributes:
        name: what the driver calls them.
        count: how many.
        memory_bytes: of one of them as programs may use it, or None.
        driver: which driver says so, with its version.
        device: what the catalogue knows of them, with the memory found here; None if nothing.
    """

    name: str
    count: int
    memory_bytes: int | None
    driver: str
    device: Device | None


@dataclass(frozen=True, slots=True)
class Probe:
    """The outcome of one probe."""

    found: tuple[Found, ...] = ()
    gaps: tuple[Gap, ...] = ()

    def __add__(self, other: Probe) -> Probe:
        return Probe(self.found + other.found, self.gaps + other.gaps)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One device as a driver lists it: its name, its memory, the driver."""

    name: str
    memory_bytes: int | None
    driver: str


def identified(name: str, memory_bytes: int | None) -> Entry | None:
    """The catalogue's device for a driver's name; its memory decides where the name does not."""
    attempts = [name]
    if memory_bytes is not None:
        attempts.append(f"{name} {memory_bytes / GIB:.1f}GB")
    for attempt in attempts:
        try:
            return find(attempt)
        except InputError:
            continue
    return None


def with_found_memory(device: Device, memory_bytes: int | None) -> Device:
    """The catalogue's device with the memory that is really there."""
    if not memory_bytes or memory_bytes == device.memory_bytes:
        return device
    source = f"{device.provenance.source}; memory as the driver reports it here"
    provenance = replace(device.provenance, source=source)
    return replace(device, memory_bytes=memory_bytes, provenance=provenance)


def grouped(sightings: tuple[Sighting, ...]) -> Probe:
    """Equal sightings as one find each; a gap for each that the catalogue does not know."""
    found: list[Found] = []
    gaps: list[Gap] = []
    for sighting in dict.fromkeys(sightings):
        entry = identified(sighting.name, sighting.memory_bytes)
        device = with_found_memory(entry.device, sighting.memory_bytes) if entry else None
        count = sightings.count(sighting)
        memory = device.memory_bytes if device else sighting.memory_bytes
        found.append(Found(sighting.name, count, memory, sighting.driver, device))
        if device is None:
            gaps.append(unknown_device(sighting.name, memory, count))
    return Probe(tuple(found), tuple(gaps))


def unknown_device(name: str, memory_bytes: int | None = None, count: int = 1) -> Gap:
    """The gap that a device leaves which the catalogue does not have.

    Args:
        name: what its driver calls it.
        memory_bytes: of one such device, or None if that is not known either.
        count: how many of them there are.
    """
    memory = f"{memory_bytes / GIB:.2f}GiB" if memory_bytes else _UNSTATED["memory"]
    stated = {
        "device": json.dumps(name, ensure_ascii=False),  # a string of JSON is one of YAML
        "count": str(count),
        "memory": memory,
        "bandwidth": _UNSTATED["bandwidth"],
        "tflops": f"{{bf16: {_UNSTATED['tflops']}}}",
    }
    block = ", ".join(f"{key}: {value}" for key, value in stated.items())
    missing = [word for key, word in _UNSTATED.items() if key != "memory" or not memory_bytes]
    return Gap(
        f"How fast {name} is: the catalogue does not have it.",
        f"Put its vendor's figures (GB/s, dense TFLOPS) in place of {' and '.join(missing)}, write "
        f"this to box.yaml, and add `--device box.yaml`: machine: {{{block}}}",
    )
