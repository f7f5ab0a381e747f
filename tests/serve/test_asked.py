from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.errors import InputError
from weighbridge.core.gateway import Asked
from weighbridge.serve.asked import MOST_CHARACTERS, read_asked, with_model

CHAT = "/v1/chat/completions"
USER = {"role": "user", "content": "What is it?"}


def read(body: object, path: str = CHAT, *headers: tuple[bytes, bytes]) -> Asked:
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return read_asked(path, headers, raw)


def chat(*messages: object, **fields: object) -> Asked:
    return read({"messages": messages, **fields})


def test_a_chat_request() -> None:
    system = {"role": "system", "content": "Be kind."}
    answer: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": []}
    asked = chat(system, USER, answer, model="m", stream=True, max_completion_tokens=9)
    assert asked.path == CHAT
    assert (asked.model, asked.stream, asked.max_tokens) == ("m", True, 9)
    assert asked.message == "What is it?"
    assert 20 < asked.prompt_tokens < 60
    assert [asked.tools, asked.json_schema, asked.images] == [False, False, False]


def test_nothing_much_is_needed() -> None:
    bodies: list[dict[str, Any]] = [
        {},
        {"model": None},
        {"messages": []},
        {"messages": None, "stream": "yes"},
    ]
    for body in bodies:
        asked = read(body)
        assert (asked.model, asked.message, asked.stream) == ("auto", "", False)
        assert asked.prompt_tokens >= 1


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/v1/completions", {"prompt": "Once"}, "Once"),
        ("/v1/completions", {"prompt": ["Once", "Twice"]}, "Once Twice"),
        ("/v1/completions", {"prompt": [1, 2, 3]}, ""),
        ("/v1/embeddings", {"input": "Once"}, "Once"),
        ("/v1/embeddings", {"input": ["Once", "Twice"]}, "Once Twice"),
        ("/v1/embeddings", {"input": [[1, 2], [3]]}, ""),
        ("/v1/rerank", {"query": "Which?", "documents": ["a", "b"]}, "Which?"),
        ("/v1/responses", {"input": "Once"}, "Once"),
        ("/v1/responses", {"input": [USER]}, "What is it?"),
        (
            "/v1/responses",
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Hm?"}]}]},
            "Hm?",
        ),
        ("/v1/messages", {"messages": [USER]}, "What is it?"),
        (
            "/v1/messages",
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "Look it up."}]},
                    {"role": "assistant", "content": [{"type": "tool_use", "input": {}}]},
                    {"role": "user", "content": [{"type": "tool_result", "content": "42"}]},
                ]
            },
            "Look it up.",
        ),
    ],
)
def test_the_last_thing_that_was_said(path: str, body: object, message: str) -> None:
    assert read(body, path).message == message


def test_long_messages_are_cut() -> None:
    assert len(chat({"role": "user", "content": "x" * 9000}).message) == MOST_CHARACTERS
    parts = [{"type": "text", "text": "y" * 3000}] * 3
    assert len(chat({"role": "user", "content": parts}).message) <= MOST_CHARACTERS + 2


def test_unknown_shapes_of_messages_are_no_error() -> None:
    odd = {"role": "user", "content": ["Hello", {"type": "text", "text": "you"}, 7]}
    assert chat(odd).message == "Hello you"
    assert chat({"role": "user", "content": {"odd": 1}}).message == ""
    assert chat("Hello").message == ""
    assert read({"messages": {"role": "user"}}).message == ""


def test_images_do_not_count_by_their_bytes() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 400_000}}
    asked = chat({"role": "user", "content": [{"type": "text", "text": "What?"}, image]})
    assert asked.images
    assert asked.message == "What?"
    assert asked.prompt_tokens < 5000
    assert chat({"role": "user", "content": [{"type": "input_image"}]}).images
    assert chat({"role": "user", "content": [{"type": "image", "source": {}}]}).images


def test_tools_and_schemas() -> None:
    assert chat(USER, tools=[{"type": "function"}]).tools
    assert chat(USER, functions=[{"name": "f"}]).tools
    assert not chat(USER, tools=[]).tools
    assert not chat(USER, tools=None).tools
    schema = {"type": "json_schema", "json_schema": {}}
    assert chat(USER, response_format=schema).json_schema
    assert chat(USER, output_format=schema).json_schema
    assert chat(USER, guided_json={"type": "object"}).json_schema
    assert chat(USER, structured_outputs={"json": {"type": "object"}}).json_schema
    assert read({"input": "x", "text": {"format": schema}}, "/v1/responses").json_schema
    assert not chat(USER, response_format={"type": "text"}).json_schema
    assert not chat(USER, response_format=None, text="x", structured_outputs={}).json_schema


