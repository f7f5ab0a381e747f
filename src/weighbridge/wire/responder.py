"""What a server's handler is given: the request, and the means to answer it."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Any, Final, Protocol

import msgspec

from weighbridge.wire.heads import render_head, status_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from weighbridge.core.http import Headers
    from weighbridge.wire.outbox import Outbox

_LARGE_BYTES: Final = 64 * 1024
_RESET: Final = struct.pack("ii", 1, 0)
_BODILESS: Final = frozenset((b"204", b"304"))  # these end with their heads, and say no length
_JSON: Final[Headers] = ((b"content-type", b"application/json"),)
# Headers about the connection, not the message: the responder writes its own.
_FRAMING: Final = frozenset(
    (
        b"connection",
        b"content-length",
        b"keep-alive",
        b"proxy-connection",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)


class ServerRequest(msgspec.Struct, frozen=True):  # a dataclass takes ten times as long to make
    """A whole request.

    Attributes:
        method: in upper case.
        path: of the target, percent-encoding as sent.
        query: what follows the first ``?``, or nothing.
        headers: names in lower case, without Content-Length.
        body: transfer encoding removed.
        peer: the client's address without its port.
    """

    method: str
    path: str
    query: bytes
    headers: Headers
    body: bytes
    peer: str

    def header(self, name: bytes) -> bytes:
        """The first value of a header, or nothing."""
        return next((value for key, value in self.headers if key == name), b"")


def error_body(message: str, kind: str, code: str | int | None = None) -> bytes:
    """An error in the shape of OpenAI's."""
    return msgspec.json.encode({"error": {"message": message, "type": kind, "code": code}})


def _chunk(data: bytes, *, last: bool) -> bytes:
    if not last:
        return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n"


def _nothing() -> None:
    pass


class Listener(Protocol):
    """Who wants to know how the client does."""

    def on_gone(self) -> None:
        """It has closed its connection before the answer's end."""

    def on_pause(self) -> None:
        """It reads too slowly."""

    def on_resume(self) -> None:
        """It caught up."""


