"""One connection of a server: requests in, answers out, in order."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

import httptools

from weighbridge.core.errors import EndpointError, InputError, WeighbridgeError
from weighbridge.wire.heads import HEAD_LIMIT_BYTES, render_head
from weighbridge.wire.responder import Responder, ServerRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from weighbridge.core.http import Headers

_log = logging.getLogger("weighbridge.wire")
_LINGER_S = 2.0
_BODY_HEADERS = frozenset((b"content-length", b"transfer-encoding", b"expect"))
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# A client that offers to switch to HTTP/2 in clear text (Java's does) is answered in HTTP/1.1.
_UPGRADE_HEADERS = frozenset((b"connection", b"upgrade", b"http2-settings"))


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What a client may ask of a server; times in seconds.

    Attributes:
        header_bytes: largest request head.
        body_bytes: largest request body; beyond it the answer is 413.
        read_s: to send a request, from its first byte; beyond it the answer is 408.
        idle_s: between requests; then the connection is closed.
        write_s: without reading anything of an answer that waits for it; then likewise.
    """

    header_bytes: int = HEAD_LIMIT_BYTES
    body_bytes: int = 64 * 1024 * 1024
    read_s: float = 30.0
    idle_s: float = 75.0
    write_s: float = 60.0


class Owner(Protocol):
    """What a connection belongs to: its server."""

    limits: ServerLimits
    closing: bool
    tasks: set[asyncio.Task[None]]

    def handler(self, request: ServerRequest, responder: Responder) -> Awaitable[None]:
        """Answer a request."""

    def opened(self, connection: ServerConnection) -> None:
        """A client has connected."""

    def lost(self, connection: ServerConnection) -> None:
        """The connection is closed."""


@dataclass(frozen=True, slots=True)
class _Arrived:
    """A whole request and what its connection needs to know of it."""

    request: ServerRequest
    http11: bool
    keep_alive: bool


class _RefusedError(Exception):
    """Stops the parser; the refusal itself is kept by the connection."""


