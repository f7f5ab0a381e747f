"""The first requests of a run: they find out a wrong address, warm the server, and count tokens."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from weighbridge.core.errors import ProtocolError, StatusError
from weighbridge.core.http import HttpClient
from weighbridge.core.traffic import Message
from weighbridge.measure.load.sending.exchange import send
from weighbridge.measure.load.sending.target import LoadTarget
from weighbridge.measure.load.traffic.text import (
    TYPICAL_TOKENS_PER_WORD,
    Calibration,
    calibrate,
    probe_text,
)
from weighbridge.wire.stream import ChatStream

_ANSWER_TOKENS = 4
# Words of the first text: few beside any prompt asked for, and of the second at most and at least.
_SHORT_WORDS: Final = (4, 48)
_USUAL_WORDS: Final = 16
_SHORT_SHARE: Final = 12
_MOST_WORDS: Final = 480
_LEAST_MORE_WORDS: Final = 4
# Of a prompt: its words may by chance take more tokens than those of the first text.
_SHARE: Final = 0.85
# What servers answer to a prompt that they find too long.
_TOO_LONG: Final = (400, 413, 422)
# Some servers give a few more than asked for; so many more means that they would go on for ever.
_NEVER_ENDS = 256
_LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Probed:
    """What the first requests told.

    Attributes:
        request_s: how long the fastest request took: no user will do many more than 1 / this.
        calibration: how the server counts the tokens of our texts; None where it does not say.
        note: what is assumed instead where it refused to say, in a sentence, or nothing.
    """

    request_s: float
    calibration: Calibration | None = None
    note: str = ""


async def probe(
    client: HttpClient,
    target: LoadTarget,
    *,
    seed: int,
    salt: str,
    needs_lengths: bool,
    prompt_tokens: float | None = None,
) -> Probed:
    """Send one request and demand an answer; two when prompts of a wanted length are to be made.

    Neither is longer than the prompts of ``prompt_tokens`` that are to come, where that is known:
    a server whose context they fill would refuse it.

    Raises:
        EndpointError: the endpoint does not serve this model as a chat stream.
    """
    few_words = _short_words(prompt_tokens)
    few, request_s = await _first(client, target, probe_text(seed, few_words, salt), few_words)
    if not needs_lengths or few is None:
        return Probed(request_s)
    many_words = _long_words(prompt_tokens, few_words, few)
    try:
        many, other_s = await _ask(client, target, probe_text(seed, many_words, salt))
    except (StatusError, ProtocolError) as error:
        return Probed(request_s, note=_uncalibrated(many_words, error))
    request_s = min(request_s, other_s)
    if many is None:
        return Probed(request_s)
    return Probed(request_s, calibrate((few_words, few), (many_words, many)))


def _short_words(prompt_tokens: float | None) -> int:
    if prompt_tokens is None:
        return _USUAL_WORDS
    least, most = _SHORT_WORDS
    return min(most, max(least, int(prompt_tokens / _SHORT_SHARE)))


def _long_words(prompt_tokens: float | None, few_words: int, few: int) -> int:
    """So many that they take no more than the tokens of a prompt, template included.

    A word takes at most what it took in the first text, whose share of the template is larger.
    """
    least = max(2 * few_words, few_words + _LEAST_MORE_WORDS)
    if prompt_tokens is None:
        return _MOST_WORDS
    return min(_MOST_WORDS, max(least, int(_SHARE * prompt_tokens * few_words / max(1, few))))


def _uncalibrated(words: int, error: StatusError | ProtocolError) -> str:
    why = f"status {error.status}" if isinstance(error, StatusError) else "no usable answer"
    return (
        f"the server refused a calibration request of {words} words ({why}), so "
        f"{TYPICAL_TOKENS_PER_WORD:.2f} tokens per word are assumed"
    )


async def _first(
    client: HttpClient, target: LoadTarget, text: str, words: int
) -> tuple[int | None, float]:
    try:
        return await _ask(client, target, text)
    except StatusError as error:
        if error.status in _TOO_LONG:
            error.fix = (
                f"This was the calibration request: {words} words and an answer of "
                f"{_ANSWER_TOKENS} tokens, sent before measuring. {error.fix}"
            ).rstrip()
        raise


async def _ask(client: HttpClient, target: LoadTarget, text: str) -> tuple[int | None, float]:
    """The prompt's tokens by the server's count, and how long the answer took."""
    request = target.request([Message("user", text)], _ANSWER_TOKENS)
    streams: list[ChatStream] = []
    asking = asyncio.create_task(
        send(client, target, request, keep_text=False, watch=streams.append)
    )
    try:
        while not asking.done():
            await asyncio.wait([asking], timeout=_LOOK_S)
            if streams and len(streams[-1].arrivals) > _NEVER_ENDS:
                raise ProtocolError(
                    f"{target.endpoint.chat} does not end its answer: asked for {_ANSWER_TOKENS} "
                    f"tokens, it has sent {len(streams[-1].arrivals)} so far.",
                    fix="Does the server honour max_tokens?",
                )
    finally:
        asking.cancel()
    sent = asking.result()
    if sent.error is not None:
        raise sent.error
    return sent.stream.prompt_tokens, (sent.end_ns - sent.sent_ns) / 1e9
