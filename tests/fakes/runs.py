"""Evaluation runs made of right and wrong alone."""

from __future__ import annotations

from collections.abc import Iterable

from weighbridge.core.runs import EvalRun, ItemResult, RunInfo


def item_result(number: int, *, correct: bool, prompt: str = "What?") -> ItemResult:
    return ItemResult(
        id=f"item-{number}",
        prompt=prompt,
        expected="yes",
        answer="yes" if correct else "no",
        correct=correct,
        score=float(correct),
        detail="" if correct else "differs",
        latency_ms=1.5,
        output_tokens=3,
    )


def eval_run(
    model: str, suite: str, right: Iterable[bool], *, run_id: str = "", suite_hash: str = ""
) -> EvalRun:
    """A run whose items are right as told, in order; ``accurate`` makes such a list."""
    info = RunInfo(
        id=run_id or f"eval-{model}-{suite}",
        kind="eval",
        created="2026-01-05T12:00:00Z",
        model=model,
        subject=suite,
        key="0" * 16,
        machine="a machine",
        version="0.0",
    )
    items = tuple(item_result(i, correct=bool(good)) for i, good in enumerate(right))
    return EvalRun(info, "http://127.0.0.1:1/v1", suite, suite_hash or f"hash of {suite}", items)


def accurate(right: int, n: int) -> list[bool]:
    return [index < right for index in range(n)]
