"""The rows of the device catalogue, and the devices that they stand for."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from weighbridge.core.machine import (
    Arithmetic,
    Device,
    DeviceKind,
    Link,
    LinkKind,
    Rate,
    RateStatus,
    Vendor,
)
from weighbridge.core.provenance import Provenance
from weighbridge.core.units import GIB

DATA = Path(__file__).with_name("catalogue.toml")
# When the rows were compared with their sources and with each other.
COMPILED = "2026-11-21"
_FORMULA = "units × clock × operations per clock"
_WIDEST_FIRST: tuple[Arithmetic, ...] = ("fp32", "bf16", "int8", "fp8", "fp4")
# Bytes per second of one PCIe lane and direction, without the line code.
_LANE = {3: 8e9 * 128 / 130 / 8, 4: 16e9 * 128 / 130 / 8, 5: 32e9 * 128 / 130 / 8}
_SLOT = re.compile(r"PCIe([345]) x(\d+)")


class LinkRow(msgspec.Struct, forbid_unknown_fields=True):
    """A link as a row states it, in GB/s of one direction."""

    kind: LinkKind
    gbs: float = 0.0
    domain: int = 1


class Shared(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a family says for its devices, and each may say for itself."""

    kind: DeviceKind = "gpu"
    host: str | float = "unified"
    link: LinkRow | None = None
    status: RateStatus = "formula"
    sources: tuple[str, ...] = ()
    note: str = ""


class Row(Shared, forbid_unknown_fields=True, kw_only=True):
    """One line of the catalogue, its family's keys filled in; the file's head explains them."""

    name: str
    gbs: float
    aliases: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ()
    gb: tuple[float, ...] = ()
    usual: float | None = None
    gib: float | None = None
    sm: int = 0
    ghz: float = 0.0
    tflops: dict[Arithmetic, float] = {}
    unsure: tuple[Arithmetic, ...] = ()
    watts: float | None = None
    pci: tuple[str, ...] = ()


class Family(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What the devices of one table share besides :class:`Shared`."""

    vendor: Vendor
    generation: str
    usable: tuple[tuple[float, float], ...] = ()
    per_clock: int = 0
    ratios: dict[Arithmetic, float] = {}


@dataclass(frozen=True, slots=True)
class Entry:
    """One device of the catalogue, and how it is recognised.

    Attributes:
        device: what it can do; of a processor without memory, which its board decides.
        aliases: other names.
        drivers: names that count only as a whole.
        gb: the memory that its name promises, or None for a processor.
        usual: whether it is meant where the same device is sold with other memory too.
        row: the name of its row, which it shares with those that differ in memory only.
        pci: ``vendor:device`` ids.
    """

    device: Device
    aliases: tuple[str, ...]
    drivers: tuple[str, ...]
    gb: float | None
    usual: bool
    row: str
    pci: tuple[str, ...]


@cache
def entries() -> tuple[Entry, ...]:
    """All devices, in the order of the file."""
    document = tomllib.loads(DATA.read_text(encoding="utf-8"))
    return tuple(read(document))


def read(document: dict[str, Any]) -> Iterator[Entry]:
    """The devices of a catalogue file."""
    sources = document["sources"]
    shared = set(Shared.__struct_fields__)
    for table in document["family"]:
        common = {key: table[key] for key in table.keys() & shared}
        own = {key: table[key] for key in table.keys() - shared - {"devices"}}
        family = msgspec.convert(own, Family)
        for line in table["devices"]:
            row = msgspec.convert(common | line, Row)
            for gb in row.gb or (None,):
                yield _entry(family, row, gb, sources)


def _entry(family: Family, row: Row, gb: float | None, sources: dict[str, str]) -> Entry:
    several = len(row.gb) > 1
    stated = "; ".join(sources[key] for key in row.sources)
    source = stated if row.tflops else f"{stated}; {_FORMULA}"
    bandwidth = row.gbs * 1e9
    host = host_bytes_per_s(row.host, bandwidth)
    device = Device(
        name=f"{row.name} {gb:g}GB" if several else row.name,
        vendor=family.vendor,
        kind=row.kind,
        generation=family.generation,
        memory_bytes=_memory(family.usable, row, gb),
        bandwidth_bytes_per_s=bandwidth,
        rates=_rates(family, row),
        link=_link(row, host),
        host_bytes_per_s=host,
        power_w=row.watts,
        provenance=Provenance("catalogue", source, COMPILED),
        notes=(row.note,) if row.note else (),
    )
    aliases = tuple(f"{name} {gb:g}GB" if several else name for name in row.aliases)
    return Entry(device, aliases, row.drivers, gb, row.usual == gb, row.name, row.pci)


def _memory(usable: Sequence[tuple[float, float]], row: Row, gb: float | None) -> int:
    if row.gib is not None:
        return round(row.gib * GIB)
    if gb is None:
        return 0
    # The memory of GPUs comes in powers of two, whatever the unit that its name is written with.
    return round(gb * GIB * next(factor for limit, factor in usable if gb <= limit))


def _rates(family: Family, row: Row) -> tuple[Rate, ...]:
    status: RateStatus
    if row.tflops:
        flops = {name: value * 1e12 for name, value in row.tflops.items()}
        status = row.status
    else:
        base = row.sm * row.ghz * 1e9 * family.per_clock
        flops = {name: base * ratio for name, ratio in family.ratios.items()}
        status = "formula"
    return tuple(
        Rate(name, flops[name], "unverified" if name in row.unsure else status)
        for name in _WIDEST_FIRST
        if name in flops
    )


def _link(row: Row, host: float) -> Link:
    if row.link is not None:
        return Link(row.link.kind, row.link.gbs * 1e9, row.link.domain)
    return Link("none", 0.0, 1) if row.host == "unified" else Link("pcie", host)


def host_bytes_per_s(host: str | float, unified: float) -> float:
    """What ``PCIe4 x16``, GB/s, or ``unified`` memory lets pass in one direction."""
    if not isinstance(host, str):
        return host * 1e9
    if host == "unified":
        return unified
    slot = _SLOT.fullmatch(host)
    if slot is None:
        raise ValueError(f"{host!r} is neither a PCIe slot nor a number of GB/s")
    generation: Literal[3, 4, 5] = int(slot[1])  # type: ignore[assignment]  # the pattern says so
    return _LANE[generation] * int(slot[2])
