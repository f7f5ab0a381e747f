"""One model of the catalogue: what a line of its file says."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from weighbridge.core.architecture import ModelArchitecture
from weighbridge.core.errors import InputError
from weighbridge.core.provenance import Provenance
from weighbridge.core.units import format_count
from weighbridge.facts.licenses.clauses import License
from weighbridge.facts.licenses.read import recognise

# An unmodelled tower explains less than this; more, and we have misread the configuration.
_TOO_FAR = 0.1

Basis = Literal[
    "config",  # the configuration that the model was published with
    "copy",  # a copy or the class defaults of it, as somebody else keeps it
    "relative",  # the configuration of a model of the same architecture
    "dimensions",  # built from published dimensions; what they leave open follows from the size
    "size",  # nothing but its size: no architecture can be built
]


class CatalogueModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A model as architecture facts, with where they are from.

    Attributes:
        id: the Hub id.
        family: what filters know it by (``qwen``, ``llama`` …).
        parameters: number of weights.
        active: weights that take part in one token, as far as known.
        modality: what it takes: ``text``, ``text+image``, ``embedding``, ``speech-to-text``.
        license: id of the licence as the vendor states it.
        context: tokens it was trained for.
        released: day of release, ISO 8601.
        config: the keys of its configuration that say how it is built; None when not known.
        basis: what kind of source the configuration is.
        verified: whether the architecture that we rebuild has the published number of weights, to
            half a percent; never true where the size itself was put in.
        source: where the facts are from.
        date: when they were noted, ISO 8601.
        notes: what to be careful about.
    """

    id: str
    family: str
    parameters: int
    active: int
    modality: str
    license: str
    source: str
    date: str
    context: int | None = None
    released: str | None = None
    config: dict[str, Any] | None = None
    basis: Basis = "size"
    verified: bool = False
    notes: str = ""

    @property
    def org(self) -> str:
        """Who published it: the part of the id before the slash."""
        return self.id.partition("/")[0] if "/" in self.id else ""

    @property
    def model_type(self) -> str | None:
        """The family as its configuration spells it."""
        return (self.config or {}).get("model_type")

    @property
    def multimodal(self) -> bool:
        """Whether it takes more than text."""
        return "+" in self.modality

    @property
    def terms(self) -> License:
        """Its licence's clauses; all unknown when nobody has read the text for us."""
        return recognise(self.license, model=self.id)

    @property
    def provenance(self) -> Provenance:
        """Where the numbers are from."""
        return Provenance("catalogue", self.source, self.date)

    def architecture(self) -> ModelArchitecture:
        """The architecture, rebuilt from the compact configuration.

        Raises:
            InputError: only its size is known, or we read its configuration wrong: what it gives
                is far from the published number of weights.
        """
        if self.config is None:
            raise InputError(
                f"Of {self.id} the catalogue knows the size only.",
                fix=f"Add its configuration with `weigh models add {self.id}`.",
            )
        # Imported late: listing the catalogue needs no reader of architectures.
        from weighbridge.facts.architectures.read import read_config  # noqa: PLC0415

        built = read_config(self.config, name=self.id)
        off = deviation(built, self.parameters)
        if off > _TOO_FAR:
            raise InputError(
                f"The configuration of {self.id} is read as {format_count(built.parameters)} "
                f"weights, but {format_count(self.parameters)} are published.",
                fix="Its architecture is not modelled yet; do not rely on a part of it.",
            )
        return built


def deviation(built: ModelArchitecture, published: int) -> float:
    """How far a rebuilt model is from the published number of weights, as a share of it.

    Published files may hold the weights of multi-token prediction as well.
    """
    counts = (built.parameters, built.parameters + built.mtp_parameters)
    return min(abs(count / published - 1) for count in counts)
