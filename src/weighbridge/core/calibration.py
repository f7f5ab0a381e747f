"""A user's own measurements of an engine under load, with all that a prediction of them needs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MeasuredPoint:
    """One concurrency level of a load run.

    Attributes:
        run: id of the run.
        created: when it was measured, ISO 8601.
        model: catalogue name or path of what ran.
        precision: of its weights, or "" for as published.
        system: name of the device.
        engine: which engine.
        engine_version: its version, or "".
        tensor: devices that share each layer.
        expert: groups that experts are spread over.
        attention_data: copies of attention.
        concurrency: requests in flight.
        prompt_tokens: of a typical request.
        output_tokens: of a typical answer.
        ttft_ms: median time to first token, or None.
        tpot_ms: median time per further token, or None.
    """

    run: str
    created: str
    model: str
    precision: str
    system: str
    engine: str
    engine_version: str
    tensor: int
    expert: int
    attention_data: int
    concurrency: int
    prompt_tokens: float
    output_tokens: float
    ttft_ms: float | None
    tpot_ms: float | None
