from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.llm_server import HANG, fake_llm
from tests.wire.conftest import Run, until
from tests.wire.exchanges import CHUNKED, TIMEOUTS, Parts, echo, fetch_raw, get, hang_midway
from weighbridge.core.errors import (
    DeadlineError,
    EndpointError,
    ProtocolError,
)
from weighbridge.core.http import (
    Timeouts,
)
from weighbridge.wire.client import Client
from weighbridge.wire.server import Responder, ServerRequest, serve


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
        (CHUNKED + b"1\r\no\r\n1;x=y\r\nk\r\n0\r\nT: 1\r\n\r\n", 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nok",
         200, b"ok"),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil close", 200, b"until close"),
        (b"HTTP/1.0 200 OK\r\n\r\n", 200, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 204 No\r\n\r\n",
         204, b""),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, b""),
        (b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", 302, b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokSTRAY", 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n", 200, b"ok"),
    ],
)  # fmt: skip
def test_kinds_of_answers(run: Run, answer: bytes, status: int, body: bytes) -> None:
    response = fetch_raw(run, answer)
    assert (response.head.status, response.body) == (status, body)


def test_a_head_request_has_no_body(run: Run) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"
    response = fetch_raw(run, answer, close=False, method="HEAD")
    assert response.head.header(b"content-length") == b"500"
    assert response.body == b""


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "closed the connection without an answer"),
        (b"HTTP/1.1 200", "closed the connection in the middle of its answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "in the middle of its answer"),
        (CHUNKED + b"2\r\nok\r\n", "in the middle"),
        (b"SSH-2.0-OpenSSH_9.7\r\n", "does not speak HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x16", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "does not speak HTTP"),
        (CHUNKED + b"zz\r\n", "does not speak HTTP"),
        (CHUNKED + b"0\r\n" + b"A: b\r\n" * 90_000, "more than 64 KiB of headers"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 12_000 + b"\r\n", "more than 64 KiB of headers"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhi", "speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 700_000, "more than 64 KiB of headers"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 90_000, "more than 64 KiB of headers"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000, "more than 64 KiB of headers"),
    ],
)  # fmt: skip
def test_answers_that_are_not_http(run: Run, answer: bytes, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        fetch_raw(run, answer)


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=60), st.booleans())
def test_any_answer_ends_in_a_response_or_a_typed_error(noise: bytes, after_head: bool) -> None:
    head = CHUNKED if after_head else b""
    try:
        fetch_raw(asyncio.run, head + noise)
    except EndpointError as error:
        assert error.message  # noqa: PT017 -- either outcome is right


@pytest.mark.parametrize(
    ("timeouts", "phase"),
    [
        (Timeouts(first_byte=0.05), r"begin its answer within 0\.05 s \(first byte\)"),
        (Timeouts(total=0.05), r"finish its answer within 0\.05 s \(total\)"),
        (Timeouts(first_byte=0.15, between_bytes=0.02), r"within 0\.15 s \(first byte\)"),
    ],
)
def test_an_answer_may_take_too_long(run: Run, timeouts: Timeouts, phase: str) -> None:
    async def main() -> None:
        async with fake_llm(HANG) as url, Client() as client:
            request = get(url, "chat/completions", "POST", b"{}")
            with pytest.raises(DeadlineError, match=phase):
                await client.fetch(request, timeouts)
            await until(lambda: url.gone)

    run(main())


@pytest.mark.parametrize(
    ("timeouts", "phase"),
    [
        (Timeouts(between_bytes=0.05), r"sent nothing for 0\.05 s in the middle"),
        (Timeouts(between_bytes=0.05, total=math.inf), r"sent nothing for 0\.05 s in the middle"),
        (Timeouts(total=0.1), r"within 0\.1 s \(total\)"),
        (Timeouts(between_bytes=math.inf, total=0.1), r"within 0\.1 s \(total\)"),
    ],
)
def test_an_answer_may_stop(run: Run, timeouts: Timeouts, phase: str) -> None:
    async def main() -> None:
        async with await serve(hang_midway, "127.0.0.1", 0) as server, Client() as client:
            await client.fetch(get(server.url), timeouts)

    with pytest.raises(DeadlineError, match=phase):
        run(main())


def test_without_any_limit_nothing_is_timed(run: Run) -> None:
    endless = Timeouts(math.inf, math.inf, math.inf, math.inf)

    async def main() -> None:
        async with fake_llm(HANG) as url, Client() as client:
            request = get(url, "chat/completions", "POST", b"{}")
            exchange = await client.start(request, Parts(), endless)
            assert exchange._timer is None
            exchange.abort()

    run(main())


