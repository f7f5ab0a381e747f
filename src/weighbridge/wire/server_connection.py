"""One connection of a server: requests in, answers out, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, cast

import httptools

from weighbridge.core.errors import WeighbridgeError
from weighbridge.wire.defects import SeldomLog, log_defect, send_defect, send_error
from weighbridge.wire.heads import HEAD_LIMIT_BYTES, render_head
from weighbridge.wire.request_head import DECISIVE, head_fault, parse_fault
from weighbridge.wire.responder import Responder, ServerRequest

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from weighbridge.core.http import Headers
    from weighbridge.wire.known_heads import KnownHeads
    from weighbridge.wire.outbox import Outbox

_LINGER_S: Final = 2.0
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
# A client that offers to switch to HTTP/2 in clear text (Java's does) is answered in HTTP/1.1.
_DEFECTS: Final = SeldomLog()
_UPGRADE_HEADERS: Final = frozenset((b"connection", b"upgrade", b"http2-settings"))


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What a client may ask of a server; times in seconds.

    Attributes:
        header_bytes: largest request head.
        body_bytes: largest request body; beyond it the answer is 413.
        read_s: to send a request, from its first byte; beyond it the answer is 408.
        idle_s: between requests; then the connection is closed.
        write_s: without reading anything of an answer that waits for it; then likewise.
        connections: clients at once; a further one is answered 503 and closed. None for any.
    """

    header_bytes: int = HEAD_LIMIT_BYTES
    body_bytes: int = 64 * 1024 * 1024
    read_s: float = 30.0
    idle_s: float = 75.0
    write_s: float = 60.0
    connections: int | None = None


class Owner(Protocol):
    """What a connection belongs to: its server."""

    limits: ServerLimits
    closing: bool
    tasks: set[asyncio.Task[None]]
    known: KnownHeads[tuple[str, bytes, Headers]]
    outbox: Outbox

    def handler(self, request: ServerRequest, responder: Responder) -> Awaitable[None] | None:
        """Answer a request: when what it returns has been awaited, or by callbacks for None."""

    def opened(self, connection: ServerConnection) -> None:
        """A client has connected."""

    def lost(self, connection: ServerConnection) -> None:
        """The connection is closed."""


