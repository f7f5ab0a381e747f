"""Write tests/data/configs: python tools/make_config_fixtures.py (needs torch and transformers).

Names after the command write only those, and leave the others as they are.

Configurations of our own making, one per family, with realistic keys and dimensions that no
published model has, and the number of weights that the class of transformers really makes of each
(on the meta device, so nothing is allocated).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as CAUSAL
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as IMAGE,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_MULTIMODAL_LM_MAPPING_NAMES as MULTIMODAL,
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

# Text families of rarer mixers and older generations, with what each needs or shows.
RARER: dict[str, dict[str, Any]] = {
    "zamba": {"layers_block_type": ["mamba", "mamba", "hybrid", "mamba"] * 2, "mamba_dt_rank": 20},
    "zamba2": {"layers_block_type": ["mamba", "hybrid", "mamba", "hybrid"] * 2,
               "num_mem_blocks": 2, "use_shared_attention_adapter": True, "adapter_rank": 28,
               "num_key_value_heads": 12},
    "rwkv": {"context_length": 1536}, "xlstm": {"num_heads": 6, "ffn_proj_factor": 2.2},
    "recurrent_gemma": {"attention_window_size": 640, "lru_width": 480},
    "jetmoe": {"kv_channels": 40, "num_local_experts": 6, "num_experts_per_tok": 3},
    "diffllama": {}, "doge": {"is_moe": True, "num_experts": 400, "num_experts_per_tok": 8},
    "nemotron": {}, "biogpt": {}, "xglm": {"d_model": 384, "num_layers": 8, "ffn_dim": 1088,
                                           "attention_heads": 12},
    "ctrl": {"dff": 1088}, "openai-gpt": {}, "gpt_neox_japanese": {"intermediate_multiple_size": 3},
    "cpmant": {"dim_head": 40, "dim_ff": 1088, "prompt_types": 6, "prompt_length": 10,
               "segment_types": 5},
    "bert-generation": {}, "modernbert-decoder": {"norm_bias": True, "local_attention": 96},
    "flint": {"num_experts": 24, "head_dim": 40}, "beam": {"num_experts": 24, "head_dim": 40},
    "hrm_text": {"num_hidden_layers": 3, "head_dim": 40},
    "hy_v4": {"n_routed_experts": 24, "v_head_dim": 56, "index_n_heads": 6, "index_head_dim": 40},
    "axk2": {"n_routed_experts": 24, "v_head_dim": 56, "index_n_heads": 6, "index_head_dim": 40,
             "gated_norm_rank": 12, "num_key_value_heads": 12},
    "inkling_text": {"n_routed_experts": 24, "head_dim": 40, "swa_num_attention_heads": 8,
                     "swa_num_key_value_heads": 2, "swa_head_dim": 56, "d_rel": 12,
                     "rel_extent": 320, "sliding_window_size": 640},
    "inkling2_text": {"n_routed_experts": 24, "head_dim": 40, "swa_num_attention_heads": 8,
                      "swa_num_key_value_heads": 2, "swa_head_dim": 56, "d_rel": 12,
                      "rel_extent": 320, "sliding_window_size": 640},
    "lfm3": {"head_dim": 40}, "zaya": {"head_dim": 40, "num_experts": 12, "cca_time0": 3},
    "aria_text": {}, "opt": {"ffn_dim": 1088, "word_embed_proj_dim": 192,
                             "do_layer_norm_before": False},
    "falcon": {"new_decoder_architecture": True, "num_kv_heads": 4, "ffn_hidden_size": 1088},
    "bloom": {"hidden_size": 384, "n_layer": 8, "n_head": 12},
    "mpt": {"d_model": 384, "n_heads": 12, "n_layers": 8, "expansion_ratio": 3},
    "gptj": {"rotary_dim": 16}, "codegen": {"rotary_dim": 16}, "gpt_bigcode": {},
    "gpt_neo": {"num_layers": 8, "num_heads": 12, "attention_types": [[["global", "local"], 4]]},
    "mamba": {"intermediate_size": 640}, "persimmon": {}, "nanochat": {},
    "dots1": {"n_routed_experts": 24, "num_experts_per_tok": 3, "n_shared_experts": 2,
              "first_k_dense_replace": 2},
    "seed_oss": {"head_dim": 40}, "solar_open": {"head_dim": 40}, "vaultgemma": {"head_dim": 40},
    "hunyuan_v1_dense": {"head_dim": 40},
    "hunyuan_v1_moe": {"head_dim": 40, "num_experts": 24, "moe_topk": 3},
    "flex_olmo": {"num_experts": 24},
    "cohere_compass_text": {"rope_parameters": {"full_attention": {"rope_type": "default",
                                                                   "rope_theta": 10000.0}}},
}  # fmt: skip
SPECIAL |= RARER
TYPES += list(RARER)

VISION = {"depth": 5, "num_hidden_layers": 5, "image_size": 196, "patch_size": 14}
TOWERS: dict[str, dict[str, Any]] = {
    "llava": {"text_config": {"model_type": "llama"}},
    "gemma3": {"text_config": {"model_type": "gemma3_text", "head_dim": 40}},
    "qwen2_vl": {}, "qwen2_5_vl": {}, "qwen3_vl": {}, "qwen3_5": {}, "mistral3": {},
    "idefics3": {}, "internvl": {},
}  # fmt: skip
TEXT = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
        "intermediate_size", "vocab_size")  # fmt: skip

# --- Models with towers for images or sound: every nested model takes the dimensions it has. ---
TOWER: dict[str, Any] = {
    "hidden_size": 288, "d_model": 288, "hidden_dim": 288, "embed_dim": 288,
    "intermediate_size": 736, "encoder_ffn_dim": 736, "mlp_dim": 736, "num_hidden_layers": 3,
    "encoder_layers": 3, "num_layers": 3, "depth": 3, "num_blocks": 3, "num_attention_heads": 6,
    "encoder_attention_heads": 6, "num_heads": 6, "image_size": 168, "patch_size": 14,
    "num_mel_bins": 48, "out_hidden_size": 320, "output_dim": 320, "output_proj_dims": 320,
    "downsample_hidden_size": 56, "max_source_positions": 350, "encoder_hidden_size": 288,
    "conf_num_hidden_layers": 3, "conf_num_attention_heads": 6, "input_dim": 72, "dim_head": 40,
    "num_key_value_heads": 3, "head_dim": 48, "max_pos_emb": 96, "context_size": 48,
    "spatial_merge_size": 2, "window_size": 7, "vocab_size": 520, "nemo_conv_channels": 44,
    "ext_pw_out_channel": 288, "depthwise_separable_out_channel": 288,
}  # fmt: skip
WITH_TOWERS: dict[str, dict[str, Any]] = {
    "aria": {}, "audioflamingo3": {}, "aya_vision": {}, "blip-2": {}, "cohere2_vision": {},
    "deepseek_vl": {}, "deepseek_vl_hybrid": {}, "exaone4_5": {}, "fuyu": {},
    "gemma4": {"audio_config": {"model_type": "gemma4_audio"},
               "vision_config": {"model_type": "gemma4_vision"}},
    "glm46v": {}, "glm4v": {}, "glm4v_moe": {}, "glm_ocr": {}, "glmasr": {}, "got_ocr2": {},
    "granite_speech": {}, "hyperclovax_vision_v2": {}, "idefics2": {}, "instructblip": {},
    "janus": {},
    "kimi_k25": {}, "lfm2_vl": {}, "lighton_ocr": {}, "llama4": {}, "llava_next": {},
    "llava_next_video": {}, "llava_onevision": {}, "minicpmv4_6": {}, "minimax_m3_vl": {},
    "mllama": {}, "moss_transcribe_diarize": {}, "ovis2": {}, "paddleocr_vl": {},
    "paligemma": {}, "phi4_multimodal": {}, "qianfan_ocr": {}, "qwen2_5_omni_thinker": {},
    "qwen2_audio": {}, "qwen3_5_moe": {}, "qwen3_asr": {}, "qwen3_omni_moe_thinker": {},
    "qwen3_vl_moe": {}, "smolvlm": {}, "video_llama_3": {}, "video_llava": {}, "vipllava": {},
    "voxtral": {}, "voxtral_realtime": {},
}  # fmt: skip
CLASSES = {"audioflamingo3": "AudioFlamingo3ForConditionalGeneration"}


def with_towers(model_type: str, given: dict[str, Any]) -> dict[str, Any]:
    """Our configuration of a model with towers, its defaults replaced wherever we have our own."""
    base = CONFIG_MAPPING[model_type].from_dict(given).to_dict()
    name = CLASSES.get(model_type) or MULTIMODAL[model_type]
    raw: dict[str, Any] = {"architectures": [name], "model_type": model_type}
    raw |= {key: OWN[key] for key in TEXT if key in base}
    for key, nested in base.items():
        if not isinstance(nested, dict) or not key.endswith("_config"):
            continue
        own = OWN if key == "text_config" else TOWER
        plain = {k: own[k] for k in own if type(nested.get(k)) is int}
        raw[key] = {"model_type": nested["model_type"], **plain}
        if key == "text_config":
            derived = CONFIG_MAPPING[nested["model_type"]](**plain, pad_token_id=0).to_dict()
            lists = ("layer_types", "cross_attention_layers")
            raw[key] |= {name: derived[name] for name in lists if derived.get(name)}
            if (nested.get("pad_token_id") or 0) >= OWN["vocab_size"]:
                raw[key]["pad_token_id"] = 0
    return raw


# --- End of the models with towers. ---


def text_config(model_type: str) -> dict[str, Any]:
    """Our configuration of a text model: our dimensions, and the patterns its class derives."""
    fields = getattr(CONFIG_MAPPING[model_type], "__dataclass_fields__", {})
    own = {key: value for key, value in OWN.items() if key in fields}
    own |= SPECIAL.get(model_type, {})
    derived = CONFIG_MAPPING[model_type](**own, pad_token_id=0).to_dict()
    for key in ("layer_types", "mlp_layer_types", "compress_rates", "indexer_types"):
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
    table = TARGET / "parameters.json"
    wanted = sys.argv[1:]
    expected = json.loads(table.read_text("utf-8")) if wanted else {}
    raws = {name: text_config(name) for name in TYPES}
    raws |= {name: composite(name, extra) for name, extra in TOWERS.items()}
    raws |= {name: with_towers(name, given) for name, given in WITH_TOWERS.items()}
    for name, raw in raws.items():
        if wanted and name not in wanted:
            continue
        expected[name] = count(raw)
        print(name, expected[name])
        (TARGET / f"{name}.json").write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
    table.write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")
    print(f"{len(expected)} configurations")


if __name__ == "__main__":
    main()
