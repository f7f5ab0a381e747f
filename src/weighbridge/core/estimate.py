"""What a plan considers, and what it expects of it: every expectation with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from weighbridge.core.provenance import Interval

EngineName = Literal["vllm", "sglang", "trtllm", "llama.cpp"]


@dataclass(frozen=True, slots=True)
class Engine:
    """Which software serves, in which version ("" where the user does not say)."""

    name: EngineName
    version: str = ""


@dataclass(frozen=True, slots=True)
class Parallelism:
    """How one replica is spread over devices.

    Attributes:
        tensor: devices that share each layer (TP).
        pipeline: stages of layers (PP).
        expert: groups that experts are spread over (EP); 1 shards experts like other weights.
        attention_data: copies of attention, each with its own requests (DP attention).
    """

    tensor: int = 1
    pipeline: int = 1
    expert: int = 1
    attention_data: int = 1

    @property
    def devices(self) -> int:
        """Devices of one replica."""
        return self.tensor * self.pipeline * self.attention_data


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Where the memory of one device goes, in bytes; medians, with 80 % intervals where fitted.

    Attributes:
        weights: of this device's shard.
        activation: peak of a forward pass.
        overhead: CUDA context, NCCL and others outside of the engine's allocator.
        graphs: captured CUDA graphs.
        cache: what is left for keys and values and states.
    """

    weights: Interval
    activation: Interval
    overhead: Interval
    graphs: Interval
    cache: Interval
