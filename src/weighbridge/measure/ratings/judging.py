"""A model votes beside people: asked in both orders, a tie where these contradict each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from weighbridge.core.ballots import Choice
from weighbridge.core.effects import Clock
from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.http import HttpClient
from weighbridge.core.rating_session import Pairing
from weighbridge.measure.evals.asking import EvalTarget, ask
from weighbridge.measure.evals.scorers.judge import PROMPT, Vote, agreed, read_vote
from weighbridge.measure.evals.template import fill
from weighbridge.wire.chat import render_chat


@dataclass(frozen=True, slots=True)
class ToJudge:
    """Two answers to an input, as the judge reads them: without names."""

    pairing: Pairing
    question: str
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What the judge said of a pairing.

    Attributes:
        pairing: the two answers.
        winner: by both orders.
        inconsistent: whether the orders contradict each other.
        unreadable: in how many orders it gave no verdict.
    """

    pairing: Pairing
    winner: Choice
    inconsistent: bool
    unreadable: int


async def judge_all(
    client: HttpClient,
    clock: Clock,
    target: EvalTarget,
    work: Sequence[ToJudge],
    *,
    max_tokens: int,
    keep: Callable[[Judged], None],
) -> None:
    """Judge pairs of answers, so many at once as the target says.

    Raises:
        EndpointError: the judge does not answer.
    """
    todo = iter(work)

    async def voted(question: str, first: str, second: str) -> Vote | None:
        fields = {"question": question, "first": first, "second": second, "criteria": ""}
        body = render_chat(
            target.endpoint.model,
            [{"role": "user", "content": fill(PROMPT, fields, "the judge's prompt")}],
            max_tokens=max_tokens,
            temperature=0.0,
            stream=False,
        )
        told = await ask(client, clock, target, body)
        if told.completion is None:
            assert told.error is not None  # noqa: S101 -- one of both
            raise told.error
        return read_vote(told.completion.content)

    async def worker() -> None:
        for one in todo:
            straight = await voted(one.question, one.first, one.second)
            swapped = await voted(one.question, one.second, one.first)
            vote, contradicts = agreed(straight, swapped)
            winner: Choice = {"first": "a", "second": "b", "tie": "tie"}[vote]  # type: ignore[assignment]
            unreadable = (straight is None) + (swapped is None)
            keep(Judged(one.pairing, winner, contradicts, unreadable))

    errors: list[BaseException] = []
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(target.concurrency):
                group.create_task(worker())
    except* WeighbridgeError as raised:
        errors.extend(raised.exceptions)
    if errors:
        raise errors[0]
