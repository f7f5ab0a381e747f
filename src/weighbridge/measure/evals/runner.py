"""Ask a model every item of a suite, score the answers, survive interruption."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass

from weighbridge.core.effects import Clock
from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import ConnectError, EndpointError, StatusError, WeighbridgeError
from weighbridge.core.http import HttpClient, Request, Timeouts
from weighbridge.core.runs import ItemResult
from weighbridge.measure.evals.scorers import SCORERS
from weighbridge.measure.evals.suite import Item, Suite
from weighbridge.wire.chat import Completion, decode_completion, render_chat

_ATTEMPTS = 3
_FIRST_PAUSE_S = 0.2
# A server that fails its first items fails them all: say so instead of scoring silence.
_HOPELESS_AFTER = 3


@dataclass(frozen=True, slots=True)
class EvalTarget:
    """Whom to ask and how."""

    endpoint: Endpoint
    concurrency: int
    timeouts: Timeouts


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
    fresh: dict[str, ItemResult] = {}
    open_items = [item for item in suite.items if item.id not in done]
    work = iter(open_items)

    async def asker(work: Iterator[Item]) -> None:
        for item in work:
            result, error = await _ask(client, clock, target, suite, item)
            if error is not None and _is_hopeless(error, fresh.values(), len(open_items)):
                raise error
            fresh[item.id] = result
            on_result(result)

    fatal: list[BaseException] = []
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(target.concurrency):
                group.create_task(asker(work))
    except* WeighbridgeError as errors:
        fatal.extend(errors.exceptions)
    if fatal:
        raise fatal[0]
    results = {**done, **fresh}
    return tuple(results[item.id] for item in suite.items)


def _is_hopeless(error: EndpointError, fresh: Collection[ItemResult], asked: int) -> bool:
    if isinstance(error, ConnectError):
        return True
    if isinstance(error, StatusError) and error.status in (401, 403, 404):
        return True
    enough = min(_HOPELESS_AFTER, asked)
    return len(fresh) + 1 >= enough and all(result.error for result in fresh)


async def _ask(
    client: HttpClient, clock: Clock, target: EvalTarget, suite: Suite, item: Item
) -> tuple[ItemResult, EndpointError | None]:
    request = Request(
        "POST", target.endpoint.chat, target.endpoint.headers, _body(target, suite, item)
    )
    pause_s = _FIRST_PAUSE_S
    for attempt in range(1, _ATTEMPTS + 1):
        sent = clock.monotonic_ns()
        try:
            response = await client.fetch(request, target.timeouts)
            completion = decode_completion(response, target.endpoint)
        except EndpointError as error:
            if attempt == _ATTEMPTS or not _worth_retrying(error):
                return _failed(item, error, (clock.monotonic_ns() - sent) / 1e6), error
            await asyncio.sleep(pause_s)
            pause_s *= 2
        else:
            latency_ms = (clock.monotonic_ns() - sent) / 1e6
            return _scored(suite, item, completion, latency_ms), None
    raise AssertionError("unreachable: the last attempt returns")


def _worth_retrying(error: EndpointError) -> bool:
    """Overload and passing server faults; a request the server calls wrong stays wrong."""
    if isinstance(error, StatusError):
        return error.status == 429 or error.status >= 500
    return not isinstance(error, ConnectError)


def _body(target: EvalTarget, suite: Suite, item: Item) -> bytes:
    messages = [{"role": "user", "content": item.prompt}]
    if suite.settings.system:
        messages.insert(0, {"role": "system", "content": suite.settings.system})
    return render_chat(
        target.endpoint.model,
        messages,
        max_tokens=suite.settings.max_tokens,
        temperature=0.0,
        stream=False,
    )


def _scored(suite: Suite, item: Item, completion: Completion, latency_ms: float) -> ItemResult:
    score = SCORERS[suite.settings.scorer](completion.content, item.answer, suite.settings)
    # Tells a reader that a longer max_tokens might have saved it.
    cut = completion.finish_reason == "length" and not score.correct
    return ItemResult(
        id=item.id,
        prompt=item.prompt,
        expected=item.answer,
        answer=completion.content,
        correct=score.correct,
        score=score.value,
        detail=f"{score.detail}; cut at max_tokens" if cut else score.detail,
        latency_ms=latency_ms,
        output_tokens=completion.completion_tokens or 0,
        answered_by=completion.model,
    )


def _failed(item: Item, error: EndpointError, latency_ms: float) -> ItemResult:
    return ItemResult(
        id=item.id,
        prompt=item.prompt,
        expected=item.answer,
        answer="",
        correct=False,
        score=0.0,
        detail=str(error),
        latency_ms=latency_ms,
        output_tokens=0,
        error=error.kind,
    )
