"""A server whose every token is due at a known time: the truth that the load client is held to.

It answers chat requests with ``max_tokens`` tokens, the first ``--ttft-ms`` after the request
arrived, the others ``--itl-ms`` apart, and logs when each was really written. It serves ``--slots``
requests at once, so that its capacity is known too: slots ÷ (TTFT + (tokens − 1) × ITL).

A plain epoll loop on blocking-free sockets: event loops batch their writes, and then the log would
not say when a token left. Arrival of a request is the kernel's own stamp (SO_TIMESTAMPNS), so that
neither our lateness in reading it nor the client's is part of the truth. Linux only.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import socket
import struct
import time
from array import array
from collections import deque
from dataclasses import dataclass, field
from heapq import heappop, heappush

import msgspec

from weighbridge.engines.lifeline import die_with_parent

_SO_TIMESTAMPNS = 35  # <asm-generic/socket.h>
_TIMESPEC = struct.Struct("@ll")
_READ_BYTES = 64 * 1024
_REQUEST_LIMIT_BYTES = 16 * 1024 * 1024
_NS = 1_000_000_000
_NS_PER_MS = 1_000_000
MODEL = "precise"


class _Body(msgspec.Struct):
    max_tokens: int | None = None
    max_completion_tokens: int | None = None


@dataclass(slots=True)
class _Connection:
    """A client's connection: what has been read of the next request, and what it waits for."""

    sock: socket.socket
    read: bytearray = field(default_factory=bytearray)
    unsent: bytearray = field(default_factory=bytearray)
    stream: _Stream | None = None


@dataclass(frozen=True, slots=True)
class _Dialect:
    """Events of an answer: the head and its first token, any other token, and why it ended."""

    first: bytes
    token: bytes
    finish: bytes


@dataclass(slots=True)
class _Stream:
    """An answer under way."""

    connection: _Connection
    dialect: _Dialect
    tokens: int
    arrived_ns: int
    begun_ns: int = 0
    sent_ns: array[int] = field(default_factory=lambda: array("Q"))


