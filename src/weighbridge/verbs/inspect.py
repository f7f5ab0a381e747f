"""``weigh inspect``: what a model is, before running it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from weighbridge.core.architecture import (
    Layer,
    LayerRun,
    Mixer,
    ModelArchitecture,
    WeightFile,
)
from weighbridge.core.errors import ConnectError, DeadlineError, InputError, NotCachedError
from weighbridge.core.inspection import Inspection
from weighbridge.core.provenance import Kind, Provenance
from weighbridge.core.quantization import Quantization
from weighbridge.core.units import format_count
from weighbridge.core.wording import beyond_context, layer_text, run_text
from weighbridge.facts.architectures.grouping import by_module
from weighbridge.facts.architectures.read import read_config
from weighbridge.facts.licenses.clauses import License
from weighbridge.facts.licenses.intents import Intents
from weighbridge.facts.licenses.questions import Answer, answer
from weighbridge.facts.licenses.read import recognise
from weighbridge.facts.licenses.summary import summarise
from weighbridge.facts.quantizations.stated import Stated
from weighbridge.facts.quantizations.table import from_config
from weighbridge.facts.quantizations.what_if import WHAT_IF, what_if
from weighbridge.facts.sources.material import Material
from weighbridge.facts.sources.resolve import resolve
from weighbridge.predict.engine_cache import ENGINES, allocated

if TYPE_CHECKING:
    from weighbridge.core.effects import Clock, Store
    from weighbridge.core.study import ModelSheet
    from weighbridge.facts.catalog import CatalogueModel

# Bytes per cached value. q8_0: 32 values of one byte and a scale of two (ggml-common.h).
KV_DTYPES: Final[dict[str, float]] = {
    "bf16": 2.0,
    "f16": 2.0,
    "f32": 4.0,
    "fp8": 1.0,
    "q8_0": 34 / 32,
}

_CATALOGUE: Final = "the catalogue of models"
# States keep a format of their own, whatever keys and values are kept in.
STATE_DTYPE: Final = "recurrent states float32, convolution inputs bf16"
DEFAULT_CONTEXTS: Final = (8192, 32768, 131072)
ACTIVE_CONVENTION: Final = (
    "all weights but the experts that a token is not routed to; embedding, output head and towers "
    "included"
)


def inspect(text: str, clock: Clock, *, revision: str | None = None) -> Inspection:
    """Read the model that ``text`` means: headers and configuration, never weights.

    Args:
        text: Hub id, folder, file, URL or ``ollama:NAME``.
        clock: says when it was read.
        revision: of a Hub id.

    Raises:
        InputError: there is no such model, or it cannot be read.
        FormatError: it is no model, incomplete or damaged.
        EndpointError: the server that has it fails.
    """
    material = _material(text, revision)
    architecture, weights = _architecture(material)
    stated = _quantization(material, architecture, weights)
    quantization = stated.quantization or Quantization("unknown", otherwise=0.0, known=False)
    catalogued = material.origin == _CATALOGUE
    kind: Kind = "measured" if weights else "catalogue" if catalogued else "vendor"
    license_id, license_note = _license(material, architecture)
    return Inspection(
        name=material.name,
        architecture=architecture,
        quantization=quantization,
        weights=weights,
        provenance=Provenance(kind, material.origin, clock.now_iso()),
        license=license_id,
        notes=(
            *architecture.assumptions,
            *_mtp_note(architecture),
            *stated.notes,
            *material.notes,
            *license_note,
        ),
    )


def _material(text: str, revision: str | None) -> Material:
    """What the source yields; where the Hub cannot be asked, what the catalogue knows."""
    try:
        return resolve(text, revision=revision).read()
    except (ConnectError, DeadlineError, NotCachedError) as error:
        known = _catalogued(text) if revision is None else None
        if known is None:
            raise
        note = f"{error.message} This is what the catalogue knew on {known.date}: {known.source}."
        return Material(known.id, _CATALOGUE, known.config, license=known.license, notes=(note,))


def _catalogued(text: str) -> CatalogueModel | None:
    """The model of the catalogues, ours and the user's, that goes by this name."""
    from weighbridge.facts.catalog import load  # noqa: PLC0415 -- 65 ms that few calls need
    from weighbridge.facts.catalog.lines import own_path  # noqa: PLC0415

    try:
        found = load(own_path(os.environ)).find(text)
    except InputError:
        return None
    return found if found.config is not None else None


