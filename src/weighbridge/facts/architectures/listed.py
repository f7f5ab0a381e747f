"""Lists of layers that classes build where a config.json has none, and lists in words of their own.

Each function takes the raw keys of one model type and returns those to add or replace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from weighbridge.facts.architectures.limits import DEEPEST
from weighbridge.facts.architectures.raw_numbers import Raw, depth_of, number


def _zamba(raw: Raw) -> Raw:
    """Zamba: the third layer is hybrid, then one of each period counted after it."""
    if raw.get("layers_block_type"):
        return {}
    period = number(raw, "attn_layer_period", 6) or 1
    offset = number(raw, "attn_layer_offset", 4)
    later = range(max(depth_of(raw, 76) - 3, 0))
    kinds = ["hybrid" if layer % period == offset else "mamba" for layer in later]
    return {"layers_block_type": ["mamba", "mamba", "hybrid", *kinds]}


def _zamba2(raw: Raw) -> Raw:
    """Zamba2: the list of the 2.7B, where the file has none; its convolution has a bias always."""
    if raw.get("layers_block_type"):
        return {"use_conv_bias": True}
    kinds = ["mamba"] + (["mamba"] * 5 + ["hybrid"]) * 7
    kinds += ["mamba"] * 4 + ["hybrid"] + ["mamba"] * 3 + ["hybrid"] + ["mamba"] * 2
    return {"layers_block_type": kinds, "use_conv_bias": True}


def _modernbert(raw: Raw) -> Raw:
    """ModernBERT as a decoder: windows of half the stated width; the first of three is full."""
    every = number(raw, "global_attn_every_n_layers", 3) or 1
    kinds = _kinds(raw, 22, lambda layer, _: _full(layer % every == 0))
    return {**kinds, "sliding_window": number(raw, "local_attention", 128) // 2}


def _kinds(raw: Raw, depth: int, kind: Callable[[int, int], str]) -> Raw:
    """Kinds of layers where the file has no list; ``kind`` sees index and depth."""
    if raw.get("layer_types"):
        return {}
    count = depth_of(raw, depth)
    return {"layer_types": [kind(layer, count) for layer in range(count)]}


def _beam(raw: Raw) -> Raw:
    """Beam: every sixth layer and the last attend to everything; three dense layers."""
    kinds = _kinds(raw, 52, lambda i, n: _full((i + 1) % 6 == 0 or i == n - 1))
    return kinds if raw.get("mlp_layer_types") else {**kinds, "first_k_dense_replace": 3}


def _flint(raw: Raw) -> Raw:
    """Flint: the first two layers, every fourth and the last attend to everything."""
    kinds = _kinds(raw, 49, lambda i, n: _full(i < 2 or i % 4 == 1 or i == n - 1))
    return kinds if raw.get("mlp_only_layers") is not None else {**kinds, "mlp_only_layers": [0, 1]}


def _lfm3(raw: Raw) -> Raw:
    """LFM3: convolutions with attention between, alternately full and sliding."""

    def kind(layer: int, count: int) -> str:
        del count
        if layer % 4 == 2:
            return "full_attention"
        return "sliding_attention" if layer and layer % 4 == 0 else "conv"

    return _kinds(raw, 24, kind)


def _hy_v4(raw: Raw) -> Raw:
    """Hy 4: one dense layer; the first and every fourth after it have an indexer of their own."""
    found: dict[str, Any] = {}
    if not raw.get("indexer_types"):
        layers = range(depth_of(raw, 34))
        found["indexer_types"] = ["shared" if i and (i - 1) % 4 else "full" for i in layers]
    if not raw.get("mlp_layer_types"):
        found["first_k_dense_replace"] = 1
    return found


def _axk2(raw: Raw) -> Raw:
    """A.X K2: one dense layer, unless the file says otherwise."""
    if raw.get("mlp_layer_types") or raw.get("first_k_dense_replace") is not None:
        return {}
    return {"first_k_dense_replace": 1}


def _plain_kinds(raw: Raw, depth: int, period: int) -> Raw:
    """``hybrid`` where attention and convolutions share a layer: full or sliding all the same."""
    listed = raw.get("layer_types")
    if isinstance(listed, list):
        words = listed[:DEEPEST]
    else:
        local = raw.get("local_layer_ids")
        layers = range(depth_of(raw, depth))
        chosen = local if isinstance(local, list) else [i for i in layers if (i + 1) % period]
        words = ["hybrid_sliding" if layer in chosen else "hybrid" for layer in layers]
    names = {"hybrid": "full_attention", "hybrid_sliding": "sliding_attention"}
    return {
        "layer_types": [names.get(word, word) if isinstance(word, str) else word for word in words]
    }


def _inkling(raw: Raw) -> Raw:
    """Inkling: five sliding layers, one full; the width may be that of experts."""
    found = dict(_plain_kinds(raw, 66, 6))
    if not raw.get("mlp_layer_types"):
        found["first_k_dense_replace"] = number(raw, "dense_mlp_idx", 0)
    if type(raw.get("dense_intermediate_size")) is int:
        found["moe_intermediate_size"] = raw.get("intermediate_size")
    return found


def _inkling2(raw: Raw) -> Raw:
    """Inkling 2: five sliding layers, one full; experts everywhere."""
    return _plain_kinds(raw, 48, 6)


def _zaya(raw: Raw) -> Raw:
    """ZAYA: every layer attends to everything where the file has no list."""
    return _plain_kinds(raw, 40, 1)


_SLIDING: Final = {
    "num_attention_heads": 64, "num_key_value_heads": 64, "q_lora_rank": 1024,
    "kv_lora_rank": 1024, "qk_nope_head_dim": 192, "v_head_dim": 128,
}  # fmt: skip


def _dots3(raw: Raw) -> Raw:
    """Dots 3: sliding layers with heads and ranks of their own, under ``swa_`` or by default."""

    def kind(layer: int, count: int) -> str:
        del count
        return _full(layer < 2 or layer % 4 == 1 or raw.get("use_sliding_window") is False)

    found = {**_axk2(raw), **_kinds(raw, 46, kind)}
    listed = found.get("layer_types", raw.get("layer_types"))
    if "per_layer_config" in raw or not isinstance(listed, list):
        return found
    own = {key: number(raw, f"swa_{key}", default) for key, default in _SLIDING.items()}
    size = number(raw, "swa_head_dim", 256)
    own["qk_rope_head_dim"] = number(raw, "swa_qk_rope_head_dim", size - own["qk_nope_head_dim"])
    sliding = [layer for layer, word in enumerate(listed[:DEEPEST]) if word == "sliding_attention"]
    return {**found, "per_layer_config": {str(layer): own for layer in sliding}}


def _full(everything: bool) -> str:
    return "full_attention" if everything else "sliding_attention"


LISTED: Final[dict[str, Callable[[Raw], Raw]]] = {
    "zamba": _zamba,
    "zamba2": _zamba2,
    "modernbert-decoder": _modernbert,
    "beam": _beam,
    "flint": _flint,
    "lfm3": _lfm3,
    "hy_v4": _hy_v4,
    "axk2": _axk2,
    "inkling_text": _inkling,
    "inkling2_text": _inkling2,
    "zaya": _zaya,
    "dots3_note_text": _dots3,
}
"""By model type."""
