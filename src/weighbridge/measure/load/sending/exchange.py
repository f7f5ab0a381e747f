"""One streamed request of a load run: sent, timed, and put on record."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from time import perf_counter_ns

from weighbridge.core.errors import EndpointError, StatusError
from weighbridge.core.http import HttpClient, Request
from weighbridge.core.load import RequestRecord, TokenSource
from weighbridge.measure.load.sending.target import LoadTarget
from weighbridge.wire.stream import ChatStream

_NS_PER_MS = 1e6
_BUSY = (429, 503)
# Where a busy server does not say how long to wait; doubled each time.
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request stands in its run; fields as those of :class:`RequestRecord`.

    Attributes:
        due_ns: when it is due, by the monotonic clock; None in a closed loop.
    """

    level: int
    index: int
    turn: int
    due_ns: int | None = None


@dataclass(slots=True)
class Sent:
    """A request as far as it came.

    Attributes:
        stream: its answer.
        sent_ns: when its first byte was handed to the socket, the first time.
        end_ns: when the last byte came, or when it was given up.
        attempts: sendings.
        error: why it failed, or None.
    """

    stream: ChatStream
    sent_ns: int
    end_ns: int = 0
    attempts: int = 1
    error: EndpointError | None = None


async def send(
    client: HttpClient,
    target: LoadTarget,
    request: Request,
    *,
    keep_text: bool,
    watch: Callable[[ChatStream], None],
) -> Sent:
    """Send a chat and wait for the end of its answer; failures are part of what comes back.

    A busy server is asked again, when it says and as often as the target allows; one that wants
    more than a minute is not. What waiting takes is the user's time, so it counts. ``watch`` is
    given each answer's stream before it begins.
    """
    first_sent_ns, again, attempts = 0, 0, 0
    while True:
        attempts += 1
        stream = ChatStream(target.endpoint, keep_text=keep_text)
        sent = Sent(stream, perf_counter_ns())
        watch(stream)
        try:
            exchange = await client.start(request, stream, target.timeouts)
            sent.sent_ns = exchange.sent_ns
            try:
                await exchange.finished()
            finally:
                again += exchange.sendings - 1
            stream.end()
            sent.end_ns = exchange.last_ns
        except EndpointError as error:
            sent.error, sent.end_ns = error, perf_counter_ns()
        sent.sent_ns = first_sent_ns = first_sent_ns or sent.sent_ns
        sent.attempts = attempts + again
        wait_s = _wait_s(sent.error, attempts)
        if wait_s is None or attempts > target.wait_when_busy:
            return sent
        await asyncio.sleep(wait_s)


def _wait_s(error: EndpointError | None, attempts: int) -> float | None:
    """How long to wait before asking again; None where that is no use, or takes too long."""
    if not isinstance(error, StatusError) or error.status not in _BUSY:
        return None
    asked_s = error.retry_after_s
    if asked_s is None:
        return float(min(_FIRST_WAIT_S * 2 ** (attempts - 1), _LONGEST_WAIT_S))
    return asked_s if asked_s <= _LONGEST_WAIT_S else None


def record(sent: Sent, place: Place, target: LoadTarget, *, start_ns: int) -> RequestRecord:
    """What came of a request; ``start_ns`` is the level's beginning. Times to the microsecond."""
    stream, since = sent.stream, sent.sent_ns
    arrivals = stream.arrivals
    tokens, tokens_from = _count(stream, target)
    return RequestRecord(
        level=place.level,
        index=place.index,
        turn=place.turn,
        sent_ms=_ms(since - start_ns),
        ttft_ms=_ms(arrivals[0] - since) if arrivals else None,
        e2e_ms=_ms(sent.end_ns - since),
        # A function call per token would be a tenth of all that reading it takes.
        gaps_ms=tuple([(late - early) // 1000 / 1000 for early, late in pairwise(arrivals)]),
        output_tokens=tokens,
        tokens_from=tokens_from,
        due_ms=None if place.due_ns is None else _ms(place.due_ns - start_ns),
        answer_ms=_ms(stream.answer_ns - since) if stream.answer_ns else None,
        prompt_tokens=stream.prompt_tokens,
        cached_tokens=stream.cached_tokens,
        attempts=sent.attempts,
        finish_reason=stream.finish_reason or "",
        error=sent.error.kind if sent.error else None,
        message=str(sent.error) if sent.error else "",
    )


def _count(stream: ChatStream, target: LoadTarget) -> tuple[int, TokenSource]:
    if stream.completion_tokens is not None:
        return stream.completion_tokens, "usage"
    if target.counter is not None:
        return target.counter.count(stream.reasoning + stream.text), "tokenizer"
    return len(stream.arrivals), "arrivals"


def _ms(nanoseconds: int) -> float:
    return round(nanoseconds / _NS_PER_MS, 3)
