"""Models of our catalogue as training sees them."""

from __future__ import annotations

from functools import lru_cache

from weighbridge.facts.catalog.catalogue import load
from weighbridge.predict.tuning.shapes import Shape, shape_of

LLAMA_8B = "meta-llama/Meta-Llama-3.1-8B"
LLAMA_3B = "meta-llama/Llama-3.2-3B-Instruct"
LLAMA_70B = "meta-llama/Llama-3.1-70B-Instruct"
QWEN_14B = "Qwen/Qwen3-14B"
# Of every kind that differs in which matrices carry adapters or what is kept of a token.
KINDS = (LLAMA_8B, LLAMA_3B, "zai-org/GLM-4.7-Flash", "openai/gpt-oss-20b", "Qwen/Qwen3.5-27B")


@lru_cache
def shape(name: str) -> Shape:
    return shape_of(load().find(name).architecture())
