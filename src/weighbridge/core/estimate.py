"""What a plan considers, and what it expects of it: every expectation with its interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from weighbridge.core.provenance import Interval
from weighbridge.core.units import format_bytes

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
class Offload:
    """What llama.cpp leaves in the host's memory.

    Attributes:
        gpu_layers: layers on devices (``--n-gpu-layers``), the last ones; None for all.
        cpu_expert_layers: layers whose experts stay in the host's memory (``--n-cpu-moe``).
    """

    gpu_layers: int | None = None
    cpu_expert_layers: int = 0


@dataclass(frozen=True, slots=True)
class Settings:
    """What an engine is told when it is started; None where it chooses itself.

    Attributes:
        engine: which engine.
        context: tokens that one sequence may come to (``--max-model-len``, ``--ctx-size``).
        users: sequences that are to be held at once, by each copy of attention where there are
            several.
        parallelism: how one replica is spread over devices.
        kv_bytes_per_value: 2 for a 16-bit cache, 1 for fp8, 34/32 for q8_0.
        utilisation: the share of a device's memory that the engine takes, in its own sense.
        max_num_seqs: sequences in one step.
        max_num_batched_tokens: tokens in one step.
        speculative_tokens: tokens that the model's own layers of multi-token prediction guess ahead
            in each step; 0 where they are not used.
        eager: whether no graphs are captured.
        flash_attention: whether llama.cpp uses it.
        micro_batch: tokens that llama.cpp computes at once (``--ubatch-size``).
        offload: what llama.cpp leaves in the host's memory.
    """

    engine: Engine
    context: int
    users: int = 1
    parallelism: Parallelism = Parallelism()
    kv_bytes_per_value: float = 2.0
    utilisation: float | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    speculative_tokens: int = 0
    eager: bool = False
    flash_attention: bool = True
    micro_batch: int = 512
    offload: Offload = Offload()


@dataclass(frozen=True, slots=True)
class Shortage:
    """What is missing on the fullest device of a replica.

    Attributes:
        bytes: how much.
        of: what there is no room for: the model itself (``weights``), a single sequence of the
            wished length (``sequence``), all users at once (``users``), the same where the engine
            allocates all of it when it starts (``slots``), or what is left to the host (``host``).
            Only with ``users`` missing the engine starts, and lets some wait.
    """

    bytes: float
    of: Literal["weights", "sequence", "users", "slots", "host"]

    @property
    def starts(self) -> bool:
        """Whether the engine starts in spite of it."""
        return self.of == "users"

    def __str__(self) -> str:
        what = {
            "weights": "the weights and what computing needs",
            "sequence": "the cache of a single sequence",
            "users": "the cache of all users",
            "slots": "the cache of all users, which is allocated at the start",
            "host": "what is left to the host's memory",
        }[self.of]
        return f"short by {format_bytes(self.bytes)} for {what}"


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Where the memory of a replica's fullest device goes, in bytes; 80 % intervals.

    Attributes:
        limit_bytes: what the engine may use of the device.
        weights: of this device's shard.
        activation: peak of a forward pass.
        overhead: CUDA context, NCCL and others outside of the engine's allocator.
        graphs: captured CUDA graphs, where the engine takes them out of its limit.
        cache: set aside for keys, values and states.
        sequence_bytes: of that, what one sequence of the wished length takes; None where the
            engine's layout of this model's cache is not known.
        tokens: what the engine reports as the size of its cache; None likewise. This and the next
            are of one copy of attention where there are several.
        concurrency: sequences of the wished length that the cache holds; None likewise.
        host_bytes: what is left to the host's memory.
        shortage: what there is no room for, or None.
        notes: sentences about what had to be assumed.
    """

    limit_bytes: float
    weights: Interval
    activation: Interval
    overhead: Interval
    graphs: Interval
    cache: Interval
    sequence_bytes: float | None = None
    tokens: Interval | None = None
    concurrency: Interval | None = None
    host_bytes: float = 0.0
    shortage: Shortage | None = None
    notes: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        """Bytes in use: the sum of all parts."""
        parts = (self.weights, self.activation, self.overhead, self.graphs, self.cache)
        return sum(part.value for part in parts)

    @property
    def spare(self) -> float:
        """Bytes of the limit that stay unused."""
        return self.limit_bytes - self.total

    @property
    def fits(self) -> bool:
        """Whether the engine starts, as far as the medians say."""
        return self.shortage is None or self.shortage.starts
