"""Models of our catalogue, summed up for tests of memory."""

from __future__ import annotations

from functools import lru_cache

from weighbridge.core.estimate import Engine, EngineName, Parallelism, Settings
from weighbridge.core.units import GIB
from weighbridge.facts.catalog.catalogue import load
from weighbridge.facts.quantizations.what_if import what_if
from weighbridge.predict.memory.footprint import Footprint, WeightTable, footprint, weight_table

H100 = 79.19 * GIB
KINDS = (
    "Qwen/Qwen3-8B",  # full attention
    "Qwen/Qwen3-30B-A3B",  # experts
    "google/gemma-4-31B-it",  # sliding layers with more heads than full ones
    "openai/gpt-oss-120b",  # as many sliding layers as full ones
    "deepseek-ai/DeepSeek-R1",  # MLA
    "Qwen/Qwen3.5-27B",  # states of linear layers
)


@lru_cache
def shape(name: str) -> Footprint:
    """A model's footprint."""
    return footprint(load().find(name).architecture())


@lru_cache
def table(name: str, quantization: str = "bf16") -> WeightTable:
    """Its weights in a number format."""
    return weight_table(shape(name), what_if(quantization, load().find(name).architecture()))


def settings(
    version: str = "0.19.0",
    *,
    engine: EngineName = "vllm",
    context: int = 8192,
    users: int = 1,
    tensor: int = 1,
    pipeline: int = 1,
    utilisation: float | None = None,
) -> Settings:
    """What an engine is told."""
    return Settings(
        Engine(engine, version),
        context,
        users,
        Parallelism(tensor, pipeline),
        utilisation=utilisation,
    )