def test_conversations_share_a_prefix() -> None:
    first = chat(USER).prefix
    answer = {"role": "assistant", "content": "That."}
    assert chat(USER, answer, {"role": "user", "content": "And?"}).prefix == first != 0
    assert chat({"role": "user", "content": "Other"}).prefix != first
    system = {"role": "system", "content": "Rules. " * 300}
    assert chat(system, USER).prefix == chat(system, {"role": "user", "content": "?"}).prefix
    short = {"role": "system", "content": "Rules."}
    assert chat(short, USER).prefix != chat(short, {"role": "user", "content": "?"}).prefix
    with_system = {"system": "Rules. " * 300, "messages": [USER]}
    assert read(with_system, "/v1/messages").prefix not in (0, first)


def test_the_deadline() -> None:
    name = b"x-weighbridge-deadline"
    assert read({}, CHAT, (name, b"2.5")).deadline_s == 2.5
    assert read({}).deadline_s is None
    for wrong in (b"soon", b"-1", b"0", b"nan", b"inf"):
        with pytest.raises(InputError, match="no number of seconds"):
            read({}, CHAT, (name, wrong))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'"x"',
        b"{}x",
        b'{"model":5}',
        b'{"a":NaN}',
        b'{"model":"\xff"}',
        b'{"model":"a","model":"b"}',
        b'{"model":"a","mod\\u0065l":"b"}',
        b'{"model":"a","x":{},"model":"a"}',
        b'{"messages":' + b"[" * 100_000,
    ],
)
def test_what_is_refused(body: bytes) -> None:
    with pytest.raises(InputError):
        read(body)


def test_model_in_other_places_is_nobodys_business() -> None:
    body = b'{"metadata":{"model":"x","model":"y"}, "model" : "a" ,"s":"model","t":"\\"model\\":1"}'
    assert read(body).model == "a"
    assert renamed(body, "b") == body.replace(b'"a"', b'"b"')
    assert renamed(b'{"mod\\u0065l":"a"}', "b") == b'{"mod\\u0065l":"b"}'
    assert renamed(b'{"model":"a\\u0065"}', "b") == b'{"model":"b"}'
    assert renamed(b'{"model":"auto","x":1}', "b") == b'{"model":"b","x":1}'
    assert renamed(b'{"x":{"model":"auto"}}', "b") == b'{"model":"b","x":{"model":"auto"}}'
    assert renamed(b" { } ", "b") == b' {"model":"b" } '
    assert renamed(b'{"a":1,"a":2}', "b") == b'{"model":"b","a":1,"a":2}'
    assert renamed(b'{"a":"model"}', 'q"') == b'{"model":"q\\"","a":"model"}'
    assert renamed(b'{"model":null}', "b") == b'{"model":"b"}'


def renamed(body: bytes, model: str) -> bytes:
    return with_model(body, read(body), model)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["model", '"model":"x"', "\\", '\\"model\\"', "messages"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=6) | st.sampled_from(["model", "a"]), inner, max_size=3)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(
    st.text(max_size=8) | st.sampled_from(["messages", "prompt", "input", "tools", "stream"]),
    JSON,
    max_size=5,
)
DUMPS: list[dict[str, Any]] = [
    {},
    {"indent": 2},
    {"separators": (" ,\n", "\t: ")},
    {"ensure_ascii": False},
]


@given(OBJECTS, st.text(max_size=9) | st.none(), st.text(min_size=1), st.sampled_from(DUMPS))
def test_only_the_model_changes(
    fields: dict[str, Any], model: str | None, other: str, how: dict[str, Any]
) -> None:
    fields.pop("model", None)
    if model is not None:
        items = list(fields.items())
        items.insert(len(items) // 2, ("model", model))
        fields = dict(items)
    body = json.dumps(fields, **how).encode("utf-8", "replace")
    try:
        asked = read(body)
    except InputError:
        return
    assert asked.model == (model or "auto")
    changed = with_model(body, asked, other.encode("utf-8", "replace").decode())
    expected = dict(json.loads(body))
    expected["model"] = other.encode("utf-8", "replace").decode()
    assert json.loads(changed) == expected
    # Every byte but the value's is there still, in order.
    begin = next((i for i, (a, b) in enumerate(zip(body, changed, strict=False)) if a != b), 0)
    grown = len(changed) - len(body)
    tail = min(len(body), len(changed)) - begin
    same = next((n for n in range(tail) if body[-1 - n] != changed[-1 - n]), tail)
    old = body[begin : len(body) - same]
    assert len(old) <= len(json.dumps(model)) + 8
    assert grown <= len(json.dumps(other)) + len('"model":,')


@given(OBJECTS, st.integers(0, 400), st.binary(min_size=1, max_size=2))
def test_damaged_bytes_are_refused_or_read(
    fields: dict[str, Any], where: int, damage: bytes
) -> None:
    body = json.dumps({"model": "m", **fields}).encode()
    where = min(where, len(body))
    damaged = body[:where] + damage + body[where + len(damage) :]
    try:
        asked = read(damaged)
    except InputError:
        return
    decoded = json.loads(damaged.decode("utf-8", "replace"))
    if "\ufffd" not in asked.model:
        assert asked.model == (decoded.get("model") or "auto")
    assert json.loads(with_model(damaged, asked, "q").decode("utf-8", "replace"))["model"] == "q"
