"""``weigh models``: the catalogue, ours and the user's own."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from weighbridge.core.architecture import ModelArchitecture
from weighbridge.core.effects import Clock
from weighbridge.core.errors import InputError
from weighbridge.facts.architectures.read import read_config
from weighbridge.facts.catalog.catalogue import Catalogue
from weighbridge.facts.catalog.compact import compact
from weighbridge.facts.catalog.families import family_of
from weighbridge.facts.catalog.filters import LICENSE_CLASSES, Filter
from weighbridge.facts.catalog.lines import write_line
from weighbridge.facts.catalog.model import CatalogueModel
from weighbridge.facts.licenses.read import catalogue as licenses
from weighbridge.facts.licenses.summary import clauses_to_json
from weighbridge.facts.sources.resolve import resolve

_COLUMNS = (
    "id",
    "family",
    "parameters",
    "active",
    "context",
    "modality",
    "license",
    "license_class",
    "released",
    "model_type",
    "basis",
    "verified",
    "source",
    "date",
)


def select(catalogue: Catalogue, wanted: Filter) -> tuple[CatalogueModel, ...]:
    """The models that pass.

    Raises:
        InputError: a family, modality or licence that no model of the catalogue has.
    """
    families = {model.family for model in catalogue.models}
    modalities = {part for model in catalogue.models for part in model.modality.split("+")}
    modalities |= {model.modality for model in catalogue.models}
    stated = {model.license.lower() for model in catalogue.models}
    _known("family", wanted.family, families)
    _known("modality", wanted.modality, modalities)
    _known("licence", wanted.license, {*LICENSE_CLASSES, *licenses(), *stated}, LICENSE_CLASSES)
    return catalogue.filter(wanted)


def summary(model: CatalogueModel) -> dict[str, Any]:
    """One model's figures, as in ``weigh models --json`` and ``--csv``."""
    own = {"license_class": model.terms.category}
    return {name: own[name] if name in own else getattr(model, name) for name in _COLUMNS}


def to_json(models: Sequence[CatalogueModel]) -> dict[str, Any]:
    """The document of ``weigh models --json``."""
    return {"models": [summary(model) for model in models]}


def to_csv(models: Sequence[CatalogueModel]) -> str:
    """The same figures as a table with a header line."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(summary(model) for model in models)
    return text.getvalue()


def details(model: CatalogueModel) -> dict[str, Any]:
    """The document of ``weigh models show --json``: all facts, licence clauses included."""
    return summary(model) | {
        "license_terms": clauses_to_json(model.terms),
        "notes": model.notes,
        "config": model.config,
        **_architecture(model),
    }


def add(
    text: str, own: Path, clock: Clock, *, name: str | None = None, license_id: str | None = None
) -> CatalogueModel:
    """Read the model that ``text`` means and keep it in the user's own catalogue.

    Args:
        text: Hub id, folder, config.json or URL.
        own: the user's catalogue file.
        clock: says the date that is noted.
        name: what to call it instead of what it calls itself.
        license_id: its licence, where the source does not state it.

    Raises:
        InputError: there is no such model, or it has no configuration.
        EndpointError: the server that has it fails.
    """
    material = resolve(text).read()
    if material.config is None:
        raise InputError(
            f"{text} has no config.json, which is what the catalogue keeps.",
            fix="Give the Hub id or folder it was made from; `weigh inspect` reads GGUF itself.",
        )
    called = name or material.name
    architecture = read_config(material.config, name=called)
    by_component = architecture.by_component
    takes = ["text"]
    takes += ["image"] * (by_component["vision"] > 0 or "vision_config" in material.config)
    takes += ["audio"] * (by_component["audio"] > 0 or "audio_config" in material.config)
    model = CatalogueModel(
        id=called,
        family=family_of(called),
        parameters=architecture.parameters,
        active=architecture.active,
        modality="+".join(takes),
        license=license_id or material.license or "",
        source=material.origin,
        date=clock.now_iso()[:10],
        context=architecture.context,
        config=_kept(material.config, architecture),
        basis="config",
        verified=True,
        notes=" ".join((*architecture.assumptions, *material.notes)),
    )
    write_line(own, model)
    return model


def _kept(config: dict[str, Any], architecture: ModelArchitecture) -> dict[str, Any]:
    """The compact configuration, or the whole one where that would lose something."""
    short = compact(config)
    return short if read_config(short, name=architecture.name) == architecture else config


def rebuilt(model: CatalogueModel) -> ModelArchitecture | str:
    """Its architecture, or the sentence why there is none."""
    try:
        return model.architecture()
    except InputError as error:
        return str(error)


def _architecture(model: CatalogueModel) -> dict[str, Any]:
    built = rebuilt(model)
    if isinstance(built, str):
        return {"architecture": None, "architecture_unknown": built}
    figures = {
        "parameters": built.parameters,
        "active": built.active,
        "layers": built.depth,
        "hidden": built.hidden,
        "vocabulary": built.vocabulary,
        "kv_bytes_per_token": built.kv_bytes_per_token(),
        "assumptions": list(built.assumptions),
    }
    return {"architecture": figures}


def _known(what: str, word: str, known: set[str], first: Sequence[str] = ()) -> None:
    """Refuse a word that cannot match anything, and say which was probably meant."""
    if not word or word.lower() in known:
        return
    import difflib  # noqa: PLC0415 -- only for a slip of the finger

    near = difflib.get_close_matches(word.lower(), known, n=1)
    listed = ", ".join(first or sorted(known))
    hint = f"Did you mean {near[0]!r}?" if near else f"Known are {listed}."
    raise InputError(f"The catalogue has no {what} {word!r}.", fix=hint)
