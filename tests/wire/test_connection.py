"""How requests leave: written at once, in parts, or not at all."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from pathlib import Path

import pytest

from tests.wire.conftest import Run, until
from tests.wire.exchanges import TIMEOUTS, Parts, echo, get
from tests.wire.streams import VLLM, chunked, piecewise
from tests.wire.test_stream_fuzz import FakeTransport, Home
from weighbridge.core.errors import ConnectError, EndpointError, ProtocolError
from weighbridge.core.http import Request, Timeouts, parse_url
from weighbridge.wire.client import Client
from weighbridge.wire.connection import Connection
from weighbridge.wire.exchange import HttpExchange
from weighbridge.wire.server import serve

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_a_request_leaves_before_the_loop_turns(run: Run) -> None:
    """An event loop would write it after all else that is ready, unseen by the stamp."""

    async def main() -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            url = parse_url(f"http://127.0.0.1:{listener.getsockname()[1]}")
            async with Client() as client:
                await client.connect(url, 1, TIMEOUTS)
                server_side, _ = listener.accept()
                with server_side:
                    server_side.setblocking(False)
                    starting = client.start(Request("GET", url), Parts(), TIMEOUTS)
                    # To the end of the coroutine without giving the loop a turn.
                    with pytest.raises(StopIteration) as stopped:
                        starting.send(None)
                    assert server_side.recv(1000).startswith(b"GET / HTTP/1.1\r\n")
                    stopped.value.value.abort()

    run(main())


@pytest.mark.parametrize("size", [0, 1, 50_000, 3_000_000])
def test_large_requests_arrive_whole(run: Run, size: int) -> None:
    """More than a socket takes at once: the rest goes through the transport, in order."""
    body = os.urandom(size)

    async def main() -> None:
        async with await serve(echo, "127.0.0.1", 0) as server, Client() as client:
            for _ in range(3):
                answer = await client.fetch(get(server.url, "p", "POST", body), TIMEOUTS)
                assert answer.body == b"/p|" + body
            assert server.connections == 1

    run(main())


@pytest.mark.parametrize("taken", [0, 1, 17, None])
def test_a_socket_that_takes_little(
    run: Run, monkeypatch: pytest.MonkeyPatch, taken: int | None
) -> None:
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        if taken is None:
            raise BlockingIOError
        return real(descriptor, data[:taken])

    async def main() -> None:
        async with await serve(echo, "127.0.0.1", 0) as server, Client() as client:
            # Only the connection's own writes, not those of the event loop.
            monkeypatch.setattr(os, "write", write)
            try:
                answer = await client.fetch(get(server.url, "p", "POST", b"x" * 999), TIMEOUTS)
            finally:
                monkeypatch.undo()
            assert answer.body == b"/p|" + b"x" * 999

    if taken == 0:
        # Nothing taken means full: also possible.
        monkeypatch.setattr(os, "write", lambda *_: 0)
    run(main())


def test_an_answer_that_comes_before_the_request_has_left(run: Run) -> None:
    """The unsent rest must not become the beginning of the next request."""
    bodies: list[bytes] = []

    async def main() -> None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            bodies.append(await reader.read(1000))
            writer.write(ANSWER)
            try:
                await writer.drain()
                if len(bodies) == 1:
                    await reader.read(-1)
            except ConnectionError:
                pass
            finally:
                writer.transport.abort()

        server = await asyncio.start_server(handle, "127.0.0.1", 0, limit=2**12)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Client() as client:
            request = get(url, "p", "POST", b"x" * 20_000_000)
            exchange_parts = Parts()
            exchange = await client.start(request, exchange_parts, TIMEOUTS)
            await exchange.finished()
            assert (await client.fetch(get(url, "second"), TIMEOUTS)).body == b"ok"
        server.close()
        assert bodies[1].startswith(b"GET /second HTTP/1.1\r\n")

    run(main())


def test_a_connection_reset_under_a_request(run: Run) -> None:
    """A broken pipe is one typed error, and no signal ends the process."""

    async def main() -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            url = parse_url(f"http://127.0.0.1:{listener.getsockname()[1]}")
            async with Client() as client:
                exchange = await client.start(
                    Request("POST", url, (), b"x" * 20_000_000), Parts(), TIMEOUTS
                )
                server_side, _ = listener.accept()
                # Closed with unread bytes: the kernel answers with a reset.
                server_side.close()
                with pytest.raises(ProtocolError, match="closed the connection without an answer"):
                    await exchange.finished()

    run(main())


def test_a_pipe_already_broken(run: Run) -> None:
    """Written to before the loop has noticed; the transport reports it, and it is retried once."""

    async def main() -> None:
        async with await serve(echo, "127.0.0.1", 0) as server, Client() as client:
            assert (await client.fetch(get(server.url), TIMEOUTS)).head.status == 200
            origin = next(iter(client._origins.values()))
            kept = origin._idle[0]
            # What the kernel does after a reset: sending fails, though nothing was reported yet.
            duplicate = socket.fromfd(kept._descriptor, socket.AF_INET, socket.SOCK_STREAM)
            with duplicate:
                duplicate.shutdown(socket.SHUT_RDWR)
            answer = await client.fetch(get(server.url, "again"), TIMEOUTS)
            assert answer.body == b"/again|"
            await until(lambda: server.connections == 1)

    run(main())


def test_a_closing_connection_is_not_written_to() -> None:
    """Its descriptor may be another file's by now."""

    async def main() -> None:
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        connection, transport = Connection(Home()), FakeTransport()
        connection.connection_made(transport)
        connection._descriptor = writing
        connection._write(b"one")
        assert os.read(reading, 10) == b"one"
        transport.close()
        connection._write(b"two")
        with pytest.raises(BlockingIOError):
            os.read(reading, 10)
        connection.connection_lost(None)
        assert connection._descriptor == -1
        exchange = HttpExchange(b"three", Parts(), Timeouts(), name="it", head_only=False)
        connection.send(exchange)
        with pytest.raises(EndpointError):
            await exchange.finished()
        with pytest.raises(BlockingIOError):
            os.read(reading, 10)
        os.close(reading)
        os.close(writing)

    asyncio.run(main())


