"""Ask a model every item of a suite, judge the answers, survive interruption."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from weighbridge.core.effects import Clock
from weighbridge.core.errors import ConnectError, EndpointError, StatusError, WeighbridgeError
from weighbridge.core.http import HttpClient
from weighbridge.core.runs import ItemResult
from weighbridge.measure.evals.asking import EvalTarget, answer_of, ask
from weighbridge.measure.evals.records import Suite
from weighbridge.measure.evals.requests import (
    Renderer,
    Sample,
    gold_hash,
    judging_hash,
    request_hash,
    samples_of,
)
from weighbridge.measure.evals.results import answer_kept, judged_anew, result_of
from weighbridge.measure.evals.scoring import Means, Scorer, read_options
from weighbridge.measure.evals.table import kind_of

__all__ = ["EvalTarget", "Plan", "run_plan", "run_suite"]

# A server that fails its first items fails them all: say so instead of scoring silence.
_HOPELESS_AFTER = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run asks.

    Attributes:
        suite: the items and how they are judged.
        repeats: answers per item.
        order_seed: ask in an order drawn by this seed; None for the suite's order. Results are in
            the suite's order either way.
        means: what the scorer may use.
    """

    suite: Suite
    repeats: int = 1
    order_seed: int | None = None
    means: Means = field(default_factory=Means)


Done = Mapping[tuple[str, int], ItemResult]


async def run_suite(
    client: HttpClient,
    clock: Clock,
    target: EvalTarget,
    suite: Suite,
    *,
    done: Mapping[str, ItemResult],
    on_result: Callable[[ItemResult], None],
) -> tuple[ItemResult, ...]:
    """Results of all items in suite order; those in ``done`` are taken over, not asked again.

    An item that fails after retries counts as wrong and carries its error.

    Raises:
        EndpointError: the server is gone, refuses us, or fails every item it is given first.
    """
    fresh = replace(suite, items=tuple(item for item in suite.items if item.id not in done))
    plan = Plan(fresh, means=Means(client=client, clock=clock))
    asked = (
        await run_plan(client, clock, target, plan, done={}, keep=on_result) if fresh.items else ()
    )
    results = {**done, **{result.id: result for result in asked}}
    return tuple(results[item.id] for item in suite.items)


async def run_plan(
    client: HttpClient,
    clock: Clock,
    target: EvalTarget,
    plan: Plan,
    *,
    done: Done,
    keep: Callable[[ItemResult], None],
    on_result: Callable[[ItemResult], None] = lambda _: None,
) -> tuple[ItemResult, ...]:
    """Results of all samples in suite order, an item's repeats side by side.

    Args:
        client: sends the requests.
        clock: tells how long answers take.
        target: whom to ask.
        plan: what to ask.
        done: answers of an interrupted run. Those to the very same request are taken over, and
            judged again where the scorer or the gold has changed meanwhile.
        keep: called with everything worth keeping, as it arrives: with an answer before it is
            judged where judging takes long, and with each result.
        on_result: called once with the result of each sample, taken over or new.

    Raises:
        EndpointError: the server is gone, refuses us, or fails every item it is given first; or
            the judge does.
    """
    suite = plan.suite
    kind = kind_of(suite.settings.scorer, suite.name)
    options = read_options(kind, suite.settings, suite.name)
    scorer = kind.make(suite.settings, options, plan.means)
    judge = plan.means.judge.model if plan.means.judge and kind.slow else ""
    run = _Run(client, clock, target, scorer, Renderer(target.endpoint.model, suite.settings))
    run.judging = judging_hash(suite.settings, judge)
    run.keeps_unjudged, run.keep, run.on_result = kind.slow, keep, on_result
    try:
        await run.through(samples_of(suite, plan.repeats), done, plan.order_seed)
    finally:
        await scorer.close()
    return tuple(run.results[sample.key] for sample in samples_of(suite, plan.repeats))


class _Run:
    """One run under way."""

    def __init__(
        self,
        client: HttpClient,
        clock: Clock,
        target: EvalTarget,
        scorer: Scorer,
        renderer: Renderer,
    ) -> None:
        self._client = client
        self._clock = clock
        self._target = target
        self._scorer = scorer
        self._render = renderer.body
        self.judging = ""
        self.keeps_unjudged = False
        self.keep: Callable[[ItemResult], None] = lambda _: None
        self.on_result: Callable[[ItemResult], None] = lambda _: None
        self.results: dict[tuple[str, int], ItemResult] = {}
        self._to_ask = 0
        self._asked = 0
        self._has_answers = False

    async def through(self, samples: Sequence[Sample], done: Done, order_seed: int | None) -> None:
        """Take over what is done, then ask and judge the rest."""
        to_judge: list[tuple[Sample, ItemResult]] = []
        to_ask: list[Sample] = []
        for sample in samples:
            known = done.get(sample.key) if done else None
            if known is None or known.request != request_hash(self._render(sample)):
                to_ask.append(sample)
            elif known.judged_by == gold_hash(self.judging, sample.item):
                self._settle(sample, known)
            else:
                to_judge.append((sample, known))
        if order_seed is not None:
            random.Random(order_seed).shuffle(to_ask)  # noqa: S311 -- an order, no secret
        self._to_ask = len(to_ask)
        await self._in_parallel(self._judge_again, iter(to_judge))
        await self._in_parallel(self._ask, iter(to_ask))

    async def _in_parallel(self, step: Callable[..., object], work: Iterator[object]) -> None:
        async def worker() -> None:
            for part in work:
                await step(part)  # type: ignore[misc]

        fatal: list[BaseException] = []
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._target.concurrency):
                    group.create_task(worker())
        except* WeighbridgeError as errors:
            fatal.extend(errors.exceptions)
        if fatal:
            raise fatal[0]

    def _settle(self, sample: Sample, result: ItemResult) -> None:
        self.results[sample.key] = result
        self.on_result(result)

    async def _ask(self, sample: Sample) -> None:
        body = self._render(sample)
        told = await ask(self._client, self._clock, self._target, body)
        self._asked += 1
        request = request_hash(body)
        if told.completion is None:
            if told.error is not None and self._is_hopeless(told.error):
                raise told.error
            result = result_of(sample, told, request)
        else:
            self._has_answers = True
            answer = answer_of(told.completion)
            if self.keeps_unjudged:
                self.keep(result_of(sample, told, request, answer))
            score = await self._scorer.score(sample.item, answer)
            judged_by = gold_hash(self.judging, sample.item)
            result = result_of(sample, told, request, answer, score=score, judged_by=judged_by)
        self.keep(result)
        self._settle(sample, result)

    async def _judge_again(self, part: tuple[Sample, ItemResult]) -> None:
        sample, known = part
        score = await self._scorer.score(sample.item, answer_kept(known))
        result = judged_anew(known, sample.item, score, gold_hash(self.judging, sample.item))
        self.keep(result)
        self._settle(sample, result)

    def _is_hopeless(self, error: EndpointError) -> bool:
        if isinstance(error, ConnectError):
            return True
        if isinstance(error, StatusError) and error.status in (401, 403, 404):
            return True
        return not self._has_answers and self._asked >= min(_HOPELESS_AFTER, self._to_ask)
