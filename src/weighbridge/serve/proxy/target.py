"""An endpoint as the data plane sees it: its connections, and how requests to it begin."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Final

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.http import Url
from weighbridge.serve.proxy.pool import Pool
from weighbridge.wire.outbox import Outbox

_MOST_KNOWN: Final = 512
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Target:
    """One endpoint, worked out once instead of with every request."""

    __slots__ = ("_begins", "_rest", "endpoint", "model", "pool")

    def __init__(self, endpoint: Endpoint, pool: Pool) -> None:
        self.endpoint = endpoint
        self.model = endpoint.model
        self.pool = pool
        self._begins: dict[tuple[str, bytes], bytes] = {}
        url = endpoint.base
        is_default = url.port == _DEFAULT_PORTS[url.scheme]
        host = url.origin.partition("://")[2]
        host = host.rpartition(":")[0] if is_default else host
        self._rest = b"host: %b\r\n" % host.encode("ascii")
        if endpoint.key is not None:
            key = endpoint.key.encode("latin-1", "replace").translate(None, b"\r\n\0")
            self._rest += b"authorization: Bearer %b\r\n" % key

    def begin(self, path: str, query: bytes) -> bytes:
        """Request line and first headers of a request for ``path``, which begins with ``/v1/``."""
        begin = self._begins.get((path, query))
        if begin is None:
            onward = self.endpoint.base.join(path.removeprefix("/v1/")).path.encode("ascii")
            asked = b"%b?%b" % (onward, query) if query else onward
            begin = b"POST %b HTTP/1.1\r\n%b" % (asked, self._rest)
            if not query:  # clients choose it: there is no end of them
                self._begins[path, query] = begin
        return begin


class Targets:
    """The targets of all endpoints, with one pool for each address."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self._outbox = Outbox()
        self._pools: dict[tuple[str, str, int], Pool] = {}
        self._targets: dict[int, Target] = {}

    def __getitem__(self, endpoint: Endpoint) -> Target:
        # By identity: hashing an endpoint costs more than everything else that is done here.
        target = self._targets.get(id(endpoint))
        if target is None or target.endpoint is not endpoint:
            if len(self._targets) >= _MOST_KNOWN:
                self._targets.clear()
            target = self._targets[id(endpoint)] = Target(endpoint, self._pool(endpoint.base))
        return target

    def sweep(self, now_s: float) -> int:
        """Close connections that have long been idle; how many are left."""
        for origin, pool in list(self._pools.items()):
            pool.sweep(now_s)
            if len(self._pools) > _MOST_KNOWN and not pool.idle:
                del self._pools[origin]
                self._targets.clear()
        return sum(pool.idle for pool in self._pools.values())

    def close(self) -> None:
        """Close all that is idle."""
        for pool in self._pools.values():
            pool.close()

    def _pool(self, url: Url) -> Pool:
        origin = (url.scheme, url.host, url.port)
        pool = self._pools.get(origin)
        if pool is None:
            tls: Callable[[], ssl.SSLContext] | None = None
            if url.scheme == "https":
                tls = self._tls_context
            pool = self._pools[origin] = Pool(url, self._outbox, tls)
        return pool

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls
