"""Writing to many sockets at once, at the end of a round of the event loop.

The first byte for another process wakes it, which costs more than the writing; while it is awake,
the rest is cheap. Written one by one between other work, every answer would wake somebody again:
with 64 connections that takes twice the time of all the rest.
"""

from __future__ import annotations

import asyncio
from typing import Final

# With a thousand streams a round takes long: the first must not wait for the last.
_ENOUGH: Final = 64


class Outbox:
    """What is to be written in this round, in order.

    Attributes:
        pending: all of that; whoever finds nothing here may write past the outbox.
    """

    __slots__ = ("_loop", "pending")

    def __init__(self) -> None:
        self.pending: list[tuple[asyncio.Transport, bytes]] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def put(self, transport: asyncio.Transport, data: bytes) -> None:
        """Write ``data`` to ``transport`` when the round ends, or there is enough for one go."""
        pending = self.pending
        if not pending:
            if self._loop is None:
                self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self.flush)
        pending.append((transport, data))
        if len(pending) >= _ENOUGH:
            self.flush()

    def flush(self) -> None:
        """Write it now: before a connection is closed, or something is written past the outbox."""
        while self.pending:
            pending, self.pending = self.pending, []
            for transport, data in pending:
                if not transport.is_closing():
                    transport.write(data)
