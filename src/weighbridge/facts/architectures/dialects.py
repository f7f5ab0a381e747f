"""Families that spell the common facts in a way of their own, translated before reading."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from weighbridge.facts.architectures.derived import DERIVED, falcon_norms
from weighbridge.facts.architectures.limits import DEEPEST
from weighbridge.facts.architectures.listed import LISTED

Raw = Mapping[str, Any]


def translated(raw: Raw, model_type: str) -> Raw:
    """The keys under their common names, for families that need it."""
    dialect = _DIALECTS.get(model_type)
    return raw if dialect is None else {**raw, **dialect(raw)}


def _dbrx(raw: Raw) -> Raw:
    """DBRX nests attention and experts."""
    attention, ffn = _object(raw, "attn_config"), _object(raw, "ffn_config")
    return {
        "attn_config": None,
        "ffn_config": None,
        "num_key_value_heads": attention.get("kv_n_heads", 1),
        "intermediate_size": ffn.get("ffn_hidden_size", 3584),
        "num_experts": ffn.get("moe_num_experts", 4),
        "num_experts_per_tok": ffn.get("moe_top_k", 1),
    }


def _chatglm(raw: Raw) -> Raw:
    """ChatGLM states key-value groups that count only when ``multi_query_attention`` is on."""
    if raw.get("multi_query_attention") is False:
        return {"num_key_value_heads": raw.get("num_attention_heads")}
    return {}


def _qwen(raw: Raw) -> Raw:
    """The first Qwen states the width of gate and up projection together."""
    width = raw.get("intermediate_size")
    if isinstance(width, int) and not isinstance(width, bool):
        return {"intermediate_size": width // 2}
    return {}


def _falcon(raw: Raw) -> Raw:
    """Falcon: one key-value head, unless the new decoder states more or ``multi_query`` is off."""
    heads = raw.get("num_attention_heads", raw.get("n_head", 71))
    if raw.get("new_decoder_architecture"):
        kv = raw.get("num_kv_heads") or heads
    else:
        kv = 1 if raw.get("multi_query", True) else heads
    return {"num_key_value_heads": kv, **falcon_norms(raw)}


def _gpt_bigcode(raw: Raw) -> Raw:
    """StarCoder: one key-value head, unless ``multi_query`` is off."""
    heads = raw.get("num_attention_heads", raw.get("n_head", 12))
    return {"num_key_value_heads": 1 if raw.get("multi_query", True) else heads}


def _lfm2(raw: Raw) -> Raw:
    """LFM2 shrinks the stated width to two thirds and rounds it up, where it says so."""
    width = raw.get("block_ff_dim", raw.get("intermediate_size", 12288))
    if not raw.get("block_auto_adjust_ff_dim", True) or type(width) is not int:
        return {"intermediate_size": width}
    multiple = raw.get("block_multiple_of", 256)
    factor = raw.get("block_ffn_dim_multiplier", 1.0)
    if type(multiple) is not int or multiple < 1 or not isinstance(factor, int | float):
        return {"intermediate_size": width}
    width = int(2 * width / 3)
    if 0 < factor < 2**20 and width < 2**40:
        width = int(factor * width)
    return {"intermediate_size": multiple * -(-width // multiple)}


def _longcat(raw: Raw) -> Raw:
    """LongCat-Flash: a layer is two of the usual ones, whose first has experts beside its MLP."""
    layers = raw.get("num_layers", 28)
    if type(layers) is not int or not 0 < layers <= DEEPEST // 2:
        return {}
    return {"num_hidden_layers": 2 * layers, "mlp_layer_types": ["both", "dense"] * layers}


def _object(raw: Raw, key: str) -> Raw:
    value = raw.get(key)
    return value if isinstance(value, Mapping) else {}


_DIALECTS: Final[dict[str, Callable[[Raw], Raw]]] = {
    **DERIVED,
    **LISTED,
    "dbrx": _dbrx,
    "chatglm": _chatglm,
    "qwen": _qwen,
    "falcon": _falcon,
    "gpt_bigcode": _gpt_bigcode,
    "lfm2": _lfm2,
    "longcat_flash": _longcat,
}
