"""A small HTTP/1.1 server for language-model traffic."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable

from weighbridge.core.errors import ExternalError
from weighbridge.wire.responder import Responder, ServerRequest
from weighbridge.wire.server_connection import ServerConnection, ServerLimits

__all__ = ["Handler", "Responder", "Server", "ServerLimits", "ServerRequest", "serve"]

Handler = Callable[[ServerRequest, Responder], Awaitable[None]]
"""Answers one request.

An exception of Weighbridge becomes a JSON error (502, or 400 for an ``InputError``) if nothing was
sent yet, and otherwise a visible cut. An answer that is not finished when the handler returns is
cut as well. The handler is not cancelled when the client leaves: see ``Responder.client_gone``.
"""

_BACKLOG = 2048
_CANCEL_WAIT_S = 2.0


class Server:
    """A listening server, made by :func:`serve`; as a context manager it closes without grace.

    Attributes:
        handler: answers the requests.
        limits: what a client may ask.
        closing: whether :meth:`close` has been called.
        tasks: handlers under way.
    """

    def __init__(self, handler: Handler, limits: ServerLimits) -> None:
        self.handler = handler
        self.limits = limits
        self.closing = False
        self.tasks: set[asyncio.Task[None]] = set()
        self._connections: set[ServerConnection] = set()
        self._listener: asyncio.Server | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._all_lost = asyncio.Event()

    async def __aenter__(self) -> Server:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port it is bound to; the real port when 0 was asked for."""
        if self._listener is None or not self._listener.sockets:
            message = "the server does not listen"
            raise RuntimeError(message)
        host, port = self._listener.sockets[0].getsockname()[:2]
        return host, port

    @property
    def url(self) -> str:
        """The address as ``http://host:port``."""
        host, port = self.address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def close(self, grace_s: float = 0.0) -> None:
        """Stop listening, let answers under way end within ``grace_s`` seconds, cut the rest."""
        self.closing = True
        if self._listener is not None:
            self._listener.close()
        for connection in list(self._connections):
            connection.close_when_idle()
        if grace_s > 0:
            await self._wait_until_lost(grace_s)
        for connection in list(self._connections):
            connection.drop()
        # Also those whose client has left: they run to their end otherwise.
        for task in list(self.tasks):
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=_CANCEL_WAIT_S)
        await self._wait_until_lost(_CANCEL_WAIT_S)
        if self._sweep is not None:
            self._sweep.cancel()

    # -- Owner ----------------------------------------------------------------------------------

    def opened(self, connection: ServerConnection) -> None:
        """Remember the connection."""
        self._connections.add(connection)
        if self.closing:
            connection.drop()

    def lost(self, connection: ServerConnection) -> None:
        """Forget the connection."""
        self._connections.discard(connection)
        if not self._connections:
            self._all_lost.set()

    async def _listen(self, host: str, port: int, *, reuse_port: bool) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._listener = await loop.create_server(
                lambda: ServerConnection(self),
                host,
                port,
                backlog=_BACKLOG,
                reuse_port=reuse_port or None,
            )
        except OSError as error:
            raise _listen_error(host, port, error) from error
        self._check_limits()

    def _check_limits(self) -> None:
        """One timer for all connections: requests cost a stamp, not a timer each."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in list(self._connections):
            connection.check(now)
        limits = self.limits
        shortest_s = min(limits.read_s, limits.idle_s, limits.write_s)
        self._sweep = loop.call_later(min(1.0, shortest_s / 4), self._check_limits)

    async def _wait_until_lost(self, limit_s: float) -> None:
        if not self._connections:
            return
        self._all_lost.clear()
        try:
            async with asyncio.timeout(limit_s):
                await self._all_lost.wait()
        except TimeoutError:
            return


async def serve(
    handler: Handler,
    host: str,
    port: int,
    *,
    limits: ServerLimits | None = None,
    reuse_port: bool = False,
) -> Server:
    """Listen on ``host`` and ``port`` (0 for any free one) and answer with ``handler``.

    Args:
        handler: answers the requests, one at a time per connection.
        host: name or address to bind.
        port: TCP port.
        limits: sizes and times; the defaults suit chat requests.
        reuse_port: let several processes share the port.

    Raises:
        ExternalError: the port is taken or may not be used.
    """
    server = Server(handler, limits or ServerLimits())
    await server._listen(host, port, reuse_port=reuse_port)  # noqa: SLF001 -- its constructor
    return server


def _listen_error(host: str, port: int, error: OSError) -> ExternalError:
    fix = "Choose another with --port, or stop what uses it."
    if error.errno == errno.EADDRINUSE:
        return ExternalError(f"Port {port} on {host} is taken.", fix=fix)
    why = error.strerror or str(error)
    fix = "Choose another address or port."
    return ExternalError(f"Cannot listen on port {port} of {host}: {why}.", fix=fix)
