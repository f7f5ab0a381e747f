"""What is done before a level begins, so that it is no part of its times: opening and rendering."""

from __future__ import annotations

import math
import resource
from collections.abc import Sequence
from contextlib import suppress

from weighbridge.core.errors import EndpointError
from weighbridge.core.http import HttpClient, Request
from weighbridge.core.traffic import Conversation, LoadShape
from weighbridge.measure.load.sending.target import LoadTarget

_MOST = 1024
_SPARE_FILES = 128
_MOST_RENDERED = 16 * 1024 * 1024


async def connect_ahead(
    client: HttpClient, target: LoadTarget, shape: LoadShape, conversations: int
) -> None:
    """One for each user of a closed loop; for an open one, as many as requests come in a second.

    Where nobody answers, the requests will tell.
    """
    wanted = shape.concurrency or 0 if shape.kind == "closed" else _in_a_second(shape)
    _allow_files((shape.concurrency or wanted) + _SPARE_FILES)
    with suppress(EndpointError):
        await client.connect(
            target.endpoint.chat, min(wanted, conversations, _MOST), target.timeouts
        )


def render_ahead(target: LoadTarget, conversations: Sequence[Conversation]) -> tuple[Request, ...]:
    """Their first requests as bytes; none where they would take much memory."""
    first = [conversation.turns[0] for conversation in conversations]
    size = sum(len(message.content) for turn in first for message in turn.messages)
    if size > _MOST_RENDERED:
        return ()
    return tuple(target.request(turn.messages, turn.max_tokens) for turn in first)


def _in_a_second(shape: LoadShape) -> int:
    rate = shape.rate or 0.0
    wanted = math.ceil(rate) if math.isfinite(rate) else _MOST
    return min(wanted, shape.concurrency or wanted)


def _allow_files(wanted: int) -> None:
    """Raise this process's limit of open files where it is too low and may be raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
