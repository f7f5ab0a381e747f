"""``weigh eval``: a model on a suite."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import msgspec

from weighbridge.core.effects import Clock, Journal, Progress, Store
from weighbridge.core.endpoint import Endpoint
from weighbridge.core.http import HttpClient, Timeouts
from weighbridge.core.routing import ModelEntry
from weighbridge.core.runs import EvalRun, ItemResult, content_hash
from weighbridge.engines.gateway import is_gateway
from weighbridge.engines.openai import check_model
from weighbridge.facts.listener import listener_memory_bytes
from weighbridge.measure.evals.runner import EvalTarget, Plan, run_plan
from weighbridge.measure.evals.scoring import Means
from weighbridge.measure.evals.suite import Suite
from weighbridge.verbs.eval_figures import live_note, to_json

__all__ = ["EvalSettings", "evaluate", "to_json"]

_NOTE_EVERY_NS = 100_000_000


@dataclass(frozen=True, slots=True)
class EvalSettings:
    """How to evaluate.

    Attributes:
        concurrency: items asked at once.
        timeout_s: longest silence of the server; an answer that is not streamed is silent until
            it is complete. A suite's own ``timeout_s`` counts where it is longer.
        identity: what tells this model from others of its name; by default its address.
        fresh: forget what an interrupted evaluation left instead of resuming it.
        entry: how a gateway can start this model, where we started it ourselves.
        is_task: whether the suite stands for a task of the traffic.
        repeats: answers per item.
        order_seed: ask in an order drawn by this seed.
        attempts: how often an item is asked that fails in passing.
        means: what the scorer may use; the client is added.
    """

    concurrency: int = 8
    timeout_s: float = 60.0
    identity: str | None = None
    fresh: bool = False
    entry: ModelEntry | None = None
    is_task: bool = True
    repeats: int = 1
    order_seed: int | None = None
    attempts: int = 3
    means: Means = field(default_factory=Means)


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
    # Answers are told apart by what was asked, so that more items, or another scorer, still find
    # those that an interruption left.
    unfinished = content_hash("eval", endpoint.model, identity, suite.name)
    began = clock.monotonic_ns()
    with _journal(store, unfinished) as journal:
        asking = _Asking(client, clock, endpoint, suite, settings)
        done = {} if settings.fresh else _answered(journal)
        items = await asking.all(journal, done, progress)
        key = content_hash("eval", endpoint.model, identity, suite.hash, settings.repeats)
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
            repeats=settings.repeats,
            wall_s=(clock.monotonic_ns() - began) / 1e9,
        )
        store.save(info, run)
        journal.discard()
    return run


@dataclass(frozen=True, slots=True)
class _Asking:
    """Everything that asking a suite takes."""

    client: HttpClient
    clock: Clock
    endpoint: Endpoint
    suite: Suite
    settings: EvalSettings

    async def all(
        self, journal: Journal, done: dict[tuple[str, int], ItemResult], progress: Progress
    ) -> tuple[ItemResult, ...]:
        """Results of all samples; answers go to the journal as they arrive."""
        settings, suite = self.settings, self.suite
        title = f"eval {self.endpoint.model} on {suite.name}"
        tally = _Tally(progress, self.clock, title, len(suite.items) * settings.repeats)
        encode = msgspec.json.Encoder().encode

        def keep(result: ItemResult) -> None:
            if result.error is None:  # a failed item is asked again on resumption
                journal.append([encode(result)])

        means = replace(settings.means, client=self.client, clock=self.clock)
        plan = Plan(suite, settings.repeats, settings.order_seed, means)
        return await run_plan(
            self.client, self.clock, self._target(), plan,
            done=done, keep=keep, on_result=tally.count,
        )  # fmt: skip

    def _target(self) -> EvalTarget:
        settings = self.settings
        silence_s = max(settings.timeout_s, self.suite.settings.timeout_s or 0.0)
        whole_s = max(600.0, silence_s)
        timeouts = Timeouts(first_byte=silence_s, between_bytes=silence_s, total=whole_s)
        return EvalTarget(self.endpoint, settings.concurrency, timeouts, settings.attempts)


async def _memory(client: HttpClient, endpoint: Endpoint) -> int | None:
    """The server's memory where it can be read; a gateway's is not the model's."""
    if await is_gateway(client, endpoint):
        return None
    return listener_memory_bytes(endpoint.base)


class _Tally:
    """Progress with the accuracy so far, shown ten times a second at most."""

    def __init__(self, progress: Progress, clock: Clock, title: str, total: int) -> None:
        self._progress = progress
        self._clock = clock
        self._total = total
        self._right = self._seen = self._shown = 0
        self._next_ns = 0
        progress.stage(title, total)

    def count(self, result: ItemResult) -> None:
        self._seen += 1
        self._right += result.correct
        now = self._clock.monotonic_ns()
        if now >= self._next_ns or self._seen == self._total:
            self._next_ns = now + _NOTE_EVERY_NS
            steps, self._shown = self._seen - self._shown, self._seen
            self._progress.advance(steps, note=live_note(self._right, self._seen))


@contextmanager
def _journal(store: Store, key: str) -> Iterator[Journal]:
    journal = store.journal(key)
    try:
        yield journal
    finally:
        journal.close()


def _answered(journal: Journal) -> dict[tuple[str, int], ItemResult]:
    """The last result kept of each sample; lines of another version's shape are asked anew."""
    results: dict[tuple[str, int], ItemResult] = {}
    decode = msgspec.json.Decoder(ItemResult).decode
    with _without_collecting():
        for line in journal.lines():
            try:
                result = decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
            results[result.id, result.repeat] = result
    return results


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Python looks for garbage again and again while many records are made, none of which is any.

    That would be half of the time that resuming takes.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
