"""A client that believes nothing: it keeps every byte, and knows whether an answer is whole."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

Conduct = Literal[
    "stay",
    "leave_at_once",  # right after the request
    "leave_midway",  # when the answer has begun
    "reset_midway",
    "leave_half_asked",  # within the request
    "half_close",  # nothing more to say, but listening
    "read_late",
    "dribble",  # the request in small pieces
]


@dataclass(frozen=True, slots=True)
class Seen:
    """What came back.

    Attributes:
        status: 0 where there was no answer.
        headers: names in lower case.
        body: what came of it, transfer encoding removed.
        complete: whether the answer's own framing says that this is all.
        wrong: why this is no HTTP answer; empty where it is one.
        timed_out: whether we lost patience.
    """

    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    complete: bool = False
    wrong: str = ""
    timed_out: bool = False

    def header(self, name: str) -> str:
        """The value of a header; empty where it is missing."""
        return next((value for key, value in self.headers if key == name), "")


def read_answer(raw: bytes, *, ended: bool) -> Seen:
    """What these bytes are, if they are an answer."""
    head, separator, rest = raw.partition(b"\r\n\r\n")
    if not separator:
        return Seen()
    first, *lines = head.split(b"\r\n")
    found = re.fullmatch(rb"HTTP/1\.1 (\d{3}) .*", first)
    if found is None:
        return Seen(wrong=f"no status line: {head[:80]!r}")
    status = int(found[1])
    if status < 200:
        return read_answer(rest, ended=ended)
    headers = tuple(
        (name.decode().lower(), value.strip().decode("latin-1"))
        for name, _, value in (line.partition(b":") for line in lines)
    )
    if ("transfer-encoding", "chunked") in headers:
        return _chunked(status, headers, rest)
    return _plain(status, headers, rest, ended=ended)


def _plain(status: int, headers: tuple[tuple[str, str], ...], rest: bytes, *, ended: bool) -> Seen:
    lengths = {value for name, value in headers if name == "content-length"}
    if not lengths:
        return Seen(status, headers, rest, complete=ended)
    length = lengths.pop()
    if lengths or not length.isdecimal():
        return Seen(status, headers, wrong=f"content-length {', '.join((length, *lengths))}")
    wrong = "more than content-length" if len(rest) > int(length) else ""
    return Seen(status, headers, rest[: int(length)], len(rest) >= int(length), wrong)


def _chunked(status: int, headers: tuple[tuple[str, str], ...], rest: bytes) -> Seen:
    body = b""
    while True:
        line, separator, rest = rest.partition(b"\r\n")
        if not separator:
            return Seen(status, headers, body)
        if not re.fullmatch(rb"[0-9a-fA-F]+", line):
            return Seen(status, headers, body, wrong=f"no chunk size: {line[:40]!r}")
        size = int(line, 16)
        if size == 0:
            wrong = "" if rest in (b"", b"\r\n") else "bytes behind the last chunk"
            return Seen(status, headers, body, rest == b"\r\n", wrong)
        body += rest[:size]
        if len(rest) < size + 2:
            return Seen(status, headers, body)
        rest = rest[size + 2 :]


def request(port: int, body: bytes, key: str = "", path: str = "/v1/chat/completions") -> bytes:
    """A POST to whoever listens there."""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
    head += f"authorization: Bearer {key}\r\n" if key else ""
    return head.encode() + b"content-length: %d\r\n\r\n" % len(body) + body


async def ask(
    port: int, raw: bytes, conduct: Conduct = "stay", *, patience_s: float = 20.0
) -> Seen:
    """Send a raw request on a connection of its own and see what comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(patience_s):
            await _say(writer, raw, conduct)
            if conduct in ("leave_at_once", "leave_half_asked"):
                return Seen()
            if conduct == "read_late":
                await asyncio.sleep(0.3)
            return await _listen(reader, writer, conduct)
    except TimeoutError:
        return Seen(timed_out=True)
    except ConnectionError:
        return Seen()
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def _say(writer: asyncio.StreamWriter, raw: bytes, conduct: Conduct) -> None:
    if conduct == "leave_half_asked":
        raw = raw[: len(raw) * 2 // 3]
    size = max(1, len(raw) // 12) if conduct == "dribble" else len(raw)
    for start in range(0, len(raw), size):
        writer.write(raw[start : start + size])
        await writer.drain()
        if conduct == "dribble":
            await asyncio.sleep(0.01)
    if conduct == "half_close":
        writer.write_eof()


async def _listen(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, conduct: Conduct
) -> Seen:
    raw = b""
    while True:
        try:
            data = await reader.read(65_536)
        except ConnectionError:
            return read_answer(raw, ended=False)
        raw += data
        seen = read_answer(raw, ended=not data)
        if seen.complete or seen.wrong or not data:
            return seen
        if seen.body and conduct in ("leave_midway", "reset_midway"):
            if conduct == "reset_midway":
                linger = struct.pack("ii", 1, 0)
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return seen
