"""Waiting for what has no event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(is_so: Callable[[], bool]) -> None:
    """Return when it is so; the caller sees to it that this ends."""
    while not is_so():  # noqa: ASYNC110 -- what is waited for happens on the other side of a socket
        await asyncio.sleep(0.01)
