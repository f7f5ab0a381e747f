"""One connection to an engine: a request out, its answer in, then the next."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, Protocol, cast

import httptools

from weighbridge.core.http import Headers
from weighbridge.wire.heads import HEAD_LIMIT_BYTES
from weighbridge.wire.known_heads import KnownHeads

if TYPE_CHECKING:
    from collections.abc import Callable

    from weighbridge.wire.outbox import Outbox


_KNOWN: Final[KnownHeads[tuple[int, Headers]]] = KnownHeads()
_LARGE_BYTES: Final = 64 * 1024
_NOT_HTTP: Final = "it does not speak HTTP (is the port right, and http or https?)"
_MIDWAY: Final = "it closed the connection in the middle of its answer"
_NO_ANSWER: Final = "it closed the connection without an answer"


class Receiver(Protocol):
    """Whose answer it is."""

    def on_head(self, status: int, headers: Headers, length: int | None) -> None:
        """The head of the answer; it may take its leave of the connection then."""

    def on_body(self, data: bytes, *, last: bool) -> None:
        """What one read brought of the body; ``last`` of an answer that is complete."""

    def on_broken(self, why: str, *, retry: bool) -> None:
        """There will be no more. ``retry`` when a kept connection turned out to be closed."""


class Upstream(asyncio.Protocol):
    """A connection that carries one answer at a time.

    Attributes:
        idle_since: when it became idle.
        last_s: when it was last read from, or a request sent.
        until_close: whether only the connection's end marks the answer's.
    """

    __slots__ = (
        "_complete",
        "_dry_bytes",
        "_has_head",
        "_headers",
        "_is_lost",
        "_keep_alive",
        "_length",
        "_on_idle",
        "_on_lost",
        "_outbox",
        "_parser",
        "_pieces",
        "_receiver",
        "_status",
        "_stray",
        "_told",
        "_transport",
        "_used",
        "idle_since",
        "last_s",
        "until_close",
    )

    def __init__(
        self,
        outbox: Outbox,
        on_idle: Callable[[Upstream], None],
        on_lost: Callable[[Upstream], None],
    ) -> None:
        self._outbox = outbox
        self._on_idle = on_idle
        self._on_lost = on_lost
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._receiver: Receiver | None = None
        self._is_lost = self._stray = self._used = False
        self._headers: list[tuple[bytes, bytes]] = []
        self._pieces: list[bytes] = []
        self.idle_since = self.last_s = 0.0
        self._begin_answer()

    def _begin_answer(self) -> None:
        self._complete = self._has_head = self._told = False
        self.until_close = self._keep_alive = False
        self._status = 0
        self._length: int | None = None
        self._dry_bytes = 0

    # -- for whoever asks -----------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether a request may be sent on it."""
        return not (self._is_lost or self._stray or self._transport.is_closing())

    def send(self, receiver: Receiver, head: bytes, body: bytes) -> None:
        """Send a request on this idle connection."""
        self._begin_answer()
        self._receiver = receiver
        self.last_s = time.monotonic()
        if len(body) < _LARGE_BYTES:
            self._outbox.put(self._transport, head + body)
        else:  # not copied once more
            self._transport.write(head)
            self._transport.write(body)

    def leave(self) -> None:
        """Nobody waits for the rest: close at once, so that the engine notices."""
        self._receiver = None
        if not self._is_lost:
            self._transport.abort()

    def pause(self) -> None:
        """Stop reading: the client is slow."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    # -- asyncio.Protocol -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Parse, then hand over what there is."""
        receiver = self._receiver
        if receiver is None:
            # Nobody asked: whatever this is, the next answer could not be told from it.
            self._stray = True
            self._transport.abort()
            return
        self.last_s = time.monotonic()
        key = b""
        if not (self._told or self._dry_bytes):
            key, known, body_start = _KNOWN.find(data)
            if known is not None:
                self._status, headers = known
                self._told = self._complete = self._keep_alive = True
                receiver.on_head(self._status, headers, len(data) - body_start)
                if self._receiver is receiver:
                    self._release()
                    receiver.on_body(data[body_start:], last=True)
                return
        self._dry_bytes += len(data)
        why = ""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._stray = True
            why = "" if self._complete else _NOT_HTTP
        if self._has_head and not self._told:
            self._told = True
            headers, self._headers = tuple(self._headers), []
            if key and self._keep_alive and not self._stray and self._length is not None:
                _KNOWN.keep(key, headers, (self._status, headers))
            receiver.on_head(self._status, headers, self._length)
            if self._receiver is not receiver:
                return
        pieces = self._pieces
        if len(pieces) == 1 and not (self._complete or why):
            # What every token of every stream is: handed over without another call.
            self._dry_bytes = 0
            receiver.on_body(pieces.pop(), last=False)
        else:
            self._hand_over(receiver, why)

    def _hand_over(self, receiver: Receiver, why: str) -> None:
        body = b""
        pieces = self._pieces
        if pieces:
            body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            pieces.clear()
            self._dry_bytes = 0
        if self._complete:
            self._release()
            receiver.on_body(body, last=True)
            return
        if not why and self._dry_bytes > HEAD_LIMIT_BYTES:
            why = f"it sent more than {HEAD_LIMIT_BYTES // 1024} KiB of headers"
        if body:
            receiver.on_body(body, last=False)
        if why and self._receiver is receiver:
            self.leave()
            receiver.on_broken(why, retry=False)

    def connection_lost(self, exc: Exception | None) -> None:
        """The answer ended with the connection, or was cut by it."""
        self._is_lost = True
        self._on_lost(self)
        receiver, self._receiver = self._receiver, None
        if receiver is None:
            return
        if self.until_close and exc is None:
            receiver.on_body(b"", last=True)
        elif self._told:
            receiver.on_broken(_MIDWAY, retry=False)
        else:
            fresh = not self._used
            receiver.on_broken(_NO_ANSWER, retry=not fresh and not self._dry_bytes)

    # -- httptools callbacks --------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A second answer to one request is not ours to read."""
        if self._complete:
            self._stray = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; trailers are dropped."""
        if not self._has_head:
            name = name.lower()
            if name == b"content-length":
                self._length = int(value)
            else:
                self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole, unless it is an interim (1xx) one."""
        if self._complete:
            return
        status = self._parser.get_status_code()
        if status < 200 and status != 101:
            self._headers.clear()
            self._length = None
            return
        self._status = status
        self._has_head = True
        if self._length is None and status not in (204, 304):
            self.until_close = not any(
                name == b"transfer-encoding" and b"chunked" in value.lower()
                for name, value in self._headers
            )

    def on_body(self, data: bytes) -> None:
        """Some of the body."""
        if not self._complete:
            self._pieces.append(data)

    def on_message_complete(self) -> None:
        """The answer ends here; the rest of the read decides about reuse."""
        if self._has_head and not self._complete:
            self._complete = True
            self._keep_alive = self._parser.should_keep_alive()

    def _release(self) -> None:
        """Back to the pool, if another answer can follow on it."""
        self._receiver = None
        self._used = True
        transport = self._transport
        # An engine may answer before it has read the request; the unsent rest bars reuse.
        unsent = transport.get_write_buffer_size()
        if self._keep_alive and not (unsent or self._stray or transport.is_closing()):
            self.idle_since = self.last_s
            self._on_idle(self)
        elif unsent:
            transport.abort()
        else:
            transport.close()
