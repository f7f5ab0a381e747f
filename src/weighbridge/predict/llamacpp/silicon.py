"""What a device's published figures tell of its cores: the facts behind llama.cpp's speed.

Its kernels for one sequence are bound by what the cores load and unpack, not by memory alone, so
that cores × clock counts. No table lists that product; the dense rate divided by what one core does
in a cycle gives it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from weighbridge.core.machine import Arithmetic, Device

# (arithmetic, dense operations of one SM, CU, Xe core in a cycle; a multiply-add counts as two).
# NVIDIA's architecture white papers (Volta, Turing, GA100, GA102, Ada, Hopper, Blackwell; Orin's
# technical brief), AMD's RDNA 3, RDNA 4, CDNA 3 and CDNA 4 papers, Intel's Xe guides. Noted from
# memory, and each checked against a device's catalogued rate ÷ (units × boost clock).
_PER_CYCLE: Final[dict[str, tuple[Arithmetic, float]]] = {
    "Volta": ("bf16", 1024),
    "Turing": ("int8", 2048),
    "Ampere": ("int8", 2048),
    "Ampere HBM": ("int8", 4096),
    "Ampere SoC": ("int8", 4096),
    "Ada": ("int8", 2048),
    "Hopper": ("int8", 8192),
    "Blackwell": ("int8", 2048),
    "Blackwell HBM": ("bf16", 8192),
    "Blackwell SoC": ("int8", 2048),
    "RDNA3": ("bf16", 512),
    "RDNA3.5": ("bf16", 512),
    "RDNA4": ("bf16", 1024),
    "CDNA3": ("bf16", 2048),
    "CDNA4": ("bf16", 4096),
    "Xe-HPG": ("bf16", 2048),
    "Xe2": ("bf16", 2048),
}
# 128 fp32 lanes per GPU core, the same for M1 to M5.
_APPLE_PER_CYCLE: Final = 256.0
# Sold with fewer operations per core and cycle than their chip does: the rate tells no cores.
_CURTAILED: Final = frozenset({"H20", "L20", "L40", "MI308X"})
# Same generation by name, other cores and other memory.
_HBM: Final = re.compile(r"(A30|A[18]00|G?B[23]00)\b")
# Error correction lies in the memory itself, and is on unless somebody turned it off.
_INLINE_ECC: Final = frozenset({"T4", "A2", "A10", "A10G", "A40", "L4", "L20", "L40", "L40S"})
_HBM_GENERATIONS: Final = frozenset({"Hopper", "Volta"})


@dataclass(frozen=True, slots=True)
class Silicon:
    """What the formulas of :mod:`weighbridge.predict.llamacpp.single_stream` need of a device.

    Attributes:
        vendor: its maker, or ``CPU`` for a processor, whoever makes it.
        family: generation; parts with other cores apart: ``Ampere HBM``, ``Blackwell SoC``, ``M2``.
        bandwidth: of its memory on paper, bytes/s.
        cycles: cores × boost clock, or None where the rates do not tell.
        matrix_rate: operations/s of 16-bit products, or None.
        power_w: the board's limit; None for parts of a system on chip.
        inline_ecc: whether error correction takes bandwidth.
        dies: that share the work of every layer.
    """

    vendor: str
    family: str
    bandwidth: float
    cycles: float | None
    matrix_rate: float | None
    power_w: float | None
    inline_ecc: bool
    dies: int

    @property
    def group(self) -> str:
        """Devices whose predictions err alike; ``unmeasured`` for kinds without any measurement."""
        if self.vendor == "CPU":
            return "CPU"
        other = self.family.endswith(" SoC") or self.family.startswith("CDNA")
        if self.cycles is None or other:
            return "unmeasured"
        if self.vendor != "NVIDIA":
            return self.vendor
        hbm = self.family in _HBM_GENERATIONS or self.family.endswith(" HBM")
        return "NVIDIA HBM" if hbm else "NVIDIA"


@lru_cache(maxsize=512)
def silicon(device: Device) -> Silicon:
    """The facts of a device."""
    family = _family(device)
    processor = device.kind == "cpu"
    return Silicon(
        vendor="CPU" if processor else device.vendor,
        family=family,
        bandwidth=device.bandwidth_bytes_per_s,
        cycles=None if processor else _cycles(device, family),
        matrix_rate=_matrix_rate(device, family),
        power_w=device.power_w if device.kind == "gpu" else None,
        inline_ecc=device.name in _INLINE_ECC,
        dies=2 if device.vendor == "Apple" and "Ultra" in device.name else 1,
    )


def _family(device: Device) -> str:
    if device.vendor == "Apple":
        return device.name.split(" ", 1)[0]
    if device.vendor != "NVIDIA":
        return device.generation
    if device.kind == "apu":
        return f"{device.generation} SoC"
    return f"{device.generation} HBM" if _HBM.match(device.name) else device.generation


def _cycles(device: Device, family: str) -> float | None:
    if device.vendor == "Apple":
        fp32 = _flops(device, "fp32")
        return fp32 / _APPLE_PER_CYCLE if fp32 else None
    known = _PER_CYCLE.get(family)
    if known is None or device.name in _CURTAILED:
        return None
    rate = _flops(device, known[0])
    return rate / known[1] if rate else None


def _matrix_rate(device: Device, family: str) -> float | None:
    """Rate of 16-bit products; of a processor that of its vector units.

    llama.cpp sums in 16 bits on NVIDIA: half the int8 rate, which on GeForce is twice the rate with
    32-bit sums.
    """
    if device.kind == "cpu":
        return _flops(device, "fp32") or None
    wide = device.rate("bf16")
    rate = wide.flops if wide else 0.0
    if device.vendor == "NVIDIA" and family != "Volta" and _flops(device, "bf16"):
        rate = max(rate, _flops(device, "int8") / 2)
    return rate or None


def _flops(device: Device, arithmetic: Arithmetic) -> float:
    """The rate in exactly this arithmetic, 0 where there is none."""
    return next((rate.flops for rate in device.rates if rate.arithmetic == arithmetic), 0.0)
