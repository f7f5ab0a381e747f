"""Say what a model file holds, from its header alone."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, get_args

from weighbridge.core.architecture import (
    Attention,
    Component,
    LayerRun,
    Mlp,
    ModelArchitecture,
    WeightFile,
)
from weighbridge.core.effects import Store
from weighbridge.core.runs import content_hash
from weighbridge.core.study import ModelSheet
from weighbridge.facts.gguf import read_gguf
from weighbridge.facts.gguf_architecture import describe

# Bytes per cached value. Q8_0 stores 32 values in 34 bytes (facts/ggml_types.py).
KV_DTYPES: Final[dict[str, float]] = {"f16": 2.0, "f32": 4.0, "q8_0": 34 / 32}

DEFAULT_CONTEXTS: Final = (8192, 32768, 131072)


def inspect_file(path: Path) -> tuple[ModelArchitecture, WeightFile]:
    """What the model file at ``path`` holds; reads the header only.

    Raises:
        InputError: there is no such file, or it cannot be read.
        FormatError: it is no model, incomplete or damaged.
    """
    return describe(read_gguf(path), name=str(path), stem=path.stem)


def inspect_files(paths: Iterable[Path]) -> list[tuple[ModelArchitecture, WeightFile]]:
    """:func:`inspect_file` for several files, in their order."""
    return [inspect_file(path) for path in paths]


def sheet(store: Store, path: Path, model: str | None = None) -> ModelSheet:
    """Inspect a file and keep the result as a run of kind ``inspect``.

    ``model`` is the name it goes by in other runs; by default what the file calls itself.

    Raises:
        InputError: there is no such file, or it is no model.
        WorkspaceError: the run cannot be saved.
    """
    architecture, weights = inspect_file(path)
    info = store.new_info(
        "inspect",
        model=model or architecture.name,
        subject=path.name,
        key=content_hash(architecture, weights),
    )
    result = ModelSheet(info, str(path), architecture, weights)
    store.save(info, result)
    return result


def to_json(
    architecture: ModelArchitecture,
    weights: WeightFile,
    *,
    contexts: Iterable[int] = DEFAULT_CONTEXTS,
    kv_bytes_per_value: float = 2.0,
    source: str | None = None,
    date: str | None = None,
) -> dict[str, Any]:
    """The figures of ``weigh inspect --json``; keys are documented in docs/json.md.

    Null stands for unknown.

    Args:
        architecture: of the model.
        weights: of the model.
        contexts: lengths in tokens at which to state the KV cache.
        kv_bytes_per_value: see :data:`KV_DTYPES`.
        source: file that was read; by default the model's name.
        date: ISO date on which it was read; by default today (UTC).
    """
    counts = dict(architecture.by_component)
    return {
        "name": architecture.name,
        "model_type": architecture.model_type,
        "parameters": {
            "total": architecture.parameters,
            "active": architecture.active,
            "by_component": {which: counts.get(which, 0) for which in get_args(Component)},
        },
        "layers": _layers_json(architecture.layers),
        "kv_cache": _kv_json(architecture, contexts, kv_bytes_per_value),
        "weights": {
            "format": weights.format,
            "quantization": weights.quantization,
            "bytes": weights.weight_bytes,
            "file_bytes": weights.file_bytes,
            "bytes_by_dtype": weights.bytes_by_dtype,
        },
        "context": {"native": architecture.context},
        "vocabulary": architecture.vocabulary or None,
        "hidden": architecture.hidden,
        "tied_embeddings": architecture.tied_embeddings,
        "license": architecture.license,
        "assumptions": list(architecture.assumptions),
        "provenance": {
            "kind": "measured",
            "source": source or architecture.name,
            "date": date or datetime.now(UTC).date().isoformat(),
        },
    }


def layer_text(mixer: Attention | None, mlp: Mlp) -> str:
    """One kind of layer in words, e.g. ``GQA 32 heads on 8 KV heads of 128, MLP 14336``."""
    return f"{_mixer_text(mixer)}, {_mlp_text(mlp)}"


def _mixer_text(mixer: Attention | None) -> str:
    if mixer is None:
        return "mixer not modelled"
    widths = f"{mixer.key_dim}"
    if mixer.value_dim != mixer.key_dim:
        widths = f"{mixer.key_dim}/{mixer.value_dim}"
    heads = f"{mixer.heads} heads"
    if mixer.kv_heads != mixer.heads:
        plural = "head" if mixer.kv_heads == 1 else "heads"
        heads += f" on {mixer.kv_heads} KV {plural}"
    window = f", window {mixer.window}" if mixer.window is not None else ""
    return f"{mixer.kind} {heads} of {widths}{window}"


def _mlp_text(mlp: Mlp) -> str:
    if mlp.experts:
        return f"{mlp.active} of {mlp.experts} experts of {mlp.width}"
    return f"MLP {mlp.width}" if mlp.width else "no MLP"


def _layers_json(runs: Iterable[LayerRun]) -> list[dict[str, Any]]:
    described, first = [], 0
    for run in runs:
        described.append(
            {
                "first": first,
                "count": run.count,
                "text": f"{run.count} × {layer_text(run.mixer, run.mlp)}",
                "mixer": _mixer_json(run.mixer),
                "mlp": {
                    "kind": run.mlp.kind,
                    "width": run.mlp.width,
                    "experts": run.mlp.experts,
                    "active": run.mlp.active,
                },
            }
        )
        first += run.count
    return described


def _mixer_json(mixer: Attention | None) -> dict[str, Any] | None:
    if mixer is None:
        return None
    return {
        "kind": mixer.kind,
        "heads": mixer.heads,
        "kv_heads": mixer.kv_heads,
        "key_dim": mixer.key_dim,
        "value_dim": mixer.value_dim,
        "window": mixer.window,
    }


def _kv_json(
    architecture: ModelArchitecture, contexts: Iterable[int], bytes_per_value: float
) -> dict[str, Any]:
    named = (name for name, size in KV_DTYPES.items() if size == bytes_per_value)
    return {
        "dtype": next(named, f"{bytes_per_value:g} bytes per value"),
        "bytes_per_token": architecture.kv_bytes_per_token(bytes_per_value),
        "bytes_at": {
            str(tokens): architecture.kv_bytes(tokens, bytes_per_value) for tokens in contexts
        },
        # Softmax attention keeps no state; other mixers' states are not modelled yet.
        "state_bytes": 0 if architecture.kv_known else None,
    }