def _license(
    material: Material, architecture: ModelArchitecture
) -> tuple[str | None, tuple[str, ...]]:
    """As the source states it, else as our catalogue has it for a model of that very name."""
    stated = material.license or architecture.license
    if stated is not None or "/" not in material.name:  # only Hub ids are in the catalogue
        return stated, ()
    from weighbridge.facts.catalog import load  # noqa: PLC0415 -- 65 ms that few calls need

    row = next((model for model in load().models if model.id == material.name), None)
    if row is None or not row.license:
        return None, ()
    return row.license, (
        f"The source states no licence; {row.license} is what the catalogue has ({row.source}).",
    )


def _mtp_note(architecture: ModelArchitecture) -> tuple[str, ...]:
    if not architecture.mtp_parameters:
        return ()
    count = format_count(architecture.mtp_parameters)
    note = f"Checkpoints store {count} weights of multi-token prediction beside the total."
    return (note,)


def _architecture(material: Material) -> tuple[ModelArchitecture, WeightFile | None]:
    if material.gguf is not None:
        from weighbridge.facts import gguf_architecture  # noqa: PLC0415 -- 20 ms, only for GGUF

        return gguf_architecture.describe(material.gguf, name=material.origin, stem=material.name)
    if material.config is None:
        raise InputError(
            f"{material.origin} has no config.json, so what its tensors form cannot be told.",
            fix="Give the folder or Hub id that has it.",
        )
    return read_config(material.config, name=material.name), material.weights


def _quantization(
    material: Material, architecture: ModelArchitecture, weights: WeightFile | None
) -> Stated:
    """The number format: of the tensors where they were read, else as the configuration says."""
    if weights is not None:
        from weighbridge.facts.quantizations.measured import measured  # noqa: PLC0415 -- as above

        return Stated(measured(weights, architecture), ())
    return from_config(material.config or {}, architecture, side=material.quantization)


def keep(store: Store, inspection: Inspection, model: str | None = None) -> ModelSheet:
    """Keep an inspection as a run of kind ``inspect``.

    ``model`` is the name it goes by in other runs; by default what it calls itself.

    Raises:
        WorkspaceError: the run cannot be saved.
    """
    from weighbridge.core.runs import content_hash  # noqa: PLC0415 -- few inspections are kept
    from weighbridge.core.study import ModelSheet  # noqa: PLC0415

    info = store.new_info(
        "inspect",
        model=model or inspection.architecture.name,
        subject=inspection.provenance.source.rstrip("/").rpartition("/")[2],
        key=content_hash(inspection.architecture, inspection.weights),
    )
    sheet = ModelSheet(info, inspection.provenance.source, inspection)
    store.save(info, sheet)
    return sheet


