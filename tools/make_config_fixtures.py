"""Write tests/data/configs: python tools/make_config_fixtures.py (needs torch and transformers).

Configurations of our own making, one per family, with realistic keys and dimensions that no
published model has, and the number of weights that the class of transformers really makes of each
(on the meta device, so nothing is allocated).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as IMAGE,
)

TARGET = Path(__file__).parents[1] / "tests/data/configs"

# Our own dimensions; a class takes those that it has.
OWN: dict[str, Any] = {
    "hidden_size": 384, "num_hidden_layers": 8, "num_attention_heads": 12,
    "num_key_value_heads": 4, "intermediate_size": 1088, "vocab_size": 50_368,
    "max_position_embeddings": 6144, "moe_intermediate_size": 208, "n_embd": 384, "n_layer": 8,
    "n_head": 12, "n_positions": 1536, "linear_num_key_heads": 4, "linear_num_value_heads": 8,
    "linear_key_head_dim": 48, "linear_value_head_dim": 56, "mamba_d_state": 24,
    "mamba_n_heads": 16, "mamba_d_head": 48, "mamba_num_heads": 16, "mamba_head_dim": 48,
    "ssm_state_size": 24, "n_groups": 2, "state_size": 24, "sliding_window": 640,
    "kv_lora_rank": 96, "q_lora_rank": 160, "qk_nope_head_dim": 40, "qk_rope_head_dim": 24,
    "shared_expert_intermediate_size": 272, "shared_intermediate_size": 320,
}  # fmt: skip

# What single types need or show beside that.
SPECIAL: dict[str, dict[str, Any]] = {
    "llama": {"attention_bias": True, "tie_word_embeddings": True},
    "gemma2": {"head_dim": 40}, "gemma3_text": {"head_dim": 40}, "gemma": {"head_dim": 40},
    "gemma4_text": {"head_dim": 40, "global_head_dim": 72, "num_kv_shared_layers": 3,
                    "layer_types": (["sliding_attention"] * 2 + ["full_attention"]) * 2
                    + ["sliding_attention", "full_attention"],
                    "use_double_wide_mlp": True, "hidden_size_per_layer_input": 16,
                    "vocab_size_per_layer_input": 50_368},
    "qwen3": {"head_dim": 48}, "qwen3_moe": {"head_dim": 48, "num_experts": 24,
                                             "num_experts_per_tok": 3},
    "qwen3_next": {"num_experts": 24, "num_experts_per_tok": 3, "head_dim": 48},
    "qwen3_5_moe_text": {"num_experts": 24, "num_experts_per_tok": 3, "head_dim": 48},
    "deepseek_v2": {"num_key_value_heads": 12, "v_head_dim": 56, "n_routed_experts": 20,
                    "num_experts_per_tok": 3, "first_k_dense_replace": 2},
    "deepseek_v3": {"num_key_value_heads": 12, "v_head_dim": 56, "n_routed_experts": 24},
    "deepseek_v32": {"num_key_value_heads": 12, "v_head_dim": 56, "n_routed_experts": 24,
                     "index_n_heads": 6, "index_head_dim": 40},
    "deepseek_v4": {"num_key_value_heads": 1, "n_routed_experts": 24, "o_groups": 4,
                    "o_lora_rank": 48, "head_dim": 64, "index_n_heads": 6, "index_head_dim": 40},
    "glm_moe_dsa": {"num_key_value_heads": 12, "v_head_dim": 56, "n_routed_experts": 24,
                    "index_n_heads": 6, "index_head_dim": 40},
    "glm4_moe_lite": {"num_key_value_heads": 12, "v_head_dim": 56, "n_routed_experts": 24},
    "minicpm3": {"num_key_value_heads": 12}, "mistral4": {"num_key_value_heads": 12,
                 "n_routed_experts": 24, "v_head_dim": 56},
    "kimi_linear": {"num_key_value_heads": 12, "num_experts": 24, "v_head_dim": 56},
    "bailing_hybrid": {"num_key_value_heads": 12, "num_experts": 24, "v_head_dim": 56,
                       "num_expert_group": 4, "topk_group": 2},
    "nemotron_h": {"layers_block_type": ["linear_attention", "moe", "linear_attention", "mlp",
                                         "full_attention", "moe"],
                   "moe_latent_size": 96, "head_dim": 32, "num_experts_per_tok": 3,
                   "n_routed_experts": 24, "n_shared_experts": 1,
                   "moe_shared_expert_intermediate_size": 288},
    "granitemoehybrid": {"layer_types": ["mamba"] * 5 + ["attention"] + ["mamba"] * 2,
                         "mamba_expand": 2},
    "bamba": {"attn_layer_indices": [3, 7], "mamba_expand": 2},
    "falcon_h1": {"mamba_d_ssm": 768, "head_dim": 40}, "mamba2": {"num_heads": 12, "head_dim": 64},
    "falcon_mamba": {"intermediate_size": 768, "time_step_rank": 24},
    "jamba": {"num_experts": 6}, "gpt_oss": {"head_dim": 48, "num_local_experts": 12},
    "minimax_m2": {"head_dim": 48}, "hy_v3": {"head_dim": 48, "num_experts": 24},
    "minimax": {"head_dim": 40}, "cohere": {"use_qk_norm": True},
    "laguna": {"head_dim": 48, "num_experts": 24}, "afmoe": {"num_experts": 24, "head_dim": 48},
    "lfm2": {"layer_types": ["conv", "conv", "full_attention", "conv"] * 2},
    "lfm2_moe": {"layer_types": ["conv", "conv", "full_attention", "conv"] * 2, "num_experts": 24},
    "llama4_text": {"num_local_experts": 6, "intermediate_size_mlp": 1216, "head_dim": 40,
                    "interleave_moe_layer_step": 2},
    "mimo_v2_flash": {"head_dim": 48, "v_head_dim": 32, "n_routed_experts": 24},
    "smollm3": {}, "starcoder2": {}, "phi": {"num_key_value_heads": 12},
    "minimax_m3_vl_text": {"head_dim": 40, "dense_intermediate_size": 1216,
                           "layer_types": ["full_attention"] * 3 + ["minimax_m3_sparse"] * 5},
}  # fmt: skip

TYPES = [
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
    "gemma",
    "gemma2",
    "gemma3_text",
    "gemma4_text",
    "phi",
    "phi3",
    "phimoe",
    "olmo",
    "olmo2",
    "olmo3",
    "olmoe",
    "olmo_hybrid",
    "granite",
    "granitemoe",
    "granitemoehybrid",
    "bamba",
    "falcon_h1",
    "falcon_mamba",
    "mamba2",
    "jamba",
    "nemotron_h",
    "mixtral",
    "qwen2_moe",
    "qwen3_moe",
    "qwen3_next",
    "qwen3_5_text",
    "qwen3_5_moe_text",
    "deepseek_v2",
    "deepseek_v3",
    "deepseek_v32",
    "deepseek_v4",
    "glm_moe_dsa",
    "glm4",
    "glm4_moe",
    "glm4_moe_lite",
    "kimi_linear",
    "bailing_hybrid",
    "minimax",
    "minimax_m2",
    "minimax_m3_vl_text",
    "gpt_oss",
    "cohere",
    "cohere2",
    "stablelm",
    "starcoder2",
    "ernie4_5_moe",
    "exaone4",
    "hy_v3",
    "laguna",
    "afmoe",
    "lfm2",
    "lfm2_moe",
    "smollm3",
    "bitnet",
    "llama4_text",
    "minicpm3",
    "mistral4",
    "mimo_v2_flash",
    "gpt2",
    "gpt_neox",
]

VISION = {"depth": 5, "num_hidden_layers": 5, "image_size": 196, "patch_size": 14}
TOWERS: dict[str, dict[str, Any]] = {
    "llava": {"text_config": {"model_type": "llama"}},
    "gemma3": {"text_config": {"model_type": "gemma3_text", "head_dim": 40}},
    "qwen2_vl": {}, "qwen2_5_vl": {}, "qwen3_vl": {}, "qwen3_5": {}, "mistral3": {},
    "idefics3": {}, "internvl": {},
}  # fmt: skip
TEXT = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
        "intermediate_size", "vocab_size")  # fmt: skip


def text_config(model_type: str) -> dict[str, Any]:
    """Our configuration of a text model: our dimensions, and the patterns its class derives."""
    fields = getattr(CONFIG_MAPPING[model_type], "__dataclass_fields__", {})
    own = {key: value for key, value in OWN.items() if key in fields}
    own |= SPECIAL.get(model_type, {})
    derived = CONFIG_MAPPING[model_type](**own, pad_token_id=0).to_dict()
    for key in ("layer_types", "mlp_layer_types", "compress_rates"):
        if derived.get(key) and key not in own:
            own[key] = derived[key]
    name = CAUSAL.get(model_type) or IMAGE[model_type].replace("ConditionalGeneration", "CausalLM")
    return {"architectures": [name], "model_type": model_type, **own}


def composite(model_type: str, extra: dict[str, Any]) -> dict[str, Any]:
    """Our configuration of a model with a vision tower."""
    kind = CONFIG_MAPPING[model_type]
    base = kind().to_dict()
    vision_type = base["vision_config"]["model_type"]
    vision = {k: v for k, v in VISION.items() if k in base["vision_config"]}
    if isinstance(base["vision_config"].get("image_size"), list):
        vision.pop("image_size"), vision.pop("patch_size")
    text = {key: OWN[key] for key in TEXT} | extra.get("text_config", {})
    if "model_type" not in text:
        text["model_type"] = base["text_config"]["model_type"]
    return {
        "architectures": [IMAGE[model_type]],
        "model_type": model_type,
        "text_config": text,
        "vision_config": {"model_type": vision_type, **vision},
    }


def count(raw: dict[str, Any]) -> int:
    """Weights of the class, each tied weight once."""
    config = CONFIG_MAPPING[raw["model_type"]].from_dict({**raw, "pad_token_id": 0})
    kind = getattr(transformers, raw["architectures"][0])
    with torch.device("meta"):
        model = kind._from_config(config)  # noqa: SLF001 - the only way to a model without weights
    return sum(weight.numel() for weight in model.parameters())


def main() -> None:
    """Write the configurations and the table of their weights."""
    TARGET.mkdir(parents=True, exist_ok=True)
    expected = {}
    raws = {name: text_config(name) for name in TYPES}
    raws |= {name: composite(name, extra) for name, extra in TOWERS.items()}
    for name, raw in raws.items():
        expected[name] = count(raw)
        print(name, expected[name])
        (TARGET / f"{name}.json").write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
    (TARGET / "parameters.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")
    print(f"{len(expected)} configurations")


if __name__ == "__main__":
    main()
