"""Requests through the data plane, over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from pathlib import Path

import pytest

from tests.fakes.plane import FakeAccess
from tests.serve.proxy.rig import (
    ANSWER,
    BODY,
    END,
    EVENTS,
    Call,
    chunk,
    engine,
    gateway,
    parse,
    plain,
    post,
)
from tests.wire.conftest import Run, until
from weighbridge.core.gateway import Grant, Refusal, TokenUse
from weighbridge.core.routing import Condition, Limits, ModelEntry, Route, RouterConfig
from weighbridge.serve.routing.policy import RoutePolicy
from weighbridge.wire.server import ServerLimits

CLOSE = b"Connection: close\r\n"
CODING = b"Transfer-Encoding: chunked\r\n"


def test_bytes_pass_untouched_but_for_model_and_keys(run: Run) -> None:
    async def main() -> None:
        async with engine() as e, gateway({"alias": (e.url,)}) as rig:
            body = BODY.replace(b'"m"', b'"alias"')
            secrets = (
                b"Authorization: Bearer sk-client\r\nX-Api-Key: sk-client\r\nCookie: sk-client\r\n"
            )
            others = (
                b"X-Custom: 1\r\nX-Session-Token: sk-client\r\nAnthropic-Beta: b\r\nX-Hop: 2\r\n"
            )
            hops = b"Connection: x-hop, close\r\nX-Weighbridge-Deadline: 9\r\n"
            answer = await rig.talk(post(body, secrets + others + hops))
            status, headers, got = parse(answer)
            assert (status, got) == (200, ANSWER)
            assert headers["x-weighbridge-model"] == "alias"
            assert headers["x-weighbridge-route"] == "asked by its name"
            (call,) = e.calls
            assert call.body == BODY
            assert b"sk-client" not in call.head
            assert b"authorization: Bearer engine-key" in call.head
            assert b"x-custom: 1" in call.head
            assert b"anthropic-beta: b" in call.head
            assert b"x-hop:" not in call.head
            assert b"deadline" not in call.head
            assert rig.outcome.use == TokenUse(7, 3)
            assert rig.outcome.end == "complete"
            assert rig.outcome.model == "alias"
            assert rig.outcome.answer_bytes == len(ANSWER)
            assert rig.observer.taps[0].data == ANSWER
            assert rig.observer.taps[0].outcomes == [rig.outcome]
            assert rig.access.counted == [TokenUse(7, 3)]
            rig.assert_all_left()

    run(main())


def test_requests_one_after_the_other_share_a_connection_and_look_alike(run: Run) -> None:
    async def main() -> None:
        async with engine() as e, gateway({"m": (e.url,)}) as rig:
            answer = await rig.talk(post(), post(), post() + post(headers=CLOSE), pause_s=0.05)
            assert answer.count(ANSWER) == 4
            assert e.connections == 1
            # The first was parsed, the second recognised: both must come out the same.
            heads = {
                b"\r\n".join(line for line in call.head.split(b"\r\n") if b"-id" not in line)
                for call in e.calls
            }
            assert len(heads) == 1
            assert {call.body for call in e.calls} == {BODY}
            rig.assert_all_left()

    run(main())


def test_pipelined_and_dripped_and_chunked(run: Run) -> None:
    async def main() -> None:
        async def numbered(call: Call) -> None:
            answer = b'{"n":%d}' % call.number
            await call.send(
                b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(answer), answer)
            )

        async with engine(numbered) as e, gateway({"m": (e.url,)}) as rig:
            whole = await rig.talk(post() + post() + post(headers=CLOSE))
            assert [whole.find(b'{"n":%d}' % n) for n in range(3)] == sorted(
                whole.find(b'{"n":%d}' % n) for n in range(3)
            )
            assert whole.count(b"HTTP/1.1 200") == 3
            request = post(headers=CLOSE)
            dripped = await rig.talk(*(request[i : i + 37] for i in range(0, len(request), 37)))
            assert parse(dripped)[2] == b'{"n":3}'
            head = (
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            )
            chunked = chunk(BODY[:9]) + b"%x;ext=1\r\n%b\r\n" % (len(BODY[9:]), BODY[9:]) + END
            assert parse(await rig.talk(head + CLOSE + b"\r\n" + chunked))[2] == b'{"n":4}'
            assert {call.body for call in e.calls} == {BODY}

    run(main())


SMUGGLED = {
    "te_and_cl": b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two_lengths": b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "list_of_lengths": b"Content-Length: 2, 2\r\n\r\n{}",
    "obs_fold": b"A: b\r\n c\r\nContent-Length: 2\r\n\r\n{}",
    "folded_coding": b"Transfer-Encoding: chunked\r\n , identity\r\n\r\n0\r\n\r\n",
    "bad_chunk_size": b"Transfer-Encoding: chunked\r\n\r\n0x2\r\n{}\r\n0\r\n\r\n",
    "negative_chunk": b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    "huge_chunk": b"Transfer-Encoding: chunked\r\n\r\n10000000000000002\r\n{}\r\n0\r\n\r\n",
    "chunk_line_feed": b"Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n",
    "chunk_too_long": b"Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
    "bare_line_feed": b"A: b\nContent-Length: 2\r\n\r\n{}",
    "bare_return": b"A: b\rContent-Length: 2\r\n\r\n{}",
    "space_before_colon": b"Content-Length : 2\r\n\r\n{}",
    "plus_in_length": b"Content-Length: +2\r\n\r\n{}",
    "hex_length": b"Content-Length: 0x2\r\n\r\n{}",
    "empty_length": b"Content-Length:\r\n\r\n{}",
    "huge_length": b"Content-Length: 99999999999999999999\r\n\r\n{}",
    "unknown_coding": b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "identity_coding": b"Transfer-Encoding: identity\r\n\r\n",
    "two_codings": b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding_twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "length_in_trailer": b"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 2\r\n\r\n",
    "zero_byte": b"A: b\0c\r\nContent-Length: 2\r\n\r\n{}",
    "two_hosts": b"Host: y\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_smuggling_is_refused(run: Run, name: str) -> None:
    async def main() -> None:
        start = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
        async with engine() as e, gateway({"m": (e.url,)}) as rig:
            # After a good one, so that nothing is mistaken for what is known already.
            answer = await rig.talk(post(), start + SMUGGLED[name], pause_s=0.05)
            first, _, second = answer.partition(ANSWER)
            assert first.startswith(b"HTTP/1.1 200")
            assert second.startswith(b"HTTP/1.1 400 ")
            assert len(e.calls) == 1

    run(main())


def test_streams_arrive_byte_identical(run: Run) -> None:
    events = [b'data: {"n":%d}\n\n' % n for n in range(9)]
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":9}}\n\n'

    async def stream(call: Call) -> None:
        await call.send(EVENTS)
        for event in events:
            await call.send(chunk(event))
            await asyncio.sleep(0.002)
        await call.send(chunk(usage + b"data: [DONE]\n\n") + END)

    async def main() -> None:
        async with engine(stream) as e, gateway({"m": (e.url,)}) as rig:
            status, headers, body = await rig.ask()
            assert (status, headers["content-type"]) == (200, "text/event-stream")
            assert body == b"".join(events) + usage + b"data: [DONE]\n\n"
            assert rig.outcome.use == TokenUse(5, 9)
            assert rig.outcome.ttft_s is not None
            assert e.calls[0].body == BODY

    run(main())


@pytest.mark.parametrize("framing", ["chunked", "until_close", "length"])
def test_a_cut_stream_ends_visibly_broken(run: Run, framing: str) -> None:
    async def cut(call: Call) -> None:
        head = {
            "chunked": EVENTS + chunk(b"data: 1\n\n"),
            "until_close": EVENTS.replace(CODING, b"") + b"data: 1\n\nda",
            "length": b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ndata: 1\n\n",
        }[framing]
        await call.send(head)
        await asyncio.sleep(0.02)
        call.cut()

    async def main() -> None:
        async with engine(cut) as e, gateway({"m": (e.url,), "other": (e.url,)}) as rig:
            raw = await rig.talk(post())
            assert b"data: 1" in raw
            assert not raw.endswith(END)
            assert rig.outcome.end == "cut"
            assert "closed the connection" in rig.outcome.reason
            assert len(e.calls) == 1  # what has begun is never asked again
            assert rig.balancer.failures
            rig.assert_all_left()

    run(main())


@pytest.mark.parametrize("kind", ["plain", "stream"])
def test_the_engine_notices_that_the_client_left(run: Run, kind: str) -> None:
    async def main() -> None:
        noticed = asyncio.Event()

        async def wait(call: Call) -> None:
            if kind == "stream":
                await call.send(EVENTS + chunk(b"data: 1\n\n"))
            await call.gone()
            noticed.set()

        async with engine(wait) as e, gateway({"m": (e.url,)}) as rig:
            _, writer = await asyncio.open_connection(*rig.server.address)
            writer.write(post())
            await until(lambda: e.calls)
            await asyncio.sleep(0.02)
            writer.close()
            async with asyncio.timeout(2):
                await noticed.wait()
            await until(lambda: rig.observer.outcomes)
            assert rig.outcome.end == "client_left"
            assert rig.outcome.status == (200 if kind == "stream" else 499)
            assert not rig.balancer.failures
            rig.assert_all_left()

    run(main())


def test_a_client_that_leaves_the_queue_frees_its_place(run: Run) -> None:
    async def main() -> None:
        async with engine() as e, gateway({"m": (e.url,)}) as rig:
            rig.fleet.waits["m"] = 60.0
            _, writer = await asyncio.open_connection(*rig.server.address)
            writer.write(post())
            await until(lambda: rig.fleet.waiting)
            writer.close()
            await until(lambda: rig.observer.outcomes)
            await until(lambda: not rig.fleet.waiting)
            assert rig.outcome.end == "client_left"
            rig.assert_all_left()
            assert not e.calls

    run(main())


def test_a_slow_client_bounds_memory(run: Run) -> None:
    async def flood(call: Call) -> None:
        await call.send(EVENTS)
        sent = 0
        while sent < 64 * 2**20:
            call.writer.write(chunk(b"x" * 65_536))
            await call.writer.drain()
            sent += 65_536
            flooded.append(sent)
        await call.send(END)

    flooded: list[int] = []

    async def main() -> None:
        flooded.clear()
        async with engine(flood) as e, gateway({"m": (e.url,)}) as rig:
            reader, writer = await asyncio.open_connection(*rig.server.address, limit=2**18)
            writer.write(post(headers=CLOSE))
            await until(lambda: flooded)
            before = 0
            while flooded[-1] > before:  # without bounds it ends with all of it
                before = flooded[-1]
                await asyncio.sleep(0.3)
            assert before < 32 * 2**20  # what the kernel's buffers hold
            got = 0
            while data := await reader.read(2**20):
                got += len(data)
            assert got > 64 * 2**20
            assert rig.outcome.end == "complete"
            assert rig.outcome.answer_bytes == 64 * 2**20
            writer.close()

    run(main())


def test_slow_loris_and_oversize(run: Run) -> None:
    async def main() -> None:
        limits = ServerLimits(header_bytes=2048, body_bytes=100, read_s=0.1)
        async with engine() as e, gateway({"m": (e.url,)}, server_limits=limits) as rig:
            assert (await rig.talk(post()[:40])).startswith(b"HTTP/1.1 408")
            assert (await rig.talk(post(b"x" * 101))).startswith(b"HTTP/1.1 413")
            big = post(headers=b"A: " + b"b" * 3000 + b"\r\n")
            assert (await rig.talk(big)).startswith(b"HTTP/1.1 431")
            assert not e.calls

    run(main())


def test_expect_continue(run: Run) -> None:
    async def main() -> None:
        async with engine() as e, gateway({"m": (e.url,)}) as rig:
            head, _, body = post(headers=b"Expect: 100-continue\r\n" + CLOSE).partition(b"\r\n\r\n")
            answer = await rig.talk(head + b"\r\n\r\n", body, pause_s=0.05)
            assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")
            assert b"expect" not in e.calls[0].head.lower()
            # Behind another request the permission comes when its turn has come.
            answer = await rig.talk(post() + head + b"\r\n\r\n", body, pause_s=0.05)
            assert answer.index(ANSWER) < answer.index(b"100 Continue")
            assert answer.count(ANSWER) == 2

    run(main())


def test_refusals_take_the_shape_the_client_expects(run: Run) -> None:
    async def main() -> None:
        access = FakeAccess(key=b"good", grant=Grant("k", models=frozenset({"m"})))
        async with engine() as e, gateway({"m": (e.url,), "n": (e.url,)}, access=access) as rig:
            good = b"X-Api-Key: good\r\n"
            status, headers, body = await rig.ask(post())
            assert status == 401
            assert json.loads(body)["error"]["type"] == "authentication_error"
            assert headers["x-request-id"] == rig.outcome.id
            status, _, body = await rig.ask(post(path=b"/v1/messages"))
            assert json.loads(body)["type"] == "error"
            assert json.loads(body)["error"]["type"] == "authentication_error"
            status, _, body = await rig.ask(post(BODY.replace(b'"m"', b'"n"'), good))
            assert (status, json.loads(body)["error"]["type"]) == (403, "permission_error")
            status, _, body = await rig.ask(post(BODY.replace(b'"m"', b'"z"'), good))
            assert status == 404
            assert "'z'" in json.loads(body)["error"]["message"]
            assert (await rig.ask(post(b"[]", good)))[0] == 400
            assert (await rig.ask(post(b'{"model":"m","model":"n"}', good)))[0] == 400
            assert [o.end for o in rig.observer.outcomes] == ["refused"] * 6
            assert not e.calls
            assert not rig.observer.began_ids
            rig.assert_all_left()

    run(main())


def test_a_key_is_told_of_no_model_but_its_own(run: Run) -> None:
    models = {name: ModelEntry(url="http://127.0.0.1:1") for name in ("mine", "secret", "hidden")}
    models["secret"] = ModelEntry(url="http://127.0.0.1:1", aliases=("nickname",))
    routes = (Route(use=("hidden",), when=Condition(path="/v1/messages")),)

    async def main() -> None:
        grant = Grant("alice", models=frozenset({"mine"}))
        async with engine() as e:
            urls = dict.fromkeys(models, (e.url,))
            async with gateway(urls, access=FakeAccess(grant=grant)) as rig:
                rig.plane.policy = RoutePolicy(RouterConfig(models=models, routes=routes))

                async def told(model: bytes, path: bytes = b"/v1/responses") -> tuple[int, str]:
                    status, _, body = await rig.ask(post(BODY.replace(b'"m"', model), path=path))
                    text = body.decode()
                    assert "hidden" not in text
                    assert '"secret"' not in text
                    return status, text

                for name in (b'"secret"', b'"nickname"'):
                    status, text = await told(name)
                    assert (status, "permission_error" in text) == (403, True)
                    assert f"may not use model '{name.decode()[1:-1]}'" in text
                    assert "it may use: mine." in text
                status, text = await told(b'"other"')
                assert (status, "there are: mine, auto." in text) == (404, True)
                status, text = await told(b'"auto"')
                assert (status, "no_route" in text) == (404, True)
                status, text = await told(b'"auto"', b"/v1/messages")
                assert (status, "permission_error" in text) == (403, True)
                assert "none of the models of the routes that apply" in text
                assert not e.calls
                rig.assert_all_left()

    run(main())


def test_other_paths(run: Run) -> None:
    async def main() -> None:
        async with engine() as e, gateway({"m": (e.url,)}) as rig:
            get = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"
            assert json.loads((await rig.ask(get % b"/health"))[2]) == {"hello": "/health"}
            assert (await rig.ask(get % b"/nothing"))[0] == 404
            status, headers, _ = await rig.ask(get % b"/v1/chat/completions")
            assert (status, headers["allow"]) == (405, "POST")
            assert [one.status for one in rig.observer.outcomes] == [404, 405]

    run(main())


def test_request_ids(run: Run) -> None:
    async def main() -> None:
        async with engine() as e, gateway({"m": (e.url,)}) as rig:
            _, headers, _ = await rig.ask(post(headers=b"X-Request-Id: mine-1\r\n"))
            assert headers["x-request-id"] == "mine-1"
            assert e.calls[0].head.count(b"x-request-id: mine-1\r\n") == 1
            _, headers, _ = await rig.ask(post(headers=b"X-Request-Id: <b> mine\r\n"))
            assert headers["x-request-id"] not in ("", "<b> mine")
            ids = [outcome.id for outcome in rig.observer.outcomes]
            assert ids == ["mine-1", headers["x-request-id"]]

    run(main())


def test_a_gateway_that_calls_itself_is_found_out(run: Run) -> None:
    async def main() -> None:
        async with engine() as e, gateway({"m": (e.url,)}) as rig:
            endpoint = rig.fleet.endpoints["m"][0]
            own = type(endpoint)(
                type(endpoint.base)("http", "127.0.0.1", rig.server.address[1], "/v1"), "m"
            )
            rig.fleet.endpoints = {"m": (own,)}
            assert (await rig.ask())[0] == 508
            await until(lambda: len(rig.observer.outcomes) == 2)
            rig.assert_all_left()

    run(main())


def test_reservations_are_settled_once(run: Run) -> None:
    async def main() -> None:
        access = FakeAccess(grant=Grant("k", metered=True))
        async with engine() as e, gateway({"m": (e.url,)}, access=access) as rig:
            assert (await rig.ask())[0] == 200
            assert access.reserved.settled == [("m", TokenUse(7, 3))]
            access.too_much = Refusal(429, "The budget is spent.", "insufficient_quota", 9.2)
            status, headers, _ = await rig.ask()
            assert (status, headers["retry-after"]) == (429, "10")
            assert len(access.reserved.settled) == 1
            assert len(e.calls) == 1
            rig.assert_all_left()

    run(main())


def test_tls_and_unix_sockets(run: Run, certificate: Path, tmp_path: Path) -> None:
    async def main() -> None:
        served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        served.load_cert_chain(certificate)
        trusted = ssl.create_default_context(cafile=str(certificate))
        path = tmp_path / "gateway.sock"
        path.unlink(missing_ok=True)
        async with engine() as e:
            async with gateway({"m": (e.url,)}, tls=served) as rig:
                assert rig.server.url.startswith("https://")
                reader, writer = await asyncio.open_connection(*rig.server.address, ssl=trusted)
                writer.write(post(headers=CLOSE))
                assert parse(await reader.read())[2] == ANSWER
                writer.close()
            async with gateway({"m": (e.url,)}, path=path) as rig:
                reader, writer = await asyncio.open_unix_connection(path)
                writer.write(post(headers=CLOSE))
                assert parse(await reader.read())[2] == ANSWER
                writer.close()
            assert not path.exists()

    run(main())


def test_a_unix_socket_that_another_process_has_bound(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "shared.sock"
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
            bound.listen()
            async with engine() as e, gateway({"m": (e.url,)}, descriptor=bound.fileno()):
                reader, writer = await asyncio.open_unix_connection(path)
                writer.write(post(headers=CLOSE))
                assert parse(await reader.read())[2] == ANSWER
                writer.close()
            assert path.exists()

    run(main())


def test_draining_lets_answers_end_and_takes_no_more(run: Run) -> None:
    async def slow(call: Call) -> None:
        await asyncio.sleep(0.2)
        await plain(call)

    async def main() -> None:
        async with engine(slow) as e, gateway({"m": (e.url,)}) as rig:
            address = rig.server.address
            asking = asyncio.create_task(rig.talk(post()))
            await until(lambda: e.calls)
            await rig.server.close(grace_s=2)
            status, headers, body = parse(await asking)
            assert (status, headers["connection"], body) == (200, "close", ANSWER)
            assert rig.outcome.end == "complete"
            with pytest.raises(OSError, match=r"."):
                await asyncio.open_connection(*address)

    run(main())


def test_too_many_clients(run: Run) -> None:
    async def main() -> None:
        limits = ServerLimits(connections=1)
        async with engine() as e, gateway({"m": (e.url,)}, server_limits=limits) as rig:
            _, writer = await asyncio.open_connection(*rig.server.address)
            await until(lambda: rig.server.connections == 1)
            answer = await rig.talk()
            assert answer.startswith(b"HTTP/1.1 503")
            assert b"retry-after: 1" in answer
            writer.close()

    run(main())


def test_silence_within_an_answer_and_before_it(run: Run) -> None:
    async def main() -> None:
        async def silent(call: Call) -> None:
            if call.number:
                await call.send(EVENTS + chunk(b"data: 1\n\n"))
            await call.gone()

        limits = Limits(first_byte=0.1, between_bytes=0.1)
        async with engine(silent) as e, gateway({"m": (e.url,)}, limits=limits) as rig:
            status, _, body = await rig.ask()
            assert status == 504
            assert "did not begin to answer within 0.1 s" in json.loads(body)["error"]["message"]
            raw = await rig.talk(post())
            assert not raw.endswith(END)
            assert "silent for 0.1 s" in rig.observer.outcomes[1].reason
            rig.assert_all_left()

    run(main())
