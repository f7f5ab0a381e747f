"""Search by a suite's pattern in a process of its own, which gives up after a time.

Some patterns take longer than the universe has been there for a text of forty letters, and while
Python searches, nothing else in its process runs. In the process that is begun here a timer ends
each search; the one that waits for it goes on meanwhile.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections import deque
from typing import cast

import msgspec

from weighbridge.core.errors import ExternalError

# Run without the site's packages, so that it starts within some hundredths of a second. A signal's
# handler may raise in the midst of a search: `re` looks for signals every few thousand steps.
_CHILD = """
import json, re, signal, socket, sys

class GivenUp(Exception):
    pass

def give_up(*_):
    raise GivenUp

signal.signal(signal.SIGALRM, give_up)
signal.signal(signal.SIGINT, signal.SIG_IGN)
stream = socket.socket(fileno=int(sys.argv[1])).makefile("rwb")
for line in stream:
    patterns, flags, text, last, limit_s = json.loads(line)
    told = None
    try:
        signal.setitimer(signal.ITIMER_REAL, limit_s)
        for pattern in patterns:
            for match in re.finditer(pattern, text, flags):
                told = (match[1] if match.re.groups else match[0]) or ""
                if not last:
                    break
            if told is not None:
                break
        signal.setitimer(signal.ITIMER_REAL, 0)
    except GivenUp:
        told = False
    except (re.error, RecursionError, OverflowError, MemoryError) as error:
        told = [str(error)]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    stream.write(json.dumps(told).encode() + b"\\n")
    stream.flush()
"""


class SearchTimeoutError(Exception):
    """A search took longer than it may."""


class Search(msgspec.Struct, frozen=True, array_like=True):
    """What to look for.

    Attributes:
        patterns: in turn, until one is found.
        flags: of :mod:`re`.
        text: where.
        last: whether the last match counts, instead of the first.
        limit_s: longest time for all patterns together.
    """

    patterns: tuple[str, ...]
    flags: int
    text: str
    last: bool
    limit_s: float


class PatternSearch:
    """A process that searches, begun when first needed; it ends when this one does."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._lines: _Lines | None = None
        self._beginning = asyncio.Lock()
        self._encode = msgspec.json.Encoder().encode

    async def found(self, search: Search) -> str | None:
        """The first group of the match, or all of it where the pattern has none; None for no match.

        Raises:
            SearchTimeoutError: it took longer than it may.
            ExternalError: the process cannot be started, or died.
        """
        if self._lines is None or self._lines.is_lost:
            async with self._beginning:
                if self._lines is None or self._lines.is_lost:
                    self._lines = await self._begin()
        told = msgspec.json.decode(await self._lines.asked(self._encode(search)))
        if told is False:
            raise SearchTimeoutError
        if isinstance(told, list):
            raise ExternalError(f"The pattern cannot be searched for: {told[0]}.")
        return None if told is None else str(told)

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
                self._child = _child(theirs)
        except OSError as error:
            ours.close()
            raise ExternalError(
                f"The process that searches for patterns cannot be started: {error.strerror}.",
                fix="Check the limits on processes and memory.",
            ) from error
        _, lines = await asyncio.get_running_loop().create_connection(_Lines, sock=ours)
        return lines


def _child(stream: socket.socket) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-I", "-S", "-c", _CHILD, str(stream.fileno())]
    return subprocess.Popen(argv, pass_fds=[stream.fileno()], stdin=subprocess.DEVNULL)


class _Lines(asyncio.Protocol):
    """A line out, a line back, in the same order."""

    def __init__(self) -> None:
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
                future.set_exception(ExternalError("The process that searches for patterns died."))
        self._waiting.clear()

    def asked(self, line: bytes) -> asyncio.Future[bytes]:
        """The answer to a line."""
        assert self._transport is not None  # noqa: S101 -- connected before it is used
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._transport.write(line + b"\n")
        return future

    def end(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()
