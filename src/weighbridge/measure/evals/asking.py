"""Ask one question until it is answered, or until asking again is no use."""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from weighbridge.core.effects import Clock
from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import ConnectError, EndpointError, StatusError
from weighbridge.core.http import HttpClient, Request, Timeouts
from weighbridge.measure.evals.scoring import Answer, Call
from weighbridge.wire.chat import Completion, decode_completion

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 30.0
# A server that says how long to wait is not failing: it is asked more often than one that fails.
_WAITS_AS_TOLD = 10
_LONGEST_WAIT_AS_TOLD_S = 300.0
_jitter = random.Random()  # noqa: S311 -- spreads retries, guards no secret

# What models without a reasoning parser put before the answer.
_THOUGHT = re.compile(r"\A\s*<(think|thinking|thought)>.*?</\1>\s*", re.DOTALL)
_UNFINISHED = re.compile(r"\A\s*<(think|thinking|thought)>")
_THOUGHT_WITHOUT_BEGINNING = re.compile(r"\A(?:(?!<think>).)*?</think>\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class EvalTarget:
    """Whom to ask and how.

    Attributes:
        concurrency: questions asked at once.
        attempts: how often a question is asked that fails in passing.
    """

    endpoint: Endpoint
    concurrency: int
    timeouts: Timeouts
    attempts: int = 3


@dataclass(frozen=True, slots=True)
class Told:
    """What came of asking: a completion or an error, and how long the last attempt took."""

    completion: Completion | None
    error: EndpointError | None
    latency_ms: float


async def ask(client: HttpClient, clock: Clock, target: EvalTarget, body: bytes) -> Told:
    """Send a chat request, again after passing faults, with growing pauses in between."""
    endpoint = target.endpoint
    request = Request("POST", endpoint.chat, endpoint.headers, body)
    failed = waited = 0
    while True:
        sent = clock.monotonic_ns()
        try:
            response = await client.fetch(request, target.timeouts)
            completion = decode_completion(response, endpoint)
        except EndpointError as error:
            pause_s = told_pause_s(error)
            if pause_s is not None and waited < _WAITS_AS_TOLD:
                waited += 1
            else:
                failed += 1
                if failed >= target.attempts or not worth_retrying(error):
                    return Told(None, error, (clock.monotonic_ns() - sent) / 1e6)
                pause_s = min(_FIRST_PAUSE_S * 2 ** (failed - 1), _LONGEST_PAUSE_S)
            await asyncio.sleep(pause_s * _jitter.uniform(1.0, 1.3))
        else:
            return Told(completion, None, (clock.monotonic_ns() - sent) / 1e6)


def told_pause_s(error: EndpointError) -> float | None:
    """How long the server asks to wait, where it does and that is bearable."""
    if not isinstance(error, StatusError) or error.retry_after_s is None:
        return None
    if error.status not in (429, 503) or error.retry_after_s > _LONGEST_WAIT_AS_TOLD_S:
        return None
    return error.retry_after_s


def worth_retrying(error: EndpointError) -> bool:
    """Overload and passing server faults; a request the server calls wrong stays wrong."""
    if isinstance(error, StatusError):
        return error.status in (408, 429) or error.status >= 500
    return not isinstance(error, ConnectError)


def answer_of(completion: Completion) -> Answer:
    """What is judged: the text without the thinking before it, and the functions called."""
    calls = tuple(_call(raw) for raw in completion.tool_calls)
    return Answer(without_thought(completion.content), calls, completion.finish_reason)


def without_thought(text: str) -> str:
    """An answer without the thinking that a server left in front of it."""
    if "</th" not in text[:1_000_000]:
        return "" if _UNFINISHED.match(text) else text  # cut off before it came to an answer
    return _THOUGHT_WITHOUT_BEGINNING.sub("", _THOUGHT.sub("", text, count=1), count=1)


class _Function(msgspec.Struct):
    name: str = ""
    arguments: Any = None


class _ToolCall(msgspec.Struct):
    function: _Function = msgspec.field(default_factory=_Function)


def _call(raw: msgspec.Raw) -> Call:
    """A tool call as servers write it: arguments as JSON in a string, or at times as an object."""
    try:
        function = msgspec.json.decode(raw, type=_ToolCall).function
        told = function.arguments
        if isinstance(told, str):
            told = msgspec.json.decode(told) if told.strip() else {}
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return Call("", None)
    return Call(function.name, told if isinstance(told, dict) else None)
