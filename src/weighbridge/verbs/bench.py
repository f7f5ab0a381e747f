"""``weigh bench``: an endpoint under load."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weighbridge.core.effects import Clock, Progress, Store
from weighbridge.core.endpoint import Endpoint
from weighbridge.core.http import HttpClient, Timeouts
from weighbridge.core.load import LoadLevel, LoadRun, RequestRecord
from weighbridge.core.runs import content_hash
from weighbridge.engines.openai import check_model
from weighbridge.measure.load.driver import LoadTarget, run_level, warm_up
from weighbridge.measure.load.prompts import read_prompts, synthetic_prompts


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """How to load.

    Attributes:
        concurrency: levels, in order; each is one closed loop.
        requests: requests per level.
        max_tokens: longest answer asked for.
        prompts: what to send, repeated as needed; None for synthetic prompts.
        seed: of the synthetic prompts.
        timeout_s: longest silence of the server.
    """

    concurrency: tuple[int, ...] = (1, 4, 8)
    requests: int = 60
    max_tokens: int = 64
    prompts: tuple[str, ...] | None = None
    seed: int = 0
    timeout_s: float = 60.0


def prompts_from(path: Path | None) -> tuple[str, ...] | None:
    """Prompts of a file, or None for synthetic ones."""
    return None if path is None else tuple(read_prompts(path))


async def bench(
    store: Store,
    client: HttpClient,
    clock: Clock,
    endpoint: Endpoint,
    settings: BenchSettings,
    *,
    progress: Progress,
) -> LoadRun:
    """Measure every level after one uncounted request, and keep the run.

    Raises:
        InputError: the server does not serve this model.
        EndpointError: it does not answer the first request.
    """
    timeouts = Timeouts(first_byte=settings.timeout_s, between_bytes=settings.timeout_s)
    target = LoadTarget(endpoint, settings.max_tokens, timeouts)
    await check_model(client, endpoint)
    await warm_up(client, target, "Hello")
    levels: list[LoadLevel] = []
    records: list[RequestRecord] = []
    for number, concurrency in enumerate(settings.concurrency):
        progress.stage(f"bench {endpoint.model} × {concurrency}", settings.requests)
        level, raw = await run_level(
            client,
            clock,
            target,
            _prompts(settings, number),
            concurrency=concurrency,
            on_done=lambda record: progress.advance(note=_note(record)),
        )
        levels.append(level)
        records += raw
    info = store.new_info(
        "load",
        model=endpoint.model,
        subject="prompts" if settings.prompts else "synthetic",
        key=content_hash("load", endpoint.model, str(endpoint.base), dataclasses.asdict(settings)),
    )
    run = LoadRun(info, str(endpoint.base), settings.max_tokens, tuple(levels), tuple(records))
    store.save(info, run)
    return run


def to_json(run: LoadRun) -> dict[str, Any]:
    """The figures of ``weigh bench --json``; keys are documented in docs/json.md."""
    levels = []
    for level in run.levels:
        figures = dataclasses.asdict(level)
        figures["error_kinds"] = dict(level.error_kinds)
        levels.append(figures)
    return {
        "run": run.info.id,
        "model": run.info.model,
        "url": run.url,
        "max_tokens": run.max_tokens,
        "levels": levels,
        "provenance": {"kind": "measured", "source": run.info.id, "date": run.info.created},
    }


def _prompts(settings: BenchSettings, level: int) -> list[str]:
    if settings.prompts is None:
        # Another seed per level: no prompt is repeated, so none is answered from a cache.
        return synthetic_prompts(settings.requests, settings.seed * 1000 + level)
    return [settings.prompts[i % len(settings.prompts)] for i in range(settings.requests)]


def _note(record: RequestRecord) -> str:
    if record.error is not None:
        return f"error: {record.error}"
    return "" if record.ttft_ms is None else f"TTFT {record.ttft_ms:.0f} ms"
