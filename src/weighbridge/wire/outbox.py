"""Writing to many sockets at once, at the end of a round of the event loop.

The first byte for another process wakes it, which costs more than the writing; while it is awake,
the rest is cheap. Written one by one between other work, every answer would wake somebody again.
"""

from __future__ import annotations

import asyncio


class Outbox:
    """What is to be written in this round, in order."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending: list[tuple[asyncio.Transport, bytes]] = []

    def put(self, transport: asyncio.Transport, data: bytes) -> None:
        """Write ``data`` to ``transport`` when the round ends."""
        if not self._pending:
            asyncio.get_running_loop().call_soon(self.flush)
        self._pending.append((transport, data))

    def flush(self) -> None:
        """Write it now: before a connection is closed, or something is written past the outbox."""
        while self._pending:
            pending, self._pending = self._pending, []
            for transport, data in pending:
                if not transport.is_closing():
                    transport.write(data)
