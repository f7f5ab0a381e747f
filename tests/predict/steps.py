"""Step tables that can be computed in the head."""

from __future__ import annotations

from weighbridge.predict.simulation.rules import Cache, Scheduler
from weighbridge.predict.simulation.step_table import StepTable

ROOMY = Cache(1e12)


def table(
    *,
    step_s: float = 0.01,
    per_sequence_s: float = 0.0,
    per_token_s: float = 0.0,
    read_s: float = 0.001,
    most: int = 64,
    tokens_per_step: float = 1.0,
    intake_s: float = 0.0,
) -> StepTable:
    """A step of n sequences of t tokens each: step + n · (per sequence + t · per token).

    Reading a prompt takes ``read_s`` for each of its tokens.
    """

    def decode(sequences: int, tokens: float) -> float:
        return step_s + sequences * (per_sequence_s + per_token_s * tokens)

    lengths = (0.0, 100_000.0)
    return StepTable(
        lengths=lengths,
        decode=tuple(tuple(decode(n, t) for t in lengths) for n in range(1, most + 1)),
        prompts=lengths,
        prefill=tuple(read_s * t for t in lengths),
        tokens_per_step=tokens_per_step,
        intake_s=intake_s,
    )


def rules(
    sequences: int = 64,
    tokens: int = 8192,
    *,
    mixed: bool = True,
    chunked: bool = True,
    reserve: float = 0.0,
    keeps: bool = False,
) -> Scheduler:
    """How steps are put together."""
    return Scheduler(sequences, tokens, mixed, chunked, reserve, keeps)
