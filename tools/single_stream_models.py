"""The models that public tables of llama.cpp's speed name, as what a token costs of them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from weighbridge.core.architecture import Component, ModelArchitecture
from weighbridge.core.quantization import Quantization
from weighbridge.facts.architectures.read import read_config
from weighbridge.facts.catalog.catalogue import load
from weighbridge.facts.quantizations.what_if import WHAT_IF, what_if
from weighbridge.predict.llamacpp.token_load import TokenLoad, token_load
from weighbridge.predict.work import Work, work

CONFIGS: Final = Path(__file__).parents[2] / "shared/data/configs"
# How tables write a model → its name in our catalogue, or the file of its configuration.
NAMES: Final[tuple[tuple[str, str], ...]] = (
    (r"llama-2-7b", "meta-llama/Llama-2-7b-hf"),
    (r"Llama-?3[.\d]*-70B", "meta-llama/Llama-3.3-70B-Instruct"),
    (r"Llama-3\.2-1B", "meta-llama--Llama-3.2-1B.json"),
    (r"Llama-3\.2-3B", "meta-llama/Llama-3.2-3B-Instruct"),
    (r"Llama-?3(\.1)?-8B", "meta-llama/Llama-3.1-8B-Instruct"),
    (r"Mistral-Small", "mistralai/Mistral-Small-3.1-24B-Instruct-2503"),
    (r"Mistral-Nemo", "mistralai/Mistral-Nemo-Instruct-2407"),
    (r"Qwen2\.5-(Coder-)?7B|R1-Distill-Qwen-7B", "Qwen/Qwen2.5-7B-Instruct"),
    (r"Qwen2\.5-(Coder-)?14B|DeepCoder-14B", "Qwen/Qwen2.5-Coder-14B-Instruct"),
    (r"Qwen3-0\.6B", "Qwen/Qwen3-0.6B"),
    (r"Qwen3-4B", "Qwen/Qwen3-4B-Instruct-2507"),
    (r"Qwen3-8B", "Qwen/Qwen3-8B"),
    (r"Qwen3-14B", "Qwen/Qwen3-14B"),
    (r"Qwen3-32B", "Qwen/Qwen3-32B"),
    (r"Qwen3-(Coder-)?30B-A3B", "Qwen/Qwen3-30B-A3B-Instruct-2507"),
    (r"Qwen3-235B", "Qwen/Qwen3-235B-A22B"),
    (r"Qwen3\.[56]-27B", "Qwen/Qwen3.5-27B"),
    (r"Qwen3\.5-4B", "Qwen/Qwen3.5-4B"),
    (r"Qwen3\.[56]-35B-A3B", "Qwen/Qwen3.5-35B-A3B"),
    (r"gemma-3-1b", "google--gemma-3-1b-it.json"),
    (r"gemma-3-27b", "google/gemma-3-27b-it"),
    (r"gemma-4-31B", "google/gemma-4-31B-it"),
    (r"gemma-4-26B-A4B", "google/gemma-4-26B-A4B-it"),
    (r"Phi-4-mini", "microsoft/Phi-4-mini-instruct"),
    (r"phi-4$", "microsoft/phi-4"),
    (r"gpt-oss-20b", "openai/gpt-oss-20b"),
    (r"gpt-oss-120b", "openai/gpt-oss-120b"),
    (r"Llama-4-Scout", "meta-llama/Llama-4-Scout-17B-16E-Instruct"),
    (r"LFM2(\.5)?-8B-A1B", "LiquidAI/LFM2.5-8B-A1B"),
)
_GLM_LIKE: Final = {
    "vocab_size": 151552, "hidden_size": 4096, "intermediate_size": 10944,
    "moe_intermediate_size": 1408, "n_routed_experts": 128, "first_k_dense_replace": 1,
    "num_key_value_heads": 8, "head_dim": 128, "tie_word_embeddings": False,
}  # fmt: skip
# Dimensions from published configurations, noted from memory; each gives the published size.
DIMENSIONS: Final[dict[str, dict[str, Any]]] = {
    r"Qwen3-1\.7B": {
        "model_type": "qwen3", "hidden_size": 2048, "intermediate_size": 6144,
        "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8,
        "head_dim": 128, "vocab_size": 151936, "tie_word_embeddings": True,
    },
    r"Ministral-3-3B": {
        "model_type": "mistral", "hidden_size": 3072, "intermediate_size": 9216,
        "num_hidden_layers": 26, "num_attention_heads": 32, "num_key_value_heads": 8,
        "head_dim": 128, "vocab_size": 131072, "tie_word_embeddings": True, "sliding_window": None,
    },
    r"OLMo-2-0425-1B": {
        "model_type": "olmo2", "hidden_size": 2048, "intermediate_size": 8192,
        "num_hidden_layers": 16, "num_attention_heads": 16, "num_key_value_heads": 16,
        "vocab_size": 100352, "tie_word_embeddings": False,
    },
    r"Hunyuan-A13B": _GLM_LIKE | {
        "model_type": "glm4_moe", "moe_intermediate_size": 3072, "num_hidden_layers": 32,
        "num_attention_heads": 32, "n_routed_experts": 64, "num_experts_per_tok": 8,
        "n_shared_experts": 1, "first_k_dense_replace": 0, "vocab_size": 128167,
        "tie_word_embeddings": True,
    },
    r"GLM-4\.5-Air": _GLM_LIKE | {
        "model_type": "glm4_moe", "num_hidden_layers": 46, "num_attention_heads": 96,
        "num_experts_per_tok": 8, "n_shared_experts": 1, "attention_bias": True,
    },
    r"dots\.llm1": _GLM_LIKE | {
        "model_type": "glm4_moe", "num_hidden_layers": 62, "num_attention_heads": 32,
        "num_key_value_heads": 32, "num_experts_per_tok": 6, "n_shared_experts": 2,
        "vocab_size": 152064,
    },
}  # fmt: skip
# gpt-oss keeps its experts in MXFP4 whatever the file is called.
_MXFP4_EXPERTS: Final = 4.25


@cache
def architecture(text: str) -> ModelArchitecture | None:
    """The model that a table calls ``text``; None where it is not one of ours."""
    for pattern, name in NAMES:
        if re.search(pattern, text, re.IGNORECASE):
            if not name.endswith(".json"):
                return load().find(name).architecture()
            config = json.loads((CONFIGS / name).read_text(encoding="utf-8"))
            return read_config(config, name=text)
    for pattern, config in DIMENSIONS.items():
        if re.search(pattern, text, re.IGNORECASE):
            return read_config(config, name=text)
    return None


def sized(text: str, quant: str, bytes_: float) -> TokenLoad:
    """A model whose weights take so many bytes, spread over its parts as the format does."""
    built = _known(text)
    name = quant.removeprefix("UD-")
    if "gpt-oss" in text:
        return at_bits(text, "mxfp4", 16.0)
    if name in WHAT_IF:
        format_ = what_if(name, built)
    else:
        format_ = _uniform(built, name, 8 * bytes_ / _loaded(built))
    scale = bytes_ / format_.bytes_of(_text_parts(built))
    return _load(built, format_, quant, scale)


def at_bits(text: str, quant: str, bits: float) -> TokenLoad:
    """A model with so many bits per weight throughout; gpt-oss but for its experts."""
    built = _known(text)
    format_ = _uniform(built, quant, bits)
    if "gpt-oss" in text:
        pairs = tuple(
            (part, _MXFP4_EXPERTS if part == "experts" else each) for part, each in format_.bits
        )
        format_, quant = replace(format_, bits=pairs), "mxfp4"
    return _load(built, format_, quant, 1.0)


def _known(text: str) -> ModelArchitecture:
    built = architecture(text)
    if built is None:
        raise ValueError(f"There is no model {text!r}.")
    return built


def _load(built: ModelArchitecture, format_: Quantization, quant: str, scale: float) -> TokenLoad:
    found = work(built, format_)
    if found is None:
        raise ValueError(f"{built.name} is not modelled")
    return token_load(_scaled(found, scale), quant)


def _scaled(of: Work, scale: float) -> Work:
    groups = {
        name: replace(getattr(of, name), bytes=getattr(of, name).bytes * scale)
        for name in ("attention", "dense", "experts", "head")
    }
    return replace(of, **groups)


def _uniform(built: ModelArchitecture, name: str, bits: float) -> Quantization:
    return Quantization(name, tuple((part, bits) for part in built.by_component), bits)


def _text_parts(built: ModelArchitecture) -> dict[Component, int]:
    """What a GGUF file of the language model holds: no towers, no multi-token prediction."""
    left_out = {"vision", "audio", "mtp"}
    return {part: count for part, count in built.by_component.items() if part not in left_out}


def _loaded(built: ModelArchitecture) -> int:
    return sum(_text_parts(built).values())
