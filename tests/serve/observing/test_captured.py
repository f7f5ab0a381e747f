from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.serve.observing.captured import CaptureHead, UnreadableError, build, read_answer
from weighbridge.serve.observing.redaction import compile_rules
from weighbridge.workspace.traffic import Captured, CapturedTool

RULES = compile_rules(("keys", "emails"))
HEAD = CaptureHead(
    "req-1", "2026-11-21T12:00:00.000+00:00", "anna", "/v1/chat/completions", "tally", 200,
    "complete", "arithmetic", "route 0", None, 20.0, 300.0,
)  # fmt: skip
REQUEST = b'{"model": "auto", "messages": [{"role": "user", "content": "Mail bob@example.com"}]}'
SECRET = "wb-abcdefghijklmnop1234567890"


def stream(*events: dict[str, Any] | str) -> bytes:
    texts = (event if isinstance(event, str) else json.dumps(event) for event in events)
    return "".join(f"data: {text}\n\n" for text in texts).encode()


def chunk(**delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta}]}


def kept(answer: bytes, request: bytes = REQUEST) -> Captured:
    return build(HEAD, request, answer, RULES)


def test_a_whole_answer_is_kept_with_its_text() -> None:
    message = {"content": "Ask eve@example.com", "reasoning_content": "hm"}
    captured = kept(json.dumps({"choices": [{"index": 0, "message": message}]}).encode())
    assert captured.request["messages"][0]["content"] == "Mail [e-mail]"
    assert captured.text == "Ask [e-mail]"
    assert captured.reasoning == "hm"
    assert captured.answer["choices"][0]["message"]["content"] == "Ask [e-mail]"
    assert captured.redacted == 2
    assert msgspec.json.decode(msgspec.json.encode(captured), type=Captured) == captured


@given(st.lists(st.integers(1, len(SECRET) - 1), max_size=6))
def test_a_secret_cut_by_chunks_never_leaks(cuts: list[int]) -> None:
    ends = [0, *sorted(set(cuts)), len(SECRET)]
    pieces = [SECRET[a:b] for a, b in pairwise(ends)]
    answer = stream(
        chunk(role="assistant", content="Your key: "),
        *(chunk(content=piece) for piece in pieces),
        *(
            chunk(tool_calls=[{"index": 0, "function": {"arguments": part}}])
            for part in ('{"key": "', *pieces, '"}')
        ),
        *(chunk(reasoning=piece) for piece in pieces),
        "[DONE]",
    )
    captured = kept(answer)
    assert captured.text == "Your key: [key]"
    assert captured.reasoning == "[key]"
    assert captured.tools == (CapturedTool("", '{"key":"[key]"}'),)
    assert captured.answer is None
    assert SECRET.encode() not in msgspec.json.encode(captured)


def test_tool_calls_are_joined_by_their_number() -> None:
    def call(index: int, **function: str) -> dict[str, Any]:
        return chunk(tool_calls=[{"index": index, "function": function}])

    answer = stream(
        call(0, name="weather", arguments=""),
        call(1, name="time", arguments='{"at"'),
        call(0, arguments='{"in": "Rome"}'),
        call(1, arguments=": 3}"),
    )
    assert kept(answer).tools == (
        CapturedTool("weather", '{"in":"Rome"}'),
        CapturedTool("time", '{"at":3}'),
    )


def test_several_answers_of_a_stream_are_kept_apart() -> None:
    answer = stream(
        {"choices": [{"index": 1, "text": "b"}]},
        {"choices": [{"index": 0, "text": "a"}, {"index": 1, "text": "B"}]},
    )
    captured = kept(answer)
    assert captured.text == "a"
    assert captured.answer == {"texts": ["a", "bB"]}


@pytest.mark.parametrize(
    "events",
    [
        [
            {"type": "response.output_text.delta", "delta": "Hel"},
            {"type": "response.output_text.delta", "delta": "lo"},
            {"type": "response.output_item.added", "output_index": 1, "item": {"name": "f"}},
            {
                "type": "response.function_call_arguments.delta",
                "output_index": 1,
                "delta": '{"a":1}',
            },
        ],
        [
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text"}},
            {"type": "content_block_delta", "index": 0, "delta": {"text": "Hello"}},
            {
                "type": "content_block_start",
                "index": 1,
                "content_block": {"type": "tool_use", "name": "f", "input": {}},
            },
            {"type": "content_block_delta", "index": 1, "delta": {"partial_json": '{"a"'}},
            {"type": "content_block_delta", "index": 1, "delta": {"partial_json": ":1}"}},
        ],
    ],
    ids=["responses", "messages"],
)
def test_streams_of_other_endpoints_are_joined(events: list[dict[str, Any]]) -> None:
    captured = kept(stream(*events))
    assert captured.text == "Hello"
    assert captured.tools == (CapturedTool("f", '{"a":1}'),)


@pytest.mark.parametrize(
    "answer",
    [
        {
            "object": "response",
            "output": [
                {"type": "message", "content": [{"type": "output_text", "text": "Hello"}]},
                {"type": "function_call", "name": "f", "arguments": '{"a":1}'},
            ],
        },
        {
            "type": "message",
            "content": [
                {"type": "text", "text": "Hello"},
                {"type": "tool_use", "name": "f", "input": {"a": 1}},
            ],
        },
    ],
    ids=["responses", "messages"],
)
def test_whole_answers_of_other_endpoints_are_read(answer: dict[str, Any]) -> None:
    captured = kept(json.dumps(answer).encode())
    assert captured.text == "Hello"
    assert captured.tools == (CapturedTool("f", '{"a":1}'),)


def test_an_answer_that_was_cut_off_is_kept_as_far_as_it_came() -> None:
    torn = stream(chunk(content="Hel"), chunk(content="lo"))[:-12]
    assert kept(torn).text == "Hel"
    secret = b'{"choices": [{"message": {"content": "to eve@example.com'
    assert "eve" not in kept(secret).text
    assert kept(b"").text == ""


@given(st.binary(max_size=300))
def test_any_bytes_are_read(data: bytes) -> None:
    read_answer(data)
    read_answer(b"data: " + data + b"\n\n")


def test_a_request_that_is_not_json_is_not_kept() -> None:
    with pytest.raises(UnreadableError):
        kept(b"{}", b"not json")
