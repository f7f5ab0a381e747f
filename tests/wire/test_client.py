from __future__ import annotations

import asyncio
import math
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.fakes.llm_server import HANG, fake_llm
from tests.wire.conftest import Run, until
from tests.wire.exchanges import TIMEOUTS, Parts, echo, get
from weighbridge.core.errors import (
    ConnectError,
    DeadlineError,
    EndpointError,
    InputError,
    ProtocolError,
)
from weighbridge.core.http import (
    Headers,
    HttpClient,
    Request,
    Sink,
    Timeouts,
    parse_url,
)
from weighbridge.wire.client import Client
from weighbridge.wire.heads import render_request
from weighbridge.wire.server import Responder, Server, ServerRequest, serve


def test_the_seams_fit() -> None:
    client: HttpClient = Client()
    sink: Sink = Parts()
    assert client
    assert sink


def test_requests_reuse_their_connection(run: Run) -> None:
    async def main() -> None:
        async with await serve(echo, "127.0.0.1", 0) as server, Client() as client:
            for _ in range(3):
                request = get(server.url, "a/b", "POST", b"body")
                response = await client.fetch(request, TIMEOUTS)
                assert response.body == b"/a/b|body"
                assert response.head.header(b"x-method") == b"POST"
                assert response.head.header(b"none") == b""
            assert server.connections == 1

    run(main())


def test_what_is_sent() -> None:
    seen: list[ServerRequest] = []

    async def keep(request: ServerRequest, responder: Responder) -> None:
        seen.append(request)
        responder.send(200, (), b"")

    async def main() -> None:
        async with await serve(keep, "127.0.0.1", 0) as server, Client() as client:
            url = parse_url(server.url)
            await client.fetch(Request("GET", url, ((b"x-a", b"1"),)), TIMEOUTS)
            await client.fetch(Request("POST", url), TIMEOUTS)
            host = f"127.0.0.1:{url.port}".encode()
            assert seen[0].headers == ((b"host", host), (b"x-a", b"1"))
            assert seen[1].headers == ((b"host", host),)
            assert b"content-length: 0\r\n" in render_request(Request("POST", url))

    asyncio.run(main())


def test_a_server_that_speaks_first_is_none_of_ours(run: Run) -> None:
    async def main() -> None:
        def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            del reader
            writer.write(b"220 mail.example ESMTP\r\n")
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with Client() as client:
            with pytest.raises(ProtocolError):
                await client.fetch(get(url), TIMEOUTS)
        server.close()

    run(main())


