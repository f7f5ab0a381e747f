"""Which models share an architecture, and what their published dimensions leave open.

Facts typed by hand for make_catalogue.py, each checked there against the published size.
"""

from __future__ import annotations

from typing import Any

# Model → the model whose configuration it shares, and the keys that differ.
RELATIVES: dict[str, tuple[str, dict[str, Any]]] = {
    "Qwen/Qwen3-4B-Instruct-2507": ("Qwen/Qwen3-4B", {}),
    "Qwen/Qwen3-30B-A3B-Instruct-2507": ("Qwen/Qwen3-30B-A3B-FP8", {}),
    "Qwen/Qwen3-Coder-30B-A3B-Instruct": ("Qwen/Qwen3-30B-A3B-FP8", {}),
    "Qwen/Qwen3-Coder-Next": ("Qwen/Qwen3-Next-80B-A3B-Instruct", {}),
    "Qwen/Qwen3-235B-A22B-Instruct-2507": ("Qwen/Qwen3-235B-A22B", {}),
    "Qwen/Qwen3.6-27B": ("Qwen/Qwen3.5-27B", {}),
    "Qwen/Qwen3.6-35B-A3B": ("Qwen/Qwen3.5-35B-A3B", {}),
    "Qwen/Qwen3.8-27B": ("Qwen/Qwen3.5-27B", {}),
    "Qwen/Qwen2.5-Coder-7B-Instruct": ("Qwen/Qwen2.5-7B-Instruct", {}),
    "Qwen/Qwen2.5-Coder-14B-Instruct": ("Qwen/Qwen2.5-14B", {}),
    "Qwen/Qwen2.5-Coder-32B-Instruct": ("Qwen/Qwen2.5-32B", {}),
    "Qwen/Qwen2.5-3B-Instruct": ("Qwen/Qwen2.5-3B", {}),
    "Qwen/Qwen2.5-72B-Instruct": ("Qwen/Qwen2.5-72B", {}),
    "deepseek-ai/DeepSeek-R1-Distill-Qwen-14B": ("Qwen/Qwen2.5-14B", {}),
    "deepseek-ai/DeepSeek-R1-0528": ("deepseek-ai/DeepSeek-R1", {}),
    "deepseek-ai/DeepSeek-V4-Flash": ("sgl-project/DeepSeek-V4-Flash-FP8", {}),
    "google/gemma-3n-E4B-it": ("google/gemma-3n-E4B", {}),
    "google/gemma-4-E2B-it": ("google/gemma-4-E2B", {}),
    "google/gemma-4-E4B-it": ("google/gemma-4-E4B", {}),
    "google/gemma-4-26B-A4B-it": ("nvidia/Gemma-4-26B-A4B-NVFP4", {}),
    "google/gemma-4-31B-it": ("google/gemma-4-31B", {}),
    "meta-llama/Llama-3.1-8B-Instruct": ("meta-llama/Meta-Llama-3.1-8B", {}),
    "meta-llama/Llama-3.2-3B-Instruct": ("meta-llama/Llama-3.2-3B", {}),
    "meta-llama/Llama-3.3-70B-Instruct": ("meta-llama/Meta-Llama-3-70B", {}),
    "meta-llama/Llama-3.1-405B-Instruct": (
        "meta-llama/Meta-Llama-3.1-405B", {"num_key_value_heads": 8},
    ),
    "meta-llama/Llama-4-Scout-17B-16E-Instruct": (
        "RedHatAI/Llama-4-Scout-17B-16E-Instruct-FP8-dynamic", {},
    ),
    "mistralai/Mistral-7B-Instruct-v0.3": (
        "mistralai/Mistral-7B-v0.1", {"sliding_window": None, "vocab_size": 32768},
    ),
    "mistralai/Mixtral-8x7B-Instruct-v0.1": ("mistralai/Mixtral-8x7B-v0.1", {}),
    "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16": (
        "nvidia/NVIDIA-Nemotron-3.5-Lightning-30B-A3B-NVFP4", {},
    ),
    "nvidia/NVIDIA-Nemotron-3.5-Lightning-30B-A3B-BF16": (
        "nvidia/NVIDIA-Nemotron-3.5-Lightning-30B-A3B-NVFP4", {},
    ),
    "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16": (
        "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8", {},
    ),
    "moonshotai/Kimi-K2.6": ("nvidia/Kimi-K2.6-NVFP4", {}),
    "moonshotai/Kimi-K2.7-Code": ("nvidia/Kimi-K2.6-NVFP4", {}),
    "zai-org/GLM-5.3": ("zai-org/GLM-5.2", {}),
    "MiniMaxAI/MiniMax-M2.7": ("MiniMaxAI/MiniMax-M2.5", {}),
    "tencent/Hy3": ("tencent/Hy3-preview", {}),
    "tiiuae/Falcon-H1R-7B": ("tiiuae/Falcon-H1-7B-Instruct", {}),
    "LiquidAI/LFM2.5-8B-A1B": ("LiquidAI/LFM2-8B-A1B", {"vocab_size": 128000}),
    "inclusionAI/Ling-3.0-flash": ("inclusionAI/Ling-3.0-Flash", {}),
    "ai21labs/AI21-Jamba2-Mini": ("ai21labs/Jamba-v0.1", {}),
    "poolside/Laguna-XS-2.1": ("poolside/laguna-XS.2", {}),
    "Qwen/Qwen3-Embedding-0.6B": ("Qwen/Qwen3-0.6B", {"vocab_size": 151669}),
}  # fmt: skip

