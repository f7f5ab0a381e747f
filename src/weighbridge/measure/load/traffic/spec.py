"""What a load is made of, as a user or a preset describes it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from weighbridge.core.errors import InputError
from weighbridge.measure.load.traffic.lengths import ONCE, Lengths

if TYPE_CHECKING:
    from weighbridge.measure.load.traffic.presets import Preset

DEFAULT_MAX_TOKENS: Final = 64


@dataclass(frozen=True, slots=True)
class WorkloadSpec:
    """What is sent. Without lengths, dataset or trace: short prompts of about 20 words.

    Attributes:
        name: of the preset it comes from.
        prompt: tokens of a conversation's first request, without the shared prefix.
        output: longest answers asked for; None: as recorded, or ``max_tokens``.
        turns: requests of a conversation.
        followup: tokens that each later request adds; None: as ``prompt``.
        pause_s: between an answer and the next request of its conversation.
        shared_prefix: tokens with which all conversations of a group begin.
        prefix_groups: conversations take turns in so many groups.
        prefix_role: who says the shared prefix; some chat templates know no system.
        dataset: file of recorded conversations.
        trace: file of recorded lengths and arrivals.
        trace_start_s: where in the trace to begin.
        trace_duration_s: how much of it to take; None for all.
        bust_cache: put different words before recorded prompts. Synthetic ones differ anyway.
        tokenizer: file or folder that counts exactly; None: words stand for tokens.
        max_tokens: no answer is asked to be longer; None for no such limit.
        seed: everything random follows from it.
        salt: another gives the same load with other openings, so that no cache has seen them.
    """

    name: str = ""
    prompt: Lengths | None = None
    output: Lengths | None = None
    turns: Lengths = ONCE
    followup: Lengths | None = None
    pause_s: float = 0.0
    shared_prefix: int = 0
    prefix_groups: int = 1
    prefix_role: Literal["system", "user"] = "system"
    dataset: Path | None = None
    trace: Path | None = None
    trace_start_s: float = 0.0
    trace_duration_s: float | None = None
    bust_cache: bool = False
    tokenizer: Path | None = None
    max_tokens: int | None = None
    seed: int = 0
    salt: str = ""


def from_preset(preset: Preset) -> WorkloadSpec:
    """The workload of that name, to be changed by :func:`dataclasses.replace`."""
    return WorkloadSpec(
        name=preset.name,
        prompt=preset.prompt,
        output=preset.output,
        turns=preset.turns,
        followup=preset.followup,
        pause_s=preset.pause_s,
        shared_prefix=preset.shared_prefix,
    )


def check(spec: WorkloadSpec) -> None:
    """Refuse workloads that describe nothing.

    Raises:
        InputError: in the user's words, what is at fault.
    """
    given = [
        what
        for what, value in (
            ("prompt lengths", spec.prompt),
            ("a dataset", spec.dataset),
            ("a trace", spec.trace),
        )
        if value is not None
    ]
    if len(given) > 1:
        raise InputError(
            f"A workload cannot have both {' and '.join(given)}.", fix="Choose one of them."
        )
    least = (
        ("The shared prefix", spec.shared_prefix, 0),
        ("The number of prefix groups", spec.prefix_groups, 1),
        ("The longest answer", 1 if spec.max_tokens is None else spec.max_tokens, 1),
    )
    for what, number, smallest in least:
        if number < smallest:
            raise InputError(f"{what} is {number}.", fix=f"Give at least {smallest}.")
    if not 0 <= spec.pause_s < math.inf:
        raise InputError(f"A pause of {spec.pause_s:g} s cannot be.", fix="Give 0 or more.")
    if spec.shared_prefix and spec.prompt is None:
        raise InputError(
            "A shared prefix needs synthetic prompts.", fix="Give prompt lengths as well."
        )


def describe(spec: WorkloadSpec) -> str:
    """The workload in words, for a report."""
    return "; ".join([*_prompts_in_words(spec), *_answers_in_words(spec), *_texts_in_words(spec)])


def _prompts_in_words(spec: WorkloadSpec) -> list[str]:
    if spec.trace is not None:
        end = "" if spec.trace_duration_s is None else f" for {spec.trace_duration_s:g} s"
        window = f" from {spec.trace_start_s:g} s{end}" if spec.trace_start_s or end else ""
        return [f"lengths and shared beginnings of the trace {spec.trace.name}{window}"]
    if spec.dataset is not None:
        pause = f", {spec.pause_s:g} s between answer and next turn" if spec.pause_s else ""
        return [f"conversations of {spec.dataset.name}{pause}"]
    if spec.prompt is None:
        return ["short synthetic prompts of about 20 words"]
    named = f"{spec.name}: " if spec.name else ""
    said = [f"{named}synthetic prompts of {_tokens(spec.prompt)}"]
    if spec.shared_prefix:
        groups = f" in {spec.prefix_groups} groups" if spec.prefix_groups > 1 else ""
        said.append(f"behind {spec.shared_prefix} tokens that all share{groups}")
    if spec.turns.mean > 1:
        more = _tokens(spec.followup or spec.prompt)
        said.append(
            f"{spec.turns.mean:.3g} turns on average, each later one adding {more} "
            f"{spec.pause_s:g} s after the answer"
        )
    return said


def _answers_in_words(spec: WorkloadSpec) -> list[str]:
    cap = "" if spec.max_tokens is None else f", at most {spec.max_tokens}"
    if spec.output is not None:
        return [f"answers of up to {_tokens(spec.output)}{cap}"]
    if spec.trace is not None or spec.dataset is not None:
        return [f"answers as long as recorded{cap}"]
    return [f"answers of up to {spec.max_tokens or DEFAULT_MAX_TOKENS} tokens"]


def _texts_in_words(spec: WorkloadSpec) -> list[str]:
    said = []
    if spec.dataset is not None:
        if spec.bust_cache:
            said.append("different words before each, so that no cache helps")
    elif spec.trace is None:
        said.append(
            "beyond that no two prompts begin alike"
            if spec.shared_prefix
            else "no two prompts begin alike"
        )
    if spec.tokenizer is not None:
        said.append(f"prompt lengths by the tokenizer {spec.tokenizer.name}")
    elif spec.prompt is not None or spec.trace is not None:
        said.append("prompt lengths by number of words")
    said.append(f"seed {spec.seed}")
    return said


def _tokens(lengths: Lengths) -> str:
    """Its form, and the mean where that is not the form itself."""
    if lengths.kind == "fixed":
        return f"{lengths} tokens"
    return f"{lengths} tokens (mean {lengths.mean:,.0f})"
