"""Small parts that the tests of client and exchange share."""

from __future__ import annotations

import asyncio

from tests.fakes.llm_server import raw_server
from tests.wire.conftest import Run
from weighbridge.core.http import (
    Request,
    Response,
    ResponseHead,
    Timeouts,
    parse_url,
)
from weighbridge.wire.client import Client
from weighbridge.wire.server import Responder, ServerRequest

TIMEOUTS = Timeouts(connect=2, first_byte=2, between_bytes=2, total=5)
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Parts:
    """A sink that keeps everything, and fails if told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.heads: list[ResponseHead] = []
        self.parts: list[bytes] = []
        self.stamps: list[int] = []
        self.arrived = asyncio.Event()
        self._error = error

    def on_head(self, head: ResponseHead, stamp_ns: int) -> None:
        self.heads.append(head)
        self.stamps.append(stamp_ns)

    def on_body(self, data: bytes, stamp_ns: int) -> None:
        self.parts.append(data)
        self.stamps.append(stamp_ns)
        self.arrived.set()
        if self._error is not None:
            raise self._error


async def echo(request: ServerRequest, responder: Responder) -> None:
    headers = ((b"x-method", request.method.encode()),)
    responder.send(200, headers, request.path.encode() + b"|" + request.body)


async def hang_midway(request: ServerRequest, responder: Responder) -> None:
    del request
    responder.start(200)
    responder.write(b"first")
    await responder.client_gone.wait()


def get(url: str, path: str = "/", method: str = "GET", body: bytes = b"") -> Request:
    return Request(method, parse_url(url).join(path), (), body)


def fetch_raw(run: Run, answer: bytes, *, close: bool = True, method: str = "GET") -> Response:
    async def main() -> Response:
        async with raw_server(answer, close=close) as url, Client() as client:
            timeouts = Timeouts(connect=2, first_byte=2, between_bytes=0.2, total=2)
            return await client.fetch(get(url, method=method), timeouts)

    response: Response = run(main())
    return response