def test_nobody_answers(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"

        async def main() -> None:
            async with Client() as client:
                await client.fetch(get(url), TIMEOUTS)

        with pytest.raises(ConnectError) as caught:
            run(main())
    assert f"Nobody answers at {url}: the connection was refused." in str(caught.value)
    assert "Is the server running and is the address right?" in str(caught.value)


def test_an_unknown_host(run: Run) -> None:
    async def main() -> None:
        async with Client() as client:
            await client.fetch(get("http://no-such-host.invalid"), TIMEOUTS)

    with pytest.raises(ConnectError, match=r"'no-such-host\.invalid' is not known"):
        run(main())


def test_connecting_may_take_too_long(run: Run) -> None:
    async def main() -> None:
        # A listener whose queue is full drops further connections.
        with socket.socket() as full, socket.socket() as first, socket.socket() as second:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            first.setblocking(False)
            second.setblocking(False)
            first.connect_ex(full.getsockname())
            second.connect_ex(full.getsockname())
            url = f"http://127.0.0.1:{full.getsockname()[1]}"
            async with Client() as client:
                await client.fetch(get(url), Timeouts(connect=0.1))

    # Nothing was sent, so another server may be tried: as if nobody answered.
    with pytest.raises(ConnectError, match=r"accept a connection within 0\.1 s \(connect\)"):
        run(main())


def test_closing_fails_what_is_under_way(run: Run) -> None:
    async def main() -> None:
        async with fake_llm(HANG) as url:
            client = Client()
            request = get(url, "chat/completions", "POST", b"{}")
            exchange = await client.start(request, Parts(), TIMEOUTS)
            await client.close()
            with pytest.raises(EndpointError):
                await exchange.finished()

    run(main())


@asynccontextmanager
async def closing_server(answers: list[bytes]) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Reads a request, sends the next answer and, after an empty one, closes."""
    seen: list[bytes] = []
    tasks: list[asyncio.Task[None] | None] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())
        while request := await reader.read(65536):
            seen.append(request)
            answer = answers.pop(0)
            writer.write(answer)
            if not answer:
                break
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", seen
    server.close()
    await asyncio.gather(*(task for task in tasks if task))


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_a_kept_connection_that_was_closed_is_replaced_once(run: Run) -> None:
    async def main() -> None:
        async with closing_server([ANSWER, b"", ANSWER]) as (url, seen), Client() as client:
            first = await client.fetch(get(url, method="POST", body=b"1"), TIMEOUTS)
            second = await client.fetch(get(url, method="POST", body=b"2"), TIMEOUTS)
            assert (first.body, second.body) == (b"ok", b"ok")
            assert len(seen) == 3
            assert seen[1] == seen[2]
            await client.close()

    run(main())


def test_a_retry_is_not_retried(run: Run) -> None:
    async def main() -> None:
        async with closing_server([ANSWER, b"", b""]) as (url, seen), Client() as client:
            await client.fetch(get(url), TIMEOUTS)
            with pytest.raises(ProtocolError, match="without an answer"):
                await client.fetch(get(url), TIMEOUTS)
            assert len(seen) == 3

    run(main())


def test_a_fresh_connection_is_not_retried(run: Run) -> None:
    async def main() -> None:
        async with closing_server([b"", ANSWER]) as (url, seen), Client() as client:
            with pytest.raises(ProtocolError, match="without an answer"):
                await client.fetch(get(url), TIMEOUTS)
            assert len(seen) == 1

    run(main())


def test_a_begun_answer_is_not_retried(run: Run) -> None:
    async def main() -> None:
        answers = [ANSWER, ANSWER[:-1], b""]
        async with closing_server(answers) as (url, seen), Client() as client:
            await client.fetch(get(url), TIMEOUTS)
            with pytest.raises(DeadlineError):
                await client.fetch(get(url), Timeouts(between_bytes=0.05))
            assert len(seen) == 2

    run(main())


def test_stray_bytes_bar_reuse(run: Run) -> None:
    async def main() -> None:
        answers = [ANSWER + ANSWER, ANSWER]
        async with closing_server(answers) as (url, _), Client() as client:
            assert (await client.fetch(get(url), TIMEOUTS)).body == b"ok"
            assert (await client.fetch(get(url), TIMEOUTS)).body == b"ok"
            assert not answers

    run(main())


def test_connections_may_be_limited(run: Run) -> None:
    most: list[int] = []

    async def handle(request: ServerRequest, responder: Responder) -> None:
        del request
        most.append(servers[0].connections)
        await asyncio.sleep(0.005)
        responder.json(200, 1)

    servers: list[Server] = []

    async def main() -> None:
        async with await serve(handle, "127.0.0.1", 0) as server:
            servers.append(server)
            async with Client(max_connections=2) as client:
                request = get(server.url)
                tasks = [asyncio.create_task(client.fetch(request, TIMEOUTS)) for _ in range(9)]
                await asyncio.sleep(0)
                tasks[8].cancel()
                await asyncio.gather(*tasks[:8])
                assert max(most) == 2
                hanging = [client.fetch(request, TIMEOUTS) for _ in range(2)]
                holders = asyncio.gather(*hanging)
                await asyncio.sleep(0)
                with pytest.raises(DeadlineError, match="became free"):
                    await client.fetch(request, Timeouts(total=0.001))
                await holders

    run(main())


def test_limits_may_be_infinite(run: Run) -> None:
    endless = Timeouts(math.inf, math.inf, math.inf, math.inf)

    async def handle(request: ServerRequest, responder: Responder) -> None:
        del request
        await asyncio.sleep(0.005)
        responder.json(200, 1)

    async def main() -> None:
        async with (
            await serve(handle, "127.0.0.1", 0) as server,
            Client(max_connections=1) as client,
        ):
            # The second waits for the first one's connection.
            fetches = [client.fetch(get(server.url), endless) for _ in range(2)]
            answers = await asyncio.gather(*fetches)
            assert [answer.body for answer in answers] == [b"1", b"1"]

    run(main())


@pytest.mark.parametrize("steps", range(6))
def test_a_cancelled_connect_leaves_nothing(run: Run, steps: int) -> None:
    async def main() -> None:
        async with await serve(echo, "127.0.0.1", 0) as server:
            async with Client(max_connections=1) as client:
                task = asyncio.create_task(client.fetch(get(server.url), TIMEOUTS))
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait([task])
                assert (await client.fetch(get(server.url), TIMEOUTS)).head.status == 200
                await until(lambda: server.connections == 1)
            await until(lambda: server.connections == 0)

    run(main())


def test_a_failed_connect_frees_its_slot() -> None:
    async def main() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            request = get(f"http://127.0.0.1:{taken.getsockname()[1]}")
            async with Client(max_connections=1) as client:
                for _ in range(2):
                    with pytest.raises(ConnectError):
                        await client.fetch(request, TIMEOUTS)

    asyncio.run(main())


@pytest.mark.parametrize(
    "headers", [((b"a", b"b\r\nc: d"),), ((b"a", b"b\nc"),), ((b"a\r", b"b"),), ((b"a", b"\0"),)]
)
def test_headers_cannot_break_out(headers: Headers) -> None:
    async def main() -> None:
        async with Client() as client:
            await client.fetch(Request("GET", parse_url("127.0.0.1:9"), headers), TIMEOUTS)

    with pytest.raises(InputError, match="line break"):
        asyncio.run(main())


@pytest.mark.parametrize("path", ["/a b", "/é", "/a\r\nb: c"])
def test_paths_cannot_break_out(path: str) -> None:
    async def main() -> None:
        async with Client() as client:
            await client.fetch(get("127.0.0.1:9", path), TIMEOUTS)

    with pytest.raises(InputError):
        asyncio.run(main())


@asynccontextmanager
async def tls_server(certificate: Path) -> AsyncIterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    tasks: list[asyncio.Task[None] | None] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.current_task())
        try:
            while await reader.read(65536):
                writer.write(ANSWER)
        except (ssl.SSLError, ConnectionError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    yield f"https://localhost:{server.sockets[0].getsockname()[1]}"
    server.close()
    await asyncio.gather(*(task for task in tasks if task))


def test_tls(run: Run, certificate: Path) -> None:
    async def main() -> None:
        trusting = ssl.create_default_context(cafile=str(certificate))
        async with tls_server(certificate) as url:
            async with Client(tls=trusting) as client:
                for _ in range(2):
                    assert (await client.fetch(get(url), TIMEOUTS)).body == b"ok"
            async with Client() as client:
                with pytest.raises(ConnectError, match="no TLS connection"):
                    await client.fetch(get(url), TIMEOUTS)

    run(main())


def test_tls_to_a_server_without(run: Run) -> None:
    async def main() -> None:
        async with await serve(echo, "127.0.0.1", 0) as server, Client() as client:
            url = server.url.replace("http", "https")
            with pytest.raises(ConnectError, match="no TLS connection") as caught:
                await client.fetch(get(url), TIMEOUTS)
            assert "https" in caught.value.fix

    run(main())