# Of these, the models published in the same number format, too.
SAME_FORMAT = frozenset({"deepseek-ai/DeepSeek-R1-0528"})

# Its vision tower of 0.4B weights is left out.
_SMALL = {"model_type": "mistral", "intermediate_size": 32768, "sliding_window": None}

# Models of which only dimensions are known: model_type and the keys that the table lacks.
# Every layer of theirs is full attention unless a key says otherwise.
DIMENSIONS: dict[str, dict[str, Any]] = {
    "Qwen/Qwen3-32B": {"model_type": "qwen3"},
    "microsoft/phi-4": {"model_type": "phi3"},
    "microsoft/Phi-4-mini-instruct": {"model_type": "phi3", "tie_word_embeddings": True},
    "mistralai/Ministral-8B-Instruct-2410": {"model_type": "mistral", "sliding_window": None},
    "mistralai/Mistral-Small-3.1-24B-Instruct-2503": _SMALL,
    "mistralai/Devstral-Small-2-24B-Instruct-2512": _SMALL,
    "mistralai/Mistral-Medium-3.5-128B": {"model_type": "mistral", "sliding_window": None},
    "ibm-granite/granite-4.2-3b": {"model_type": "granite"},
    "ibm-granite/granite-4.2-8b": {"model_type": "granite"},
    "ibm-granite/granite-4.2-30b": {"model_type": "granite"},
    "ByteDance-Seed/Seed-OSS-36B-Instruct": {"model_type": "seed_oss"},
    "internlm/internlm3-8b-instruct": {"model_type": "internlm3"},
    "bigcode/starcoder2-15b": {
        "model_type": "starcoder2", "intermediate_size": 24576, "use_bias": True,
        "sliding_window": 4096,
    },
    "LGAI-EXAONE/EXAONE-4.0-32B": {
        "model_type": "exaone4", "intermediate_size": 27392, "sliding_window": 4096,
        "sliding_window_pattern": "LLLG",
    },
    "zai-org/GLM-4.7": {
        "model_type": "glm4_moe", "intermediate_size": 12288, "moe_intermediate_size": 1536,
        "n_routed_experts": 160, "num_experts_per_tok": 8, "n_shared_experts": 1,
        "first_k_dense_replace": 3, "attention_bias": True, "use_qk_norm": True,
        "num_nextn_predict_layers": 1,
    },
}  # fmt: skip

