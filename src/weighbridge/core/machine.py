"""What a model runs on: devices, the links between them, and the host around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from weighbridge.core.provenance import Provenance

DeviceKind = Literal["gpu", "apu", "cpu", "accelerator"]
Vendor = Literal["NVIDIA", "AMD", "Intel", "Apple", "other"]
RateStatus = Literal["published", "formula", "unverified"]
LinkKind = Literal["nvlink", "infinity fabric", "ethernet", "pcie", "unified", "none"]

# What an operation multiplies; a format without hardware support falls back to the next wider one.
# "bf16" stands for both 16-bit floats: where there is only fp16, engines use that at this rate.
Arithmetic = Literal["fp4", "fp8", "int8", "bf16", "fp32"]
WIDER: Final[dict[Arithmetic, Arithmetic]] = {
    "fp4": "fp8",
    "fp8": "bf16",
    "int8": "bf16",
    "bf16": "fp32",
}


@dataclass(frozen=True, slots=True)
class Rate:
    """Dense operations per second of one arithmetic (never the vendors' sparse figure).

    Attributes:
        arithmetic: what is multiplied.
        flops: operations per second, a multiply-add counted as two.
        status: published by the vendor, computed from units × clock, or not verified.
    """

    arithmetic: Arithmetic
    flops: float
    status: RateStatus


@dataclass(frozen=True, slots=True)
class Link:
    """What joins the devices of one machine.

    Attributes:
        kind: the technology.
        bytes_per_s: of one device, one direction.
        domain: how many devices it joins at this speed.
    """

    kind: LinkKind
    bytes_per_s: float
    domain: int = 8


@dataclass(frozen=True, slots=True)
class Device:
    """One accelerator, or the processor where there is none.

    Attributes:
        name: as our catalogue spells it, e.g. ``RTX 4090``, ``H100 SXM``.
        vendor: who makes it.
        kind: ``apu`` shares the host's memory (Apple, Strix Halo, GB10).
        generation: the architecture by its maker's name: ``Ada``, ``Hopper``, ``CDNA3`` …
        memory_bytes: what its driver reports to programs, which is less than the name says; of an
            ``apu``, what its GPU may take of the memory it shares.
        bandwidth_bytes_per_s: of its memory, on paper.
        rates: dense operations per second, widest arithmetic first; empty where none is known.
        link: to its like in the same machine.
        host_bytes_per_s: to the host's memory, one direction.
        power_w: the vendor's limit of the board, or None.
        provenance: where these figures come from.
        notes: sentences on what the figures leave open.
    """

    name: str
    vendor: Vendor
    kind: DeviceKind
    generation: str
    memory_bytes: int
    bandwidth_bytes_per_s: float
    rates: tuple[Rate, ...]
    link: Link
    host_bytes_per_s: float
    power_w: float | None
    provenance: Provenance
    notes: tuple[str, ...] = ()

    def rate(self, arithmetic: Arithmetic) -> Rate | None:
        """The rate at which ``arithmetic`` runs here, in hardware or widened; None if unknown."""
        known = {rate.arithmetic: rate for rate in self.rates}
        wanted: Arithmetic | None = arithmetic
        while wanted is not None:
            if wanted in known:
                return known[wanted]
            wanted = WIDER.get(wanted)
        return None


@dataclass(frozen=True, slots=True)
class Machine:
    """Equal devices in one host, as a plan sees them.

    Attributes:
        device: which.
        count: how many.
        host_memory_bytes: the host's memory for offloading, or None when it is not known.
        host_bandwidth_bytes_per_s: of that memory, or None.
        detected: whether it was found here (True) or described by the user (False).
    """

    device: Device
    count: int
    host_memory_bytes: int | None = None
    host_bandwidth_bytes_per_s: float | None = None
    detected: bool = False

    @property
    def label(self) -> str:
        """``2 × RTX 4090``; one device goes by its name alone."""
        return self.device.name if self.count == 1 else f"{self.count} × {self.device.name}"
