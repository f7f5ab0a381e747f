"""Architectures in words, the same for terminals, pages and JSON."""

from __future__ import annotations

from collections.abc import Iterable

from weighbridge.core.architecture import Layer, LayerRun, Mixer, Mlp, ModelArchitecture

_TIMES = "\N{MULTIPLICATION SIGN}"


def stack_text(architecture: ModelArchitecture) -> str:
    """All layers, first to last: ``12 × [3 × gated DeltaNet, …; 1 × GQA …]``."""
    return "; ".join(run_text(run) for run in architecture.runs)


def run_text(run: LayerRun) -> str:
    """One run of layers."""
    if len(run.layers) == 1:
        return f"{run.count} {_TIMES} {layer_text(run.layers[0])}"
    unit = ", ".join(
        f"{count} {_TIMES} {layer_text(layer)}" for layer, count in _neighbours(run.layers)
    )
    return f"{run.count} {_TIMES} [{unit}]" if run.count > 1 else unit


def layer_text(layer: Layer) -> str:
    """One kind of layer: ``GQA 32 heads on 8 KV heads of 128, MLP 14336``."""
    parts = [mixer_text(layer.mixer), mlp_text(layer.mlp)]
    return ", ".join(part for part in parts if part) or "nothing"


def mixer_text(mixer: Mixer) -> str:
    """A mixer: its name and the dimensions that people compare; nothing for none."""
    if mixer.kind == "none":
        return ""
    if mixer.kind == "unknown":
        return f"mixer not modelled ({mixer.name})" if mixer.name else "mixer not modelled"
    of = dict(mixer.numbers)
    words = [mixer.name]
    if "heads" in of:
        words.append(_heads(of))
    elif "kv_rank" in of:
        words.append(f"rank {of['kv_rank']}")
    limit = of.get("window") or of.get("chunk")
    if limit is not None:
        words.append(f"{'chunk' if 'chunk' in of else 'window'} {limit}")
    return ", ".join([" ".join(words[:2]), *words[2:]])


def mlp_text(mlp: Mlp) -> str:
    """A feed-forward part; nothing for none."""
    dense = f"MLP {mlp.width}"
    experts = f"{mlp.active} of {mlp.experts} experts of {mlp.expert_width}"
    if mlp.shared:
        experts += f" + {mlp.shared} shared"
    match mlp.kind:
        case "dense":
            return dense
        case "experts":
            return experts
        case "dense + experts":
            return f"{dense} and {experts}"
        case "unknown":
            return "MLP not modelled"
        case "none":
            return ""


def _heads(of: dict[str, int]) -> str:
    heads, kv_heads = of["heads"], of.get("kv_heads")
    text = f"{heads} heads"
    if kv_heads is not None and kv_heads != heads:
        text += f" on {kv_heads} KV {'head' if kv_heads == 1 else 'heads'}"
    key, value = of.get("key_dim"), of.get("value_dim")
    if key is not None:
        text += f" of {key}" if value in (None, key) else f" of {key}/{value}"
    return text


def _neighbours(layers: Iterable[Layer]) -> list[tuple[Layer, int]]:
    runs: list[tuple[Layer, int]] = []
    for layer in layers:
        if runs and runs[-1][0] == layer:
            runs[-1] = (layer, runs[-1][1] + 1)
        else:
            runs.append((layer, 1))
    return runs
