from __future__ import annotations

import asyncio
import json
import logging
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.conftest import Run, until
from weighbridge.core.errors import ConnectError, ExternalError, InputError, ProtocolError
from weighbridge.core.http import Request, Timeouts, parse_url
from weighbridge.serve.compiled import is_compiled
from weighbridge.wire import server_connection
from weighbridge.wire.client import Client
from weighbridge.wire.defects import SeldomLog
from weighbridge.wire.server import (
    Handler,
    Responder,
    Server,
    ServerLimits,
    ServerRequest,
    serve,
)
from weighbridge.wire.server_connection import ServerConnection

TIMEOUTS = Timeouts(connect=2, first_byte=2, between_bytes=2, total=5)
LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def echo(request: ServerRequest, responder: Responder) -> None:
    body = {
        "method": request.method,
        "path": request.path,
        "query": request.query.decode("latin-1"),
        "body": request.body.decode("latin-1"),
    }
    responder.json(200, body)


async def slow(request: ServerRequest, responder: Responder) -> None:
    await asyncio.sleep(0.02)
    await echo(request, responder)


@asynccontextmanager
async def serving(handler: Handler, limits: ServerLimits | None = None) -> AsyncIterator[Server]:
    async with await serve(handler, "127.0.0.1", 0, limits=limits) as server:
        yield server


@asynccontextmanager
async def connected(
    server: Server,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*server.address)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


def talk(
    run: Run,
    *pieces: bytes,
    handler: Handler = echo,
    limits: ServerLimits | None = None,
    pause_s: float = 0.0,
) -> bytes:
    """What the server answers to raw bytes until it closes the connection."""

    async def main() -> bytes:
        async with serving(handler, limits) as server, connected(server) as (reader, writer):
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(pause_s)
            async with asyncio.timeout(5):
                return await reader.read()

    answer: bytes = run(main())
    return answer


def bodies(answer: bytes) -> list[Any]:
    """The JSON bodies of consecutive answers."""
    found = []
    while answer:
        head, _, rest = answer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        found.append(json.loads(rest[:length]))
        answer = rest[length:]
    return found


def test_a_request_in_one_piece_or_byte_by_byte(run: Run) -> None:
    request = b"POST /a%20b/c?d=e?f HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi" + LAST
    whole = talk(run, request)
    assert whole == talk(run, *(request[i : i + 1] for i in range(len(request))))
    first = {"method": "POST", "path": "/a%20b/c", "query": "d=e?f", "body": "hi"}
    assert bodies(whole)[0] == first
    assert bodies(whole)[1]["path"] == "/last"


def test_pipelined_requests_are_answered_in_order(run: Run) -> None:
    requests = b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % i for i in range(5)) + LAST
    answer = talk(run, requests, b"ignored after close", handler=slow)
    paths = [body["path"] for body in bodies(answer)]
    assert paths == ["/0", "/1", "/2", "/3", "/4", "/last"]


def test_chunked_requests(run: Run) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = talk(run, head, b"2;a=b\r\nhi\r\n", b"1\r\n!\r\n0\r\nTrailer: x\r\n\r\n", LAST)
    assert bodies(answer)[0]["body"] == "hi!"


def test_absolute_targets(run: Run) -> None:
    request = b"GET http://host:1/a?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert bodies(talk(run, request))[0]["path"] == "/a"


def test_expect_100_continue(run: Run) -> None:
    async def main() -> None:
        async with serving(echo) as server, connected(server) as (reader, writer):
            writer.write(
                b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
            )
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"hi")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 OK")

    run(main())


def test_an_offered_upgrade_is_ignored(run: Run) -> None:
    request = (
        b"POST /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nContent-Length: 2\r\n\r\nhi"
    )
    first, last = bodies(talk(run, request + LAST))
    assert (first["path"], first["body"], last["path"]) == ("/a", "hi", "/last")


