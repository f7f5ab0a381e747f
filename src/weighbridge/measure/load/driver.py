"""A closed loop: each of N users sends a request, waits for its answer, sends the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from weighbridge.core.effects import Clock
from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import EndpointError
from weighbridge.core.http import HttpClient, Request, Timeouts
from weighbridge.core.load import LoadLevel, RequestRecord
from weighbridge.core.traffic import LoadShape
from weighbridge.measure.load.summary import summarise
from weighbridge.wire.chat import render_chat
from weighbridge.wire.stream import ChatStream

_NS_PER_MS = 1e6


@dataclass(frozen=True, slots=True)
class LoadTarget:
    """Whom to load and how to ask."""

    endpoint: Endpoint
    max_tokens: int
    timeouts: Timeouts

    def request(self, prompt: str) -> Request:
        """The streamed request for one prompt, rendered to bytes."""
        body = render_chat(
            self.endpoint.model,
            [{"role": "user", "content": prompt}],
            max_tokens=self.max_tokens,
            temperature=0.0,
            stream=True,
        )
        return Request("POST", self.endpoint.chat, self.endpoint.headers, body)


async def warm_up(client: HttpClient, target: LoadTarget, prompt: str) -> None:
    """Send one request and demand an answer, so that a wrong address or name ends here.

    Raises:
        EndpointError: the endpoint does not serve this model as a chat stream.
    """
    stream = ChatStream(target.endpoint, keep_text=False)
    exchange = await client.start(target.request(prompt), stream, target.timeouts)
    await exchange.finished()
    stream.end()


async def run_level(
    client: HttpClient,
    clock: Clock,
    target: LoadTarget,
    prompts: Sequence[str],
    *,
    concurrency: int,
    on_done: Callable[[RequestRecord], None],
) -> tuple[LoadLevel, list[RequestRecord]]:
    """Send all prompts with ``concurrency`` in flight; failures are records, not exceptions."""
    # Rendering before the clock starts keeps our own work out of the measured time.
    work = enumerate([target.request(prompt) for prompt in prompts])
    records: list[RequestRecord] = []
    started = clock.monotonic_ns()

    async def user(work: Iterator[tuple[int, Request]]) -> None:
        for index, request in work:
            stream, sent, error = await _send(client, clock, target, request)
            record = _record(
                stream,
                error,
                index=index,
                sent_ms=(sent - started) / _NS_PER_MS,
                e2e_ms=(clock.monotonic_ns() - sent) / _NS_PER_MS,
                sent_ns=sent,
            )
            records.append(record)
            on_done(record)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(concurrency, len(prompts))):
            group.create_task(user(work))
    duration_s = (clock.monotonic_ns() - started) / 1e9
    records.sort(key=lambda record: record.sent_ms)
    return summarise(LoadShape("closed", concurrency), records, duration_s), records


async def _send(
    client: HttpClient, clock: Clock, target: LoadTarget, request: Request
) -> tuple[ChatStream, int, EndpointError | None]:
    """The stream as far as it came, when it was sent, and what went wrong."""
    stream = ChatStream(target.endpoint, keep_text=False)
    sent = clock.monotonic_ns()
    try:
        exchange = await client.start(request, stream, target.timeouts)
        sent = exchange.sent_ns
        await exchange.finished()
        stream.end()
    except EndpointError as error:
        return stream, sent, error
    return stream, sent, None


def _record(
    stream: ChatStream,
    error: EndpointError | None,
    *,
    index: int,
    sent_ns: int,
    sent_ms: float,
    e2e_ms: float,
) -> RequestRecord:
    arrivals = stream.arrivals
    counted = stream.completion_tokens
    return RequestRecord(
        level=0,
        index=index,
        sent_ms=sent_ms,
        ttft_ms=(arrivals[0] - sent_ns) / _NS_PER_MS if arrivals else None,
        e2e_ms=e2e_ms,
        gaps_ms=tuple((late - early) / _NS_PER_MS for early, late in pairwise(arrivals)),
        output_tokens=len(arrivals) if counted is None else counted,
        tokens_from="arrivals" if counted is None else "usage",
        error=error.kind if error else None,
        message=str(error) if error else "",
    )
