"""A pool of keep-alive HTTP/1.1 connections: the client behind all measuring and routing."""

from __future__ import annotations

import asyncio
import math
import socket
import ssl
from time import perf_counter
from typing import TYPE_CHECKING, Self

from weighbridge.core.errors import ConnectError, DeadlineError, EndpointError, ProtocolError
from weighbridge.core.http import Request, Response, ResponseHead, Sink, Timeouts, Url
from weighbridge.wire.connection import Connection
from weighbridge.wire.exchange import HttpExchange
from weighbridge.wire.heads import render_request

if TYPE_CHECKING:
    from collections.abc import Callable

FETCH_LIMIT_BYTES = 64 * 1024 * 1024
_CLOSE_WAIT_S = 2.0
_CONNECTS_AT_ONCE = 64


class Client:
    """Sends requests on kept-alive connections; implements core's ``HttpClient``.

    A client belongs to the event loop that first uses it. Redirects are not followed.

    Args:
        max_connections: most connections per origin; further requests wait. None for no limit.
        tls: context for https; by default the system's certificate authorities are trusted.
    """

    def __init__(
        self, *, max_connections: int | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._max_connections = max_connections
        self._tls = tls
        self._origins: dict[tuple[str, str, int], _Origin] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def start(self, request: Request, sink: Sink, timeouts: Timeouts) -> HttpExchange:
        """Send a request; its answer goes to ``sink``, whatever its status.

        Raises:
            ConnectError: nobody answers at the address, or not in time: nothing was sent.
            DeadlineError: no connection became free in time.
            InputError: the request cannot be written as HTTP.
        """
        origin = self._origin(request.url)
        exchange = HttpExchange(
            request.rendered or render_request(request),
            sink,
            timeouts,
            name=origin.name,
            head_only=request.method == "HEAD",
        )
        await origin.begin(exchange, timeouts)
        return exchange

    async def connect(self, url: Url, count: int, timeouts: Timeouts) -> None:
        """Open connections ahead of the requests that will use them, up to ``count`` idle ones.

        Raises:
            ConnectError: nobody answers at the address, or not in time.
        """
        await self._origin(url).open(count, timeouts)

    async def fetch(self, request: Request, timeouts: Timeouts) -> Response:
        """Send a request and wait for the whole answer, whatever its status.

        Raises:
            EndpointError: refused, cut, malformed, too late, or larger than 64 MiB.
        """
        answer = _Collector(request.url.origin)
        exchange = await self.start(request, answer, timeouts)
        await exchange.finished()
        return answer.response()

    async def close(self) -> None:
        """Close all connections; requests in flight fail."""
        origins, self._origins = list(self._origins.values()), {}
        for origin in origins:
            await origin.close()

    def _origin(self, url: Url) -> _Origin:
        key = (url.scheme, url.host, url.port)
        origin = self._origins.get(key)
        if origin is None:
            tls = self._tls_context if url.scheme == "https" else None
            origin = self._origins[key] = _Origin(url, tls, self._max_connections)
        return origin

    def _tls_context(self) -> ssl.SSLContext:
        # Loading the system's authorities takes tens of milliseconds: once, and only for https.
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls


class _Collector:
    """A sink that keeps the whole answer."""

    __slots__ = ("_head", "_name", "_pieces", "_size")

    def __init__(self, name: str) -> None:
        self._name = name
        self._pieces: list[bytes] = []
        self._size = 0
        self._head = ResponseHead(0, ())

    def on_head(self, head: ResponseHead, stamp_ns: int) -> None:  # noqa: ARG002 -- a Sink's
        self._head = head

    def on_body(self, data: bytes, stamp_ns: int) -> None:  # noqa: ARG002 -- a Sink's
        self._size += len(data)
        if self._size > FETCH_LIMIT_BYTES:
            limit = FETCH_LIMIT_BYTES // (1024 * 1024)
            raise ProtocolError(f"{self._name} sent an answer of more than {limit} MiB.")
        self._pieces.append(data)

    def response(self) -> Response:
        return Response(self._head, b"".join(self._pieces))


class _Origin:
    """The connections to one scheme, host and port."""

    def __init__(
        self, url: Url, tls: Callable[[], ssl.SSLContext] | None, max_connections: int | None
    ) -> None:
        self.name = url.origin
        self._url = url
        self._tls = tls
        # Exchanges take slots, not connections: an idle connection is always taken before a new
        # one is opened, so limiting the exchanges limits the connections too.
        self._slots = asyncio.Semaphore(max_connections) if max_connections else None
        self._most = max_connections or math.inf
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._retries: set[asyncio.Task[None]] = set()
        self._all_lost: asyncio.Event | None = None

    async def begin(self, exchange: HttpExchange, timeouts: Timeouts) -> None:
        """Send ``exchange`` on an idle or a new connection."""
        if self._slots is not None:
            await self._take_slot(self._slots, timeouts)
            exchange.call_at_end(self._slots.release)
        try:
            connection = self._reuse() or await self._connect(timeouts)
        except BaseException as error:
            exchange.settle(error if isinstance(error, Exception) else None)
            raise
        connection.send(exchange)

    async def open(self, count: int, timeouts: Timeouts) -> None:
        """Have ``count`` idle connections; not all at once, which would overrun the backlog."""
        missing = min(count - len(self._idle), self._most - len(self._open))
        while missing > 0:
            batch = [self._connect(timeouts) for _ in range(int(min(missing, _CONNECTS_AT_ONCE)))]
            made = await asyncio.gather(*batch, return_exceptions=True)
            for connection in made:
                if isinstance(connection, Connection):
                    connection.keep()
                    self._idle.append(connection)
            for failure in made:
                if isinstance(failure, BaseException):
                    raise failure
            missing -= len(made)

    async def _take_slot(self, slots: asyncio.Semaphore, timeouts: Timeouts) -> None:
        if not slots.locked():
            await slots.acquire()
            return
        try:
            async with asyncio.timeout(_finite(timeouts.total)):
                await slots.acquire()
        except TimeoutError:
            message = f"No connection to {self.name} became free within {timeouts.total:g} s."
            raise DeadlineError(message, fix="Allow more connections or more time.") from None

    def _reuse(self) -> Connection | None:
        while self._idle:
            # Last in, first out: the others may grow old and be closed.
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    async def _connect(self, timeouts: Timeouts) -> Connection:
        url = self._url
        limit_s = min(timeouts.connect, timeouts.total)
        began = perf_counter()
        try:
            async with asyncio.timeout(_finite(limit_s)):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(self),
                    url.host,
                    url.port,
                    ssl=self._tls() if self._tls else None,
                )
        except TimeoutError as error:
            # The kernel gives up too (ETIMEDOUT), possibly before we do.
            waited = min(limit_s, perf_counter() - began)
            message = f"{self.name} did not accept a connection within {waited:g} s (connect)."
            raise ConnectError(message, fix="Is the host up and the address right?") from error
        except (OSError, UnicodeError) as error:
            raise self._connect_error(error) from error
        # Not in connection_made: uvloop reports no loss of a connection whose making was cancelled.
        if not connection.is_lost:
            self._open.add(connection)
        return connection

    def _connect_error(self, error: Exception) -> EndpointError:
        fix = "Is the server running and is the address right?"
        match error:
            case ssl.SSLError():
                why = f"no TLS connection to it: {error.reason or error}"
                fix = "Does the server speak https, with a certificate that this host trusts?"
            case socket.gaierror() | UnicodeError():
                why = f"the host name {self._url.host!r} is not known"
            case ConnectionRefusedError():
                why = "the connection was refused"
            case _:
                why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return ConnectError(f"Nobody answers at {self.name}: {why}.", fix=fix)

    # -- Home -----------------------------------------------------------------------------------

    def idle(self, connection: Connection) -> None:
        """Keep the connection for the next request."""
        self._idle.append(connection)

    def lost(self, connection: Connection) -> None:
        """Forget the connection."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if self._all_lost is not None and not self._open:
            self._all_lost.set()

    def retry(self, exchange: HttpExchange) -> None:
        """Send the exchange once more, on a fresh connection.

        A kept-alive connection may be closed by the server at the very moment we send on it. Not
        one byte of an answer came, so the server has most likely never read the request; and
        should it have done so, a second completion only costs its time. A fresh connection has no
        such excuse and is not retried, so this happens at most once.
        """
        exchange.connection = None
        task = asyncio.get_running_loop().create_task(self._send_again(exchange))
        self._retries.add(task)
        task.add_done_callback(self._retries.discard)

    async def _send_again(self, exchange: HttpExchange) -> None:
        try:
            connection = await self._connect(exchange.timeouts)
        except EndpointError as error:
            exchange.settle(error)
        except asyncio.CancelledError:
            exchange.abort()
            raise
        else:
            if exchange.settled:
                connection.drop()
            else:
                connection.send(exchange)

    async def close(self) -> None:
        """Close every connection and wait until the event loop has let go of them."""
        for task in list(self._retries):
            task.cancel()
        await asyncio.gather(*self._retries, return_exceptions=True)
        if not self._open:
            return
        self._all_lost = asyncio.Event()
        for connection in list(self._open):
            connection.close()
        try:
            async with asyncio.timeout(_CLOSE_WAIT_S):
                await self._all_lost.wait()
        except TimeoutError:
            return


def _finite(limit_s: float) -> float | None:
    """A limit as ``asyncio.timeout`` takes it; an event loop has no timer for infinity."""
    return None if math.isinf(limit_s) else limit_s