def test_thousands_of_upgrades_in_one_write(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    offer = b"GET /%d HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    answer = talk(run, b"".join(offer % i for i in range(5000)) + LAST)
    assert [body["path"] for body in bodies(answer)] == [*(f"/{i}" for i in range(5000)), "/last"]
    assert not caplog.records


def test_an_upgrade_with_a_large_body_in_many_pieces(run: Run) -> None:
    body = b"x" * 100_000
    head = b"POST /a HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"
    request = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    pieces = [request[at : at + 30_000] for at in range(0, len(request), 30_000)]
    first, last = bodies(talk(run, *pieces, LAST, pause_s=0.01))
    assert (len(first["body"]), last["path"]) == (100_000, "/last")


@pytest.mark.skipif(is_compiled(), reason="methods of compiled classes cannot be replaced")
def test_a_defect_while_reading_is_told_in_a_line_and_ends_the_connection(
    run: Run, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(ServerConnection, "_receive", failing)
    monkeypatch.setattr(server_connection, "_DEFECTS", SeldomLog())
    for _ in range(5):
        answer = talk(run, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 500 ")
        assert b"too deep" not in answer
        assert b"connection: close" in answer
    (told,) = caplog.records
    assert told.getMessage() == "Reading a request failed: RecursionError: too deep"
    assert told.exc_info is None


def test_what_was_not_told_is_counted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now_s)
    log = SeldomLog()
    for _ in range(4):
        log.tell(ValueError("x"))
    now_s += 2
    log.tell(ValueError("y"))
    assert [record.getMessage() for record in caplog.records] == [
        "Reading a request failed: ValueError: x",
        "Reading a request failed: ValueError: y (3 more since the last such line)",
    ]


def test_http_1_0_gets_no_chunks(run: Run) -> None:
    async def handler(request: ServerRequest, responder: Responder) -> None:
        del request
        responder.start(200)
        responder.write(b"plain")
        responder.finish()

    answer = talk(run, b"GET / HTTP/1.0\r\n\r\n", handler=handler)
    assert answer == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nplain"


def test_head_and_statuses_without_a_body(run: Run) -> None:
    async def handler(request: ServerRequest, responder: Responder) -> None:
        responder.start(204 if request.path == "/204" else 200, (), 3 if request.query else None)
        responder.write(b"abc")
        responder.finish()

    answer = talk(
        run,
        b"HEAD /?x HTTP/1.1\r\nHost: x\r\n\r\nHEAD / HTTP/1.1\r\nHost: x\r\n\r\n"
        b"GET /204 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        handler=handler,
    )
    assert answer == (
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"
        b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nBad Header: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: x\r\nA\0: b\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 2, 3\r\n\r\nabc", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"CONNECT host:1 HTTP/1.1\r\nHost: host:1\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505),
        (b"GET / HTTP/3.7\r\nHost: x\r\n\r\n", 505),
        (b"GET / HTTP/0.9\r\nHost: x\r\n\r\n", 505),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nHost:\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n%1024d" % 1, 413),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * 9000, 431),
        (b"GET /" + b"a" * 9000, 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 2000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHo", 408),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab", 408),
    ],
)
def test_refusals(run: Run, request_bytes: bytes, status: int) -> None:
    limits = ServerLimits(header_bytes=8192, body_bytes=1000, read_s=0.1)
    answer = talk(run, request_bytes, limits=limits)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    error = bodies(answer)[0]["error"]
    assert error["message"]
    assert error["type"] == "invalid_request_error"
    assert b"connection: close" in answer


def test_a_refusal_waits_for_its_turn(run: Run) -> None:
    first = b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
    one, refusal = bodies(talk(run, first + b"nonsense\r\n\r\n" + first, handler=slow))
    assert one["path"] == "/1"
    assert "not HTTP" in refusal["error"]["message"]


