"""Models as a search sees them: what is known of each, and their number formats as tried."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from weighbridge.core.architecture import ModelArchitecture
from weighbridge.core.quantization import Quantization
from weighbridge.facts.licenses.clauses import License
from weighbridge.facts.quantizations.served import served_as
from weighbridge.facts.quantizations.what_if import WHAT_IF, what_if
from weighbridge.predict.memory.footprint import Footprint, footprint, weight_table
from weighbridge.predict.table import Model
from weighbridge.predict.work import Work, requantized, work


@dataclass(frozen=True, slots=True, eq=False)
class ModelFacts:
    """What is known of a model that takes part. Two are the same only if they are one object.

    Attributes:
        name: its Hub id, or what its files call themselves.
        source: what an engine is given to load it.
        architecture: what it is made of.
        native: the number format it was published in.
        terms: its licence.
        modality: what it takes: ``text``, ``text+image`` …
        family: which family.
        released: day of release, ISO 8601, or None.
        context: tokens it was made for, or None where that is not known.
        gguf: whether it is a GGUF file, which llama.cpp alone runs, as it is.
        exact_bytes: of its weights as published, where headers were read.
    """

    name: str
    source: str
    architecture: ModelArchitecture
    native: Quantization
    terms: License
    modality: str = "text"
    family: str = ""
    released: str | None = None
    context: int | None = None
    gguf: bool = False
    exact_bytes: int | None = None


@lru_cache(maxsize=4096)
def form(facts: ModelFacts, name: str) -> Model:
    """The model in a number format: ``native``, or one of the formats that models are offered in.

    Only of a model that is :func:`known`.
    """
    native = name == "native"
    quantization = facts.native if native else _converted(facts, name)
    shape = shape_of(facts)
    table = weight_table(shape, quantization, facts.exact_bytes if native else None)
    load = requantized(_native_work(facts), facts.architecture, quantization)
    return Model(facts.name, quantization, shape, table, load)


@lru_cache(maxsize=4096)
def _native_work(facts: ModelFacts) -> Work:
    load = work(facts.architecture, facts.native)
    if load is None:
        raise ValueError(f"{facts.name} is not modelled; ask known() first")
    return load


@lru_cache(maxsize=4096)
def main_bits(facts: ModelFacts) -> float:
    """Bits per weight, as published, of what the model has most of."""
    counts = facts.architecture.by_component
    return facts.native.bits_of(max(counts, key=lambda part: counts[part]))


@lru_cache(maxsize=4096)
def parameters(facts: ModelFacts) -> int:
    """All weights."""
    return facts.architecture.parameters


def _converted(facts: ModelFacts, name: str) -> Quantization:
    if WHAT_IF[name].bits:
        return served_as(name, facts.architecture, facts.native)
    return what_if(name, facts.architecture)


@lru_cache(maxsize=4096)
def shape_of(facts: ModelFacts) -> Footprint:
    """What of the model takes memory."""
    return footprint(facts.architecture)


def known(facts: ModelFacts) -> str:
    """Why nothing can be predicted of a model, or nothing if it can."""
    architecture = facts.architecture
    if not facts.native.known:
        return "the number format of its weights is not known"
    if not architecture.kv_known or "layers" in architecture.incomplete:
        return "some of its layers are not modelled"
    return ""
