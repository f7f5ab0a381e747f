"""HTTP connections that stay open between requests."""

from __future__ import annotations

import ssl
import threading
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

_KEPT_OPEN: Final = 16


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds: for any byte, and for one whole answer."""

    silence_s: float = 10.0
    answer_s: float = 60.0


class Connections:
    """Connections that stay open between requests, for several threads; honours proxy settings."""

    def __init__(self, patience: Patience | None = None) -> None:
        self.patience = patience or Patience()
        self._idle: dict[tuple[str, str], list[HTTPConnection]] = {}
        self._lock = threading.Lock()
        self._tls: ssl.SSLContext | None = None

    def __enter__(self) -> Connections:
        return self

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            idle = [each for kept in self._idle.values() for each in kept]
            self._idle.clear()
        for connection in idle:
            connection.close()

    def take(self, scheme: str, netloc: str) -> tuple[HTTPConnection, bool]:
        """A connection to that server, and whether it has been used before."""
        with self._lock:
            kept = self._idle.get((scheme, netloc))
            if kept:
                return kept.pop(), True
        return self._new(scheme, netloc), False

    def give_back(self, scheme: str, netloc: str, connection: HTTPConnection) -> None:
        """Keep a connection whose answer has been read to its end."""
        with self._lock:
            kept = self._idle.setdefault((scheme, netloc), [])
            if len(kept) < _KEPT_OPEN:
                kept.append(connection)
                return
        connection.close()

    def _new(self, scheme: str, netloc: str) -> HTTPConnection:
        timeout = self.patience.silence_s
        parts = urlsplit(f"{scheme}://{netloc}")
        host = parts.hostname or ""
        port = parts.port or (443 if scheme == "https" else 80)
        proxy = None if proxy_bypass(netloc) else getproxies().get(scheme)
        if scheme == "https":
            if self._tls is None:
                self._tls = ssl.create_default_context()
            if proxy is None:
                return HTTPSConnection(host, port, timeout=timeout, context=self._tls)
            through = urlsplit(proxy)
            tunnel = HTTPSConnection(
                through.hostname or "", through.port or 8080, timeout=timeout, context=self._tls
            )
            tunnel.set_tunnel(host, port)
            return tunnel
        if proxy is not None:
            through = urlsplit(proxy)
            return HTTPConnection(through.hostname or "", through.port or 8080, timeout=timeout)
        return HTTPConnection(host, port, timeout=timeout)
