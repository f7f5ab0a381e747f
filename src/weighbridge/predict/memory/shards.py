"""How weights and layers are divided among the devices of a replica."""

from __future__ import annotations

import math
from dataclasses import dataclass

from weighbridge.core.estimate import EngineName, Parallelism
from weighbridge.predict.memory.footprint import Footprint, WeightTable

# vLLM and SGLang pad the vocabulary so that every device has a multiple of this many rows.
_VOCABULARY_ROWS = 64
# Their kernels for mxfp4 want the width of experts' inputs in multiples of this on Hopper.
_MXFP4_ROWS = 256


@dataclass(frozen=True, slots=True)
class Stage:
    """Devices of a pipeline that hold equally much.

    Attributes:
        layers: how many layers each of them has.
        first: whether it has the embedding.
        last: whether it has the output head.
    """

    layers: int
    first: bool
    last: bool


def stages(depth: int, pipeline: int) -> tuple[Stage, ...]:
    """The different stages of a pipeline; left-over layers go to the stages before the last one."""
    if pipeline <= 1:
        return (Stage(depth, first=True, last=True),)
    base, left = divmod(depth, pipeline)
    sizes = [base] * pipeline
    for place in range(2, left + 2):
        sizes[-place] += 1
    found = [Stage(sizes[0], first=True, last=False)]
    if pipeline > 2:
        found.append(Stage(max(sizes[1:-1]), first=False, last=False))
    return (*found, Stage(sizes[-1], first=False, last=True))


def stage_weights(
    shape: Footprint,
    table: WeightTable,
    parallelism: Parallelism,
    stage: Stage,
    engine: EngineName,
    *,
    mtp: bool = False,
) -> float:
    """Bytes of weights on one device of a stage, with or without multi-token prediction."""
    ratios = _ratios(shape, parallelism, engine, table.format)
    part = stage.layers / shape.depth if shape.depth else 0.0
    total = part * sum(a * b for a, b in zip(table.layers, ratios, strict=True))
    if stage.first:
        total += sum(a * b for a, b in zip(table.first, ratios, strict=True))
    if stage.last:
        total += table.mtp / parallelism.tensor if mtp else 0.0
        total += sum(a * b for a, b in zip(table.last, ratios, strict=True))
        if shape.tied and not stage.first:
            # A tied head is the embedding once more, on a device that has no embedding yet.
            total += table.first[2] * ratios[2]
    return total


def kv_share(kv_heads: int, tensor: int) -> float:
    """The part of a layer's keys and values that one device has: at least a head."""
    return math.ceil(kv_heads / tensor) / kv_heads


def _ratios(
    shape: Footprint, parallelism: Parallelism, engine: EngineName, format_name: str
) -> tuple[float, float, float, float, float]:
    """What one device has of each share, in the order of ``SHARES``."""
    tensor = parallelism.tensor
    rows = _VOCABULARY_ROWS * tensor
    padded = math.ceil(shape.vocabulary / rows) * rows / max(shape.vocabulary, 1)
    vocabulary = (padded if engine in {"vllm", "sglang"} else 1.0) / tensor
    return (
        1 / tensor,
        kv_share(shape.kv_heads, tensor),
        vocabulary,
        _expert_share(shape, parallelism) * _expert_padding(shape, engine, format_name),
        1.0,
    )


def _expert_share(shape: Footprint, parallelism: Parallelism) -> float:
    """Experts are spread over all devices of a stage, whole ones over the groups of EP."""
    devices = parallelism.tensor * parallelism.attention_data
    groups = min(parallelism.expert, devices)
    if groups <= 1 or not shape.experts:
        return 1 / devices
    return math.ceil(shape.experts / groups) / shape.experts * groups / devices


def _expert_padding(shape: Footprint, engine: EngineName, format_name: str) -> float:
    padded = format_name.lower().startswith("mxfp4") and engine in {"vllm", "sglang"}
    if not padded or not shape.hidden:
        return 1.0
    return math.ceil(shape.hidden / _MXFP4_ROWS) * _MXFP4_ROWS / shape.hidden
