"""A model as inspected: its architecture, the number format of its weights, and their source."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.core.architecture import ModelArchitecture, WeightFile
from weighbridge.core.provenance import Provenance
from weighbridge.core.quantization import Quantization


@dataclass(frozen=True, slots=True)
class Inspection:
    """What ``weigh inspect`` found out about one model.

    Attributes:
        name: what the reader called it: a Hub id, or the path of a file.
        architecture: what it is made of.
        quantization: how many bits its weights take.
        weights: the tensors of its files, where their headers were read.
        provenance: where all this was read.
        license: as its card or header states it, or None.
        notes: sentences about what was not there or had to be assumed.
    """

    name: str
    architecture: ModelArchitecture
    quantization: Quantization
    weights: WeightFile | None
    provenance: Provenance
    license: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def weight_bytes(self) -> int | None:
        """Bytes of all weights: of the files where they are known, else of the number format."""
        if self.weights is not None:
            return self.weights.weight_bytes
        if not self.quantization.known or self.architecture.incomplete:
            return None
        return self.quantization.weight_bytes(self.architecture)
