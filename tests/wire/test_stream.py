from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.llm_server import (
    CUT_MIDWAY,
    DIALECTS,
    HANG_MIDWAY,
    HTML,
    OK,
    UNAUTHORIZED,
    Behaviour,
    fake_llm,
    fake_llm_thread,
)
from tests.wire.conftest import Run
from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.errors import DeadlineError, EndpointError, ProtocolError, StatusError
from weighbridge.core.http import Request, ResponseHead, Timeouts
from weighbridge.wire.chat import render_chat
from weighbridge.wire.client import Client
from weighbridge.wire.stream import ChatStream

ENDPOINT = endpoint_at("http://127.0.0.1:9", "tiny")
EVENTS = ResponseHead(200, ((b"content-type", b"text/event-stream; charset=utf-8"),))
TIMEOUTS = Timeouts(connect=2, first_byte=2, between_bytes=2, total=5)
TEXT = "".join(OK.pieces)

ANSWER = (
    'data: {"model":"tiny","choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
    'data: {"choices":[{"delta":{"reasoning_content":"hm"}}]}\n\n'
    'data: {"choices":[{"delta":{"content":"é漢"}}]}\n\n'
    'data: {"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}\n\n'
    'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
    'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n'
    "data: [DONE]\n\n"
).encode()


async def ask(url: str, timeouts: Timeouts = TIMEOUTS) -> ChatStream:
    endpoint = endpoint_at(url, "tiny")
    messages = [{"role": "user", "content": "hi"}]
    body = render_chat("tiny", messages, max_tokens=9, temperature=0, stream=True)
    stream = ChatStream(endpoint)
    async with Client() as client:
        request = Request("POST", endpoint.chat, endpoint.headers, body)
        exchange = await client.start(request, stream, timeouts)
        await exchange.finished()
        assert all(stamp > exchange.sent_ns for stamp in stream.arrivals)
    stream.end()
    return stream


def read(*pieces: bytes, head: ResponseHead = EVENTS) -> ChatStream:
    stream = ChatStream(ENDPOINT)
    stream.on_head(head, 1)
    for stamp_ns, piece in enumerate(pieces, start=2):
        stream.on_body(piece, stamp_ns)
    stream.end()
    return stream


@given(st.lists(st.integers(0, len(ANSWER)), max_size=8))
def test_an_answer_in_any_pieces(cuts: list[int]) -> None:
    places = sorted({0, *cuts, len(ANSWER)})
    pieces = [ANSWER[a:b] for a, b in pairwise(places)]
    stream = read(*pieces)
    assert stream.text == "é漢"
    assert stream.reasoning == "hm"
    assert len(stream.arrivals) == 3
    assert stream.first_content_ns == stream.arrivals[0]
    assert stream.last_content_ns == stream.arrivals[2]
    assert (stream.prompt_tokens, stream.completion_tokens) == (3, 4)
    assert (stream.model, stream.finish_reason, stream.done) == ("tiny", "stop", True)


def test_a_role_is_no_token() -> None:
    role, *rest = ANSWER.split(b"\n\n")
    stream = read(role + b"\n\n", b"\n\n".join(rest))
    assert list(stream.arrivals) == [3, 3, 3]


def test_text_need_not_be_kept() -> None:
    stream = ChatStream(ENDPOINT, keep_text=False)
    stream.on_head(EVENTS, 1)
    stream.on_body(ANSWER, 2)
    stream.end()
    assert (stream.text, stream.reasoning, len(stream.arrivals)) == ("", "", 3)


def test_before_anything_has_arrived() -> None:
    stream = ChatStream(ENDPOINT)
    assert (stream.status, stream.first_content_ns, stream.last_content_ns) == (0, None, None)
    assert (stream.completion_tokens, stream.prompt_tokens) == (None, None)
    with pytest.raises(ProtocolError, match="cut"):
        stream.end()


@pytest.mark.parametrize("name", DIALECTS)
def test_every_dialect_on_a_real_socket(run: Run, name: str) -> None:
    behaviour = DIALECTS[name]

    async def main() -> ChatStream:
        async with fake_llm(behaviour) as url:
            return await ask(url)

    stream: ChatStream = run(main())
    assert stream.text == TEXT
    assert stream.finish_reason == "stop"
    assert stream.done is behaviour.done
    answered = -(-behaviour.tokens // behaviour.per_chunk) + behaviour.reasoning
    assert len(stream.arrivals) == answered
    expected = behaviour.tokens + behaviour.reasoning if behaviour.usage else None
    assert stream.completion_tokens == expected


def test_the_fake_in_a_thread() -> None:
    with fake_llm_thread(OK, model="tiny") as url:
        assert asyncio.run(ask(url)).text == TEXT
        assert url.bodies[0]["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("behaviour", "error", "message"),
    [
        (UNAUTHORIZED, StatusError, "status 401: made to fail with 401"),
        (HTML, ProtocolError, "answered with HTML"),
        (CUT_MIDWAY, ProtocolError, "closed the connection in the middle"),
        (HANG_MIDWAY, DeadlineError, r"sent nothing for 0\.05 s"),
        (Behaviour(done=False, finish_reason=""), ProtocolError, "cut its answer"),
        (Behaviour(error_after=1), StatusError, "reported an error: made to fail"),
        (Behaviour("json", body=b'{"choices":[]}'), ProtocolError, "answered with other JSON"),
        (Behaviour("status", body=b"x" * 100_000), StatusError, "status 500: xxx"),
    ],
)
def test_answers_that_go_wrong(
    run: Run, behaviour: Behaviour, error: type[EndpointError], message: str
) -> None:
    async def main() -> None:
        async with fake_llm(behaviour) as url:
            await ask(url, Timeouts(connect=2, first_byte=2, between_bytes=0.05, total=3))

    with pytest.raises(error, match=message):
        run(main())


@pytest.mark.parametrize(
    "event", [b"nonsense", b'{"choices":1}', b"[]", b'"\xff"', b'{"choices":[{"delta":"x"}]}']
)
def test_an_event_that_is_no_chunk(event: bytes) -> None:
    with pytest.raises(ProtocolError, match="not an OpenAI-style chunk"):
        read(b"data: " + event + b"\n\n")


def test_a_missing_last_blank_line_does_no_harm() -> None:
    assert (
        read(ANSWER.removesuffix(b"data: [DONE]\n\n") + b"data: [DONE]\n").finish_reason == "stop"
    )


@given(st.lists(st.binary(max_size=40), max_size=8))
def test_any_bytes_give_a_typed_error(pieces: list[bytes]) -> None:
    with pytest.raises(EndpointError):
        read(*pieces)


def test_the_answers_beginning_and_the_cache_are_told() -> None:
    stream = ChatStream(ENDPOINT)
    stream.on_head(EVENTS, 1)
    events = [event + b"\n\n" for event in ANSWER.split(b"\n\n")[:-1]]
    events[5] = (
        b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,'
        b'"prompt_tokens_details":{"cached_tokens":2}}}\n\n'
    )
    assert (stream.answer_ns, stream.cached_tokens) == (0, None)
    for stamp, event in enumerate(events, 10):
        stream.on_body(event, stamp)
    stream.end()
    assert list(stream.arrivals) == [11, 12, 13]  # reasoning, text, a tool call
    assert stream.answer_ns == 12
    assert stream.cached_tokens == 2
