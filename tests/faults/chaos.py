"""A server of one model that does to each request what the request tells it to."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.faults.script import HARMLESS, WITHIN, Ask, Kind, pieces, read_ask, refusal

_RESET = struct.pack("ii", 1, 0)  # linger for no time: closing resets
_MOST_HANG_S = 30.0


@dataclass
class Chaos:
    """A running chaos server.

    Attributes:
        model: which one it is.
        port: where.
        answering: requests under way.
        asked: requests so far.
        left_alone: of them, how many whose client left before the answer was over.
        connections: open ones.
    """

    model: str
    port: int = 0
    answering: int = 0
    asked: int = 0
    left_alone: int = 0
    connections: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def url(self) -> str:
        """As a configuration names it."""
        return f"http://127.0.0.1:{self.port}/v1"


@asynccontextmanager
async def chaos_server(model: str) -> AsyncIterator[Chaos]:
    """Run one on a free port of the loopback interface."""
    chaos = Chaos(model)
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        chaos.connections.add(writer)
        try:
            await _serve(chaos, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # whoever was there has left
        finally:
            tasks.discard(task)
            chaos.connections.discard(writer)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=2**20)
    chaos.port = server.sockets[0].getsockname()[1]
    try:
        yield chaos
    finally:
        server.close()
        for writer in list(chaos.connections):
            writer.transport.abort()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _serve(chaos: Chaos, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One request after the other, until one of them ends the connection."""
    while True:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_length(head))
        if not head.startswith(b"POST"):
            await _send(writer, _whole(200, b'{"status": "ok", "data": []}'))
            continue
        chaos.asked += 1
        chaos.answering += 1
        try:
            goes_on = await _answer_or_leave(chaos, read_ask(body), reader, writer)
        finally:
            chaos.answering -= 1
        if not goes_on:
            return


async def _answer_or_leave(
    chaos: Chaos, ask: Ask, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    """Answer, but stop as soon as the other side leaves, as engines do."""
    answering = asyncio.ensure_future(_answer(chaos.model, ask, writer))
    leaving = asyncio.ensure_future(reader.read(1))
    done, _ = await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
    if answering in done:
        leaving.cancel()
        with suppress(asyncio.CancelledError, ConnectionError):
            await leaving
        return answering.result()
    leaving.exception()  # whether it left politely or not
    chaos.left_alone += 1
    answering.cancel()
    with suppress(asyncio.CancelledError, ConnectionError):
        await answering
    return False


async def _answer(model: str, ask: Ask, writer: asyncio.StreamWriter) -> bool:
    """Returns whether the connection goes on."""
    kind = ask.trouble(model)
    if kind.startswith("status_"):
        status = int(kind[-3:])
        await _send(writer, _whole(status, refusal(model, ask, status)))
        return True
    if kind in HARMLESS or kind in WITHIN:
        return await _answer_script(kind, pieces(model, ask), ask, writer)
    if kind == "reset":
        _reset(writer)
    elif kind == "hang":
        await asyncio.sleep(_MOST_HANG_S)
    elif kind == "trickled_head":
        await _drip(writer, b"HTTP/1.1 200 OK\r\nserver: slow\r\nx-more: ", 1, 0.02)
    else:
        await _send(writer, _BROKEN[kind])
    return False


async def _answer_script(
    kind: Kind, body: list[bytes], ask: Ask, writer: asyncio.StreamWriter
) -> bool:
    if kind == "interim":
        await _send(
            writer, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\na: b\r\n\r\n"
        )
    until_close = kind in ("until_close", "until_close_reset")
    chunked = ask.stream and not until_close
    size = sum(map(len, body))
    framing = b"" if until_close else b"content-length: %d\r\n" % size
    framing = b"transfer-encoding: chunked\r\n" if chunked else framing
    type_ = b"text/event-stream" if ask.stream else b"application/json"
    await _send(writer, b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\n%b\r\n" % (type_, framing))
    for index, piece in enumerate(body):
        if index >= max(1, int(ask.at * len(body))) and kind in _STOPS:
            return await _stop(kind, piece, writer, chunked=chunked)
        await asyncio.sleep(0.1 if kind == "slow" and index < 4 else ask.gap_s)
        framed = b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece
        if kind == "torn":
            await _drip(writer, framed, 1 + (ask.number + index) % 7, 0)
        else:
            await _send(writer, framed)
    if chunked:
        await _send(writer, b"0\r\n\r\n")
    if kind == "extra":
        await _send(writer, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwrong")
    return kind not in ("extra", "close_after") and not until_close


_STOPS = ("cut", "cut_reset", "silence", "bad_chunk", "until_close_reset")


async def _stop(kind: Kind, piece: bytes, writer: asyncio.StreamWriter, *, chunked: bool) -> bool:
    """Break off in the middle, after a part of the next piece."""
    part = piece[: len(piece) // 2]
    if kind == "bad_chunk" and chunked:
        await _send(writer, b"xyz\r\n" + piece)
        return False
    if chunked:
        await _send(writer, b"%x\r\n%b" % (len(piece), part))
    else:
        await _send(writer, part)
    if kind == "silence":
        await asyncio.sleep(_MOST_HANG_S)
    elif kind in ("cut_reset", "until_close_reset"):
        await asyncio.sleep(0.02)  # a reset overtakes what was not yet read
        _reset(writer)
    return False


_JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
_BROKEN: dict[str, bytes] = {
    "close": b"",
    "garbage": b"\x16\x03\x01 220 mail.example ESMTP ready\r\n\r\n",
    "half_head": b"HTTP/1.1 200 OK\r\ncontent-ty",
    "huge_head": b"HTTP/1.1 200 OK\r\n" + b"x-pad: " + b"y" * 300_000,
    "two_lengths": _JSON + b"content-length: 4\r\ncontent-length: 9\r\n\r\nfour five",
    "bad_length": _JSON + b"content-length: four\r\n\r\nfour",
    "no_body": _JSON + b"content-length: 40\r\n\r\n",
}


def _whole(status: int, body: bytes) -> bytes:
    head = b"HTTP/1.1 %d Told so\r\ncontent-type: application/json\r\n" % status
    return head + b"content-length: %d\r\n\r\n" % len(body) + body


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def _drip(writer: asyncio.StreamWriter, data: bytes, size: int, gap_s: float) -> None:
    for start in range(0, len(data), size):
        await _send(writer, data[start : start + size])
        await asyncio.sleep(gap_s)


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0
