"""What passes between an HTTP client or server and those who use one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from weighbridge.core.errors import InputError

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Url:
    """An ``http`` or ``https`` address, split once."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and port, without a path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def __str__(self) -> str:
        return self.origin + self.path

    def join(self, path: str) -> Url:
        """The address of ``path`` below this one."""
        return Url(self.scheme, self.host, self.port, f"{self.path.rstrip('/')}/{path.lstrip('/')}")


def parse_url(text: str) -> Url:
    """Split an address; ``localhost:8000`` is taken as ``http://localhost:8000``.

    Raises:
        InputError: it is no http(s) address, or carries a user name, password or query.
    """
    fix = "Write for example http://127.0.0.1:8000/v1."
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port if parts.port is not None else 443 if parts.scheme == "https" else 80
    except ValueError as error:
        raise InputError(f"{text!r} is not an address: {error}.", fix=fix) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise InputError(f"{text!r} is not an http or https address.", fix=fix)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InputError(f"The address {text!r} may only have a host, a port and a path.", fix=fix)
    if any(character <= " " or character > "~" for character in text):
        raise InputError(f"The address {text!r} has characters that no address has.", fix=fix)
    return Url(parts.scheme, parts.hostname, port, parts.path or "/")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds that each phase of a request may take."""

    connect: float = 5.0
    first_byte: float = 120.0
    between_bytes: float = 60.0
    total: float = 600.0


@dataclass(frozen=True, slots=True)
class Request:
    """A request to send. ``headers`` excludes Host and Content-Length, which the client writes.

    ``rendered`` is all of it as it goes out, where that was made ahead; otherwise empty.
    """

    method: str
    url: Url
    headers: Headers = ()
    body: bytes = b""
    rendered: bytes = b""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """Status line and headers (names in lower case) of an answer."""

    status: int
    headers: Headers

    def header(self, name: bytes) -> bytes:
        """The first value of a header, or nothing."""
        return next((value for key, value in self.headers if key == name), b"")


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer."""

    head: ResponseHead
    body: bytes


class Sink(Protocol):
    """Receives an answer as it arrives.

    ``stamp_ns`` is the monotonic clock at the socket read, taken before any parsing.
    """

    def on_head(self, head: ResponseHead, stamp_ns: int) -> None:
        """Status and headers are complete."""

    def on_body(self, data: bytes, stamp_ns: int) -> None:
        """Some bytes of the body, transfer encoding removed."""


class Exchange(Protocol):
    """One request in flight."""

    @property
    def sent_ns(self) -> int:
        """Monotonic clock when the request's first byte was handed to the socket."""

    @property
    def sendings(self) -> int:
        """How often it was sent: twice where a kept connection was closed before any answer."""

    @property
    def last_ns(self) -> int:
        """Monotonic clock at the last read from the server, 0 before the first."""

    async def finished(self) -> None:
        """Wait for the end of the answer.

        Raises:
            EndpointError: refused, cut, malformed or too late.
        """

    def abort(self) -> None:
        """Give up: close the connection, so that the server notices."""

    def pause(self) -> None:
        """Stop reading from the server until :meth:`resume` (back-pressure)."""

    def resume(self) -> None:
        """Read on."""


class HttpClient(Protocol):
    """A pool of keep-alive connections."""

    async def start(self, request: Request, sink: Sink, timeouts: Timeouts) -> Exchange:
        """Send a request; its answer goes to ``sink``. Retried only while nothing was sent.

        Raises:
            ConnectError: nobody answers at the address.
        """

    async def connect(self, url: Url, count: int, timeouts: Timeouts) -> None:
        """Open connections ahead of the requests that will use them, up to ``count`` idle ones.

        Raises:
            ConnectError: nobody answers at the address, or not in time.
        """

    async def fetch(self, request: Request, timeouts: Timeouts) -> Response:
        """Send a request and wait for the whole answer, whatever its status.

        Raises:
            EndpointError: refused, cut, malformed or too late.
        """
