"""What is decoded of a request's body: no more than what routing looks at."""

from __future__ import annotations

from typing import Any, Final

import msgspec

NOTHING: Final = msgspec.Raw(b"")
"""Stands for a field that is not there."""


class Part(msgspec.Struct):
    """A piece of a message, such as a text or an image."""

    type: Any = ""
    text: Any = ""


class Message(msgspec.Struct):
    """One message of a chat."""

    role: Any = ""
    content: str | list[Part] | None = None


class Named(msgspec.Struct):
    """Anything with a type."""

    type: Any = ""


class Text(msgspec.Struct):
    """``text`` of a responses request."""

    format: msgspec.Raw = NOTHING


class Guided(msgspec.Struct):
    """``structured_outputs``, as vLLM takes it."""

    json: msgspec.Raw = NOTHING


class Body(msgspec.Struct):
    """A request's body; what is Any may be anything."""

    model: str | None = None
    stream: Any = None
    messages: Any = None
    prompt: Any = None
    input: Any = None
    query: Any = None
    system: Any = None
    instructions: Any = None
    tools: msgspec.Raw = NOTHING
    functions: msgspec.Raw = NOTHING
    max_tokens: Any = None
    max_completion_tokens: Any = None
    max_output_tokens: Any = None
    response_format: msgspec.Raw = NOTHING
    text: msgspec.Raw = NOTHING
    guided_json: msgspec.Raw = NOTHING
    json_schema: msgspec.Raw = NOTHING
    structured_outputs: msgspec.Raw = NOTHING
    output_format: msgspec.Raw = NOTHING


class ChatBody(Body):
    """Of a chat whose messages are as OpenAI's."""

    messages: list[Message] | None = None