class ServerConnection(asyncio.Protocol):
    """Parses requests and runs the handler on one after the other.

    A client that closes its sending side counts as gone: that is how it shows first that nobody
    waits for the answer any more.
    """

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._limits = owner.limits
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._peer = ""
        self._waiting: deque[_Arrived] = deque()
        self._refusal: tuple[int, str] | None = None
        self._responder: Responder | None = None
        self._task: asyncio.Task[None] | None = None
        self._deaf = False
        self._read_paused = False
        self._write_paused = False
        self._since = self._loop.time()
        self._linger_until = 0.0
        self._write_paused_since = 0.0
        # Bytes since the last of any body: bounds heads, trailers and chunk extensions alike.
        self._dry_bytes = 0
        self._reset_request()

    def _reset_request(self) -> None:
        self._reading = False
        self._in_body = False
        self._upgrade = False
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._body_bytes = 0

    # -- for the server -------------------------------------------------------------------------

    def close_when_idle(self) -> None:
        """Close now, or after the request under way."""
        if self._responder is not None and not self._responder.started:
            self._responder.keep_alive = False
        elif self._task is None and not self._reading:
            self._transport.close()

    def drop(self) -> None:
        """Close at once."""
        self._transport.abort()

    def check(self, now: float) -> None:
        """Enforce the time limits; called every now and then."""
        limits = self._limits
        if self._linger_until:
            if now > self._linger_until:
                self._transport.abort()
        elif self._write_paused:
            if now - self._write_paused_since > limits.write_s:
                self._transport.abort()
        elif self._reading and self._refusal is None and not self._read_paused:
            if now - self._since > limits.read_s:
                self._refuse(408, f"The request was not complete after {limits.read_s:g} s.")
        elif self._task is None and now - self._since > limits.idle_s:
            self._transport.close()

    # -- asyncio.Protocol -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if peer else ""
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        """Parse, then answer what is complete."""
        if self._deaf:
            return
        self._dry_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            self._refuse(400, f"The request is not HTTP/1.1: {error}.")
        if self._dry_bytes > self._limits.header_bytes:
            self._refuse(*self._too_much_head)
        self._pump()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's
        """The client is gone."""
        self._deaf = True
        self._waiting.clear()
        self._owner.lost(self)
        if self._responder is not None:
            self._responder.set_gone()

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self._write_paused = True
        self._write_paused_since = self._loop.time()
        if self._responder is not None:
            self._responder.set_paused(True)

    def resume_writing(self) -> None:
        """The client caught up."""
        self._write_paused = False
        if self._responder is not None:
            self._responder.set_paused(False)

    # -- httptools callbacks --------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._reset_request()
        self._reading = True
        self._since = self._loop.time()

    def on_url(self, data: bytes) -> None:
        """Some of the target."""
        self._target += data

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header; trailers are dropped."""
        if not self._in_body:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Check the head before any of the body."""
        self._in_body = True
        if self._parser.should_upgrade():
            self._upgrade = True
            return
        # Only a read beyond the limit can hold a head beyond it.
        if self._dry_bytes > self._limits.header_bytes and self._head_too_large():
            self._stop(*self._too_much_head)
        special = [field for field in self._headers if field[0] in _BODY_HEADERS]
        if special:
            self._check_body_headers(special)

    def _head_too_large(self) -> bool:
        size = len(self._target) + sum(len(name) + len(value) + 4 for name, value in self._headers)
        return size > self._limits.header_bytes

    def _check_body_headers(self, headers: list[tuple[bytes, bytes]]) -> None:
        lengths = [value for name, value in headers if name == b"content-length"]
        codings = [value for name, value in headers if name == b"transfer-encoding"]
        # Two framings in one head are how requests are smuggled past a proxy: never guess.
        if len(lengths) + len(codings) > 1 or codings not in ([], [b"chunked"]):
            self._stop(400, "The request's length is given twice or in an unknown coding.")
        if lengths and int(lengths[0]) > self._limits.body_bytes:
            self._stop(*self._too_much_body)
        expects = any(name == b"expect" for name, _ in headers)
        if expects and (lengths or codings) and not self._busy:
            self._transport.write(_CONTINUE)

    def on_body(self, data: bytes) -> None:
        """Some of the body."""
        self._dry_bytes = 0
        self._body_bytes += len(data)
        if self._body_bytes > self._limits.body_bytes:
            self._stop(*self._too_much_body)
        self._body.append(data)

    def on_message_complete(self) -> None:
        """A whole request: it waits for its turn."""
        if self._upgrade:
            return
        self._reading = False
        self._dry_bytes = 0
        path, query = _split_target(self._target)
        request = ServerRequest(
            method=self._parser.get_method().decode("latin-1"),
            path=path,
            query=query,
            headers=tuple(self._headers),
            body=b"".join(self._body),
            peer=self._peer,
        )
        self._body.clear()
        http11 = self._parser.get_http_version() == "1.1"
        keep_alive = http11 and self._parser.should_keep_alive()
        self._waiting.append(_Arrived(request, http11, keep_alive))

    # -- refusing -------------------------------------------------------------------------------

    @property
    def _too_much_head(self) -> tuple[int, str]:
        return 431, f"The headers exceed {self._limits.header_bytes} bytes."

    @property
    def _too_much_body(self) -> tuple[int, str]:
        return 413, f"The body exceeds {self._limits.body_bytes} bytes."

    def _stop(self, status: int, message: str) -> None:
        """Refuse from within a callback of the parser."""
        self._refuse(status, message)
        raise _RefusedError

    def _refuse(self, status: int, message: str) -> None:
        """Answer ``message`` after the requests that came before, then close."""
        if self._refusal is None:
            self._refusal = (status, message)
            self._deaf = True
            self._pump()

    def _send_refusal(self, status: int, message: str) -> None:
        self._refusal = None
        responder = Responder(
            self._transport,
            lambda: None,
            head_only=False,
            http11=True,
            keep_alive=False,
            paused=self._write_paused,
        )
        responder.error(status, message, "invalid_request_error")
        # Closing with unread bytes would reset the connection before the client has read why.
        self._linger_until = self._loop.time() + _LINGER_S
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _ignore_upgrade(self, rest: bytes) -> None:
        """Take the request as if it did not ask for another protocol."""
        method = self._parser.get_method()
        if method == b"CONNECT" or self._refusal is not None:
            self._refuse(400, "This server is no proxy.")
            return
        kept: Headers = tuple(field for field in self._headers if field[0] not in _UPGRADE_HEADERS)
        head = render_head(b"%b %b HTTP/1.1" % (method, self._target), kept)
        self._parser = httptools.HttpRequestParser(self)
        self.data_received(head + rest)

    # -- answering ------------------------------------------------------------------------------

    @property
    def _busy(self) -> bool:
        return self._task is not None or bool(self._waiting)

    def _pump(self) -> None:
        """Start the next handler unless one is under way."""
        if self._task is None and not self._transport.is_closing():
            if self._waiting:
                self._begin(self._waiting.popleft())
            elif self._refusal is not None and not self._linger_until:
                self._send_refusal(*self._refusal)
        # A client that sends ahead waits in its own socket buffer, not in our memory.
        if bool(self._waiting) != self._read_paused and not self._transport.is_closing():
            self._read_paused = not self._read_paused
            if self._read_paused:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def _begin(self, arrived: _Arrived) -> None:
        self._responder = Responder(
            self._transport,
            self._answered,
            head_only=arrived.request.method == "HEAD",
            http11=arrived.http11,
            keep_alive=arrived.keep_alive and not self._owner.closing,
            paused=self._write_paused,
        )
        self._task = self._loop.create_task(self._run(arrived.request, self._responder))
        self._owner.tasks.add(self._task)

    async def _run(self, request: ServerRequest, responder: Responder) -> None:
        try:
            await self._owner.handler(request, responder)
        except WeighbridgeError as error:
            if not responder.started and not responder.ended:
                _send_error(responder, error)
        except Exception:  # noqa: BLE001 -- a defect of a handler must not end the server
            _log.exception("The handler of %s %s failed", request.method, request.path)
        finally:
            if not responder.started and not responder.ended:
                _send_defect(responder)
            # An answer that its handler left unfinished must not look complete.
            responder.abort()
            self._end_task()

    def _answered(self) -> None:
        """The answer has ended; its handler may still have work to do."""
        responder, self._responder = self._responder, None
        self._since = self._loop.time()
        if responder is not None and not responder.keep_alive:
            self._deaf = True
            self._waiting.clear()
            self._transport.close()

    def _end_task(self) -> None:
        if self._task is not None:
            self._owner.tasks.discard(self._task)
        self._task = None
        self._since = self._loop.time()
        if self._owner.closing and not self._waiting and not self._reading:
            self._transport.close()
        self._pump()


def _split_target(target: bytes) -> tuple[str, bytes]:
    """Path and query of a request target, also of one that names the host as proxies do."""
    path, _, query = target.partition(b"?")
    if not path.startswith(b"/") and b"://" in path:
        path = b"/" + path.partition(b"://")[2].partition(b"/")[2]
    return path.decode("latin-1"), query


def _send_error(responder: Responder, error: WeighbridgeError) -> None:
    if isinstance(error, InputError):
        responder.error(400, str(error), "invalid_request_error")
    else:
        code = error.kind if isinstance(error, EndpointError) else None
        responder.error(502, str(error), "upstream_error", code)


def _send_defect(responder: Responder) -> None:
    responder.error(500, "The server failed to answer; its log says why.", "internal_error")
