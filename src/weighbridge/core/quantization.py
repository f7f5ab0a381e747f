"""How many bits the weights of each component take, scales included."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from weighbridge.core.architecture import Component, ModelArchitecture
from weighbridge.core.provenance import Kind


@dataclass(frozen=True, slots=True)
class Quantization:
    """A number format of a model's weights.

    Attributes:
        name: the field's name for it: ``bf16``, ``fp8 (128×128 blocks)``, ``NVFP4``, ``Q4_K_M``.
        bits: bits per weight by component, scales and zero points included.
        otherwise: bits per weight of every component not in ``bits``.
        kv_bytes_per_value: what the checkpoint asks of the cache, or None where it is silent.
        kind: ``measured`` when read off a file's tensors, ``predicted`` when from the format.
        known: whether the bits are known at all; where not, no bytes are computed.
    """

    name: str
    bits: tuple[tuple[Component, float], ...] = ()
    otherwise: float = 16.0
    kv_bytes_per_value: float | None = None
    kind: Kind = "predicted"
    known: bool = True

    def bits_of(self, component: Component) -> float:
        """Bits per weight of a component."""
        return dict(self.bits).get(component, self.otherwise)

    def bytes_of(self, parameters: Mapping[Component, int]) -> int:
        """Bytes of so many weights of each component."""
        return round(
            sum(count * self.bits_of(component) / 8 for component, count in parameters.items())
        )

    def weight_bytes(self, architecture: ModelArchitecture) -> int:
        """Bytes of the whole model."""
        return self.bytes_of(architecture.by_component)