class _Arrived(NamedTuple):
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
        self._pumping = False
        self._owes_continue = False
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
        self._decisive: list[tuple[bytes, bytes]] = []
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._body_bytes = 0

    # -- for the server -------------------------------------------------------------------------

    def close_when_idle(self) -> None:
        """Close now, or after the request under way."""
        if self._responder is not None and not self._responder.started:
            self._responder.keep_alive = False
        elif not self._is_answering and not self._reading:
            self._transport.close()

    def refuse_connection(self) -> None:
        """Say that there are too many clients, and close."""
        self._deaf = True
        message = "Too many clients are connected; ask again soon, or raise `limits.connections`."
        self._send_refusal(503, message, "overloaded", ((b"retry-after", b"1"),))

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
        elif not self._is_answering and now - self._since > limits.idle_s:
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
        try:
            self._receive(data)
        except Exception as error:  # noqa: BLE001 -- no bytes may bring the server into disorder
            _DEFECTS.tell(error)
            self._refuse(500, "The server failed to read the request; its log says why.")

    def _receive(self, data: bytes) -> None:
        key = b""
        if not self._reading and not self._refusal:
            key, known, body_start = self._owner.known.find(data)
            if known is not None and len(data) - body_start <= self._limits.body_bytes:
                path, query, headers = known
                body = data[body_start:]
                request = ServerRequest("POST", path, query, headers, body, self._peer)
                if self._is_free:
                    self._begin(request, True, True)
                else:
                    self._waiting.append(_Arrived(request, True, True))
                    self._pump()
                return
        self._dry_bytes += len(data)
        while data:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data, key = self._without_upgrade(data[upgrade.args[0] :]), b""
            except httptools.HttpParserError as error:
                self._refuse(*parse_fault(error))
                break
            else:
                break
        if self._dry_bytes > self._limits.header_bytes:
            self._refuse(*self._too_much_head)
        if key and self._waiting and not self._reading and not self._refusal:
            self._remember(key, self._waiting[-1])
        self._pump()

    def _remember(self, key: bytes, arrived: _Arrived) -> None:
        """The read was one whole request, and it was accepted: its like need not be parsed."""
        request, http11, keep_alive = arrived
        if http11 and keep_alive and request.method == "POST":
            self._owner.known.keep(
                key, request.headers, (request.path, request.query, request.headers)
            )

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
            name = name.lower()
            if name in DECISIVE:
                self._decisive.append((name, value))
            if name != b"content-length":
                self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Check the head before any of the body."""
        self._in_body = True
        if self._parser.should_upgrade():
            self._upgrade = True
            return
        # Only a read beyond the limit can hold a head beyond it.
        if self._dry_bytes > self._limits.header_bytes and self._head_too_large():
            self._stop(*self._too_much_head)
        self._check_decisive()

    def _head_too_large(self) -> bool:
        size = len(self._target) + sum(len(name) + len(value) + 4 for name, value in self._headers)
        return size > self._limits.header_bytes

    def _check_decisive(self) -> None:
        fault = head_fault(self._parser.get_http_version(), self._decisive)
        if fault is not None:
            self._stop(*fault)
        fields = dict(self._decisive)
        length = fields.get(b"content-length")
        if length is not None and int(length) > self._limits.body_bytes:
            self._stop(*self._too_much_body)
        if b"expect" in fields and (length is not None or b"transfer-encoding" in fields):
            self._owes_continue = True
            if not self._busy:
                self._send_continue()

    def _send_continue(self) -> None:
        self._owes_continue = False
        self._owner.outbox.put(self._transport, _CONTINUE)

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
        self._owes_continue = False
        self._dry_bytes = 0
        path, query = _split_target(self._target)
        method = self._parser.get_method().decode("latin-1")
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        request = ServerRequest(method, path, query, tuple(self._headers), body, self._peer)
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

    def _send_refusal(
        self,
        status: int,
        message: str,
        kind: str = "invalid_request_error",
        headers: Headers = (),
    ) -> None:
        self._refusal = None
        outbox = self._owner.outbox
        responder = Responder(self._transport, outbox, lambda: None, keep_alive=False)
        responder.error(status, message, kind, headers=headers)
        # Closing with unread bytes would reset the connection before the client has read why.
        self._linger_until = self._loop.time() + _LINGER_S
        outbox.flush()
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _without_upgrade(self, rest: bytes) -> bytes:
        """The request as if it did not ask for another protocol, to be read by a new parser."""
        method = self._parser.get_method()
        if method == b"CONNECT" or self._refusal is not None:
            self._refuse(400, "This server is no proxy.")
            return b""
        fields = [field for field in self._decisive if field[0] == b"content-length"]
        fields += [field for field in self._headers if field[0] not in _UPGRADE_HEADERS]
        version = self._parser.get_http_version().encode("ascii")
        head = render_head(b"%b %b HTTP/%b" % (method, self._target, version), tuple(fields))
        self._parser = httptools.HttpRequestParser(self)
        # What is read once more does not count once more.
        self._dry_bytes = len(head) + len(rest)
        return head + rest

    # -- answering ------------------------------------------------------------------------------

    @property
    def _is_answering(self) -> bool:
        return self._responder is not None or self._task is not None

    @property
    def _is_free(self) -> bool:
        """Whether a request that arrived can be answered at once."""
        is_free = self._responder is None and self._task is None and not self._waiting
        return is_free and not self._pumping and not self._transport.is_closing()

    @property
    def _busy(self) -> bool:
        return self._is_answering or bool(self._waiting)

    def _pump(self) -> None:
        """Start the next handlers until one is under way."""
        if self._pumping:  # one that answered at once: the loop below goes on
            return
        self._pumping = True
        transport = self._transport
        while self._responder is None and self._task is None and not transport.is_closing():
            if self._waiting:
                self._begin(*self._waiting.popleft())
                continue
            if self._refusal is not None and not self._linger_until:
                self._send_refusal(*self._refusal)
            elif self._owes_continue:
                self._send_continue()
            break
        self._pumping = False
        # A client that sends ahead waits in its own socket buffer, not in our memory.
        if bool(self._waiting) != self._read_paused and not transport.is_closing():
            self._read_paused = not self._read_paused
            if self._read_paused:
                transport.pause_reading()
            else:
                transport.resume_reading()

    def _begin(self, request: ServerRequest, http11: bool, keep_alive: bool) -> None:
        keeps = keep_alive and not self._owner.closing
        responder = Responder(self._transport, self._owner.outbox, self._answered, keep_alive=keeps)
        self._responder = responder
        is_head = request.method == "HEAD"
        if is_head or not http11 or self._write_paused:
            responder.suit(head_only=is_head, http11=http11, paused=self._write_paused)
        try:
            answering = self._owner.handler(request, responder)
        except Exception:  # noqa: BLE001 -- a defect of a handler must not end the server
            log_defect(request)
            if not responder.started and not responder.ended:
                send_defect(responder)
            responder.abort()
            return
        if answering is not None:
            self._task = self._loop.create_task(self._run(answering, request, responder))
            self._owner.tasks.add(self._task)
            if isinstance(answering, Coroutine):  # its task may be cancelled before it begins
                self._task.add_done_callback(lambda _: answering.close())

    async def _run(
        self, answering: Awaitable[None], request: ServerRequest, responder: Responder
    ) -> None:
        try:
            await answering
        except WeighbridgeError as error:
            if not responder.started and not responder.ended:
                send_error(responder, error)
        except Exception:  # noqa: BLE001 -- a defect of a handler must not end the server
            log_defect(request)
        finally:
            if not responder.started and not responder.ended:
                send_defect(responder)
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
            self._owner.outbox.flush()
            self._transport.close()
        elif self._task is None:
            self._go_on()

    def _end_task(self) -> None:
        if self._task is not None:
            self._owner.tasks.discard(self._task)
        self._task = None
        self._since = self._loop.time()
        self._go_on()

    def _go_on(self) -> None:
        if self._owner.closing and not self._waiting and not self._reading:
            self._owner.outbox.flush()
            self._transport.close()
        if self._waiting or self._refusal is not None or self._owes_continue or self._read_paused:
            self._pump()


def _split_target(target: bytes) -> tuple[str, bytes]:
    """Path and query of a request target, also of one that names the host as proxies do."""
    path, _, query = target.partition(b"?")
    if not path.startswith(b"/") and b"://" in path:
        path = b"/" + path.partition(b"://")[2].partition(b"/")[2]
    return path.decode("latin-1"), query