def test_tls_goes_through_the_transport(run: Run, certificate: Path) -> None:
    """Bytes written to the descriptor would be in the clear."""
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))

    async def main() -> None:
        writes = chunked(VLLM.body)
        async with (
            piecewise(lambda _: writes, tls=server_side) as server,
            Client(tls=trusting) as client,
        ):
            url = parse_url(server.url)
            await client.connect(url, 2, TIMEOUTS)
            origin = next(iter(client._origins.values()))
            assert [one._descriptor for one in origin._idle] == [-1, -1]
            body = b"x" * 300_000
            request = Request("POST", url.join("chat/completions"), (), body)
            assert (await client.fetch(request, TIMEOUTS)).body == VLLM.body
            assert server.requests[0].endswith(body)
            assert server.connections == 2

    run(main())


def test_connections_opened_ahead_are_used(run: Run) -> None:
    async def main() -> None:
        async with await serve(echo, "127.0.0.1", 0) as server, Client() as client:
            url = parse_url(server.url)
            await client.connect(url, 70, TIMEOUTS)
            await until(lambda: server.connections == 70)
            await client.connect(url, 5, TIMEOUTS)  # enough already
            answers = [client.fetch(get(server.url), TIMEOUTS) for _ in range(70)]
            assert all(answer.body == b"/|" for answer in await asyncio.gather(*answers))
            assert server.connections == 70

    run(main())


def test_a_connection_opened_ahead_may_be_closed_by_the_server(run: Run) -> None:
    """Servers close what stays idle, possibly at the very moment of the first request."""
    seen: list[bytes] = []

    async def main() -> None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            data = await reader.read(1000)
            if data:
                seen.append(data)
            if len(seen) > 1:
                writer.write(ANSWER)
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Client() as client:
            await client.connect(parse_url(url), 1, TIMEOUTS)
            # Closed without an answer, as when the close and the request cross.
            assert (await client.fetch(get(url), TIMEOUTS)).body == b"ok"
        server.close()
        assert len(seen) == 2

    run(main())


def test_nobody_to_connect_to(run: Run) -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            url = parse_url(f"http://127.0.0.1:{taken.getsockname()[1]}")
            async with Client() as client:
                with pytest.raises(ConnectError, match="refused"):
                    await client.connect(url, 3, TIMEOUTS)

    run(main())


@pytest.mark.parametrize("limit", [1, 3])
def test_no_more_are_opened_ahead_than_are_allowed(run: Run, limit: int) -> None:
    async def main() -> None:
        async with (
            await serve(echo, "127.0.0.1", 0) as server,
            Client(max_connections=limit) as client,
        ):
            await client.connect(parse_url(server.url), 10, TIMEOUTS)
            await until(lambda: server.connections == limit)
            await asyncio.sleep(0.02)
            assert server.connections == limit

    run(main())
