"""What classes derive from keys of their own, under the names that the readers know.

A class may state twice a width, a multiple instead of a width, or one more number of its own. Each
function takes the raw keys of one model type and returns those to add or replace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from weighbridge.facts.architectures.limits import DEEPEST
from weighbridge.facts.architectures.raw_numbers import Raw, depth_of, fraction, number


def _xlstm(raw: Raw) -> Raw:
    """xLSTM: a width by a factor, rounded up; other names of hidden and depth."""
    hidden = number(raw, "hidden_size", number(raw, "embedding_dim", 4096))
    multiple = number(raw, "ffn_round_up_to_multiple_of", 64) or 1
    wide = hidden * fraction(raw, "ffn_proj_factor", 2.667)
    return {
        "hidden_size": hidden,
        "num_hidden_layers": number(raw, "num_hidden_layers", number(raw, "num_blocks", 32)),
        "intermediate_size": int((wide + multiple - 1) // multiple * multiple),
    }


def _recurrent_gemma(raw: Raw) -> Raw:
    """RecurrentGemma states gate and up together, and all its attention slides."""
    kinds = raw.get("block_types") or ["recurrent", "recurrent", "attention"]
    listed = kinds if isinstance(kinds, list) and len(kinds) <= DEEPEST else []
    sliding = ["sliding_attention" if kind == "attention" else kind for kind in listed]
    return {
        "intermediate_size": number(raw, "intermediate_size", 7680) // 2,
        "sliding_window": number(raw, "attention_window_size", 2048),
        "block_types": sliding,
        "layers_block_type": None,
        "layer_types": None,
    }


def _jetmoe(raw: Raw) -> Raw:
    """JetMoe: as many heads as the experts of a token have."""
    kv, active = number(raw, "num_key_value_heads", 16), number(raw, "num_experts_per_tok", 2)
    return {"num_attention_heads": kv * active}


def _doge(raw: Raw) -> Raw:
    """Doge: experts only where it says so."""
    return {} if raw.get("is_moe") is True else {"num_experts": 0}


def falcon_norms(raw: Raw) -> Raw:
    """Falcon: one norm for both halves, unless they follow each other or each has its own."""
    norms = raw.get("num_ln_in_parallel_attn")
    if norms is None and raw.get("new_decoder_architecture"):
        norms = 2
    return {"one_norm": raw.get("parallel_attn", True) is not False and norms != 2}


def _opt(raw: Raw) -> Raw:
    """OPT: a final norm only where norms come first; the first models end without one."""
    first = raw.get("do_layer_norm_before", True) is not False
    return {"final_norm": first and raw.get("_remove_final_layer_norm") is not True}


def _bloom(raw: Raw) -> Raw:
    """BLOOM: the class does not look at the width that a file may state."""
    del raw
    return {"intermediate_size": None}


def _jamba(raw: Raw) -> Raw:
    """Jamba: one expert is none."""
    return {"num_experts": 0} if number(raw, "num_experts", 16) < 2 else {}


def _hunyuan_moe(raw: Raw) -> Raw:
    """Hunyuan: experts as wide as the MLP, one of them shared; lists of equal numbers per layer."""
    width = number(raw, "intermediate_size", 11008)
    active = _common(raw.get("moe_topk", raw.get("num_experts_per_tok", 1)))
    stated = _common(raw.get("moe_intermediate_size", width))
    return {
        "moe_intermediate_size": width if stated in (None, width) else raw["moe_intermediate_size"],
        "num_experts_per_tok": active,
        "n_shared_experts": 1,
        "shared_expert_intermediate_size": width,
    }


def _common(value: object) -> object:
    """The number that all layers share, where a list says so."""
    if (
        isinstance(value, list)
        and value
        and len(value) <= DEEPEST
        and value.count(value[0]) == len(value)
    ):
        return value[0]
    return value


def _moshi(raw: Raw) -> Raw:
    """Moshi states gate and up together."""
    return {"intermediate_size": number(raw, "ffn_dim", 22528) // 2}


def _gpt_neox_japanese(raw: Raw) -> Raw:
    """A multiple instead of a width."""
    hidden = number(raw, "hidden_size", 2560)
    return {"intermediate_size": number(raw, "intermediate_multiple_size", 4) * hidden}


def _cpmant(raw: Raw) -> Raw:
    """CPM-Ant: own names of two widths."""
    return {
        "head_dim": number(raw, "dim_head", 128),
        "intermediate_size": number(raw, "dim_ff", 10240),
    }


def _ctrl(raw: Raw) -> Raw:
    """CTRL: an own name of the width."""
    return {"intermediate_size": number(raw, "dff", 8192)}


def _hrm_text(raw: Raw) -> Raw:
    """HRM-Text: as many layers as passes; where no key tells them apart, the depth is a stack's."""
    if type(raw.get("num_layers_per_stack")) is int:
        return {}
    stack = depth_of(raw, 16)
    cycles = number(raw, "H_cycles", 2) * (number(raw, "L_cycles", 3) + 1)
    return {"num_layers_per_stack": stack, "num_hidden_layers": stack * cycles}


DERIVED: Final[dict[str, Callable[[Raw], Raw]]] = {
    "xlstm": _xlstm,
    "recurrent_gemma": _recurrent_gemma,
    "jetmoe": _jetmoe,
    "doge": _doge,
    "opt": _opt,
    "bloom": _bloom,
    "jamba": _jamba,
    "hunyuan_v1_moe": _hunyuan_moe,
    "moshi": _moshi,
    "gpt_neox_japanese": _gpt_neox_japanese,
    "cpmant": _cpmant,
    "ctrl": _ctrl,
    "hrm_text": _hrm_text,
}
"""By model type."""