def to_json(
    inspection: Inspection,
    *,
    contexts: Iterable[int] = DEFAULT_CONTEXTS,
    kv_dtype: str = "bf16",
) -> dict[str, Any]:
    """The figures of ``weigh inspect --json``; keys are documented in docs/json.md.

    Null stands for unknown.
    """
    architecture = inspection.architecture
    return {
        "name": architecture.name,
        "model_type": architecture.model_type,
        "parameters": {
            "total": None if architecture.incomplete else architecture.parameters,
            "active": None if architecture.incomplete else architecture.active,
            "counted": architecture.parameters,
            "incomplete": list(architecture.incomplete),
            "active_convention": ACTIVE_CONVENTION,
            "mtp": architecture.mtp_parameters,
            "by_component": by_module(architecture).by_component,
        },
        "layers": _layers_json(architecture.runs),
        "kv_cache": _kv_json(architecture, contexts, kv_dtype),
        "weights": _weights_json(inspection),
        "context": {"native": architecture.context, "extended": architecture.context_extended},
        "vocabulary": architecture.vocabulary or None,
        "hidden": architecture.hidden,
        "tied_embeddings": architecture.tied_embeddings,
        "license": inspection.license,
        "license_summary": summarise(terms(inspection)) if inspection.license else None,
        "assumptions": list(inspection.notes),
        "provenance": {
            "kind": inspection.provenance.kind,
            "source": inspection.provenance.source,
            "date": inspection.provenance.date,
        },
    }


def terms(inspection: Inspection) -> License:
    """The clauses of the model's licence; one that blocks everything where nobody has read it."""
    return recognise(inspection.license or "", model=inspection.name)


def permitted(inspection: Inspection, intents: Intents) -> Answer:
    """What the licence says to these intents. Not legal advice."""
    counts = inspection.architecture.by_component
    return answer(terms(inspection), intents, multimodal=bool(counts["vision"] + counts["audio"]))


def in_other_formats(inspection: Inspection) -> dict[str, int]:
    """Bytes of the weights in each of the formats in which models are commonly offered.

    Empty where not all weights are modelled.
    """
    architecture = inspection.architecture
    if architecture.incomplete:
        return {}
    return {name: what_if(name, architecture).weight_bytes(architecture) for name in WHAT_IF}


def _weights_json(inspection: Inspection) -> dict[str, Any]:
    weights = inspection.weights
    return {
        "bytes": inspection.weight_bytes,
        "quantization": inspection.quantization.name,
        "kind": inspection.quantization.kind,
        "format": weights.format if weights else None,
        "file_bytes": weights.file_bytes if weights else None,
        "bytes_by_dtype": weights.bytes_by_dtype if weights else None,
        "bytes_in_other_formats": in_other_formats(inspection),
    }


def _layers_json(runs: Iterable[LayerRun]) -> list[dict[str, Any]]:
    described, first = [], 0
    for run in runs:
        described.append(
            {
                "first": first,
                "count": run.count,
                "text": run_text(run),
                "unit": [_layer_json(layer) for layer in run.layers],
            }
        )
        first += run.depth
    return described


def _layer_json(layer: Layer) -> dict[str, Any]:
    mlp = layer.mlp
    return {
        "text": layer_text(layer),
        "parameters": layer.parameters,
        "mixer": _mixer_json(layer.mixer),
        "mlp": {
            "kind": mlp.kind,
            "width": mlp.width,
            "experts": mlp.experts,
            "active": mlp.active,
            "expert_width": mlp.expert_width,
            "shared": mlp.shared,
        },
    }


def _mixer_json(mixer: Mixer) -> dict[str, Any]:
    return {"kind": mixer.kind, "name": mixer.name, **dict(mixer.numbers)}


def _kv_json(
    architecture: ModelArchitecture, contexts: Iterable[int], kv_dtype: str
) -> dict[str, Any]:
    size, lengths = KV_DTYPES[kv_dtype], tuple(contexts)
    return {
        "dtype": kv_dtype,
        "bytes_per_token": architecture.kv_bytes_per_token(size),
        "bytes_at": {str(n): architecture.kv_bytes(n, size) for n in lengths},
        "full_length_bytes_at": {
            str(n): architecture.kv_full_length_bytes(n, size) for n in lengths
        },
        "allocated_at": {
            engine: {str(n): allocated(engine, architecture, n, kv_dtype, size) for n in lengths}
            for engine in ENGINES
        },
        "state_bytes": architecture.state_bytes(),
        "state_dtype": STATE_DTYPE,
        "beyond_context": [n for n in lengths if beyond_context(architecture, n)],
    }
