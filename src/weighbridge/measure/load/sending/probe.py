"""The first requests of a run: they find out a wrong address, warm the server, and count tokens."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from weighbridge.core.errors import ProtocolError
from weighbridge.core.http import HttpClient
from weighbridge.core.traffic import Message
from weighbridge.measure.load.sending.exchange import send
from weighbridge.measure.load.sending.target import LoadTarget
from weighbridge.measure.load.traffic.text import Calibration, calibrate, probe_texts
from weighbridge.wire.stream import ChatStream

_ANSWER_TOKENS = 4
# Some servers give a few more than asked for; so many more means that they would go on for ever.
_NEVER_ENDS = 256
_LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Probed:
    """What the first requests told.

    Attributes:
        request_s: how long the fastest request took: no user will do many more than 1 / this.
        calibration: how the server counts the tokens of our texts; None where it does not say.
    """

    request_s: float
    calibration: Calibration | None = None


async def probe(
    client: HttpClient, target: LoadTarget, *, seed: int, salt: str, needs_lengths: bool
) -> Probed:
    """Send one request and demand an answer; two when prompts of a wanted length are to be made.

    Raises:
        EndpointError: the endpoint does not serve this model as a chat stream.
    """
    (few_words, short), (many_words, long) = probe_texts(seed, salt)
    few, request_s = await _ask(client, target, short)
    if not needs_lengths or few is None:
        return Probed(request_s)
    many, other_s = await _ask(client, target, long)
    request_s = min(request_s, other_s)
    if many is None:
        return Probed(request_s)
    return Probed(request_s, calibrate((few_words, few), (many_words, many)))


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
