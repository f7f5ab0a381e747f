"""What to try before training, and what to check after it."""

from __future__ import annotations

from typing import Final

from weighbridge.core.tuning import Advice, TuningRun

# From here on a run teaches knowledge rather than form (continued pretraining).
_PRETRAINING_TOKENS: Final = 1e8

_TRY_FIRST: Final = """
A prompt with examples, retrieval of the facts that are missing, and a verifier (compiler, tests,
schema) with another attempt on failure. Train only if your own evaluation then still shows a gap of
form or domain.

On Solidity an agent with compiler and analyser in a loop, untrained, solved 64 % of tasks where
plain models solve about 25 %; on compile errors, retrieval and the compiler together mended 97 %.

What is missing knowledge is a case for retrieval. Training takes hundreds to ten thousand verified
examples to teach a form, and 100 million tokens or more to teach knowledge.
"""
_FORGETTING: Final = """
A suite of what the model must still do, evaluated before and after training, shows what was lost.
In a run of ours on a model of 1.6 million weights, exact matches on the old task fell from 1.00 to
0.00 by full fine-tuning and to 0.02 by an adapter of rank 8, while the new task rose to 0.98 and
0.93.

An adapter can be unloaded, which brings the old behaviour back; merged or fully trained weights
cannot. Release the tuned model only if the gate passes on both suites.
"""
_PRETRAINING: Final = """
Adapters trail full fine-tuning there, on code most of all, and forget less. On small and medium
sets of examples they match it when all layers have them.
"""
_LABOUR: Final = (
    "Compute is seldom the cost: preparing verified data and judging the results is. Give "
    "--labour-hours and --labour-rate to see it."
)


def advice(run: TuningRun, tokens: float | None) -> tuple[Advice, ...]:
    """What anybody should read before this run."""
    first = Advice(
        "Try first, without training",
        _paragraphs(_TRY_FIRST),
        ("weigh eval URL --model MODEL --suite TASK",),
        "published results of SolAgent and SMCFixer on their own tasks, not measured by us",
    )
    regression = Advice(
        "Keep a regression suite: tuning forgets, with adapters too",
        _paragraphs(_FORGETTING),
        (
            "weigh eval URL --model BASE --suite REGRESSION",
            "weigh eval URL --model TUNED --suite REGRESSION",
            "weigh gate TUNED@REGRESSION BASE@REGRESSION --margin 0.02",
        ),
        "measured: a Llama of 1.58 million weights, two tasks, 250 steps each, 2026-11",
    )
    if tokens is None or tokens < _PRETRAINING_TOKENS or run.method == "full":
        return first, regression
    pretraining = Advice(
        "So many tokens are continued pretraining",
        _paragraphs(_PRETRAINING),
        (),
        "Biderman et al., LoRA Learns Less and Forgets Less, 2024 (arXiv 2405.09673)",
    )
    return first, regression, pretraining


def labour_note(labour: float | None) -> tuple[str, ...]:
    """That people's time is missing from the cost, where it is."""
    return (_LABOUR,) if labour is None else ()


def _paragraphs(text: str) -> tuple[str, ...]:
    return tuple(" ".join(part.split()) for part in text.strip().split("\n\n"))
