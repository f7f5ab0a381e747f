"""``weigh models``: the catalogue, ours and the user's own."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from weighbridge.core.architecture import ModelArchitecture
from weighbridge.core.effects import Clock
from weighbridge.core.errors import InputError
from weighbridge.core.sheet_cells import guarded_row
from weighbridge.facts.architectures.read import read_config
from weighbridge.facts.catalog.catalogue import Catalogue, load
from weighbridge.facts.catalog.compact import compact
from weighbridge.facts.catalog.families import family_of
from weighbridge.facts.catalog.filters import LICENSE_CLASSES, LICENSE_WORDS, Filter
from weighbridge.facts.catalog.lines import read_lines, write_line
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
    modalities = {model.modality for model in catalogue.models}
    single = {part for modality in modalities for part in modality.split("+")}
    stated = {model.license.lower() for model in catalogue.models}
    _known("family", wanted.family, families)
    _known("modality", wanted.modality, modalities | single, sorted(single))
    _known("licence", wanted.license, {*LICENSE_CLASSES, *licenses(), *stated}, LICENSE_WORDS)
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
    writer.writerows(guarded_row(summary(model)) for model in models)
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
        InputError: there is no such model, it has no configuration, or some of its weights are
            not modelled, so that nobody could filter by its size.
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
    _refuse_incomplete(architecture)
    licensed, note = _license(called, own, license_id or material.license)
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
        license=licensed,
        source=material.origin,
        date=clock.now_iso()[:10],
        context=architecture.context,
        config=_kept(material.config, architecture),
        basis="config",
        verified=True,
        notes=" ".join((*architecture.assumptions, *material.notes, *note)),
    )
    write_line(own, model)
    return model


def _refuse_incomplete(architecture: ModelArchitecture) -> None:
    """Refuse a model of which only a least size is known: the catalogue keeps sizes as facts.

    Raises:
        InputError: some of its weights are not modelled.
    """
    if not architecture.incomplete:
        return
    raise InputError(
        f"{architecture.name} is not added: its number of weights is not known, as not all of it is"
        f" modelled ({', '.join(architecture.incomplete)}).",
        fix="`weigh inspect` says what is missing and why; the catalogue keeps sizes as facts.",
    )


def _license(called: str, own: Path, stated: str | None) -> tuple[str, tuple[str, ...]]:
    """The licence to keep, and a sentence where the source states none or the file had another.

    Only the user's own file is believed: our catalogue's licence is of our source, not of this one.
    """
    before = _licensed(called, read_lines(own) if own.exists() else ())
    if stated:
        changed = before and before.lower() != stated.lower()
        return stated, (f"Your catalogue had the licence {before} before.",) if changed else ()
    if before:
        return before, (f"The source states no licence; {before} is what your catalogue had.",)
    ours = _licensed(called, load().models)
    told = f"The source states no licence; our catalogue has {ours} for a model of this name."
    return "", (told,) if ours else ()


def _licensed(called: str, models: Iterable[CatalogueModel]) -> str:
    return next((one.license for one in models if one.id.lower() == called.lower()), "")


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
