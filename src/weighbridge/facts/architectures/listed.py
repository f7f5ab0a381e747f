"""Lists of layers that classes build where a config.json has none, and lists in words of their own.

Each function takes the raw keys of one model type and returns those to add or replace.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from weighbridge.facts.architectures.limits import DEEPEST
from weighbridge.facts.architectures.raw_numbers import Raw, depth_of, fraction, number


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
    """Zamba2: the list of the 2.7B, where the file has none; heads and biases that are fixed."""
    heads = number(raw, "n_mamba_heads", 8) or 1
    wide = int(fraction(raw, "mamba_expand", 2.0) * number(raw, "hidden_size", 2560))
    found = {"use_conv_bias": True, "mamba_headdim": wide // heads}
    if raw.get("layers_block_type"):
        return found
    kinds = ["mamba"] + (["mamba"] * 5 + ["hybrid"]) * 7
    kinds += ["mamba"] * 4 + ["hybrid"] + ["mamba"] * 3 + ["hybrid"] + ["mamba"] * 2
    return {**found, "layers_block_type": kinds}


def _every_other(raw: Raw) -> Raw:
    """MiniMax: softmax first, then by turns with lightning attention."""
    if raw.get("attn_type_list"):
        return {}
    return _kinds(raw, 32, lambda i, _: "linear_attention" if i % 2 else "full_attention")


def _kimi_linear(raw: Raw) -> Raw:
    """Kimi Linear: every fourth layer but the first attends; one dense layer."""
    nested = raw.get("linear_attn_config")
    told = isinstance(nested, Mapping) and {"full_attn_layers", "kda_layers"} & set(nested)
    found = dict(_kinds(raw, 27, lambda i, _: _linear(i == 0 or i % 4 > 0))) if not told else {}
    return {**found, **_dense_first(raw, 1)}


def _bailing_hybrid(raw: Raw) -> Raw:
    """Ling: the last layer of each group attends."""
    group = number(raw, "layer_group_size", 6) or 1
    return _kinds(raw, 42, lambda i, _: _linear((i + 1) % group > 0))


def _granitemoehybrid(raw: Raw) -> Raw:
    """Granite 4: state-space mixers everywhere where the file has no list."""
    found = dict(_kinds(raw, 32, lambda *_: "linear_attention"))
    if number(raw, "num_local_experts", number(raw, "num_experts", 8)):
        return found if not raw.get("layers_block_type") else {}
    # Without experts its MLP is what otherwise is the shared expert.
    width = number(raw, "shared_intermediate_size", 1024)
    found = found if not raw.get("layers_block_type") else {}
    return {**found, "intermediate_size": width, "num_local_experts": 0}


def _one_dense(raw: Raw) -> Raw:
    """Laguna, Hy 3: one dense layer."""
    return _dense_first(raw, 1)


def _step(raw: Raw) -> Raw:
    """Step 3.5 and 3.7: experts from the fourth layer on."""
    told = raw.get("moe_layers_enum") is not None or "text_config" in raw
    return {} if told else _dense_first(raw, 3)


def _dense_first(raw: Raw, count: int) -> Raw:
    if raw.get("mlp_layer_types") or raw.get("first_k_dense_replace") is not None:
        return {}
    return {"first_k_dense_replace": count}


def _mllama(raw: Raw) -> Raw:
    """Llama 3.2 Vision: the layers of the 11B that attend to images."""
    if raw.get("cross_attention_layers") is not None:
        return {}
    return {"cross_attention_layers": list(range(3, 40, 5))}


def _gemma4(raw: Raw) -> Raw:
    """Gemma 4: the last of six layers attends to everything, and the last of all; heads of 512."""
    found = dict(_kinds(raw, 30, lambda i, n: _full((i + 1) % 6 == 0 or i == n - 1)))
    listed = raw.get("layer_types")
    if isinstance(listed, list) and 0 < len(listed) <= DEEPEST:
        found["layer_types"] = [*listed[:-1], "full_attention"]
    if raw.get("enable_moe_block") is None and raw.get("num_experts"):
        found |= {"num_experts": 0, "enable_moe_block": False}
    if "global_head_dim" in raw or "per_layer_config" in raw:
        return found
    return {**found, "global_head_dim": 512}


def _mimo_v2(raw: Raw) -> Raw:
    """MiMo-V2: the first layer and every sixth attend to everything, with half the KV heads."""
    found: dict[str, Any] = {}
    if raw.get("hybrid_layer_pattern") is None:
        found |= _kinds(raw, 48, lambda i, _: _full(i == 0 or (i + 1) % 6 == 0))
    if raw.get("moe_layer_freq") is None:
        found |= _dense_first(raw, 1)
    if "swa_num_key_value_heads" not in raw and "per_layer_config" not in raw:
        found["swa_num_key_value_heads"] = 2 * number(raw, "num_key_value_heads", 4)
    return found


def _first_of_four(depth: int) -> Callable[[Raw], Raw]:
    """CWM, Granite with windows: the first of four layers attends to everything."""
    return lambda raw: _kinds(raw, depth, lambda i, _: _full(i % 4 == 0))


def _kolibri(raw: Raw) -> Raw:
    """Kolibri: the last of five layers attends to everything."""
    return _kinds(raw, 50, lambda i, _: _full((i + 1) % 5 == 0))


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

    window = number(raw, "sliding_window", number(raw, "sliding_window_size", 512))
    found = {**_axk2(raw), **_kinds(raw, 46, kind), "sliding_window": window}
    listed = found.get("layer_types", raw.get("layer_types"))
    if "per_layer_config" in raw or not isinstance(listed, list):
        return found
    own = {key: number(raw, f"swa_{key}", default) for key, default in _SLIDING.items()}
    size = number(raw, "swa_head_dim", 256)
    own["qk_rope_head_dim"] = number(raw, "swa_qk_rope_head_dim", size - own["qk_nope_head_dim"])
    sliding = [layer for layer, word in enumerate(listed[:DEEPEST]) if word == "sliding_attention"]
    return {**found, "per_layer_config": {str(layer): own for layer in sliding}}


def _linear(linear: bool) -> str:
    return "linear_attention" if linear else "full_attention"


def _full(everything: bool) -> str:
    return "full_attention" if everything else "sliding_attention"


LISTED: Final[dict[str, Callable[[Raw], Raw]]] = {
    "bailing_hybrid": _bailing_hybrid,
    "cwm": _first_of_four(64),
    "gemma4_text": _gemma4,
    "gemma4_unified_text": _gemma4,
    "granite_swa": _first_of_four(24),
    "granitemoe_swa": _first_of_four(32),
    "granitemoehybrid": _granitemoehybrid,
    "hy_v3": _one_dense,
    "kimi_linear": _kimi_linear,
    "kolibri1": _kolibri,
    "laguna": _one_dense,
    "mimo_v2_flash": _mimo_v2,
    "minimax": _every_other,
    "mllama_text_model": _mllama,
    "step3p5": _step,
    "step3p7": _step,
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
