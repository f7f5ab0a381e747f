"""What one token costs of a model in one number format, as llama.cpp computes it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, Literal

from weighbridge.predict.work import Work

# How weights are stored decides what unpacking them costs.
Packing = Literal["float", "q8", "q4", "k", "iq"]

_PACKINGS: Final[tuple[tuple[re.Pattern[str], Packing], ...]] = (
    (re.compile(r"(B?F16|FP16|F32|FLOAT)"), "float"),
    (re.compile(r"IQ[123]"), "iq"),  # looked up in tables
    (re.compile(r"(Q8|INT8|FP8|W8|MLX-8|8BIT)"), "q8"),
    (re.compile(r"(Q[45]_[01]|.*INT4|AWQ|GPTQ|4BIT|MXFP4|NVFP4|MLX-4)"), "q4"),  # flat blocks
)


@dataclass(frozen=True, slots=True)
class TokenLoad:
    """What one token reads and multiplies.

    Attributes:
        layers: transformer blocks.
        dense_bytes: weights that every token reads: all but routed experts, no input embedding.
        dense_weights: their number, without the head, which prompts multiply with once only.
        head_bytes: of the output head; part of ``dense_bytes``.
        head_weights: of the output head.
        expert_bytes: of all routed experts.
        expert_weights: their number.
        expert_share: the part of them that a token is routed to; 1.0 without experts.
        packing: how weights are stored.
        kv_values: numbers per token that layers without limit keep.
        kv_limited_values: the same of layers that keep the last ``kv_limit`` tokens.
        kv_limit: see there.
        state_bytes: of one sequence whatever its length.
        score_width: operations per pair of tokens, layers without limit.
        score_limited_width: the same of layers with.
        recurrent: most layers keep a state instead of keys and values.
    """

    layers: float
    dense_bytes: float
    dense_weights: float
    head_bytes: float
    head_weights: float
    expert_bytes: float
    expert_weights: float
    expert_share: float
    packing: Packing
    kv_values: float
    kv_limited_values: float
    kv_limit: float
    state_bytes: float
    score_width: float
    score_limited_width: float
    recurrent: bool

    def touched(self, tokens: float) -> float:
        """Share of the experts that any of ``tokens`` is routed to, by independent choices."""
        return 1.0 - (1.0 - self.expert_share) ** tokens if self.expert_weights else 0.0

    def cache_bytes(self, context: float, kv_bytes: float = 2.0) -> float:
        """What a token reads of one sequence's cache of ``context`` tokens."""
        limited = self.kv_limited_values * min(context, self.kv_limit)
        return (self.kv_values * context + limited) * kv_bytes + self.state_bytes

    def part(self, layers: float, *, experts: float = 1.0, head: bool = False) -> TokenLoad:
        """A share of the layers, with a share of their experts, and the head if it comes along."""
        body = self.dense_bytes - self.head_bytes
        return replace(
            self,
            layers=self.layers * layers,
            dense_bytes=body * layers + (self.head_bytes if head else 0.0),
            dense_weights=self.dense_weights * layers,
            head_bytes=self.head_bytes if head else 0.0,
            head_weights=self.head_weights if head else 0.0,
            expert_bytes=self.expert_bytes * layers * experts,
            expert_weights=self.expert_weights * layers * experts,
            kv_values=self.kv_values * layers,
            kv_limited_values=self.kv_limited_values * layers,
            state_bytes=self.state_bytes * layers,
            score_width=self.score_width * layers,
            score_limited_width=self.score_limited_width * layers,
        )

    def experts_alone(self, share: float) -> TokenLoad:
        """The experts of a share of the layers, and nothing of those layers beside them."""
        return replace(
            self.part(0.0),
            layers=self.layers * share,
            expert_bytes=self.expert_bytes * share,
            expert_weights=self.expert_weights * share,
        )


def token_load(work: Work, format_name: str) -> TokenLoad:
    """The load of a model in the number format of that name."""
    return TokenLoad(
        layers=work.depth,
        dense_bytes=work.attention.bytes + work.dense.bytes + work.head.bytes,
        dense_weights=work.attention.parameters + work.dense.parameters,
        head_bytes=work.head.bytes,
        head_weights=work.head.parameters,
        expert_bytes=work.experts.bytes,
        expert_weights=work.experts.parameters,
        expert_share=work.active_share if work.expert_count else 1.0,
        packing=packing_of(format_name),
        kv_values=work.kv_values,
        kv_limited_values=work.kv_limited_values,
        kv_limit=work.kv_limit,
        state_bytes=work.state_bytes,
        score_width=work.score_width,
        score_limited_width=work.score_limited_width,
        recurrent=work.kernels.recurrent > work.depth / 2,
    )


def packing_of(format_name: str) -> Packing:
    """How a named number format stores its weights; unknown names count as K-quants.

    >>> [packing_of(name) for name in ("bf16", "Q8_0", "Q4_K_M", "UD-IQ2_M", "mxfp4")]
    ['float', 'q8', 'k', 'iq', 'q4']
    """
    name = format_name.upper().removeprefix("UD-")
    return next((packing for pattern, packing in _PACKINGS if pattern.match(name)), "k")
