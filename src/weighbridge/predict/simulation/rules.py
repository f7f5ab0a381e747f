"""By which rules an engine fills its steps, and how it counts the room in its cache."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from weighbridge.core.errors import InputError
from weighbridge.core.estimate import EngineName, MemoryUse, Settings
from weighbridge.core.machine import Device
from weighbridge.predict.memory.engine_defaults import batch
from weighbridge.predict.work import Work

# SGLang counts on 0.7 of the answers still to come, and within 600 steps comes down to 0.1 as long
# as nothing has to be taken back (its environment variables *_NEW_TOKEN_RATIO_*). In between is our
# assumption.
_SGLANG_RESERVE: Final = 0.3


@dataclass(frozen=True, slots=True)
class Scheduler:
    """How steps are put together.

    Attributes:
        sequences: in one step at most (``--max-num-seqs``).
        tokens: in one step at most (``--max-num-batched-tokens``).
        mixed: whether a step may both read prompts and decode; otherwise prompts go first, and
            decoding stands still for them.
        chunked: whether a prompt may be spread over steps.
        reserve: for which share of the answers still to come there must be room before another
            request is let in: 0 lets in what fits now, and takes back requests later (preemption
            by recompute); 1 never has to.
        keeps: whether what a request taken back had in the cache is found there again, as far as
            nobody has taken its room (automatic prefix caching).
    """

    sequences: int
    tokens: int
    mixed: bool = True
    chunked: bool = True
    reserve: float = 0.0
    keeps: bool = True

    def __post_init__(self) -> None:
        if self.sequences < 1 or self.tokens < 1:
            raise InputError(
                f"An engine with {self.sequences} sequences and {self.tokens} tokens in a step"
                " never runs anything.",
                fix="Both must be at least 1.",
            )


@dataclass(frozen=True, slots=True)
class Cache:
    """Room for keys, values and states on one copy of attention, in any one unit.

    Attributes:
        size: all of it.
        per_token: that a sequence takes for each of its tokens.
        per_window_token: and for each of the first ``window`` of them.
        window: tokens that sliding layers keep.
        per_sequence: and once, whatever its length.
    """

    size: float
    per_token: float = 1.0
    per_window_token: float = 0.0
    window: float = 0.0
    per_sequence: float = 0.0

    def fixed(self, tokens: float) -> float:
        """What a sequence that comes to ``tokens`` takes from its beginning to its end.

        Windows are counted as full from the start: they soon are.
        """
        return self.per_sequence + self.per_window_token * min(tokens, self.window)

    def sequence(self, tokens: float) -> float:
        """What a sequence of ``tokens`` takes."""
        return self.fixed(tokens) + self.per_token * tokens


# By engine: mixed, chunked, reserve. TensorRT-LLM's default (GUARANTEED_NO_EVICT) lets in what is
# sure to finish, and its enable_chunked_prefill is off unless asked for; llama.cpp divides its
# cache into slots.
_RULES: Final[dict[EngineName, tuple[bool, bool, float]]] = {
    "vllm": (True, True, 0.0),
    "sglang": (False, True, _SGLANG_RESERVE),
    "trtllm": (True, False, 1.0),
    "llama.cpp": (True, True, 1.0),
}


def scheduler(settings: Settings, device: Device) -> Scheduler:
    """The rules of an engine with these settings."""
    limits = batch(settings, device.memory_bytes, device.name)
    mixed, chunked, reserve = _RULES[settings.engine.name]
    return Scheduler(limits.sequences, limits.tokens, mixed, chunked, reserve)


def cache(use: MemoryUse, settings: Settings, load: Work) -> Cache:
    """The cache of one copy of attention: its shape from the model, its size from what memory says.

    Where the engine's layout is not known, the cache is taken to be as large as it needs to be.
    """
    if use.concurrency is None:
        return Cache(math.inf)
    sparse = load.kernels.sparse > 0
    per_token = load.kv_values + (load.kv_limited_values if sparse else 0.0)
    shape = Cache(
        size=math.inf,
        per_token=per_token,
        per_window_token=0.0 if sparse else load.kv_limited_values,
        window=load.kv_limit,
        per_sequence=load.state_bytes / settings.kv_bytes_per_value,
    )
    size = use.concurrency.value * shape.sequence(settings.context)
    return Cache(size, per_token, shape.per_window_token, shape.window, shape.per_sequence)
