"""A small HTTP/1.1 server for language-model traffic."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

from weighbridge.core.errors import ExternalError
from weighbridge.core.http import Headers
from weighbridge.wire.known_heads import KnownHeads
from weighbridge.wire.outbox import Outbox
from weighbridge.wire.responder import Responder, ServerRequest
from weighbridge.wire.server_connection import ServerConnection, ServerLimits

__all__ = ["Handler", "Responder", "Server", "ServerLimits", "ServerRequest", "serve"]

Handler = Callable[[ServerRequest, Responder], Awaitable[None]]
"""Answers one request.

An exception of Weighbridge becomes a JSON error (502, or 400 for an ``InputError``) if nothing was
sent yet, and otherwise a visible cut. An answer that is not finished when the handler returns is
cut as well. The handler is not cancelled when the client leaves: see ``Responder.client_gone``.
"""

Answerer = Callable[[ServerRequest, Responder], Awaitable[None] | None]
"""A handler that may also return None: then callbacks of its own end the answer, without a task."""

_BACKLOG = 2048
_CANCEL_WAIT_S = 2.0


class Server:
    """A listening server, made by :func:`serve`; as a context manager it closes without grace.

    Attributes:
        handler: answers the requests.
        limits: what a client may ask.
        closing: whether :meth:`close` has been called.
        tasks: handlers under way.
        known: heads of requests that were seen before.
        outbox: what is to be written to clients.
    """

    def __init__(self, handler: Answerer, limits: ServerLimits) -> None:
        self.handler = handler
        self.limits = limits
        self.closing = False
        self.tasks: set[asyncio.Task[None]] = set()
        self.known: KnownHeads[tuple[str, bytes, Headers]] = KnownHeads()
        self.outbox = Outbox()
        self._connections: set[ServerConnection] = set()
        self._listener: asyncio.Server | None = None
        self._sweep: asyncio.TimerHandle | None = None
        self._all_lost = asyncio.Event()
        self._tls: ssl.SSLContext | None = None
        self._path: Path | None = None
        self._inode = 0

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
        sock = self._listener.sockets[0]
        if sock.family == socket.AF_UNIX:
            message = "the server listens at a path, not at a port"
            raise RuntimeError(message)
        host, port = sock.getsockname()[:2]
        return host, port

    @property
    def url(self) -> str:
        """The address as ``http://host:port``."""
        host, port = self.address
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def close(self, grace_s: float = 0.0) -> None:
        """Stop listening, let answers under way end within ``grace_s`` seconds, cut the rest."""
        self.closing = True
        if self._listener is not None:
            self._listener.close()
            self._remove_path()
        self.outbox.flush()
        for connection in list(self._connections):
            connection.close_when_idle()
        if grace_s > 0:
            await self._wait_until_lost(grace_s)
        self.outbox.flush()
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
        most = self.limits.connections
        if self.closing:
            connection.drop()
        elif most is not None and len(self._connections) > most:
            connection.refuse_connection()

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
                ssl=self._tls,
            )
        except OSError as error:
            raise _listen_error(host, port, error) from error
        self._check_limits()

    async def _listen_at(self, path: Path) -> None:
        """Listen at a Unix socket; one that nobody listens at any more is replaced."""
        loop = asyncio.get_running_loop()
        try:
            _remove_stale(path)
            self._listener = await loop.create_unix_server(
                lambda: ServerConnection(self), path, backlog=_BACKLOG, ssl=self._tls
            )
        except OSError as error:
            raise _path_error(path, error) from error
        self._path = path
        self._inode = path.stat().st_ino  # noqa: ASYNC240 -- once, at the start
        self._check_limits()

    async def _listen_on(self, descriptor: int) -> None:
        """Listen on a Unix socket that another process has bound, and will remove."""
        self._listener = await asyncio.get_running_loop().create_unix_server(
            lambda: ServerConnection(self),
            sock=socket.socket(fileno=os.dup(descriptor)),
            backlog=_BACKLOG,
            ssl=self._tls,
        )
        self._check_limits()

    def _remove_path(self) -> None:
        """Unless another server has put its own socket there."""
        path, self._path = self._path, None
        with contextlib.suppress(OSError):
            if path is not None and path.stat().st_ino == self._inode:
                path.unlink()

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
    handler: Answerer,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    limits: ServerLimits | None = None,
    reuse_port: bool = False,
    tls: ssl.SSLContext | None = None,
    path: Path | None = None,
    descriptor: int | None = None,
) -> Server:
    """Listen on ``host`` and ``port`` (0 for any free one) and answer with ``handler``.

    Args:
        handler: answers the requests, one at a time per connection.
        host: name or address to bind.
        port: TCP port.
        limits: sizes and times; the defaults suit chat requests.
        reuse_port: let several processes share the port.
        tls: certificate and key, to serve https.
        path: listen at this Unix socket instead of host and port.
        descriptor: of a Unix socket that is bound already, for several processes to share it.

    Raises:
        ExternalError: the port is taken or may not be used.
    """
    server = Server(handler, limits or ServerLimits())
    server._tls = tls  # noqa: SLF001 -- its constructor
    if descriptor is not None:
        await server._listen_on(descriptor)  # noqa: SLF001 -- likewise
    elif path is None:
        await server._listen(host, port, reuse_port=reuse_port)  # noqa: SLF001 -- likewise
    else:
        await server._listen_at(path)  # noqa: SLF001 -- likewise
    return server


def bound_socket(path: Path) -> socket.socket:
    """A Unix socket at ``path``, for processes to share by its descriptor.

    Raises:
        ExternalError: the path is taken or may not be used.
    """
    sock = socket.socket(socket.AF_UNIX)
    try:
        _remove_stale(path)
        sock.bind(str(path))
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise _path_error(path, error) from error
    return sock


def _remove_stale(path: Path) -> None:
    """Remove a socket whose server is gone: it would bar the path for ever."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()


def _path_error(path: Path, error: OSError) -> ExternalError:
    why = "it is taken" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
    return ExternalError(f"Cannot listen at {path}: {why}.", fix="Choose another path.")


def _listen_error(host: str, port: int, error: OSError) -> ExternalError:
    fix = "Choose another with --port, or stop what uses it."
    if error.errno == errno.EADDRINUSE:
        return ExternalError(f"Port {port} on {host} is taken.", fix=fix)
    why = error.strerror or str(error)
    fix = "Choose another address or port."
    return ExternalError(f"Cannot listen on port {port} of {host}: {why}.", fix=fix)
