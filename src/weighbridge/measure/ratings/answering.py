"""The answers that are rated: every model asked every input, each answer kept as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from weighbridge.core.effects import Clock
from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.http import HttpClient
from weighbridge.core.rating_session import RatingAnswer, RatingInput
from weighbridge.measure.evals.asking import EvalTarget, ask
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
    work: dict[str, Iterator[RatingInput]] = {
        model: iter(
            [
                one
                for one in inputs
                if (one.id, model, request_hash(request_of(target, one, sampling))) not in done
            ]
        )
        for model, target in targets.items()
    }
    failed = dict.fromkeys(targets, 0)

    async def worker(model: str) -> None:
        target = targets[model]
        for one in work[model]:
            body = request_of(target, one, sampling)
            told = await ask(client, clock, target, body)
            if told.completion is None:
                failed[model] = failed[model] + 1 if failed[model] >= 0 else -1
                if failed[model] >= _HOPELESS_AFTER and told.error is not None:
                    raise told.error
                keep(RatingAnswer(one.id, model, "", str(told.error), request_hash(body)))
                continue
            failed[model] = -1  # it can answer: single failures are no reason to end
            completion = told.completion
            keep(
                RatingAnswer(
                    one.id, model, completion.content, "", request_hash(body),
                    completion.finish_reason or "",
                )
            )  # fmt: skip

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
