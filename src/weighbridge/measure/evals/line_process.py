"""A process of our own that answers each line with a line, for work that may have to be ended."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import cast

from weighbridge.core.errors import ExternalError


class LineProcess:
    """A process, begun when first needed; it ends when this one does."""

    def __init__(self, argv: Sequence[str], what: str, first: bytes = b"") -> None:
        """``argv`` gets the number of its socket as a last word.

        Args:
            argv: the command.
            what: it does, for errors: "searches for patterns".
            first: a line that it is given before all others, and does not answer.
        """
        self._argv = argv
        self._what = what
        self._first = first
        self._child: subprocess.Popen[bytes] | None = None
        self._lines: _Lines | None = None
        self._beginning = asyncio.Lock()

    async def asked(self, line: bytes) -> bytes:
        """The answer to a line.

        Raises:
            ExternalError: the process cannot be started, or died.
        """
        if self._lines is None or self._lines.is_lost:
            async with self._beginning:
                if self._lines is None or self._lines.is_lost:
                    self._lines = await self._begin()
        return await self._lines.asked(line)

    async def close(self) -> None:
        """End the process."""
        if self._lines is not None:
            self._lines.end()
        if self._child is not None:
            self._child.kill()
            self._child.wait()
        self._child = self._lines = None

    async def _begin(self) -> _Lines:
        await self.close()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                self._child = _child(self._argv, theirs)
        except OSError as error:
            ours.close()
            raise ExternalError(
                f"The process that {self._what} cannot be started: {error.strerror}.",
                fix="Check the limits on processes and memory.",
            ) from error
        made = partial(_Lines, self._what)
        _, lines = await asyncio.get_running_loop().create_connection(made, sock=ours)
        if self._first:
            lines.tell(self._first)
        return lines


def _child(argv: Sequence[str], stream: socket.socket) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*argv, str(stream.fileno())], pass_fds=[stream.fileno()], stdin=subprocess.DEVNULL
    )


class _Lines(asyncio.Protocol):
    """A line out, a line back, in the same order."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._waiting: deque[asyncio.Future[bytes]] = deque()
        self._rest = b""
        self._transport: asyncio.WriteTransport | None = None
        self.is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Lines can be sent."""
        self._transport = cast("asyncio.WriteTransport", transport)  # no class of uvloop's says so

    def data_received(self, data: bytes) -> None:
        """Some lines came back, the last of them perhaps in part."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            future = self._waiting.popleft()
            if not future.done():  # whoever waited may have been cancelled
                future.set_result(line)

    def connection_lost(self, _: Exception | None) -> None:
        """The process ended, or was told to."""
        self.is_lost = True
        for future in self._waiting:
            if not future.done():
                future.set_exception(ExternalError(f"The process that {self._what} died."))
        self._waiting.clear()

    def asked(self, line: bytes) -> asyncio.Future[bytes]:
        """The answer to a line."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self.tell(line)
        return future

    def tell(self, line: bytes) -> None:
        """Send a line that has no answer."""
        assert self._transport is not None  # noqa: S101 -- connected before it is used
        self._transport.write(line + b"\n")

    def end(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()
