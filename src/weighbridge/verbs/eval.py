"""``weigh eval``: a model on a suite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from weighbridge.core.effects import Clock, Journal, Progress, Store
from weighbridge.core.endpoint import Endpoint
from weighbridge.core.http import HttpClient, Timeouts
from weighbridge.core.routing import ModelEntry
from weighbridge.core.runs import EvalRun, ItemResult, content_hash
from weighbridge.decide.statistics import wilson
from weighbridge.engines.gateway import is_gateway
from weighbridge.engines.openai import check_model
from weighbridge.facts.listener import listener_memory_bytes
from weighbridge.measure.evals.runner import EvalTarget, run_suite
from weighbridge.measure.evals.suite import Suite


@dataclass(frozen=True, slots=True)
class EvalSettings:
    """How to evaluate.

    Attributes:
        concurrency: items asked at once.
        timeout_s: longest silence of the server.
        identity: what tells this model from others of its name; by default its address.
        fresh: forget what an interrupted evaluation left instead of resuming it.
        entry: how a gateway can start this model, where we started it ourselves.
        is_task: whether the suite stands for a task of the traffic.
    """

    concurrency: int = 8
    timeout_s: float = 60.0
    identity: str | None = None
    fresh: bool = False
    entry: ModelEntry | None = None
    is_task: bool = True


async def evaluate(
    store: Store,
    client: HttpClient,
    clock: Clock,
    endpoint: Endpoint,
    suite: Suite,
    *,
    settings: EvalSettings,
    progress: Progress,
) -> EvalRun:
    """Ask every item, resuming what an interruption left, and keep the run.

    Raises:
        InputError: the server does not serve this model.
        EndpointError: the server is gone, refuses us, or fails every item it is given first.
    """
    await check_model(client, endpoint)
    identity = settings.identity or str(endpoint.base)
    key = content_hash("eval", endpoint.model, identity, suite.hash)
    timeouts = Timeouts(first_byte=settings.timeout_s, between_bytes=settings.timeout_s)
    target = EvalTarget(endpoint, settings.concurrency, timeouts)
    with _journal(store, key) as journal:
        done = {} if settings.fresh else _answered(journal)
        tally = _Tally(progress, f"eval {endpoint.model} on {suite.name}", suite, done.values())

        def keep(result: ItemResult) -> None:
            if result.error is None:  # a failed item is asked again on resumption
                journal.append([msgspec.json.encode(result)])
            tally.count(result)

        items = await run_suite(client, clock, target, suite, done=done, on_result=keep)
        info = store.new_info("eval", model=endpoint.model, subject=suite.name, key=key)
        run = EvalRun(
            info=info,
            url=str(endpoint.base),
            suite=suite.name,
            suite_hash=suite.hash,
            items=items,
            memory_bytes=await _memory(client, endpoint),
            entry=settings.entry,
            is_task=settings.is_task,
        )
        store.save(info, run)
        journal.discard()
    return run


def to_json(run: EvalRun) -> dict[str, Any]:
    """The figures of ``weigh eval --json``; keys are documented in docs/json.md."""
    accuracy = wilson(run.correct, len(run.items))
    return {
        "run": run.info.id,
        "model": run.info.model,
        "suite": run.suite,
        "n": len(run.items),
        "correct": run.correct,
        "accuracy": accuracy.value,
        "low": accuracy.low,
        "high": accuracy.high,
        "mean_score": run.mean_score,
        "errors": run.errors,
        "memory_bytes": run.memory_bytes,
        "provenance": {"kind": "measured", "source": run.info.id, "date": run.info.created},
    }


async def _memory(client: HttpClient, endpoint: Endpoint) -> int | None:
    """The server's memory where it can be read; a gateway's is not the model's."""
    if await is_gateway(client, endpoint):
        return None
    return listener_memory_bytes(endpoint.base)


class _Tally:
    """Progress with the accuracy so far."""

    def __init__(
        self, progress: Progress, title: str, suite: Suite, done: Iterable[ItemResult]
    ) -> None:
        self._progress = progress
        self._right = self._asked = 0
        progress.stage(title, len(suite.items))
        for result in done:
            self.count(result)

    def count(self, result: ItemResult) -> None:
        self._asked += 1
        self._right += result.correct
        self._progress.advance(note=f"{100 * self._right / self._asked:.1f} % right")


@contextmanager
def _journal(store: Store, key: str) -> Iterator[Journal]:
    journal = store.journal(key)
    try:
        yield journal
    finally:
        journal.close()


def _answered(journal: Journal) -> dict[str, ItemResult]:
    """Results by item id; lines of another version's shape are asked anew."""
    results: dict[str, ItemResult] = {}
    for line in journal.lines():
        with suppress(msgspec.DecodeError):
            result = msgspec.json.decode(line, type=ItemResult)
            results[result.id] = result
    return results
