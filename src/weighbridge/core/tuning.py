"""Adapting a model by training: what is asked, and what it takes in memory, hours and money."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from weighbridge.core.provenance import Interval, Provenance

Method = Literal[
    "lora",  # adapters beside frozen 16-bit weights
    "qlora",  # adapters beside frozen weights in 4 bits (NF4)
    "full",  # every weight is trained
]
Optimizer = Literal[
    "adamw",
    "adamw-8bit",  # states in 8 bits on the device
    "paged-8bit",  # states in 8 bits in the host's memory, paged in for each step
]
Precision = Literal[
    "mixed",  # float32 weights, gradients and states, 16-bit arithmetic
    "bf16",  # everything in 16 bits
]
Loss = Literal[
    "full",  # the logits of all tokens at once, in 16 bits and in float32
    "chunked",  # float32 for a part of the tokens at a time
    "fused",  # no logits are kept at all (cut cross entropy)
]
Moment = Literal["loss", "first backward layer", "last backward layer", "optimizer step"]
Verdict = Literal["yes", "perhaps", "no"]
METHODS: Final[tuple[Method, ...]] = get_args(Method)
OPTIMIZERS: Final[tuple[Optimizer, ...]] = get_args(Optimizer)
PRECISIONS: Final[tuple[Precision, ...]] = get_args(Precision)
LOSSES: Final[tuple[Loss, ...]] = get_args(Loss)
RANK: Final = 16


@dataclass(frozen=True, slots=True)
class TuningRun:
    """How a model is to be trained.

    Attributes:
        method: what is trained.
        rank: of the adapters; without meaning for full fine-tuning.
        sequence: tokens of one sequence of a batch.
        batch: sequences that one device computes at once (micro-batch).
        optimizer: which, and where its states are.
        optimizer_in_backward: whether each weight is updated as soon as its gradient is there.
        precision: of full fine-tuning.
        loss: how the logits are kept.
        checkpointing: whether activations are computed again in the backward pass.
        activation_offload: whether what is kept of each layer waits in the host's memory.
        weights_offload: whether weights and optimizer states live in the host's memory (FSDP's
            CPU offload) and pass through the device a layer at a time.
        compiled: whether torch.compile fuses elementwise operations.
        expert_adapters: whether routed experts get adapters too.
        devices: among which weights, gradients and states are divided (FSDP).
        padded: tokens to which the examples of a usual batch are padded where each has a sequence
            of its own; None where sequences are filled.
    """

    method: Method
    rank: int = RANK
    sequence: int = 2048
    batch: int = 2
    optimizer: Optimizer = "adamw"
    optimizer_in_backward: bool = False
    precision: Precision = "mixed"
    loss: Loss = "chunked"
    checkpointing: bool = True
    activation_offload: bool = False
    weights_offload: bool = False
    compiled: bool = True
    expert_adapters: bool = False
    devices: int = 1
    padded: int | None = None

    @property
    def length(self) -> int:
        """Tokens of a sequence of a usual batch."""
        return self.sequence if self.padded is None else min(self.padded, self.sequence)

    @property
    def tokens(self) -> int:
        """Tokens that one device computes at once."""
        return self.length * self.batch


@dataclass(frozen=True, slots=True)
class MemoryPart:
    """Part of the memory in use at the fullest moment.

    Attributes:
        name: the field's name for it.
        bytes: with its interval.
        formula: how it was computed, in words.
    """

    name: str
    bytes: Interval
    formula: str


@dataclass(frozen=True, slots=True)
class TuningMemory:
    """Where the memory of the fullest device goes at the fullest moment of a step.

    Attributes:
        moment: which moment that is.
        parts: what is in use then, the CUDA context included.
        active: the sum without the context: what PyTorch reports as its peak.
        total: the sum with it: what the device has to have.
        trained: number of weights that are trained.
        untouched: components whose weights get no adapter, in words.
    """

    moment: Moment
    parts: tuple[MemoryPart, ...]
    active: Interval
    total: Interval
    trained: int
    untouched: tuple[str, ...] = ()

    def fits(self, memory_bytes: float) -> Verdict:
        """Whether a device of so much memory has room."""
        if self.total.high <= memory_bytes:
            return "yes"
        return "no" if self.total.low > memory_bytes else "perhaps"


@dataclass(frozen=True, slots=True)
class TuningTime:
    """How long training takes.

    Attributes:
        flops_per_token: operations for one token, what is computed again included.
        tokens_per_s: of all devices together.
        hours: for all tokens.
    """

    flops_per_token: float
    tokens_per_s: Interval
    hours: Interval


@dataclass(frozen=True, slots=True)
class HourPrice:
    """USD for an hour of one GPU."""

    usd: Interval
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class TuningCost:
    """What one training run costs in USD.

    Attributes:
        compute: rented GPUs; None where no price is known.
        labour: people who prepare data and judge results; None where nobody said.
        price: of a GPU's hour, where it is known.
    """

    compute: Interval | None
    labour: float | None
    price: HourPrice | None

    @property
    def total(self) -> Interval | None:
        """Both together; None as long as either is unknown."""
        if self.compute is None or self.labour is None:
            return None
        more = self.labour
        it = self.compute
        return Interval(it.value + more, it.low + more, it.high + more, it.level)


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do beside or instead of training.

    Attributes:
        title: in a few words.
        sentences: why.
        commands: of ours that do it.
        source: whose findings the sentences tell.
    """

    title: str
    sentences: tuple[str, ...]
    commands: tuple[str, ...]
    source: str
