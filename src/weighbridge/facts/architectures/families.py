"""The table of families: model type -> what its class hard-codes.

Only what keys cannot tell stands here. Source: the modeling classes of transformers 5.23.0, and for
types without a class there the publisher's own modeling file, read as facts about shapes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from weighbridge.facts.architectures.traits import Traits

LLAMA: Final = Traits()

_PLAIN = Traits(qkv_bias=False, o_bias=False, mlp_bias=False)
_MISTRAL = replace(_PLAIN, window="all")
_QWEN2 = Traits(qkv_bias=True, o_bias=False, mlp_bias=False, window="late")
_QWEN3 = Traits(qk_norm="head", mlp_bias=False, window="late")
_QWEN3_NEXT = Traits(qk_norm="head", mlp_bias=False, gate="query", shared_gate=True, interval=4)
_GEMMA = Traits(mlp_bias=False, tied=True)
_GEMMA2 = replace(_GEMMA, norms=4, period=2)
_GEMMA3 = replace(_GEMMA, norms=4, period=6, qk_norm="head")
_GEMMA4 = replace(
    _GEMMA,
    mixer="gemma",
    norms=4,
    period=6,
    sparse_norms=3,
    router_scale=1,
    expert_scale=1,
    dense_beside_experts=True,
)
_DEEPSEEK = Traits(mixer="latent", mlp_bias=False)
_GLM4 = Traits(o_bias=False, mlp_bias=False)
_COHERE = Traits(norms=1, mlp_bias=False, qk_norm="heads", qk_norm_key="use_qk_norm", tied=True)
_OLMO2 = Traits(qk_norm="flat", mlp_bias=False)
_GRANITE_MOE = Traits(mlp_bias=False)
_GPT2 = Traits(
    norm="layer", qkv_bias=True, o_bias=True, mlp_bias=True, gated=False, mlp_width=4,
    positions="max_position_embeddings", tied=True,
)  # fmt: skip
_LFM2 = Traits(qkv_bias=False, o_bias=False, mlp_bias=False, qk_norm="head", tied=True)

FAMILIES: Final[dict[str, Traits]] = {
    "llama": LLAMA,
    "internlm3": Traits(qkv_bias="qkv_bias", o_bias="bias", mlp_bias="bias"),
    "internlm2": Traits(qkv_bias="bias", o_bias="bias", mlp_bias=False),
    "internlm": Traits(qkv_bias="bias", o_bias="bias", mlp_bias=False),
    "baichuan": _PLAIN,
    "xverse": _PLAIN,
    "exaone": _PLAIN,
    "yi": _PLAIN,
    "deci": LLAMA,
    "nemotron-nas": LLAMA,
    "aquila": _PLAIN,
    "cwm": LLAMA,
    "iquestcoder": LLAMA,
    "granite": LLAMA,
    "helium": Traits(o_bias=False),
    "smollm3": LLAMA,
    "seed_oss": Traits(o_bias="attention_out_bias"),
    "arcee": Traits(gated=False),
    "apertus": Traits(gated=False, qk_norm="head", mlp_scalars=2),
    "jais2": Traits(norm="layer", gated=False),
    "hyperclovax": Traits(norms_key="use_post_norm", norms_if=2),
    "bitnet": Traits(sub_norms=True, mlp_bias=False),
    "olmo": Traits(norm="none", mlp_bias=False),
    "olmo2": _OLMO2,
    "olmo3": replace(_OLMO2, period=4),
    "olmoe": _OLMO2,
    "flex_olmo": _OLMO2,
    "olmo_hybrid": replace(_OLMO2, interval=4),
    "phi3": replace(_PLAIN, window="all"),
    "phi3_v": replace(_PLAIN, window="all"),
    "phimoe": Traits(norm="layer", head_bias="lm_head_bias", window="all", mlp_bias=False),
    "phi": Traits(
        qk_norm="head",
        qk_norm_key="qk_layernorm",
        qk_norm_bias=True,
        norm="layer",
        norms=1,
        qkv_bias=True,
        o_bias=True,
        mlp_bias=True,
        gated=False,
        head_bias=True,
    ),
    "mistral": _MISTRAL,
    "mixtral": _MISTRAL,
    "ministral": replace(_MISTRAL, window="none"),
    "ministral3": _MISTRAL,
    "qwen2": _QWEN2,
    "mimo": _QWEN2,
    "qwen2_moe": replace(_QWEN2, shared_gate=True),
    "qwen2_vl_text": _QWEN2,
    "qwen2_5_vl_text": _QWEN2,
    "qwen2_vl": _QWEN2,
    "qwen2_5_vl": _QWEN2,
    "qwen3": _QWEN3,
    "qwen3_moe": _QWEN3,
    "qwen3_vl_text": _QWEN3,
    "qwen3_vl_moe_text": _QWEN3,
    "qwen3_next": _QWEN3_NEXT,
    "qwen3_5_text": _QWEN3_NEXT,
    "qwen3_5_moe_text": _QWEN3_NEXT,
    "gemma": _GEMMA,
    "gemma2": _GEMMA2,
    "gemma3_text": _GEMMA3,
    "gemma4_text": _GEMMA4,
    "gemma4_unified_text": _GEMMA4,
    "gemma3n_text": replace(_GEMMA, mixer="gemma", norms=4, period=5),
    "vaultgemma": replace(_GEMMA, norms=2, period=2),
    "glm": _GLM4,
    "glm4": replace(_GLM4, norms=4),
    "glm4v_text": replace(_GLM4, norms=4, qkv_bias=True),
    "glm4v_moe_text": _GLM4,
    "glm4_moe": replace(_GLM4, qk_norm="head", qk_norm_key="use_qk_norm"),
    "solar_open": replace(_GLM4, qk_norm="head", qk_norm_key="use_qk_norm"),
    "cohere": _COHERE,
    "cohere2": replace(_COHERE, qk_norm="", period=4),
    "cohere2_moe": replace(_COHERE, qk_norm="", period=4),
    "starcoder2": Traits(
        norm="layer",
        gated=False,
        qkv_bias="use_bias",
        o_bias="use_bias",
        mlp_bias="use_bias",
        window="all",
    ),
    "stablelm": Traits(
        norms_key="use_parallel_residual",
        norms_if=-1,
        qk_norm="heads",
        qk_norm_key="qk_layernorm",
        norm="layer",
        qkv_bias="use_qkv_bias",
        o_bias=False,
        mlp_bias=False,
    ),
    "exaone4": Traits(qk_norm="head", mlp_bias=False, qkv_bias=False, o_bias=False),
    "exaone_moe": Traits(qk_norm="head", mlp_bias=False, qkv_bias=False, o_bias=False),
    "ernie4_5": Traits(qkv_bias="use_bias", o_bias="use_bias", mlp_bias="use_bias"),
    "ernie4_5_moe": Traits(
        head_bias="use_bias",
        qkv_bias="use_bias",
        o_bias="use_bias",
        mlp_bias="use_bias",
        router_bias=1,
    ),
    "hunyuan_v1_dense": Traits(qk_norm="head", mlp_bias=False),
    "hunyuan_v1_moe": Traits(qk_norm="head", mlp_bias=False),
    "hy_v3": Traits(qk_norm="head"),
    "gpt_oss": Traits(sinks="all", period=2, router_bias=1, expert_bias=True, mlp_bias=False),
    "granitemoe": _GRANITE_MOE,
    "granitemoeshared": _GRANITE_MOE,
    "granitemoehybrid": replace(_GRANITE_MOE, linear="mamba2"),
    "granite_swa": Traits(sinks="all"),
    "granitemoe_swa": replace(_GRANITE_MOE, sinks="all"),
    "minimax_m2": Traits(
        mtp_stored=False, qk_norm="flat", mlp_bias=False, qkv_bias=False, o_bias=False
    ),
    "minimax": replace(_MISTRAL, linear="lightning", window="none"),
    "minimax_text_01": replace(_MISTRAL, linear="lightning", window="none"),
    "minimax_m1": replace(_MISTRAL, linear="lightning", window="none"),
    "minimax_m3": Traits(
        mtp_stored=False, qk_norm="head", mlp_bias=False, qkv_bias=False, o_bias=False
    ),
    "minimax_m3_vl_text": Traits(
        mtp_stored=False, qk_norm="head", mlp_bias=False, qkv_bias=False, o_bias=False
    ),
    "mimo_v2_flash": Traits(
        sinks="sliding", mlp_bias=False, o_bias=False, period=6, first_full=True, dense_first=1
    ),
    "laguna": Traits(
        qk_norm="head",
        gate="heads",
        gate_key="gating",
        gate_else="full",
        router_bias=1,
        mlp_bias=False,
    ),
    "afmoe": Traits(norms=4, qk_norm="head", gate="full", router_bias=1, mlp_bias=False, period=4),
    "dots1": Traits(qk_norm="head", mlp_bias=False),
    "step3p7": Traits(mtp_stored=False, qk_norm="head", gate="heads", mlp_bias=False),
    "step3p5": Traits(mtp_stored=False, qk_norm="head", gate="heads", mlp_bias=False),
    "mellum": Traits(qk_norm="head", mlp_bias=False),
    "kolibri1": Traits(qk_norm="head", norms=4, mlp_bias=False),
    "llama4_text": Traits(mlp_bias=False, shared=1),
    "mllama_text_model": replace(_PLAIN, embedding_rows=8),
    "deepseek_v2": _DEEPSEEK,
    "deepseek_v3": replace(_DEEPSEEK, mtp_copies=True),
    "kimi_k2": _DEEPSEEK,
    "deepseek_v32": replace(_DEEPSEEK, mtp_copies=True),
    "glm_moe_dsa": _DEEPSEEK,
    "glm4_moe_lite": replace(_DEEPSEEK, dense_first=1),
    "minicpm3": replace(_DEEPSEEK, mlp_bias="mlp_bias"),
    "mistral4": _DEEPSEEK,
    "youtu": _DEEPSEEK,
    "longcat_flash": _DEEPSEEK,
    "axk1": replace(_DEEPSEEK, sparse_norms=1, dense_first=1),
    "kimi_linear": replace(_DEEPSEEK, linear="kda"),
    "bailing_hybrid": replace(_DEEPSEEK, linear="kda", kda_full_rank=True, gate="heads"),
    "deepseek_v4": replace(
        _DEEPSEEK, mixer="compressed", only="full_attention", mlp_bias="mlp_bias"
    ),
    "deepseek_ref": replace(
        _DEEPSEEK, mixer="compressed", only="full_attention", mlp_bias="mlp_bias"
    ),
    "falcon_h1": Traits(only="parallel", ssm_norm="mamba_rms_norm"),
    "falcon_mamba": Traits(only="mamba", ssm="mamba1", ssm_norm=False, alternating=True),
    "mamba": Traits(only="mamba", ssm="mamba1", ssm_norm=False, alternating=True, tied=True),
    "mamba2": Traits(only="mamba", alternating=True),
    "jamba": Traits(ssm="mamba1", linear="mamba1", mlp_bias=False),
    "bamba": Traits(linear="mamba2", otherwise="mamba"),
    "nemotron_h": Traits(gated=False, alternating=True, linear="mamba2"),
    "lfm2": _LFM2,
    "lfm2_moe": _LFM2,
    "gpt2": _GPT2,
    "gpt_bigcode": _GPT2,
    "gpt-sw3": _GPT2,
    "opt": replace(_GPT2, mlp_width=0, positions_offset=2),
    "gpt_neox": Traits(
        norm="layer",
        qkv_bias="attention_bias",
        o_bias="attention_bias",
        mlp_bias=True,
        gated=False,
    ),
    "gptj": Traits(
        norm="layer",
        norms=1,
        qkv_bias=False,
        o_bias=False,
        mlp_bias=True,
        gated=False,
        mlp_width=4,
        head_bias=True,
    ),
    "phi3small": Traits(norm="layer", qkv_bias=True, o_bias=True, mlp_bias=True, tied=True),
    "falcon": Traits(
        norm="layer",
        norms=2,
        norms_key="parallel_attn",
        norms_if=-1,
        qkv_bias="bias",
        o_bias="bias",
        mlp_bias="bias",
        gated=False,
        mlp_width=4,
        tied=True,
    ),
    "bloom": replace(_GPT2, positions="", embedding_norm=True),
    "gpt_neo": replace(_GPT2, qkv_bias=False),
    "codegen": Traits(
        norm="layer",
        norms=1,
        qkv_bias=False,
        o_bias=False,
        mlp_bias=True,
        gated=False,
        mlp_width=4,
        head_bias=True,
    ),
    "persimmon": Traits(
        norm="layer",
        qkv_bias=True,
        o_bias=True,
        mlp_bias=True,
        gated=False,
        qk_norm="head",
        qk_norm_bias=True,
        qk_norm_key="qk_layernorm",
    ),
    "nanochat": Traits(norm="none", gated=False, mlp_bias=False, tied=False),
    "minicpm": LLAMA,
    "orion": Traits(norm="layer", qkv_bias=False, o_bias=False, mlp_bias=False),
    "bailing_moe": Traits(qkv_bias="use_qkv_bias", o_bias="use_bias", mlp_bias=False),
    "bailing_moe_v2": Traits(
        qkv_bias="use_qkv_bias",
        o_bias="use_bias",
        mlp_bias=False,
        qk_norm="head",
        qk_norm_key="use_qk_norm",
    ),
    "dbrx": _PLAIN,
    "chatglm": Traits(
        qkv_bias="add_qkv_bias", o_bias="add_bias_linear", mlp_bias="add_bias_linear"
    ),
    "qwen": Traits(qkv_bias=True, o_bias=False, mlp_bias=False),
    "mpt": replace(_GPT2, norm="rms", qkv_bias=False, o_bias=False, mlp_bias=False, positions=""),
}
