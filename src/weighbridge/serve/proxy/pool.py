"""Connections to one address, kept for the next request."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Final

from weighbridge.core.errors import ConnectError
from weighbridge.core.http import Url
from weighbridge.serve.proxy.upstream import Upstream
from weighbridge.wire.outbox import Outbox

_IDLE_S: Final = 30.0
_MOST_IDLE: Final = 2048


class RefusedError(ConnectError):
    """Nobody listens at that address, by what its machine says."""


class Pool:
    """Connections to one address: the one used last is used next, so that others may go."""

    def __init__(self, url: Url, outbox: Outbox, tls: Callable[[], ssl.SSLContext] | None) -> None:
        self._outbox = outbox
        self._url = url
        self._tls = tls
        self._idle: dict[Upstream, None] = {}

    def take(self) -> Upstream | None:
        """An idle connection, if there is one that is still open."""
        idle = self._idle
        while idle:
            upstream, _ = idle.popitem()
            if upstream.is_open:
                return upstream
        return None

    async def connect(self, limit_s: float) -> Upstream:
        """A new connection.

        Raises:
            RefusedError: nobody listens there.
            ConnectError: nobody answers there in time, or not with TLS.
        """
        loop = asyncio.get_running_loop()
        name = self._url.origin
        try:
            async with asyncio.timeout(limit_s):
                _, upstream = await loop.create_connection(
                    lambda: Upstream(self._outbox, self._keep, self._forget),
                    self._url.host,
                    self._url.port,
                    ssl=self._tls() if self._tls else None,
                )
        except TimeoutError:
            message = f"{name} did not accept a connection within {limit_s:g} s."
            raise ConnectError(message) from None
        except ssl.SSLError as error:
            message = f"{name} speaks no TLS that is trusted here: {error.reason or error}."
            raise ConnectError(message) from None
        except OSError as error:
            message = f"Nobody answers at {name}: {error.strerror or error}."
            kind = RefusedError if isinstance(error, ConnectionError) else ConnectError
            raise kind(message) from None
        return upstream

    def sweep(self, now_s: float) -> None:
        """Close what has been idle for long."""
        for upstream in list(self._idle):
            if now_s - upstream.idle_since <= _IDLE_S:
                break
            del self._idle[upstream]
            upstream.leave()

    @property
    def idle(self) -> int:
        """How many connections wait for a request."""
        return len(self._idle)

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            self._idle.popitem()[0].leave()

    def _keep(self, upstream: Upstream) -> None:
        if len(self._idle) < _MOST_IDLE:
            self._idle[upstream] = None
        else:
            upstream.leave()

    def _forget(self, upstream: Upstream) -> None:
        self._idle.pop(upstream, None)
