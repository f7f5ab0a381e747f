"""Ask a model every item of a suite, judge the answers, survive interruption."""

from __future__ import annotations

import asyncio
import random
from array import array
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from weighbridge.core.effects import Clock
from weighbridge.core.errors import ConnectError, EndpointError, StatusError, WeighbridgeError
from weighbridge.core.http import HttpClient
from weighbridge.core.runs import ItemResult
from weighbridge.measure.evals.answers import Answers, HeldAnswers, Outline
from weighbridge.measure.evals.asking import EvalTarget, Told, answer_of, ask
from weighbridge.measure.evals.records import Suite
from weighbridge.measure.evals.requests import (
    Renderer,
    Sample,
    gold_hash,
    judging_hash,
    request_hash,
    sample_of,
    samples_of,
)
from weighbridge.measure.evals.results import answer_kept, judged_anew, result_of
from weighbridge.measure.evals.scoring import Means, Scorer, read_options, score_of
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
    answers = HeldAnswers(on_result)
    asked = await run_plan(client, clock, target, plan, answers) if fresh.items else ()
    results = {**done, **{result.id: result for result in asked}}
    return tuple(results[item.id] for item in suite.items)


async def run_plan(
    client: HttpClient,
    clock: Clock,
    target: EvalTarget,
    plan: Plan,
    answers: Answers,
    *,
    on_result: Callable[[ItemResult | Outline], None] = lambda _: None,
) -> Sequence[ItemResult]:
    """Results of all samples in suite order.

    Args:
        client: sends the requests.
        clock: tells how long answers take.
        target: whom to ask.
        plan: what to ask.
        answers: keeps everything as it arrives: an answer before it is judged where judging takes
            long, and each result. Of an interrupted run it gives back what there is: answers to
            the very same request are taken over, and judged again where the scorer or the gold
            has changed meanwhile; failed ones are asked again.
        on_result: called once with the result of each sample, taken over or new.

    Raises:
        EndpointError: the server is gone, refuses us, or fails every item it is given first; or
            the judge does.
        InputError: the file of the items was changed meanwhile.
    """
    suite = plan.suite
    kind = kind_of(suite.settings.scorer, suite.name)
    options = read_options(kind, suite.settings, suite.name)
    scorer = kind.make(suite.settings, options, plan.means)
    judge = plan.means.judge.model if plan.means.judge and kind.slow else ""
    run = _Run(partial(ask, client, clock, target), target, scorer, plan, answers)
    run.judging = judging_hash(suite.settings, judge)
    run.keeps_unjudged, run.on_result = kind.slow, on_result
    try:
        await run.through()
    finally:
        await scorer.close()
    return answers.results()


class _Run:
    """One run under way."""

    def __init__(
        self, asked: Callable[[bytes], Awaitable[Told]], target: EvalTarget, scorer: Scorer,
        plan: Plan, answers: Answers,
    ) -> None:  # fmt: skip
        self._told = asked
        self._concurrency = target.concurrency
        self._scorer = scorer
        self._plan = plan
        self._answers = answers
        self._render = Renderer(target.endpoint.model, plan.suite.settings).body
        self.judging = ""
        self.keeps_unjudged = False
        self.on_result: Callable[[ItemResult | Outline], None] = lambda _: None
        self._to_ask = 0
        self._asked = 0
        self._has_answers = False

    async def through(self) -> None:
        """Take over what is done, then ask and judge the rest."""
        plan = self._plan
        to_judge, to_ask = array("Q"), array("Q")
        for number, sample in enumerate(samples_of(plan.suite, plan.repeats)):
            known = self._answers.earlier(number, sample.key)
            if (
                known is None
                or known.error is not None
                or known.request != request_hash(self._render(sample))
            ):
                to_ask.append(number)
            elif known.judged_by == gold_hash(self.judging, sample.item):
                self.on_result(known)
            else:
                to_judge.append(number)
        if plan.order_seed is not None:
            random.Random(plan.order_seed).shuffle(to_ask)  # noqa: S311 -- an order, no secret
        self._to_ask = len(to_ask)
        await self._in_parallel(self._judge_again, iter(to_judge))
        await self._in_parallel(self._ask, iter(to_ask))

    def _sample(self, number: int) -> Sample:
        return sample_of(self._plan.suite, self._plan.repeats, number)

    async def _in_parallel(
        self, step: Callable[[int], Awaitable[None]], numbers: Iterator[int]
    ) -> None:
        async def worker() -> None:
            for number in numbers:
                await step(number)

        fatal: list[BaseException] = []
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._concurrency):
                    group.create_task(worker())
        except* WeighbridgeError as errors:
            fatal.extend(errors.exceptions)
        if fatal:
            raise fatal[0]

    def _settle(self, number: int, result: ItemResult) -> None:
        self._answers.keep(number, result)
        self.on_result(result)

    async def _ask(self, number: int) -> None:
        sample = self._sample(number)
        body = self._render(sample)
        told = await self._told(body)
        self._asked += 1
        request = request_hash(body)
        if told.completion is None:
            if told.error is not None and self._is_hopeless(told.error):
                raise told.error
            self._settle(number, result_of(sample, told, request))
            return
        self._has_answers = True
        answer = answer_of(told.completion)
        if self.keeps_unjudged:
            self._answers.keep(number, result_of(sample, told, request, answer))
        score = await score_of(self._scorer, sample.item, answer)
        judged_by = gold_hash(self.judging, sample.item)
        result = result_of(sample, told, request, answer, score=score, judged_by=judged_by)
        self._settle(number, result)

    async def _judge_again(self, number: int) -> None:
        item, known = self._sample(number).item, self._answers.results()[number]
        score = await score_of(self._scorer, item, answer_kept(known))
        result = judged_anew(known, item, score, gold_hash(self.judging, item))
        self._settle(number, result)

    def _is_hopeless(self, error: EndpointError) -> bool:
        if isinstance(error, ConnectError):
            return True
        if isinstance(error, StatusError) and error.status in (401, 403, 404):
            return True
        return not self._has_answers and self._asked >= min(_HOPELESS_AFTER, self._to_ask)
