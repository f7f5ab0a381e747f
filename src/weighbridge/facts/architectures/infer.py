"""What the keys of an unknown model type tell of the decisions that its class hard-codes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final, Literal

from weighbridge.facts.architectures.keys import Keys
from weighbridge.facts.architectures.traits import Setting, Traits
from weighbridge.facts.architectures.unread import unclaimed_sizes

_TWO_SETS: Final = "experts for text beside experts for images"
NOT_MODELLED: Final = {
    "ernie4_5_moe_vl": _TWO_SETS,
    "ernie4_5_vl_moe": _TWO_SETS,
    "ernie4_5_vl_moe_text": _TWO_SETS,
    "glm5_next_text": "linear attention and indexers over pooled tokens in several streams",
    "idefics": "layers between them that attend to images",
    "qwen4_exp_text": "embeddings of word groups, compressed indexers and low-rank streams",
}
"""Types whose layers hold what no reader here knows, and what that is: they are refused by name."""

_TELLING: Final = re.compile(
    r"ssm|mamba|conv|linear_attn|linear_key|linear_value|linear_num|rwkv|recurrent|lora_rank|delta"
    r"|index_head|index_n|compress|latent|lightning|retention|kda|hc_mult|altup|adapter|hash"
    r"|cross_attention_layers|num_kv_shared|loop|engram|memory_size"
)
"""Names of keys that change what a layer holds or keeps; one that no reader asked for is a gap."""

_HARMLESS: Final = re.compile(
    r"_dtype$|_act$|chunk_size|_eps$|_bias$|dropout|_init|range|use_mamba_kernels|_min$|_max$|_floor$"
)


def inferred(keys: Keys) -> Traits:
    """Traits by keys alone, and sentences about what had to be assumed."""
    kind = keys.model_type or "The model"
    base = Traits(
        known=False,
        window="unknown",
        norm=_norm(keys),
        mixer="latent" if keys.stated("kv_lora_rank") else "softmax",
        qkv_bias=_bias(keys, "attention_bias", "qkv_bias", "add_qkv_bias", "use_qkv_bias"),
        o_bias=_bias(keys, "attention_bias", "attention_out_bias"),
        mlp_bias=_bias(keys, "mlp_bias"),
        qk_norm="head" if _says(keys, "use_qk_norm", "qk_norm", "qk_layernorm") else "",
        gated=not str(keys.value("hidden_act")).startswith(("relu", "gelu_new")),
        gate="query" if _says(keys, "attn_output_gate") else "",
        ssm="mamba1" if keys.stated("mamba_dt_rank") else "mamba2",
        linear="kda" if keys.stated("linear_attn_config") else "delta",
    )
    if base.mixer == "latent" and not keys.stated("qk_nope_head_dim"):
        base = replace(base, mixer="softmax")
    keys.assume(
        f"{kind} is not a family that this version knows; it is read by its keys. Assumed:"
        f" attention {'with' if base.qk_norm else 'without'} norms of queries and keys, biases only"
        f" where a key states them; MLP {'with' if base.gated else 'without'} a gate; two norms per"
        " layer; output head tied only where stated."
    )
    return base


def gaps(keys: Keys) -> tuple[str, ...]:
    """Keys that change what a layer holds, and that no reader asked for."""
    telling = {
        key
        for key, value in keys.raw.items()
        if value
        and isinstance(key, str)
        and key not in keys.seen
        and _TELLING.search(key)
        and not _HARMLESS.search(key)
    }
    return tuple(sorted(telling | set(unclaimed_sizes(keys))))[:6]


def _norm(keys: Keys) -> Literal["rms", "layer"]:
    """LayerNorm, with a bias, where its epsilon is named and that of RMSNorm is not."""
    layered = keys.stated("layer_norm_eps") or keys.stated("layer_norm_epsilon")
    return "layer" if layered and not keys.stated("rms_norm_eps") else "rms"


def _bias(keys: Keys, *names: str) -> Setting:
    for name in (*names, "use_bias", "bias"):
        if isinstance(keys.value(name), bool):
            return name
    return False


def _says(keys: Keys, *names: str) -> bool:
    return any(keys.value(name) is True for name in names)
