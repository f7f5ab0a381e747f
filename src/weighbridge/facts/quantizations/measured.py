"""Bits per weight of each component, counted in the tensors of a model's files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from weighbridge.core.architecture import Component, ModelArchitecture, TensorInfo, WeightFile
from weighbridge.core.quantization import Quantization
from weighbridge.facts.gguf_blocks import blocks_of, component_of

# Names of tensors in Hugging Face's and DeepSeek's checkpoints; the first match decides.
_RULES: Final[tuple[tuple[re.Pattern[str], Component], ...]] = (
    (re.compile(r"(^|\.)mtp\.|\.(eh_proj|enorm|hnorm|shared_head)\."), "mtp"),
    (re.compile(r"(^|\.)(audio|whisper|speech)\w*\."), "audio"),
    (
        re.compile(r"(^|\.)(vision|visual|vit|mm_|multi_modal|image|embed_vision)\w*\."),
        "vision",
    ),
    (re.compile(r"per_layer"), "per_layer_embedding"),
    (re.compile(r"(embed_tokens|wte|word_embeddings|tok_embeddings|^embed)\b"), "embedding"),
    (re.compile(r"(^|\.)(lm_head|output|head|embed_out)\.(weight|bias|qweight|scales|\w*scale)"),
     "lm_head"),
    (re.compile(r"norm\d?(\.|$)|(^|\.)ln_\w+\."), "norm"),
    (re.compile(r"\.indexer"), "indexer"),
    (re.compile(r"shared_expert_gate|\.gate\.(weight|bias|e_score|tid2eid|linear)"), "router"),
    (re.compile(r"\.router\.|e_score_correction_bias|expert_bias"), "router"),
    (re.compile(r"shared_expert|shared_mlp|share_expert"), "shared_expert"),
    (re.compile(r"\.experts?\."), "experts"),
    (re.compile(r"linear_attn|mamba|\.ssm|\.(A_log|dt_bias|D|conv1d|in_proj|out_proj)\b|\.conv\."),
     "linear_mixer"),
    (re.compile(r"attn|attention|[qkvo]_proj|\.sinks"), "attention"),
    (re.compile(r"mlp|ffn|feed_forward|(gate|up|down)_proj|fc\d"), "mlp"),
)  # fmt: skip
# Fewer or more bits than any format has: the components of file and architecture do not match.
_LEAST, _MOST = 0.5, 72.0


def component_of_tensor(name: str) -> Component:
    """The component that a tensor of a safetensors file belongs to, by its name alone."""
    return next((which for rule, which in _RULES if rule.search(name)), "other")


def measured(weights: WeightFile, architecture: ModelArchitecture) -> Quantization:
    """The number format that files really have.

    GGUF says how many weights a packed tensor holds; safetensors does not, so bytes are divided by
    what the architecture counts. Components whose names do not match get the mean of the file.
    """
    if weights.format == "gguf":
        bits = _gguf_bits(weights.tensors)
    else:
        by_bytes = _sum(weights.tensors, {})
        bits = {
            component: 8 * size / architecture.by_component[component]
            for component, size in by_bytes.items()
            if architecture.by_component[component]
        }
        bits = {which: value for which, value in bits.items() if _LEAST <= value <= _MOST}
    total = architecture.parameters
    mean = 8 * weights.weight_bytes / total if total else 16.0
    return Quantization(weights.quantization, tuple(bits.items()), mean, kind="measured")


def _gguf_bits(tensors: Iterable[TensorInfo]) -> dict[Component, float]:
    kept = tuple(tensors)
    blocks = blocks_of(kept)
    ahead = frozenset(layer for layer, block in blocks.items() if block.predicts_ahead)
    linear = frozenset(layer for layer, block in blocks.items() if block.recurrent)
    component = {tensor.name: component_of(tensor, linear=linear, ahead=ahead) for tensor in kept}
    sizes = _sum(kept, component)
    counts: dict[Component, int] = {}
    for tensor in kept:
        which = component[tensor.name]
        counts[which] = counts.get(which, 0) + tensor.parameters
    return {which: 8 * sizes[which] / counts[which] for which in sizes if counts[which]}


def _sum(tensors: Iterable[TensorInfo], known: Mapping[str, Component]) -> dict[Component, int]:
    """Bytes per component."""
    sizes: dict[Component, int] = {}
    for tensor in tensors:
        which = known.get(tensor.name) or component_of_tensor(tensor.name)
        sizes[which] = sizes.get(which, 0) + tensor.bytes
    return sizes
