from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.errors import EndpointError, ProtocolError, StatusError
from weighbridge.core.http import Response, ResponseHead
from weighbridge.wire.chat import (
    Completion,
    decode_chunk,
    decode_completion,
    error_message,
    one_line,
    render_chat,
)

ENDPOINT = endpoint_at("http://127.0.0.1:9", "tiny")
WITH_KEY = endpoint_at("http://127.0.0.1:9", "tiny", "secret")
MESSAGES = [{"role": "user", "content": "What is 2 + 2?"}]
JSON = b"application/json"


def response(body: bytes, status: int = 200, kind: bytes = JSON) -> Response:
    return Response(ResponseHead(status, ((b"content-type", kind),)), body)


def completion(**fields: Any) -> bytes:
    return msgspec.json.encode({"choices": [{"message": fields, "finish_reason": "stop"}]})


def test_render_a_plain_request() -> None:
    body = render_chat("tiny", MESSAGES, max_tokens=5, temperature=0.0, stream=False)
    assert msgspec.json.decode(body) == {
        "model": "tiny",
        "messages": MESSAGES,
        "stream": False,
        "max_tokens": 5,
        "temperature": 0.0,
    }


def test_render_a_streamed_request_with_everything() -> None:
    body = render_chat(
        "tiny",
        MESSAGES,
        max_tokens=None,
        temperature=None,
        stream=True,
        seed=0,
        extra={"top_k": 1, "stream": True},
    )
    assert msgspec.json.decode(body) == {
        "model": "tiny",
        "messages": MESSAGES,
        "stream": True,
        "stream_options": {"include_usage": True},
        "seed": 0,
        "top_k": 1,
    }


def test_decode_a_completion() -> None:
    body = (
        b'{"id":"x","model":"tiny","choices":[{"index":0,"message":{"role":"assistant",'
        b'"content":"4","reasoning_content":"easy"},"finish_reason":"stop"}],'
        b'"usage":{"prompt_tokens":9,"completion_tokens":2,"total_tokens":11},"timings":{}}'
    )
    assert decode_completion(response(body), ENDPOINT) == Completion(
        content="4",
        reasoning="easy",
        finish_reason="stop",
        prompt_tokens=9,
        completion_tokens=2,
        model="tiny",
    )


@pytest.mark.parametrize(
    ("fields", "content", "reasoning", "tools"),
    [
        ({"content": None}, "", "", False),
        ({}, "", "", False),
        ({"content": "a", "reasoning": "b"}, "a", "b", False),
        ({"content": [{"type": "text", "text": "a"}, {"type": "x"}]}, "a", "", False),
        ({"content": None, "tool_calls": [{"id": "1"}]}, "", "", True),
    ],
)
def test_decode_lenient_messages(
    fields: dict[str, Any], content: str, reasoning: str, tools: bool
) -> None:
    answer = decode_completion(response(completion(**fields)), ENDPOINT)
    assert (answer.content, answer.reasoning, answer.has_tool_calls) == (content, reasoning, tools)
    assert answer.completion_tokens is None


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (
            500,
            b'{"error":{"message":"out of\\nmemory"}}',
            "answered with status 500: out of memory.",
        ),
        (500, b'{"error":"no model"}', "status 500: no model."),
        (422, b'{"detail":[{"loc":["body"]}]}', '[{"loc":["body"]}].'),
        (400, b'{"object":"error","message":"too long!"}', "status 400: too long!"),
        (503, b"<html><h1>503</h1></html>", "answered with status 503."),
        (502, b"", "answered with status 502."),
        (500, b"plain words", "status 500: plain words."),
        (500, b"\xff\xfe\x00", "status 500: "),
        (500, b"[1,2", "status 500: [1,2."),
    ],
)
def test_statuses_are_told_in_the_servers_words(status: int, body: bytes, message: str) -> None:
    with pytest.raises(StatusError) as caught:
        decode_completion(response(body, status), ENDPOINT)
    assert caught.value.status == status
    assert caught.value.kind == f"http_{status}"
    assert message in caught.value.message
    assert caught.value.message.startswith("http://127.0.0.1:9/v1/chat/completions ")


def test_statuses_come_with_a_way_out() -> None:
    def fix(status: int, *, key: bool = False) -> str:
        with pytest.raises(StatusError) as caught:
            decode_completion(response(b"{}", status), WITH_KEY if key else ENDPOINT)
        assert "secret" not in str(caught.value)
        return caught.value.fix

    assert fix(401) == "Give the API key that the server asks for."
    assert fix(403, key=True) == "Is the API key right, and may it use this model?"
    assert "'tiny'" in fix(404)
    assert "/v1" in fix(404)
    assert "fewer" in fix(429)
    assert "Redirects" in fix(308)
    assert "log" in fix(500)


