"""Which models of the catalogue are wanted, and in what order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from weighbridge.facts.catalog.model import CatalogueModel
from weighbridge.facts.licenses.clauses import Category
from weighbridge.facts.licenses.questions import answer, parse_intents

Order = Literal["size", "active", "context", "released", "name"]

# Every category that a licence can have, and `commercial`, which asks a question instead.
LICENSE_CLASSES = (*get_args(Category), "commercial")
# What can be asked for, in words: the id of a licence will do as well.
LICENSE_WORDS = (*LICENSE_CLASSES, "or a licence's id such as apache-2.0, mit, gemma or llama3.1")
_COMMERCIAL = parse_intents("commercial")


@dataclass(frozen=True, slots=True)
class Filter:
    """What a model must be; None and the empty text ask nothing.

    Attributes:
        min_size: least number of weights.
        max_size: most weights.
        max_active: most weights per token.
        min_context: least trained context; models of unknown context do not pass.
        license: a class of :data:`LICENSE_CLASSES`, or the id of a licence.
        modality: what it must take: ``text`` and nothing else, ``image``, ``embedding`` …
        family: which family.
        order: largest or newest first; names from A to Z.
    """

    min_size: int | None = None
    max_size: int | None = None
    max_active: int | None = None
    min_context: int | None = None
    license: str = ""
    modality: str = ""
    family: str = ""
    order: Order | None = None

    def apply(self, models: Iterable[CatalogueModel]) -> tuple[CatalogueModel, ...]:
        """Those that pass, in order."""
        passed = [model for model in models if self._passes(model)]
        if self.order == "name":
            passed.sort(key=lambda model: model.id.lower())
        elif self.order is not None:
            passed.sort(key=_KEYS[self.order], reverse=True)
        return tuple(passed)

    def _passes(self, model: CatalogueModel) -> bool:
        sizes = (
            (self.min_size or 0) <= model.parameters
            and (self.max_size is None or model.parameters <= self.max_size)
            and (self.max_active is None or model.active <= self.max_active)
            and (self.min_context is None or (model.context or 0) >= self.min_context)
        )
        return (
            sizes
            and (not self.family or self.family.lower() == model.family)
            and (not self.modality or _takes(model, self.modality.lower()))
            and (not self.license or _is_licensed(model, self.license.lower()))
        )


_KEYS: dict[str, Callable[[CatalogueModel], Any]] = {
    "size": lambda model: model.parameters,
    "active": lambda model: model.active,
    "context": lambda model: model.context or 0,
    "released": lambda model: model.released or "",
}


def _takes(model: CatalogueModel, modality: str) -> bool:
    return modality == model.modality or (
        modality != "text" and modality in model.modality.split("+")
    )


def _is_licensed(model: CatalogueModel, wanted: str) -> bool:
    """Whether the licence is of a class, or is that licence.

    ``commercial`` lets conditions pass and leaves out what is forbidden or unread.
    """
    terms = model.terms
    if wanted == "commercial":
        verdict = answer(terms, _COMMERCIAL, multimodal=model.multimodal).verdict
        return verdict in ("yes", "conditional")
    if wanted in LICENSE_CLASSES:
        return terms.category == wanted
    return wanted in (terms.id.lower(), model.license.lower())