def test_silence_while_paused_is_ours(run: Run) -> None:
    release: list[asyncio.Event] = []

    async def handle(request: ServerRequest, responder: Responder) -> None:
        del request
        responder.start(200)
        responder.write(b"first")
        await release[0].wait()
        responder.write(b"second")
        responder.finish()

    async def main() -> None:
        release.append(asyncio.Event())
        async with await serve(handle, "127.0.0.1", 0) as server, Client() as client:
            sink = Parts()
            exchange = await client.start(get(server.url), sink, Timeouts(between_bytes=0.1))
            await sink.arrived.wait()
            exchange.pause()
            release[0].set()
            await asyncio.sleep(0.2)
            assert sink.parts == [b"first"]
            exchange.resume()
            await exchange.finished()
            assert sink.parts == [b"first", b"second"]
            # The connection is as good as new.
            sink.arrived.clear()
            await client.fetch(get(server.url), TIMEOUTS)
            assert server.connections == 1

    run(main())


def test_back_pressure_reaches_the_server(run: Run) -> None:
    pauses: list[str] = []

    async def flood(request: ServerRequest, responder: Responder) -> None:
        del request
        responder.on_pressure(lambda: pauses.append("pause"), lambda: pauses.append("resume"))
        responder.start(200)
        for _ in range(200):
            responder.write(b"x" * 100_000)
            await responder.drain()
        responder.finish()

    async def main() -> None:
        async with await serve(flood, "127.0.0.1", 0) as server, Client() as client:
            sink = Parts()
            exchange = await client.start(get(server.url), sink, TIMEOUTS)
            exchange.pause()
            await until(lambda: "pause" in pauses)
            assert sum(map(len, sink.parts)) < 20_000_000
            exchange.resume()
            await exchange.finished()
            assert sum(map(len, sink.parts)) == 20_000_000
            assert pauses[:2] == ["pause", "resume"]

    run(main())


def test_abort_and_cancellation_are_noticed(run: Run) -> None:
    async def main() -> None:
        async with fake_llm(HANG) as url, Client() as client:
            request = get(url, "chat/completions", "POST", b"{}")
            exchange = await client.start(request, Parts(), TIMEOUTS)
            exchange.abort()
            with pytest.raises(EndpointError, match="given up"):
                await exchange.finished()
            task = asyncio.create_task(client.fetch(request, TIMEOUTS))
            await until(lambda: len(url.requests) + len(url.gone) > 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: len(url.gone) == len(url.requests))

    run(main())


@pytest.mark.parametrize("error", [ProtocolError("enough"), ValueError("a defect")])
def test_an_error_of_the_sink_comes_out(run: Run, error: Exception) -> None:
    async def main() -> None:
        async with await serve(echo, "127.0.0.1", 0) as server, Client() as client:
            exchange = await client.start(get(server.url), Parts(error), TIMEOUTS)
            await exchange.finished()

    with pytest.raises(type(error), match=str(error)):
        run(main())


def test_a_sink_may_abort_from_within(run: Run) -> None:
    class Aborting(Parts):
        def on_body(self, data: bytes, stamp_ns: int) -> None:
            super().on_body(data, stamp_ns)
            exchanges[0].abort()

    exchanges = []

    async def main() -> None:
        async with await serve(echo, "127.0.0.1", 0) as server, Client() as client:
            exchanges.append(await client.start(get(server.url), Aborting(), TIMEOUTS))
            with pytest.raises(EndpointError, match="given up"):
                await exchanges[0].finished()
            assert (await client.fetch(get(server.url), TIMEOUTS)).body == b"/|"

    run(main())


def test_an_answer_that_is_too_large(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weighbridge.wire.client.FETCH_LIMIT_BYTES", 1024 * 1024)
    with pytest.raises(ProtocolError, match="more than 1 MiB"):
        fetch_raw(run, b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000_000)


def test_stamps_follow_the_request(run: Run) -> None:
    async def main() -> None:
        async with await serve(echo, "127.0.0.1", 0) as server, Client() as client:
            sink = Parts()
            exchange = await client.start(get(server.url), sink, TIMEOUTS)
            await exchange.finished()
            assert exchange.sent_ns < sink.stamps[0] <= sink.stamps[-1]

    run(main())
