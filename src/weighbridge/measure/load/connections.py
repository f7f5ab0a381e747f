"""Connections opened before a level begins, so that opening them is no part of its first times."""

from __future__ import annotations

import math
import resource
from contextlib import suppress

from weighbridge.core.errors import EndpointError
from weighbridge.core.http import HttpClient
from weighbridge.core.traffic import LoadShape
from weighbridge.measure.load.target import LoadTarget

_MOST = 1024
_SPARE_FILES = 128


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
