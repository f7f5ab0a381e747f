"""One connection of a client: a request out, its answer in, then the next."""

from __future__ import annotations

import asyncio
import os
from time import perf_counter_ns
from typing import TYPE_CHECKING, Protocol, cast

import httptools

from weighbridge.core.errors import ProtocolError
from weighbridge.core.http import Headers, ResponseHead
from weighbridge.wire.heads import HEAD_LIMIT_BYTES

if TYPE_CHECKING:
    from weighbridge.wire.exchange import HttpExchange


class Home(Protocol):
    """What a connection belongs to: the pool of its origin."""

    name: str

    def idle(self, connection: Connection) -> None:
        """The connection is free for another request."""

    def lost(self, connection: Connection) -> None:
        """The connection is closed."""

    def retry(self, exchange: HttpExchange) -> None:
        """Send the exchange again on a fresh connection."""


class Connection(asyncio.Protocol):
    """A client connection, carrying one exchange at a time."""

    __slots__ = (
        "_callback_error",
        "_complete",
        "_descriptor",
        "_dry_bytes",
        "_exchange",
        "_has_head",
        "_headers",
        "_home",
        "_is_lost",
        "_keep_alive",
        "_parser",
        "_stamp_ns",
        "_stray",
        "_transport",
        "_until_close",
        "_used",
    )

    def __init__(self, home: Home) -> None:
        self._home = home
        self._parser = httptools.HttpResponseParser(self)
        self._exchange: HttpExchange | None = None
        self._transport: asyncio.Transport
        self._headers: list[tuple[bytes, bytes]] = []
        self._descriptor = -1
        self._is_lost = False
        self._stray = False
        self._used = False
        self._stamp_ns = 0
        self._callback_error: Exception | None = None
        self._begin_answer()

    def _begin_answer(self) -> None:
        self._complete = False
        self._has_head = False
        self._until_close = False
        self._keep_alive = False
        self._dry_bytes = 0

    # -- for the pool ---------------------------------------------------------------------------

    @property
    def is_lost(self) -> bool:
        """Whether it is closed for good."""
        return self._is_lost

    @property
    def is_open(self) -> bool:
        """Whether a request may be sent on it."""
        return not (self._is_lost or self._stray or self._transport.is_closing())

    def keep(self) -> None:
        """It was opened ahead: as after a request, the server may close it while it waits."""
        self._used = True

    def send(self, exchange: HttpExchange) -> None:
        """Send a request on this idle connection."""
        if self._is_lost or self._stray:
            # Only possible on a fresh connection that was closed or spoke before we did.
            exchange.settle(_not_http(exchange) if self._stray else _cut(exchange, self._has_head))
            return
        self._begin_answer()
        self._exchange = exchange
        exchange.retryable = self._used
        self._used = True
        if exchange.paused:
            self._transport.pause_reading()
        exchange.sent(self)
        self._write(exchange.payload)

    def _write(self, payload: bytes) -> None:
        """Write at once: an event loop would do it after all else that is ready, unseen by stamps.

        Nothing is buffered before it, because a connection carries one request at a time.
        """
        written = 0
        # What is closing may have lost its descriptor, and another file may have got its number.
        if self._descriptor >= 0 and not self._transport.is_closing():
            try:
                written = os.write(self._descriptor, payload)
            except OSError:
                written = 0  # full or broken: the transport waits or reports it
        if written < len(payload):
            self._transport.write(payload[written:])

    def pause_reading(self) -> None:
        """Stop reading from the socket."""
        if not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read from the socket again."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def drop(self) -> None:
        """Close at once."""
        self._exchange = None
        self._transport.abort()

    def close(self) -> None:
        """Close, failing the exchange that is under way."""
        if self._exchange is not None:
            self._exchange.abort()
        else:
            self._transport.abort()

    # -- asyncio.Protocol -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        self._transport = cast("asyncio.Transport", transport)
        plain = transport.get_extra_info("ssl_object") is None
        sock = transport.get_extra_info("socket") if plain else None
        self._descriptor = sock.fileno() if sock is not None else -1

    def data_received(self, data: bytes) -> None:
        """Stamp, then parse."""
        self._stamp_ns = perf_counter_ns()
        exchange = self._exchange
        if exchange is None:
            # Nobody asked: whatever this is, the next answer could not be told from it.
            self._stray = True
            self._transport.abort()
            return
        exchange.last_ns = self._stamp_ns
        self._dry_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._stray = True
            if not self._complete:
                exchange.fail(self._callback_error or _not_http(exchange))
                return
        if self._complete:
            self._end_answer(exchange)
        elif self._dry_bytes > HEAD_LIMIT_BYTES:
            exchange.fail(_too_much_head(exchange))

    def connection_lost(self, exc: Exception | None) -> None:
        """The answer ended with the connection, or was cut by it."""
        self._is_lost = True
        self._descriptor = -1
        self._home.lost(self)
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return
        if self._has_head and self._until_close and exc is None:
            exchange.settle()
        elif exchange.retryable and not exchange.last_ns:
            self._home.retry(exchange)
        else:
            exchange.settle(_cut(exchange, begun=exchange.last_ns > 0))

    # -- httptools callbacks --------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """A second answer to one request is not ours to read."""
        if self._complete:
            self._stray = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; trailers are dropped."""
        if not self._has_head:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Hand over the head, unless it is an interim (1xx) one."""
        headers, self._headers = tuple(self._headers), []
        exchange = self._exchange
        status = self._parser.get_status_code()
        if exchange is None or self._complete or status < 200:
            return
        # Only a read beyond the limit can hold a head beyond it.
        if self._dry_bytes > HEAD_LIMIT_BYTES and _size(headers) > HEAD_LIMIT_BYTES:
            self._callback_error = _too_much_head(exchange)
            raise self._callback_error
        self._has_head = True
        self._until_close = not any(
            key == b"content-length" or (key == b"transfer-encoding" and b"chunked" in value)
            for key, value in headers
        )
        try:
            exchange.sink.on_head(ResponseHead(status, headers), self._stamp_ns)
        except Exception as error:
            self._callback_error = error
            raise
        if exchange.head_only:
            # The parser cannot be told that no body follows; the connection ends here.
            self._complete = self._stray = True

    def on_body(self, data: bytes) -> None:
        """Hand over some of the body."""
        exchange = self._exchange
        if exchange is None or self._complete:
            return
        self._dry_bytes = 0
        try:
            exchange.sink.on_body(data, self._stamp_ns)
        except Exception as error:
            self._callback_error = error
            raise

    def on_message_complete(self) -> None:
        """The answer ends here; the rest of the read decides about reuse."""
        if self._has_head and not self._complete:
            self._complete = True
            self._keep_alive = self._parser.should_keep_alive()

    def _end_answer(self, exchange: HttpExchange) -> None:
        transport = self._transport
        self._exchange = None
        if exchange.paused and not transport.is_closing():
            transport.resume_reading()
        # A server may answer before it has read the request; the unsent rest bars reuse.
        unsent = transport.get_write_buffer_size()
        if self._keep_alive and not unsent and self.is_open:
            self._home.idle(self)
        elif unsent:
            transport.abort()
        else:
            transport.close()
        exchange.settle()


def _size(headers: Headers) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)


def _too_much_head(exchange: HttpExchange) -> ProtocolError:
    limit = HEAD_LIMIT_BYTES // 1024
    return ProtocolError(f"{exchange.name} sent more than {limit} KiB of headers.")


def _cut(exchange: HttpExchange, begun: bool) -> ProtocolError:
    how = "in the middle of its answer" if begun else "without an answer"
    return ProtocolError(
        f"{exchange.name}: the server closed the connection {how}.",
        fix="Look into the server's log: it may have crashed or run out of memory.",
    )


def _not_http(exchange: HttpExchange) -> ProtocolError:
    return ProtocolError(
        f"{exchange.name} does not speak HTTP.",
        fix="Is the port right, and http or https?",
    )