class Responder:
    """Answers one request. Everything is written at once; nothing here waits but :meth:`drain`.

    Writing after the client is gone does nothing. The server writes the headers that frame the
    message (Content-Length, Transfer-Encoding, Connection) and drops such headers of others.

    Attributes:
        started: whether the head has been written.
        ended: whether the answer is finished, aborted, or its client gone.
        keep_alive: whether the connection stays open afterwards.
    """

    # As attributes of the class, because most answers never change them.
    started = False
    ended = False
    _head_only = False
    _chunked = False
    _gone = False
    _paused = False
    _http11 = True
    _remaining: int | None = None
    _gone_event: asyncio.Event | None = None
    _on_gone: tuple[Callable[[], None], ...] = ()
    _pause: Callable[[], None] | None = None
    _resume: Callable[[], None] | None = None
    _drained: asyncio.Future[None] | None = None

    def __init__(
        self,
        transport: asyncio.Transport,
        outbox: Outbox,
        on_end: Callable[[], None],
        *,
        keep_alive: bool,
    ) -> None:
        self.keep_alive = keep_alive
        self._transport = transport
        self._outbox = outbox
        self._on_end = on_end
        self._listener: Listener | None = None

    def suit(self, *, head_only: bool, http11: bool, paused: bool) -> None:
        """Answer no ordinary request: to HEAD, over HTTP/1.0, or while the client is slow."""
        self._head_only = head_only
        self._http11 = http11
        self._paused = paused

    # -- answering ------------------------------------------------------------------------------

    def start(self, status: int, headers: Headers = (), length: int | None = None) -> None:
        """Write the head. Without a length the body is chunked.

        Raises:
            RuntimeError: it has been written already.
            InputError: a header cannot be written.
        """
        self._write(self._head(status, headers, length))

    def write(self, data: bytes, *, last: bool = False) -> None:
        """Write some of the body; with ``last`` only :meth:`finish` may follow.

        Raises:
            RuntimeError: the head is missing or the answer is finished.
            ValueError: it is longer than announced.
        """
        if not self.started or (self.ended and not self._gone):
            message = "write() belongs between start() and finish()"
            raise RuntimeError(message)
        if self._head_only or not (data or last):
            return
        if self._chunked:
            if last:
                self._chunked = False
                data = _chunk(data, last=True)
            elif not self._gone and len(data) < _LARGE_BYTES:
                # Without another call: this is done for every token of every stream.
                data = b"%x\r\n%b\r\n" % (len(data), data)
                if self._outbox.pending:
                    self._outbox.put(self._transport, data)
                elif not self._transport.is_closing():
                    self._transport.write(data)
                return
            else:
                data = _chunk(data, last=False)
        elif self._remaining is not None:
            if len(data) > self._remaining:
                message = "the body is longer than announced"
                raise ValueError(message)
            self._remaining -= len(data)
        self._write(data)

    def begin(self, head: bytes, body: bytes, length: int | None, *, last: bool) -> None:
        """Write a head that is rendered already, but for its framing, and the first of the body.

        For those who pass on the answers of others, many thousand a second.

        Args:
            head: status line and headers, each line with its end; none of them frames the message.
            body: its first bytes.
            length: of the whole body; chunked for None.
            last: whether that is all of the body.
        """
        self.started = True
        if not body and head[9:12] in _BODILESS:
            self._remaining = 0
            framing = b""
        elif length is not None:
            self._remaining = length - len(body)
            framing = b"content-length: %d\r\n" % length
        elif self._http11:
            self._chunked = not last
            framing = b"transfer-encoding: chunked\r\n"
            body = _chunk(body, last=last)
        else:
            self.keep_alive = False
            framing = b""
        closing = b"" if self.keep_alive else b"connection: close\r\n"
        self._write(b"%b%b%b\r\n%b" % (head, framing, closing, body))

    def finish(self) -> None:
        """The answer is complete. One that is shorter than announced is aborted instead."""
        if self.ended:
            return
        if self._remaining and not self._head_only:
            self.abort()
            return
        if self._chunked and not self._head_only:
            self._write(b"0\r\n\r\n")
        self._end()

    def abort(self) -> None:
        """Close after what is written, without a clean end, so that the client sees a cut."""
        if self.ended:
            return
        self.keep_alive = False
        if self.started and not self._chunked and self._remaining is None:
            # Only the connection's end marks this body's end: a reset alone shows the cut.
            sock = self._transport.get_extra_info("socket")
            if sock is not None:
                self._outbox.flush()
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._transport.abort()
        self._end()

    def send(self, status: int, headers: Headers, body: bytes) -> None:
        """Write a whole answer."""
        head = self._head(status, headers, len(body))
        self._write(head if self._head_only else head + body)
        self._remaining = 0
        self._end()

    def json(self, status: int, obj: Any) -> None:  # noqa: ANN401 -- anything msgspec encodes
        """Write a whole answer in JSON."""
        self.send(status, _JSON, msgspec.json.encode(obj))

    def error(
        self,
        status: int,
        message: str,
        kind: str,
        code: str | int | None = None,
        headers: Headers = (),
    ) -> None:
        """Write a whole answer that is an error in the shape of OpenAI's."""
        self.send(status, _JSON + headers, error_body(message, kind, code))

    # -- the client's side ----------------------------------------------------------------------

    @property
    def client_gone(self) -> asyncio.Event:
        """Set when the client has closed its connection before the answer's end."""
        if self._gone_event is None:
            self._gone_event = asyncio.Event()
            if self._gone:
                self._gone_event.set()
        return self._gone_event

    def listen(self, listener: Listener) -> None:
        """Have ``listener`` told of the client: all that follows, in one."""
        self._listener = listener
        if self._gone:
            listener.on_gone()
        elif self._paused:
            listener.on_pause()

    def on_gone(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called when the client leaves before the answer's end."""
        if self._gone:
            callback()
        else:
            self._on_gone = (*self._on_gone, callback)

    def on_pressure(self, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        """Have ``pause`` called when the client reads too slowly, ``resume`` when it caught up."""
        self._pause, self._resume = pause, resume
        if self._paused:
            pause()

    async def drain(self) -> None:
        """Wait while the client reads too slowly; returns at once when it is gone."""
        self._outbox.flush()
        if self._paused and not self.ended:
            if self._drained is None:
                self._drained = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._drained)

    # -- for the connection ---------------------------------------------------------------------

    def set_paused(self, paused: bool) -> None:
        """The socket's buffer is full, or empty again."""
        self._paused = paused
        callback, listener = self._pause if paused else self._resume, self._listener
        if callback is not None and not self.ended:
            callback()
        if listener is not None and not self.ended:
            listener.on_pause() if paused else listener.on_resume()
        if not paused:
            self._release()

    def set_gone(self) -> None:
        """The client has closed its connection."""
        if self.ended:
            return
        self._gone = True
        self.keep_alive = False
        if self._gone_event is not None:
            self._gone_event.set()
        for callback in self._on_gone:
            callback()
        if self._listener is not None:
            self._listener.on_gone()
        self._end()

    def _head(self, status: int, headers: Headers, length: int | None) -> bytes:
        if self.started:
            message = "the answer has been started already"
            raise RuntimeError(message)
        fields = [field for field in headers if field[0].lower() not in _FRAMING]
        if status < 200 or status in (204, 304):
            self._head_only = True
        elif length is not None:
            self._remaining = length
            fields.append((b"content-length", b"%d" % length))
        elif not self._http11:
            self.keep_alive = False
        elif not self._head_only:
            self._chunked = True
            fields.append((b"transfer-encoding", b"chunked"))
        if not self.keep_alive:
            fields.append((b"connection", b"close"))
        head = render_head(status_line(status), tuple(fields))
        self.started = True
        return head

    def _write(self, data: bytes) -> None:
        if self._gone:
            return
        self._outbox.put(self._transport, data)
        if len(data) > _LARGE_BYTES:  # whether the client keeps up has to be known at once
            self._outbox.flush()

    def _release(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)

    def _end(self) -> None:
        self.ended = True
        if self._drained is not None:
            self._release()
        # What hangs together in a circle would have to wait for the garbage collector.
        self._listener = None
        if self._on_gone or self._pause is not None:
            self._on_gone = ()
            self._pause = self._resume = None
        on_end, self._on_end = self._on_end, _nothing
        on_end()
