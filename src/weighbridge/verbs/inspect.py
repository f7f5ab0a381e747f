"""``weigh inspect``: what a model is, before running it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from weighbridge.core.architecture import Layer, LayerRun, Mixer, ModelArchitecture
from weighbridge.core.effects import Clock, Store
from weighbridge.core.inspection import Inspection
from weighbridge.core.provenance import Provenance
from weighbridge.core.quantization import Quantization
from weighbridge.core.runs import content_hash
from weighbridge.core.study import ModelSheet
from weighbridge.core.wording import layer_text, run_text
from weighbridge.facts.gguf import read_gguf
from weighbridge.facts.gguf_architecture import describe

# Bytes per cached value. q8_0: 32 values of one byte and a scale of two (ggml-common.h).
KV_DTYPES: Final[dict[str, float]] = {"f16": 2.0, "f32": 4.0, "fp8": 1.0, "q8_0": 34 / 32}

DEFAULT_CONTEXTS: Final = (8192, 32768, 131072)


def inspect(text: str, clock: Clock) -> Inspection:
    """Read the model that ``text`` means; headers and configuration only, never weights.

    Raises:
        InputError: there is no such model, or it cannot be read.
        FormatError: it is no model, incomplete or damaged.
    """
    path = Path(text)
    architecture, weights = describe(read_gguf(path), name=text, stem=path.stem)
    bits = 8 * weights.weight_bytes / max(architecture.parameters, 1)
    quantization = Quantization(weights.quantization, otherwise=bits, kind="measured")
    provenance = Provenance("measured", text, clock.now_iso())
    return Inspection(text, architecture, quantization, weights, provenance)


def keep(store: Store, inspection: Inspection, model: str | None = None) -> ModelSheet:
    """Keep an inspection as a run of kind ``inspect``.

    ``model`` is the name it goes by in other runs; by default what it calls itself.

    Raises:
        WorkspaceError: the run cannot be saved.
    """
    info = store.new_info(
        "inspect",
        model=model or inspection.architecture.name,
        subject=Path(inspection.name).name,
        key=content_hash(inspection.architecture, inspection.weights),
    )
    sheet = ModelSheet(info, inspection.name, inspection)
    store.save(info, sheet)
    return sheet


def to_json(
    inspection: Inspection,
    *,
    contexts: Iterable[int] = DEFAULT_CONTEXTS,
    kv_bytes_per_value: float = 2.0,
) -> dict[str, Any]:
    """The figures of ``weigh inspect --json``; keys are documented in docs/json.md.

    Null stands for unknown.
    """
    architecture = inspection.architecture
    return {
        "name": architecture.name,
        "model_type": architecture.model_type,
        "parameters": {
            "total": architecture.parameters,
            "active": architecture.active,
            "mtp": architecture.mtp_parameters,
            "by_component": architecture.by_component,
        },
        "layers": _layers_json(architecture.runs),
        "kv_cache": _kv_json(architecture, contexts, kv_bytes_per_value),
        "weights": _weights_json(inspection),
        "context": {"native": architecture.context, "extended": architecture.context_extended},
        "vocabulary": architecture.vocabulary or None,
        "hidden": architecture.hidden,
        "tied_embeddings": architecture.tied_embeddings,
        "license": architecture.license,
        "assumptions": list(architecture.assumptions),
        "provenance": {
            "kind": inspection.provenance.kind,
            "source": inspection.provenance.source,
            "date": inspection.provenance.date,
        },
    }


def _weights_json(inspection: Inspection) -> dict[str, Any]:
    weights = inspection.weights
    return {
        "bytes": inspection.weight_bytes,
        "quantization": inspection.quantization.name,
        "kind": inspection.quantization.kind,
        "format": weights.format if weights else None,
        "file_bytes": weights.file_bytes if weights else None,
        "bytes_by_dtype": weights.bytes_by_dtype if weights else None,
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
    architecture: ModelArchitecture, contexts: Iterable[int], bytes_per_value: float
) -> dict[str, Any]:
    named = (name for name, size in KV_DTYPES.items() if size == bytes_per_value)
    lengths = tuple(contexts)
    return {
        "dtype": next(named, f"{bytes_per_value:g} bytes per value"),
        "bytes_per_token": architecture.kv_bytes_per_token(bytes_per_value),
        "bytes_at": {str(n): architecture.kv_bytes(n, bytes_per_value) for n in lengths},
        "full_length_bytes_at": {
            str(n): architecture.kv_full_length_bytes(n, bytes_per_value) for n in lengths
        },
        "state_bytes": architecture.state_bytes(bytes_per_value),
    }