# Models beyond the table whose published configuration we have: licence and day of release.
FURTHER: dict[str, tuple[str, str | None]] = {
    "01-ai/Yi-34B": ("apache-2.0", "2023-11-01"),
    "MiniMaxAI/MiniMax-M1-80k": ("apache-2.0", "2025-06-16"),
    "Qwen/Qwen3-235B-A22B": ("apache-2.0", "2025-04-28"),
    "Qwen/Qwen3-VL-2B-Instruct": ("apache-2.0", "2025-10-21"),
    "Qwen/Qwen3-VL-4B-Instruct": ("apache-2.0", "2025-10-14"),
    "Qwen/Qwen3-VL-30B-A3B-Instruct": ("apache-2.0", "2025-10-03"),
    "Qwen/Qwen3-VL-32B-Thinking": ("apache-2.0", "2025-10-21"),
    "XiaomiMiMo/MiMo-7B-Base": ("mit", "2025-04-30"),
    "codellama/CodeLlama-34b-Instruct-hf": ("llama2", "2023-08-24"),
    "deepseek-ai/DeepSeek-R1": ("mit", "2025-01-20"),
    "deepseek-ai/DeepSeek-V2-Lite": ("deepseek", "2024-05-15"),
    "deepseek-ai/DeepSeek-V4-Pro": ("mit", None),
    "meta-llama/Llama-2-7b-hf": ("llama2", "2023-07-18"),
    "meta-llama/Meta-Llama-3.1-8B": ("llama3.1", "2024-07-23"),
    "meta-llama/Meta-Llama-3.1-405B": ("llama3.1", "2024-07-23"),
    "mistralai/Mixtral-8x7B-v0.1": ("apache-2.0", "2023-12-11"),
    "moonshotai/Kimi-K2-Instruct": ("modified-mit", "2025-07-11"),
    "nvidia/Llama-3_3-Nemotron-Super-49B-v1": ("nvidia-open-model-license", "2025-03-18"),
}

# Models beyond the table of which a relative's configuration is at hand: whose, keys that differ
# (None takes one away), licence and day of release. Licence, date and context by the vendors' model
# cards, from memory; so is that Kimi K2.5's experts are published in 4-bit integers.
_KIMI_INT4 = {
    "quant_method": "compressed-tensors",
    "format": "pack-quantized",
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {
                "num_bits": 4, "type": "int", "symmetric": True, "strategy": "group",
                "group_size": 32,
            },
        }
    },
    "ignore": [
        "lm_head", "re:.*self_attn.*", "re:.*shared_experts.*",
        "re:.*mlp\\.(gate|up|gate_up|down)_proj.*", "re:.*vision.*", "re:.*mm_projector.*",
    ],
}  # fmt: skip
KIN: dict[str, tuple[str, dict[str, Any], str, str | None]] = {
    "deepseek-ai/DeepSeek-V3": ("deepseek-ai/DeepSeek-R1", {}, "deepseek", "2024-12-26"),
    "deepseek-ai/DeepSeek-V3-0324": ("deepseek-ai/DeepSeek-R1", {}, "mit", "2025-03-24"),
    "deepseek-ai/DeepSeek-V3.1": ("deepseek-ai/DeepSeek-R1", {}, "mit", "2025-08-21"),
    "meta-llama/Llama-3.1-70B-Instruct": (
        "meta-llama/Meta-Llama-3-70B", {"max_position_embeddings": 131072}, "llama3.1",
        "2024-07-23",
    ),
    "moonshotai/Kimi-K2.5": (
        "nvidia/Kimi-K2.5-NVFP4", {"quantization_config": _KIMI_INT4}, "modified-mit", "2026-01-27",
    ),
    "zai-org/GLM-5": ("nvidia/GLM-5-NVFP4", {}, "mit", "2026-02-11"),
    "zai-org/GLM-5.1": ("nvidia/GLM-5.1-NVFP4", {"quantization_config": None}, "mit", None),
}  # fmt: skip

# What the table has wrong, and why we think so.
CORRECTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "mistralai/Ministral-8B-Instruct-2410": ({}, "its windows of 32k tokens are left out"),
    "mistralai/Mistral-Small-3.1-24B-Instruct-2503": ({}, "its vision tower is left out"),
    "mistralai/Devstral-Small-2-24B-Instruct-2512": ({}, "its vision tower is left out"),
    "BAAI/bge-m3": ({"total_params_b": "0.567", "active_params_b": "0.567"}, "567M weights"),
    "MiniMaxAI/MiniMax-M2.7": ({"license_id": "minimax-m2.7-non-commercial"}, ""),
    "openai/gpt-oss-120b": (
        {"active_params_b": "5.13"}, "the vendor's 5.1B active leave out the input embedding",
    ),
}  # fmt: skip
