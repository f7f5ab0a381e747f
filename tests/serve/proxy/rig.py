"""A gateway's data plane between raw sockets: what the client sends, what the engine sees."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.plane import FakeAccess, FakeBalancer, FakeFleet, FakeObserver, FakePolicy
from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.gateway import Outcome
from weighbridge.core.routing import Limits
from weighbridge.serve.proxy.plane import Plane
from weighbridge.wire.server import Handler, Responder, Server, ServerLimits, ServerRequest, serve

BODY = b'{"messages":[{"role":"user","content":"Hi"}], "model" : "m","unknown":[1.0,1e2]}'
ANSWER = b'{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}}'
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(ANSWER),
    ANSWER,
)
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def post(body: bytes = BODY, headers: bytes = b"", path: bytes = b"/v1/chat/completions") -> bytes:
    return b"POST %b HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n%b" % (
        path,
        headers,
        len(body),
        body,
    )


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


Script = Callable[["Call"], Awaitable[None]]


@dataclass
class Call:
    """One request as an engine got it, and the means to answer it."""

    head: bytes
    body: bytes
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def cut(self) -> None:
        self.writer.close()

    async def gone(self) -> None:
        """Wait until the gateway has closed the connection."""
        async with asyncio.timeout(5):
            while await self._read():
                pass

    async def _read(self) -> bytes:
        try:
            return await self.reader.read(65_536)
        except ConnectionError:
            return b""


@dataclass
class Engine:
    """A server that does with each request what a script says."""

    script: Script
    calls: list[Call] = field(default_factory=list)
    connections: int = 0
    url: str = ""

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                if head.startswith(b"GET "):  # somebody looks whether it is there
                    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                    continue
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
                body = await reader.readexactly(length)
                call = Call(head, body, reader, writer, len(self.calls))
                self.calls.append(call)
                await self.script(call)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


async def plain(call: Call) -> None:
    await call.send(PLAIN)


@asynccontextmanager
async def engine(script: Script = plain) -> AsyncIterator[Engine]:
    made = Engine(script)
    server = await asyncio.start_server(made._serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield made
    finally:
        server.close()


async def dead_url() -> str:
    """An address where nobody listens."""
    server = await asyncio.start_server(Engine(plain)._serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return f"http://127.0.0.1:{port}/v1"


@dataclass
class Rig:
    """A gateway and all that is around it."""

    plane: Plane
    server: Server
    access: FakeAccess
    fleet: FakeFleet
    balancer: FakeBalancer
    observer: FakeObserver

    async def talk(self, *pieces: bytes, pause_s: float = 0.0) -> bytes:
        """What comes back until the connection is closed."""
        reader, writer = await asyncio.open_connection(*self.server.address)
        try:
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(pause_s)
            async with asyncio.timeout(5):
                return await reader.read()
        finally:
            writer.close()

    async def ask(self, request: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of one answer."""
        raw = await self.talk(
            (request or post()).replace(b"Host: x", b"Host: x\r\nConnection: close", 1)
        )
        return parse(raw)

    @property
    def outcome(self) -> Outcome:
        assert len(self.observer.outcomes) == 1
        return self.observer.outcomes[0]

    def assert_all_left(self) -> None:
        """Nothing is held of requests that have ended."""
        assert not self.plane.passages
        assert not any(self.fleet.inside.values())
        assert self.balancer.outstanding == 0
        assert self.fleet.waiting == 0


def parse(raw: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (f.partition(": ") for f in fields)}
    if headers.get("transfer-encoding") == "chunked":
        body = dechunk(body)
    return int(line.split(" ")[1]), headers, body


def dechunk(raw: bytes) -> bytes:
    """The body of a chunked message; it must be whole."""
    body = b""
    while True:
        size, _, raw = raw.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            assert raw == b"\r\n"
            return body
        body += raw[:length]
        assert raw[length : length + 2] == b"\r\n"
        raw = raw[length + 2 :]


async def hello(request: ServerRequest, responder: Responder) -> None:
    responder.json(200, {"hello": request.path})


@asynccontextmanager
async def gateway(
    models: Mapping[str, tuple[str, ...]],
    *,
    use: Mapping[str, tuple[str, ...]] | None = None,
    limits: Limits | None = None,
    server_limits: ServerLimits | None = None,
    access: FakeAccess | None = None,
    extra: dict[str, Handler] | None = None,
    path: Path | None = None,
    tls: Any = None,
    descriptor: int | None = None,
) -> AsyncIterator[Rig]:
    """A gateway for models at these addresses; each is known there as ``m``."""
    endpoints: dict[str, tuple[Endpoint, ...]] = {
        name: tuple(endpoint_at(url, "m", "engine-key") for url in urls)
        for name, urls in models.items()
    }
    fleet = FakeFleet(endpoints)
    access = access or FakeAccess()
    balancer, observer = FakeBalancer(), FakeObserver()
    policy = FakePolicy(use or {name: (name,) for name in models})
    plane = Plane(
        access,
        policy,
        fleet,
        balancer,
        (observer,),
        limits=limits or Limits(),
        extra=extra or {"/health": hello},
    )
    server = await serve(
        plane.handle, limits=server_limits, path=path, tls=tls, descriptor=descriptor
    )
    try:
        yield Rig(plane, server, access, fleet, balancer, observer)
    finally:
        await server.close()
        plane.close()
        await asyncio.sleep(0)