@pytest.mark.parametrize(
    ("body", "kind", "what"),
    [
        (b"<!DOCTYPE html><p>Hi", b"text/html", "HTML"),
        (b"\n <HTML>", b"", "HTML"),
        (b"hello", b"text/plain; charset=utf-8", "text/plain"),
        (b"{}", JSON, "other JSON"),
        (b"[]", JSON, "other JSON"),
        (b'{"choices":[]}', JSON, "other JSON"),
        (b'{"choices":[{"text":"x"}]}', JSON, "other JSON"),
        (b"data: {}\n\n", b"text/event-stream", "an event stream"),
        (b"", b"", "something without a content type"),
        (b'"\xff"', JSON, "other JSON"),
    ],
)
def test_answers_that_are_no_completion(body: bytes, kind: bytes, what: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode_completion(response(body, kind=kind), ENDPOINT)
    assert f"answered with {what}, not with an OpenAI-style answer" in caught.value.message
    assert "/v1" in caught.value.fix


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "too long", "code": 400}, StatusError),
        ({"message": "too long", "code": "429"}, StatusError),
        ({"message": "too long", "code": "context_length"}, ProtocolError),
        ("too long", ProtocolError),
    ],
)
def test_an_error_with_status_200(error: object, kind: type[EndpointError]) -> None:
    with pytest.raises(kind, match="reported an error: too long"):
        decode_completion(response(msgspec.json.encode({"error": error})), ENDPOINT)


@given(st.binary(max_size=300), st.sampled_from([200, 404, 500]))
def test_any_body_gives_a_typed_error_in_one_line(body: bytes, status: int) -> None:
    with pytest.raises(EndpointError) as caught:
        decode_completion(response(body, status), ENDPOINT)
    assert str(caught.value).isprintable()


@given(st.text())
def test_one_line(text: str) -> None:
    line = one_line(text)
    assert len(line) <= 200
    assert line.isprintable()


DEEP = b"[" * 100_000 + b"]" * 100_000


def test_nesting_without_end_is_no_completion() -> None:
    body = b'{"choices":[{"message":{"content":[{"x":' + DEEP + b"}]}}]}"
    with pytest.raises(ProtocolError, match="other JSON"):
        decode_completion(response(body), ENDPOINT)


def test_nesting_without_end_in_an_error_is_told_as_it_stands() -> None:
    said = error_message(b'{"detail":' + DEEP + b"}")
    assert said.startswith('{"detail":[[[')
    assert len(said) == 200


def test_nesting_without_end_in_a_chunk_is_an_error_like_others() -> None:
    body = b'{"choices":[{"delta":{"content":[{"x":' + DEEP + b"}]}}]}"
    with pytest.raises(msgspec.DecodeError, match="nested"):
        decode_chunk(body)


def test_a_long_message_is_shortened() -> None:
    assert error_message(msgspec.json.encode({"error": "x" * 500})) == "x" * 199 + "…"


@pytest.mark.parametrize(
    ("body", "says_something"),
    [
        (b'{"choices":[{"delta":{"role":"assistant","content":""}}]}', False),
        (b'{"choices":[{"delta":{"content":" "}}]}', True),
        (b'{"choices":[{"delta":{"reasoning_content":"a"}}]}', True),
        (b'{"choices":[{"delta":{"reasoning":"a"}}]}', True),
        (b'{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}', True),
        (b'{"choices":[{"delta":{"tool_calls":[]}}]}', False),
    ],
)
def test_which_chunks_carry_tokens(body: bytes, says_something: bool) -> None:
    choices = decode_chunk(body).choices
    assert choices is not None
    delta = choices[0].delta
    assert delta is not None
    assert delta.says_something is says_something


@pytest.mark.parametrize(
    ("said", "seconds"), [(b"7", 7.0), (b" 0 ", 0.0), (b"soon", None), (b"-1", None), (None, None)]
)
def test_how_long_a_refusal_asks_to_wait(said: bytes | None, seconds: float | None) -> None:
    headers = ((b"retry-after", said),) if said is not None else ()
    refusal = Response(ResponseHead(429, headers), b"{}")
    with pytest.raises(StatusError) as refused:
        decode_completion(refusal, ENDPOINT)
    assert refused.value.retry_after_s == seconds
