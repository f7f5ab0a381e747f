"""The page from which models are picked: those inspected here, and the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.core.provenance import Kind
from weighbridge.core.runs import RunInfo
from weighbridge.core.units import format_count
from weighbridge.facts.catalog.model import CatalogueModel
from weighbridge.report.diagram import MOST_MODELS
from weighbridge.report.page import render
from weighbridge.report.picks import Pick, compare_address


@dataclass(frozen=True, slots=True)
class Choice:
    """One model that can be picked.

    Attributes:
        pick: how it is named in an address.
        name: what it is called.
        cells: what else its line says.
        shown: whether its architecture is known.
        kind: where its figures come from.
        source: the same in words, with the date.
    """

    pick: Pick
    name: str
    cells: tuple[str, ...]
    shown: bool
    kind: Kind
    source: str


def inspect_index(
    infos: Sequence[RunInfo], models: Sequence[CatalogueModel], picked: Sequence[Pick] = ()
) -> str:
    """The list of models, each with a link to its page or to a comparison.

    Args:
        infos: runs of kind ``inspect``.
        models: the catalogue.
        picked: models to compare with.
    """
    return render(
        "inspect_index.html",
        standalone=False,
        charts=False,
        here="inspect",
        inspected=[_inspected(info) for info in infos if info.kind == "inspect"],
        catalogue=[_catalogued(model) for model in models],
        picked=picked,
        full=len(picked) >= MOST_MODELS,
        most=MOST_MODELS,
        address=compare_address,
        alone=compare_address(picked),
    )


def _inspected(info: RunInfo) -> Choice:
    cells = (info.subject, info.created[:10])
    # Of a file with tensors the weights were read; else a vendor's configuration was believed.
    kind: Kind = "measured" if info.subject.endswith((".gguf", ".safetensors")) else "vendor"
    return Choice(("run", info.id), info.model, cells, True, kind, f"run {info.id}")


def _catalogued(model: CatalogueModel) -> Choice:
    context = f"{model.context:,}" if model.context else "not stated"
    cells = (
        format_count(model.parameters),
        format_count(model.active),
        context,
        model.modality,
        model.license or "not stated",
        model.released or "not stated",
    )
    known = model.config is not None
    source = f"{model.source}, {model.date}"
    return Choice(("model", model.id), model.id, cells, known, "catalogue", source)
