"""Whether a device can be expected to run a training at all: room for it does not say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from weighbridge.core.machine import Device
from weighbridge.core.tuning import TuningRun

# NVIDIA's generations before Ampere, and those of AMD whose 16-bit rate is fp16's alone.
_WITHOUT_BF16: Final = frozenset({"Pascal", "Volta", "Turing", "RDNA2"})
# bitsandbytes, which stores NF4 and states in 8 bits, is built for CUDA and for ROCm.
_BITSANDBYTES: Final = frozenset({"NVIDIA", "AMD"})


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why a device may not run a training that it has room for.

    Attributes:
        word: the reason in a few words.
        sentence: the same as a sentence on the device.
    """

    word: str
    sentence: str


def doubts(device: Device, run: TuningRun) -> tuple[Doubt, ...]:
    """What speaks against the run on that device, as far as the catalogue tells."""
    found = []
    if device.generation in _WITHOUT_BF16:
        found.append(
            Doubt(
                "no bf16",
                f"{device.name} ({device.generation}) has no bf16, which this estimate is for: "
                "training in fp16 needs loss scaling and may not converge as well.",
            )
        )
    if _needs_bitsandbytes(run) and device.vendor not in _BITSANDBYTES:
        found.append(
            Doubt(
                "bitsandbytes unknown",
                f"NF4 weights and 8-bit states are those of bitsandbytes, which is made for CUDA "
                f"and ROCm: nothing here says that it runs on {device.name}.",
            )
        )
    return tuple(found)


def _needs_bitsandbytes(run: TuningRun) -> bool:
    return run.method == "qlora" or run.optimizer in ("adamw-8bit", "paged-8bit")
