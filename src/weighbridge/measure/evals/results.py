"""Results as they are kept: made of a question, what came of asking it, and a judgement."""

from __future__ import annotations

from dataclasses import replace

from weighbridge.core.runs import ItemResult
from weighbridge.measure.evals.asking import Told, without_thought
from weighbridge.measure.evals.records import Item
from weighbridge.measure.evals.requests import Sample
from weighbridge.measure.evals.scoring import Answer, Call, Score

_UNJUDGED = Score(correct=False, value=0.0, detail="not yet judged")


def result_of(
    sample: Sample,
    told: Told,
    request: str,
    answer: Answer | None = None,
    *,
    score: Score = _UNJUDGED,
    judged_by: str = "",
) -> ItemResult:
    """A sample's result; without an answer, that it failed and so is wrong."""
    item, completion, error = sample.item, told.completion, told.error
    if completion is None or answer is None:
        return ItemResult(
            id=item.id,
            prompt=item.prompt,
            expected=item.answer,
            answer="",
            correct=False,
            score=0.0,
            detail=str(error),
            latency_ms=told.latency_ms,
            output_tokens=0,
            error=error.kind if error is not None else "endpoint",
            repeat=sample.repeat,
            group=item.group,
            request=request,
        )
    return ItemResult(
        id=item.id,
        prompt=item.prompt,
        expected=item.answer,
        answer=completion.content,
        correct=score.correct,
        score=score.value,
        detail=_detail(score, completion.finish_reason),
        latency_ms=told.latency_ms,
        output_tokens=completion.completion_tokens or 0,
        answered_by=completion.model,
        repeat=sample.repeat,
        group=item.group,
        prompt_tokens=completion.prompt_tokens or 0,
        request=request,
        judged_by=judged_by,
        finish_reason=completion.finish_reason,
        calls=tuple({"name": c.name, "arguments": c.arguments} for c in answer.calls),
        notes=score.notes,
    )


def judged_anew(result: ItemResult, item: Item, score: Score, judged_by: str) -> ItemResult:
    """An answer that was kept, with another judgement."""
    return replace(
        result,
        expected=item.answer,
        group=item.group,
        correct=score.correct,
        score=score.value,
        detail=_detail(score, result.finish_reason),
        judged_by=judged_by,
        notes=score.notes,
    )


def answer_kept(result: ItemResult) -> Answer:
    """What a kept result was judged by."""
    calls = tuple(Call(call.get("name", ""), call.get("arguments")) for call in result.calls)
    return Answer(without_thought(result.answer), calls, result.finish_reason)


def _detail(score: Score, finish_reason: str) -> str:
    # Tells a reader that a longer max_tokens might have saved it.
    cut = finish_reason == "length" and not score.correct
    return f"{score.detail}; cut at max_tokens" if cut else score.detail
