"""The answers that are rated: every model asked every input, each answer kept as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from weighbridge.core.effects import Clock
from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.http import HttpClient
from weighbridge.core.rating_session import RatingAnswer, RatingInput
from weighbridge.measure.evals.asking import EvalTarget, Told, ask
from weighbridge.measure.evals.requests import request_hash
from weighbridge.wire.chat import render_chat

# A model that fails its first inputs fails them all: say so instead of rating silence.
_HOPELESS_AFTER = 3


@dataclass(frozen=True, slots=True)
class Sampling:
    """How models are asked.

    Attributes:
        max_tokens: longest answer asked for.
        temperature: None leaves it to the server.
        seed: None leaves it to the server.
    """

    max_tokens: int | None = 1024
    temperature: float | None = None
    seed: int | None = None


def request_of(target: EvalTarget, one: RatingInput, sampling: Sampling) -> bytes:
    """What is sent for an input."""
    messages = [{"role": said.role, "content": said.text} for said in one.before]
    return render_chat(
        target.endpoint.model,
        [*messages, {"role": "user", "content": one.prompt}],
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        stream=False,
        seed=sampling.seed,
    )


async def answer_all(
    client: HttpClient,
    clock: Clock,
    targets: Mapping[str, EvalTarget],
    inputs: Sequence[RatingInput],
    sampling: Sampling,
    *,
    done: Collection[tuple[str, str, str]],
    keep: Callable[[RatingAnswer], None],
) -> None:
    """Ask what is not done yet, each model as many inputs at once as its target says.

    Args:
        client: sends the requests.
        clock: tells how long answers take.
        targets: whom to ask, by the name that the rating has for it.
        inputs: what to ask.
        sampling: how.
        done: input, model and hash of the request of answers that are there.
        keep: called with each answer as it arrives.

    Raises:
        EndpointError: a model fails every input it is given first.
    """
    todo = {
        model: iter(_todo(model, target, inputs, sampling, done))
        for model, target in targets.items()
    }
    failures = {model: _Failures() for model in targets}

    async def worker(model: str) -> None:
        for item, body in todo[model]:
            told = await ask(client, clock, targets[model], body)
            failures[model].note(told)
            keep(_kept(told, model, item, request_hash(body)))

    errors: list[BaseException] = []
    try:
        async with asyncio.TaskGroup() as group:
            for model, target in targets.items():
                for _ in range(target.concurrency):
                    group.create_task(worker(model))
    except* WeighbridgeError as raised:
        errors.extend(raised.exceptions)
    if errors:
        raise errors[0]


class _Failures:
    """Counts the failures of a model that has not answered yet."""

    def __init__(self) -> None:
        self._can_answer = False
        self._count = 0

    def note(self, told: Told) -> None:
        """Count, and raise where there is no hope."""
        if told.error is None:
            self._can_answer = True
            return
        self._count += 1
        if not self._can_answer and self._count >= _HOPELESS_AFTER:
            raise told.error


def _todo(
    model: str,
    target: EvalTarget,
    inputs: Sequence[RatingInput],
    sampling: Sampling,
    done: Collection[tuple[str, str, str]],
) -> Iterator[tuple[str, bytes]]:
    """What a model is still to be asked: the input and the request."""
    for one in inputs:
        body = request_of(target, one, sampling)
        if (one.id, model, request_hash(body)) not in done:
            yield one.id, body


def _kept(told: Told, model: str, item: str, asked: str) -> RatingAnswer:
    if told.completion is None:
        return RatingAnswer(item, model, "", str(told.error), asked)
    text, finish = told.completion.content, told.completion.finish_reason or ""
    return RatingAnswer(item, model, text, "", asked, finish)