def test_idle_connections_are_closed(run: Run) -> None:
    assert talk(run, b"", limits=ServerLimits(idle_s=0.05)) == b""


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=4), st.booleans())
def test_any_bytes_are_answered_or_refused(pieces: list[bytes], after_head: bool) -> None:
    head = (
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" if after_head else b""
    )
    limits = ServerLimits(read_s=0.02, idle_s=0.02)
    answer = talk(asyncio.run, head, *pieces, limits=limits)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (
            ConnectError("Nobody there.", fix="Start it."),
            502,
            {"message": "Nobody there. Start it.", "type": "upstream_error", "code": "connect"},
        ),
        (ExternalError("Broken."), 502, {"message": "Broken.", "type": "upstream_error"}),
        (InputError("Wrong."), 400, {"message": "Wrong.", "type": "invalid_request_error"}),
    ],
)
def test_errors_of_the_handler(
    run: Run, error: Exception, status: int, body: dict[str, str]
) -> None:
    async def handler(request: ServerRequest, responder: Responder) -> None:
        del request, responder
        raise error

    answer = talk(run, LAST, handler=handler)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert bodies(answer) == [{"error": {"code": None, **body}}]


def test_a_defect_of_the_handler_is_logged(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def handler(request: ServerRequest, responder: Responder) -> None:
        del responder
        raise ValueError(request.path)

    with caplog.at_level(logging.ERROR, "weighbridge.wire"):
        answer = talk(run, LAST, handler=handler)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"/last" not in answer
    assert "GET /last" in caplog.text


def test_a_handler_that_does_nothing(run: Run) -> None:
    async def handler(request: ServerRequest, responder: Responder) -> None:
        del request, responder

    assert talk(run, LAST, handler=handler).startswith(b"HTTP/1.1 500 ")


async def fail_midway(request: ServerRequest, responder: Responder) -> None:
    responder.start(200, (), 10 if request.path == "/length" else None)
    responder.write(b"begun")
    if request.path == "/return":
        return
    if request.path == "/length":
        responder.finish()
        return
    raise ConnectError("gone")


@pytest.mark.parametrize("path", ["length", "return", "raise"])
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_an_answer_that_fails_midway_is_visibly_cut(run: Run, path: str, version: bytes) -> None:
    async def main() -> None:
        async with serving(fail_midway) as server:
            if version == b"1.1":
                async with Client() as client:
                    with pytest.raises(ProtocolError, match="middle of its answer"):
                        await client.fetch(
                            Request("GET", parse_url(server.url).join(path)), TIMEOUTS
                        )
                return
            async with connected(server) as (reader, writer):
                writer.write(b"GET /%b HTTP/1.0\r\n\r\n" % path.encode())
                if path == "length":
                    assert (await reader.read()).endswith(b"begun")
                else:
                    with pytest.raises(ConnectionResetError):
                        await reader.read()

    run(main())


def test_misuse_of_the_responder(run: Run) -> None:
    caught: list[type[Exception]] = []

    async def handler(request: ServerRequest, responder: Responder) -> None:
        del request

        def attempt(data: bytes) -> None:
            try:
                responder.write(data)
            except (RuntimeError, ValueError) as error:
                caught.append(type(error))

        attempt(b"too early")
        responder.start(200, ((b"Content-Length", b"99"), (b"Connection", b"upgrade")), 2)
        attempt(b"too long")
        responder.write(b"")
        responder.write(b"ok")
        responder.finish()
        responder.finish()
        responder.abort()
        attempt(b"too late")
        with pytest.raises(RuntimeError):
            responder.json(200, {})

    answer = talk(run, LAST, handler=handler)
    assert answer.endswith(b"\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
    assert b"99" not in answer
    assert caught == [RuntimeError, ValueError, RuntimeError]


def test_headers_cannot_break_out(run: Run) -> None:
    async def handler(request: ServerRequest, responder: Responder) -> None:
        del request
        responder.start(200, ((b"a", b"b\r\nc: d"),))

    assert talk(run, LAST, handler=handler).startswith(b"HTTP/1.1 400 ")


def test_a_client_that_leaves_is_noticed(run: Run) -> None:
    noticed: list[str] = []

    async def handler(request: ServerRequest, responder: Responder) -> None:
        del request
        responder.on_gone(lambda: noticed.append("called"))
        responder.start(200)
        responder.write(b"begun")
        await responder.client_gone.wait()
        responder.on_gone(lambda: noticed.append("called at once"))
        responder.write(b"nobody reads this")
        await responder.drain()
        responder.finish()
        assert responder.client_gone.is_set()
        noticed.append("end")

    async def main() -> None:
        async with serving(handler) as server:
            async with connected(server) as (reader, writer):
                writer.write(LAST)
                await reader.readuntil(b"begun")
            await until(lambda: "end" in noticed)

    run(main())
    assert noticed == ["called", "called at once", "end"]


def test_a_client_that_reads_nothing_is_dropped(run: Run) -> None:
    events: list[str] = []

    async def handler(request: ServerRequest, responder: Responder) -> None:
        del request
        responder.start(200)
        responder.write(b"x" * 10_000_000)
        responder.on_pressure(lambda: events.append("pause"), lambda: events.append("resume"))
        await responder.drain()
        events.append("gone" if responder.client_gone.is_set() else "drained")

    async def main() -> None:
        async with serving(handler, ServerLimits(write_s=0.1)) as server:
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.connect(server.address)
                client.send(LAST)
                await until(lambda: len(events) > 1)

    run(main())
    assert events == ["pause", "gone"]


def test_a_port_that_is_taken(run: Run) -> None:
    async def main() -> None:
        async with serving(echo) as server:
            host, port = server.address
            with pytest.raises(ExternalError, match=f"Port {port} on {host} is taken") as caught:
                await serve(echo, host, port)
            assert caught.value.fix == "Choose another with --port, or stop what uses it."

    run(main())


def test_an_address_that_is_not_ours(run: Run) -> None:
    with pytest.raises(ExternalError, match=r"Cannot listen on port 0 of 192\.0\.2\.1"):
        run(serve(echo, "192.0.2.1", 0))


def test_closing_lets_answers_end(run: Run) -> None:
    started: list[str] = []

    async def handler(request: ServerRequest, responder: Responder) -> None:
        started.append(request.path)
        await slow(request, responder)

    async def main() -> None:
        server = await serve(handler, "127.0.0.1", 0)
        async with Client() as client:
            url = parse_url(server.url)
            await client.fetch(Request("GET", url), TIMEOUTS)
            tasks = [
                asyncio.create_task(client.fetch(Request("GET", url), TIMEOUTS)) for _ in range(2)
            ]
            await until(lambda: len(started) == 3)
            await server.close(grace_s=2)
            for response in await asyncio.gather(*tasks):
                assert response.head.status == 200
                assert response.head.header(b"connection") == b"close"
            assert server.connections == 0
            with pytest.raises(ConnectError):
                await client.fetch(Request("GET", url), TIMEOUTS)

    run(main())


def test_closing_cuts_what_takes_too_long(run: Run) -> None:
    cancelled: list[str] = []

    async def handler(request: ServerRequest, responder: Responder) -> None:
        responder.start(200)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(request.path)
            raise

    async def main() -> None:
        server = await serve(handler, "127.0.0.1", 0)
        async with Client() as client, connected(server) as (_, writer):
            writer.write(b"GET /left HTTP/1.1\r\nHost: x\r\n\r\n")
            await until(lambda: server.tasks)
            writer.transport.abort()
            request = Request("GET", parse_url(server.url).join("stays"))
            task = asyncio.create_task(client.fetch(request, TIMEOUTS))
            await until(lambda: len(server.tasks) == 2)
            await server.close(grace_s=0.05)
            with pytest.raises(ProtocolError):
                await task

    run(main())
    assert sorted(cancelled) == ["/left", "/stays"]
