"""How good models are where nobody has measured it: larger and newer ones are taken to be better.

No more than an order to go by, and marked as assumed wherever it is shown:

- a mixture of experts counts as the geometric mean of its total and active parameters, the field's
  rule of thumb;
- every year of age halves that: models of the same ability have shrunk faster than that for years
  (Xiao et al. 2024, "Densing law of LLMs", arXiv:2412.04315), in every family;
- formats of 8 bits cost nothing, of 4 bits little (Kurtic et al. 2024, arXiv:2411.02355); below
  that a larger model in few bits loses to a smaller one in 4 (Dettmers and Zettlemoyer 2022,
  arXiv:2212.09720).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final, TypeAlias

from weighbridge.core.candidate import Quality
from weighbridge.core.provenance import Provenance
from weighbridge.core.quantization import Quantization
from weighbridge.predict.search.models import ModelFacts

QualityOf: TypeAlias = Callable[[ModelFacts, Quantization], Quality | None]

# Bits per weight from which on, and what is left of a model's size.
_LEFT: Final = ((7.0, 1.0), (5.9, 0.97), (3.9, 0.85), (2.9, 0.6), (0.0, 0.35))
_HALVED_PER_DAYS: Final = 365.25
_RULE: Final = (
    "size order: billions of parameters (of a mixture √(total × active)), halved per year of age, "
    "less for formats below 8 bits"
)
_DATE: Final = "2026-11-21"
# Where a model's day of release is not known, it counts as so old.
_UNDATED_DAYS: Final = _HALVED_PER_DAYS


def assumed(newest: str | None) -> QualityOf:
    """The size order; ages are counted from ``newest``, the latest release of all models."""
    return lambda facts, quantization: Quality(
        _size(facts) * _age(facts.released, newest) * _left(facts, quantization),
        Provenance("assumed", _RULE, _DATE),
    )


def measured(scores: Mapping[str, tuple[float, Provenance]], otherwise: QualityOf) -> QualityOf:
    """The user's own evaluations, by model; of models without one, ``otherwise``."""

    def of(facts: ModelFacts, quantization: Quantization) -> Quality | None:
        found = scores.get(facts.name)
        return Quality(*found) if found else otherwise(facts, quantization)

    return of


def rank(quality: Quality | None) -> tuple[int, float]:
    """A key by which better comes first: evaluated models, then assumed ones, then unknown."""
    if quality is None:
        return 2, 0.0
    return int(quality.provenance.kind == "assumed"), -quality.value


def _size(facts: ModelFacts) -> float:
    return math.sqrt(facts.architecture.parameters * facts.architecture.active) / 1e9


def _age(released: str | None, newest: str | None) -> float:
    days = _UNDATED_DAYS
    if released and newest:
        days = max(0.0, (date.fromisoformat(newest) - date.fromisoformat(released)).days)
    return float(2 ** (-days / _HALVED_PER_DAYS))


def _left(facts: ModelFacts, quantization: Quantization) -> float:
    """What of the model a number format leaves; the one it was published in costs nothing."""
    if quantization is facts.native:
        return 1.0
    counts = facts.architecture.by_component
    bits = quantization.bits_of(max(counts, key=lambda part: counts[part]))
    return next(left for least, left in _LEFT if bits >= least)
