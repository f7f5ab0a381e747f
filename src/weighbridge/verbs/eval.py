"""``weigh eval``: a model on a suite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import cast

from weighbridge.core.effects import Clock, Journal, Progress, Store
from weighbridge.core.endpoint import Endpoint
from weighbridge.core.http import HttpClient, Timeouts
from weighbridge.core.routing import ModelEntry
from weighbridge.core.runs import EvalRun, ItemResult, content_hash
from weighbridge.engines.gateway import is_gateway
from weighbridge.engines.openai import check_model
from weighbridge.facts.listener import listener_memory_bytes
from weighbridge.measure.evals.answers import Answers, LoggedAnswers, Outline
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
        timeout_s: longest time that an answer may take, however its server sends it. A suite's own
            ``timeout_s`` counts where it is longer.
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
    on_result: Callable[[ItemResult | Outline], None] = lambda _: None,
    on_resumed: Callable[[int], None] = lambda _: None,
) -> EvalRun:
    """Ask every item, resuming what an interruption left, and keep the run.

    ``on_result`` is called once with the result of each sample, in the order in which they come;
    ``on_resumed`` once before, with the number of answers that an interruption left.

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
        samples = len(suite.items) * settings.repeats
        answers = LoggedAnswers(journal, samples, fresh=settings.fresh)
        on_resumed(answers.left)
        await _Asking(client, clock, endpoint, suite, settings).all(answers, progress, on_result)
        items = answers.results()
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
        # The log has each result as it is saved: copied, in the suite's order.
        store.save(info, replace(run, items=cast("Sequence[ItemResult]", items.as_written())))
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
        self,
        answers: Answers,
        progress: Progress,
        on_result: Callable[[ItemResult | Outline], None],
    ) -> None:
        """Ask all samples; answers are kept as they arrive."""
        settings, suite = self.settings, self.suite
        title = f"eval {self.endpoint.model} on {suite.name}"
        tally = _Tally(progress, self.clock, title, len(suite.items) * settings.repeats)
        means = replace(settings.means, client=self.client, clock=self.clock)
        plan = Plan(suite, settings.repeats, settings.order_seed, means)

        def count(result: ItemResult | Outline) -> None:
            tally.count(result)
            on_result(result)

        await run_plan(self.client, self.clock, self._target(), plan, answers, on_result=count)

    def _target(self) -> EvalTarget:
        settings = self.settings
        longest_s = max(settings.timeout_s, self.suite.settings.timeout_s or 0.0)
        timeouts = Timeouts(first_byte=longest_s, between_bytes=longest_s, total=longest_s)
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

    def count(self, result: ItemResult | Outline) -> None:
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
