"""Streams as they are met in the field, through the real client and real sockets."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.wire.conftest import Run
from tests.wire.streams import (
    LLAMACPP,
    RECORDED,
    SGLANG,
    VLLM,
    VLLM_CONTINUOUS,
    Recorded,
    ask,
    check,
    chunked,
    events,
    piecewise,
    until_close,
    with_length,
)
from weighbridge.core.errors import ConnectError, EndpointError, ProtocolError, StatusError
from weighbridge.core.http import Timeouts
from weighbridge.wire.client import Client
from weighbridge.wire.stream import ChatStream

FRAMINGS = {"chunked": chunked, "content-length": with_length, "close": until_close}


def by_event(body: bytes) -> list[bytes]:
    return [event + b"\n\n" for event in body.split(b"\n\n") if event]


def read(run: Run, *writes: bytes, times: int = 1, timeouts: Timeouts | None = None) -> ChatStream:
    """The last of several streams, all made of these writes."""

    async def main() -> ChatStream:
        async with piecewise(lambda _: writes) as server, Client() as client:
            for _ in range(times):
                stream = await ask(client, server.url, timeouts or Timeouts(2, 2, 2, 5))
            assert len(server.requests) == times
            return stream

    stream: ChatStream = run(main())
    return stream


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("name", RECORDED)
def test_every_engine_in_every_framing(run: Run, name: str, framing: str) -> None:
    recorded = RECORDED[name]
    pieces = by_event(recorded.body)
    assert b"".join(pieces) == recorded.body
    check(read(run, *FRAMINGS[framing](*pieces)), recorded)
    # All events in one write, and head and events in one write.
    check(read(run, *FRAMINGS[framing](recorded.body)), recorded)
    check(read(run, b"".join(FRAMINGS[framing](*pieces))), recorded)


@pytest.mark.parametrize("name", RECORDED)
def test_a_stream_cut_into_two_reads_anywhere(run: Run, name: str) -> None:
    """At every byte of a character that has several, and at every seventh of the others."""
    recorded = RECORDED[name]
    body = recorded.body
    cuts = [cut for cut in range(len(body)) if body[cut] >= 0x80 or cut % 7 == 0]

    async def main() -> None:
        def answer(number: int) -> list[bytes]:
            return chunked(body[: cuts[number]], body[cuts[number] :])

        async with piecewise(answer) as server, Client() as client:
            for _ in cuts:
                check(await ask(client, server.url), recorded)
            assert server.connections == 1

    run(main())


@pytest.mark.parametrize("name", RECORDED)
def test_the_whole_answer_byte_by_byte(run: Run, name: str) -> None:
    recorded = RECORDED[name]
    whole = b"".join(chunked(*by_event(recorded.body)))
    check(read(run, *(whole[at : at + 1] for at in range(len(whole)))), recorded)


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r", "\r\n\n"])
@pytest.mark.parametrize("field", ["data: ", "data:"])
def test_line_ends_and_spaces(run: Run, end: str, field: str) -> None:
    payloads = [event[6:-2].decode() for event in by_event(VLLM.body)]
    body = events(*payloads, end=end, field=field)
    check(read(run, *chunked(*(body[at : at + 5] for at in range(0, len(body), 5)))), VLLM)


@pytest.mark.parametrize(
    "before",
    [
        b": keep-alive\n\n",  # FastAPI's and llama.cpp's pings
        b":\n\n",
        b": OPENROUTER PROCESSING\n\n",
        b"event: message\nid: 7\nretry: 3000\n",
        b"\n\n\n",
        b": ping - 2026-11-21 08:00:00.000000\r\n\r\n",
    ],
)
def test_lines_that_are_no_data(run: Run, before: bytes) -> None:
    pieces = [before + event for event in by_event(SGLANG.body)]
    check(read(run, *chunked(*pieces)), SGLANG)


def test_a_keep_alive_comment_is_no_content(run: Run) -> None:
    async def main() -> None:
        writes = chunked(b": ping\n\n", *by_event(VLLM.body))
        async with piecewise(lambda _: writes, pause_s=0.01) as server, Client() as client:
            stream = await ask(client, server.url)
            first = stream.first_content_ns
            assert first is not None
            gaps = [b - a for a, b in zip(stream.arrivals, stream.arrivals[1:], strict=False)]
            assert all(gap > 5_000_000 for gap in gaps)

    run(main())


def test_events_joined_in_one_read_share_a_stamp(run: Run) -> None:
    stream = read(run, *chunked(b"".join(by_event(VLLM.body)[:3]), *by_event(VLLM.body)[3:]))
    assert stream.arrivals[0] == stream.arrivals[1] < stream.arrivals[2]


def without(recorded: Recorded, *events_left_out: int, **expected: Any) -> Recorded:
    pieces = by_event(recorded.body)
    kept = [piece for at, piece in enumerate(pieces) if at - len(pieces) not in events_left_out]
    return replace(recorded, body=b"".join(kept), **expected)


@pytest.mark.parametrize(
    "recorded",
    [
        pytest.param(
            without(VLLM, -2, tokens=None, prompt_tokens=None, cached_tokens=None), id="no usage"
        ),
        pytest.param(without(VLLM, -1, done=False), id="no [DONE]"),
        pytest.param(without(VLLM_CONTINUOUS, -2), id="usage in every chunk, none at the end"),
        pytest.param(without(LLAMACPP, -3, finish_reason=None), id="no finish reason"),
        pytest.param(without(VLLM, -7), id="no role"),
        pytest.param(
            Recorded(
                events('{"choices":[{"delta":{"content":[{"type":"text","text":"pa"}]}}]}',
                       '{"choices":[{"delta":{"content":[{"type":"image"}]},"finish_reason":"x"}]}',
                       "[DONE]"),
                "pa", 2, None, None, "x", model=None),
            id="content in parts",
        ),
        pytest.param(
            Recorded(
                events('{"choices":[{"delta":{"content":"a"},"finish_reason":""}],"usage":{}}',
                       '{"choices":null,"error":null}',
                       '{"choices":[{"delta":null,"finish_reason":"stop"}],"future":[{}]}',
                       '{"object":"chat.completion.chunk"}',
                       "[DONE]"),
                "a", 1, None, None, "stop", model=None),
            id="empty where others say null",
        ),
        pytest.param(
            Recorded(
                events('{"choices":[{"delta":{"tool_calls":[]}}]}',
                       '{"choices":[{"delta":{"content":""},"finish_reason":"stop"}],'
                       '"usage":{"prompt_tokens":3,"completion_tokens":0}}', "[DONE]"),
                "", 0, 0, 3, "stop", model=None),
            id="an empty answer",
        ),
        pytest.param(
            Recorded(VLLM.body.removesuffix(b"\n"), VLLM.text, 4, 7, 21, "stop", cached_tokens=16,
                     done=False),
            id="no blank line at the end",
        ),
        pytest.param(
            Recorded(b"\xef\xbb\xbf" + VLLM.body, VLLM.text, 4, 7, 21, "stop", cached_tokens=16),
            id="byte order mark",
        ),
        pytest.param(
            Recorded(
                events(*(event[6:-2].decode().replace(',"', ',\ndata: "')
                         for event in by_event(VLLM.body))),
                VLLM.text, 4, 7, 21, "stop", cached_tokens=16),
            id="an event of several lines",
        ),
    ],
)  # fmt: skip
def test_what_engines_leave_out_or_add(run: Run, recorded: Recorded) -> None:
    whole = recorded.body
    check(read(run, *chunked(whole)), recorded)
    check(
        read(run, *with_length(*(whole[at : at + 9] for at in range(0, len(whole), 9)))), recorded
    )


@pytest.mark.parametrize(
    ("last", "error", "message"),
    [
        (b"", ProtocolError, "cut its answer: the stream ended without"),
        (b'data: {"choices":[{"delta":{"content":"ha', ProtocolError, "cut its answer"),
        (
            events('{"error":{"message":"CUDA out of memory","type":"ServerError","code":500}}'),
            StatusError,
            "reported an error: CUDA out of memory",
        ),
        (
            events('{"error":"out of slots","error_type":"overloaded"}'),
            ProtocolError,
            "reported an error: out of slots",
        ),
        (
            b'event: error\ndata: {"error":{"message":"gone"}}\n\n',
            ProtocolError,
            "reported an error: gone",
        ),
        (events('{"error":{}}', "[DONE]"), ProtocolError, "no reason given"),
        (events("Internal Server Error"), ProtocolError, "not an OpenAI-style chunk"),
        (
            b'data: {"choices":[{"delta":{"content":"\xe6\xbc"}}]}\n\n',
            ProtocolError,
            "not an OpenAI",
        ),
        (b"data: " + b"[" * 5000 + b"\n\n", ProtocolError, "not an OpenAI-style chunk"),
    ],
)
def test_streams_that_go_wrong_after_their_first_token(
    run: Run, last: bytes, error: type[EndpointError], message: str
) -> None:
    begun = by_event(VLLM.body)[:2]
    for framing in FRAMINGS.values():
        with pytest.raises(error, match=message):
            read(run, *framing(*begun, last))


@pytest.mark.parametrize("framing", ["chunked", "content-length"])
def test_a_connection_cut_in_the_middle(run: Run, framing: str) -> None:
    writes = FRAMINGS[framing](*by_event(VLLM.body))

    async def main(count: int) -> None:
        cut = [writes[0].replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), *writes[1:count]]
        async with piecewise(lambda _: cut) as server, Client() as client:
            with pytest.raises(ProtocolError, match="closed the connection in the middle"):
                await ask(client, server.url)
            # What has begun to answer is not asked again.
            assert len(server.requests) == 1

    for count in range(1, len(writes) - 1):
        run(main(count))


def test_interim_answers_are_passed_over(run: Run) -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    first, *rest = chunked(*by_event(VLLM.body))
    check(read(run, interim + first, *rest), VLLM)
    check(read(run, interim[:40], interim[40:], first, *rest, times=3), VLLM)


def test_a_connection_is_kept(run: Run) -> None:
    async def main() -> None:
        writes = [chunked(*by_event(VLLM.body)), with_length(*by_event(VLLM.body))]
        async with piecewise(lambda number: writes[number % 2]) as server, Client() as client:
            for _ in range(6):
                check(await ask(client, server.url), VLLM)
            assert (len(server.requests), server.connections) == (6, 1)

    run(main())


def test_many_streams_at_once_stay_apart(run: Run) -> None:
    recorded = list(RECORDED.values())

    async def main() -> None:
        def answer(number: int) -> list[bytes]:
            body = recorded[number % len(recorded)].body
            return chunked(*(body[at : at + 11] for at in range(0, len(body), 11)))

        async with piecewise(answer) as server, Client() as client:
            streams = await asyncio.gather(*(ask(client, server.url) for _ in range(60)))
            assert server.connections == 60
        texts = [stream.text for stream in streams]
        for one in recorded:
            assert texts.count(one.text) == 10

    run(main())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_refused(run: Run, status: int) -> None:
    async def main() -> None:
        location = b"Location: http://127.0.0.1:9/v1/chat/completions\r\n"
        head = b"HTTP/1.1 %d Moved\r\n%sContent-Length: 0\r\n\r\n" % (status, location)
        async with piecewise(lambda _: [head]) as server, Client() as client:
            with pytest.raises(StatusError, match=f"status {status}") as caught:
                await ask(client, server.url)
            assert "Redirects are not followed" in caught.value.fix
            assert len(server.requests) == 1

    run(main())


@pytest.mark.parametrize(
    ("head", "body", "message"),
    [
        (b"Content-Type: text/html\r\n", b"<!doctype html><p>Welcome", "answered with HTML"),
        (b"Content-Type: application/json\r\n", VLLM.body, "answered with other JSON"),
        (b"Content-Type: text/plain\r\n", b"hello", "answered with text/plain"),
        (b"Content-Type: application/json\r\n", b'{"choices":[]}', "other JSON"),
        (
            b"Content-Type: application/json\r\n",
            b'{"choices":[{"message":{"content":"hi"},"finish_reason":"stop"}]}',
            "all at once, though a stream was asked for",
        ),
        (b"Content-Type: text/event-stream\r\n", b"", "cut its answer"),
        (b"Content-Type: text/event-stream\r\n", b"<html>", "cut its answer"),
    ],
)
def test_answers_that_are_no_streams(run: Run, head: bytes, body: bytes, message: str) -> None:
    whole = b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (head, len(body), body)
    with pytest.raises(ProtocolError, match=message):
        read(run, whole)


def test_a_stream_without_a_content_type(run: Run) -> None:
    check(read(run, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", VLLM.body), VLLM)


def test_streams_over_tls(run: Run, certificate: Path) -> None:
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))

    async def main() -> None:
        body = VLLM.body

        def answer(number: int) -> list[bytes]:
            return chunked(body[: number * 10], body[number * 10 :])

        async with piecewise(answer, tls=server_side) as server:
            async with Client(tls=trusting) as client:
                for _ in range(30):
                    check(await ask(client, server.url), VLLM)
                assert server.connections == 1
            async with Client() as client:
                with pytest.raises(ConnectError, match="no TLS connection") as caught:
                    await ask(client, server.url)
                assert "certificate" in caught.value.fix
            assert len(server.requests) == 30

    run(main())