class PreciseServer:
    """Answers on a listening socket until the process ends."""

    def __init__(self, listener: socket.socket, ttft_ms: float, itl_ms: float, slots: int) -> None:
        self._listener = listener
        self._ttft_ns = round(ttft_ms * _NS_PER_MS)
        self._itl_ns = round(itl_ms * _NS_PER_MS)
        self._slots = slots
        self._epoll = select.epoll()
        self._epoll.register(listener.fileno(), select.EPOLLIN)
        self._connections: dict[int, _Connection] = {}
        self._due: list[tuple[int, int, _Stream]] = []
        self._order = 0
        self._active = 0
        self._waiting: deque[_Stream] = deque()
        self._log: list[_Stream] = []
        self._to_monotonic_ns = time.perf_counter_ns() - time.time_ns()

    def run(self) -> None:
        """Serve for ever."""
        while True:
            for descriptor, event in self._epoll.poll(self._wait_s()):
                if descriptor == self._listener.fileno():
                    self._accept()
                elif descriptor in self._connections:
                    self._on_event(self._connections[descriptor], event)
            self._emit()

    def _wait_s(self) -> float:
        """Until the next token is due: whole milliseconds by epoll, the rest by sleeping."""
        if not self._due:
            return 0.05
        left_ns = self._due[0][0] - time.perf_counter_ns()
        if left_ns >= 2 * _NS_PER_MS:
            # epoll rounds up to whole milliseconds.
            return (left_ns // _NS_PER_MS - 1) / 1000
        if left_ns > 0:
            time.sleep(left_ns / _NS)
        return 0

    # -- reading ----------------------------------------------------------------------------------

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except BlockingIOError:
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self._connections[sock.fileno()] = _Connection(sock)
            self._epoll.register(sock.fileno(), select.EPOLLIN)

    def _on_event(self, connection: _Connection, event: int) -> None:
        if event & select.EPOLLOUT:
            self._flush(connection)
        if not event & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            return
        try:
            data, ancillary, _, _ = connection.sock.recvmsg(_READ_BYTES, 64)
        except BlockingIOError:
            return
        except OSError:
            data, ancillary = b"", []
        if not data or len(connection.read) > _REQUEST_LIMIT_BYTES:
            self._close(connection)
            return
        connection.read += data
        self._take_requests(connection, self._arrival_ns(ancillary))

    def _arrival_ns(self, ancillary: list[tuple[int, int, bytes]]) -> int:
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
                seconds, nanoseconds = _TIMESPEC.unpack_from(data)
                return int(seconds * _NS + nanoseconds + self._to_monotonic_ns)
        return time.perf_counter_ns()

    def _take_requests(self, connection: _Connection, arrived_ns: int) -> None:
        while True:
            head_end = connection.read.find(b"\r\n\r\n")
            if head_end < 0:
                return
            head = bytes(connection.read[:head_end])
            size = _content_length(head)
            end = head_end + 4 + size
            if len(connection.read) < end:
                return
            body = bytes(connection.read[head_end + 4 : end])
            del connection.read[:end]
            self._on_request(connection, head.split(b" ", 2)[:2], body, arrived_ns)

    def _on_request(
        self, connection: _Connection, line: list[bytes], body: bytes, arrived_ns: int
    ) -> None:
        if line == [b"GET", b"/v1/models"]:
            models = {"object": "list", "data": [{"id": MODEL, "object": "model"}]}
            self._answer(connection, msgspec.json.encode(models))
        elif line == [b"GET", b"/health"]:
            self._answer(connection, b"{}")
        elif line == [b"GET", b"/log"]:
            self._answer(connection, self._take_log())
        elif line == [b"POST", b"/v1/chat/completions"]:
            self._begin(connection, _CHAT, body, arrived_ns)
        elif line == [b"POST", b"/v1/completions"]:
            self._begin(connection, _COMPLETION, body, arrived_ns)
        else:
            self._answer(connection, b'{"error":{"message":"no such path"}}', b"404 Not Found")

    def _begin(
        self, connection: _Connection, dialect: _Dialect, body: bytes, arrived_ns: int
    ) -> None:
        try:
            asked = msgspec.json.decode(body, type=_Body)
        except msgspec.DecodeError:
            self._answer(connection, b'{"error":{"message":"not JSON"}}', b"400 Bad Request")
            return
        tokens = asked.max_tokens or asked.max_completion_tokens or 64
        stream = connection.stream = _Stream(connection, dialect, max(1, tokens), arrived_ns)
        if self._slots and self._active >= self._slots:
            self._waiting.append(stream)
        else:
            self._start(stream, arrived_ns)

    def _start(self, stream: _Stream, at_ns: int) -> None:
        self._active += 1
        stream.begun_ns = at_ns
        self._schedule(stream)

    def _schedule(self, stream: _Stream) -> None:
        due = stream.begun_ns + self._ttft_ns + len(stream.sent_ns) * self._itl_ns
        self._order += 1
        heappush(self._due, (due, self._order, stream))

    # -- writing ----------------------------------------------------------------------------------

    def _emit(self) -> None:
        due = self._due
        while due and due[0][0] <= time.perf_counter_ns():
            _, _, stream = heappop(due)
            if stream.connection.stream is not stream:
                continue  # its client has gone
            index = len(stream.sent_ns)
            dialect = stream.dialect
            data = dialect.first if index == 0 else dialect.token
            last = index == stream.tokens - 1
            if last:
                data += dialect.finish + _end(stream.tokens)
            stream.sent_ns.append(time.perf_counter_ns())
            self._send(stream.connection, data)
            if last:
                self._end(stream)
            else:
                self._schedule(stream)

    def _end(self, stream: _Stream) -> None:
        stream.connection.stream = None
        self._log.append(stream)
        self._release()

    def _release(self) -> None:
        self._active -= 1
        while self._waiting and self._active < self._slots:
            waiting = self._waiting.popleft()
            if waiting.connection.stream is waiting:
                self._start(waiting, time.perf_counter_ns())

    def _answer(self, connection: _Connection, body: bytes, status: bytes = b"200 OK") -> None:
        head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        self._send(connection, head % (status, len(body)) + body)

    def _send(self, connection: _Connection, data: bytes) -> None:
        if connection.unsent:
            connection.unsent += data
            return
        try:
            sent = connection.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(connection)
            return
        if sent < len(data):
            connection.unsent += data[sent:]
            self._epoll.modify(connection.sock.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _flush(self, connection: _Connection) -> None:
        data, connection.unsent = bytes(connection.unsent), bytearray()
        self._epoll.modify(connection.sock.fileno(), select.EPOLLIN)
        self._send(connection, data)

    def _close(self, connection: _Connection) -> None:
        descriptor = connection.sock.fileno()
        if self._connections.pop(descriptor, None) is None:
            return
        self._epoll.unregister(descriptor)
        connection.sock.close()
        stream, connection.stream = connection.stream, None
        if stream is not None and stream.begun_ns:
            self._release()

    def _take_log(self) -> bytes:
        """What was really done since the last time: arrival, begin and sendings per answer."""
        log, self._log = self._log, []
        rows = [(s.arrived_ns, s.begun_ns, s.sent_ns.tolist()) for s in log]
        ttft_ms, itl_ms = self._ttft_ns / _NS_PER_MS, self._itl_ns / _NS_PER_MS
        cpu_s = time.process_time()
        return msgspec.json.encode(
            {"ttft_ms": ttft_ms, "itl_ms": itl_ms, "cpu_s": cpu_s, "answers": rows}
        )


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _event(document: dict[str, object]) -> bytes:
    base = {"id": "chatcmpl-0", "object": "chat.completion.chunk", "created": 0, "model": MODEL}
    return _chunk(b"data: " + msgspec.json.encode({**base, **document}) + b"\n\n")


def _delta(finish: str | None, **delta: str) -> bytes:
    return _event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def _text(finish: str | None, text: str) -> bytes:
    return _event({"choices": [{"index": 0, "text": text, "finish_reason": finish}]})


def _end(tokens: int) -> bytes:
    usage = {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": tokens + 1}
    return _event({"choices": [], "usage": usage}) + _chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"


_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
_TOKEN = _delta(None, content=" token")
_CHAT = _Dialect(
    first=_HEAD + _delta(None, role="assistant", content="") + _TOKEN,
    token=_TOKEN,
    finish=_delta("stop"),
)
_COMPLETION = _Dialect(
    first=_HEAD + _text(None, " token"), token=_text(None, " token"), finish=_text("stop", "")
)


def main() -> None:
    """Listen, say where on standard output, serve until the parent ends."""
    parser = argparse.ArgumentParser(prog="precise_server")
    parser.add_argument("--parent", type=int, default=0)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ttft-ms", type=float, default=200.0)
    parser.add_argument("--itl-ms", type=float, default=20.0)
    parser.add_argument("--slots", type=int, default=0)
    parser.add_argument("--core", type=int, default=-1)
    options = parser.parse_args()
    if options.parent:
        die_with_parent(options.parent)
    if options.core >= 0:
        os.sched_setaffinity(0, {options.core})
    listener = socket.create_server(("127.0.0.1", options.port), backlog=4096)
    listener.setblocking(False)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        PreciseServer(listener, options.ttft_ms, options.itl_ms, options.slots).run()


if __name__ == "__main__":
    main()
