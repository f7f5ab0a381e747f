"""What routing reads off a request's body, and the one thing that is changed in it: ``model``.

Bodies pass through untouched, byte by byte. They are decoded once, into no more than what is
looked at; everything else is only checked to be JSON.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Final

import msgspec

from weighbridge.core.errors import InputError
from weighbridge.core.gateway import Asked
from weighbridge.core.http import Headers
from weighbridge.core.routing import AUTO
from weighbridge.serve.asked_body import (
    NOTHING,
    Body,
    ChatBody,
    Guided,
    Message,
    Named,
    Part,
    Text,
)

DEADLINE: Final = b"x-weighbridge-deadline"
MOST_CHARACTERS: Final = 4_000
_PREFIX_CHARACTERS: Final = 1024
_BYTES_PER_TOKEN: Final = 4
# What an image takes of the prompt: engines differ from 85 to some thousand.
_IMAGE_TOKENS: Final = 600
_SYSTEM_ROLES: Final = ("system", "developer")
_IMAGE_TYPES: Final = ("image_url", "input_image", "image")
_FIX: Final = "Send a JSON object as the endpoint's documentation says."

_EMPTY: Final = (b"", b"null", b"[]", b"{}")
# What may ask for a schema, in one look.
_FORMATTED: Final = attrgetter(
    "response_format", "text", "guided_json", "json_schema", "structured_outputs", "output_format"
)
_UNFORMATTED: Final = (NOTHING,) * 6

_CHAT: Final = msgspec.json.Decoder(ChatBody)
_LOOSE: Final = msgspec.json.Decoder(Body)
_ANY: Final = msgspec.json.Decoder()


def read_asked(path: str, headers: Headers, body: bytes, *, prefix: bool = True) -> Asked:
    """What routing wants to know of a request.

    Args:
        path: one of ``core.gateway.COMPLETIONS``.
        headers: names in lower case.
        body: as it came.
        prefix: whether the prompt's beginning is wanted: only between several replicas.

    Raises:
        InputError: the body is not a JSON object, names its model twice, or the deadline is none.
    """
    try:
        try:
            read: Body = _CHAT.decode(body)
        except msgspec.ValidationError:
            read = _LOOSE.decode(body)
        # Else there may be two of it, or one that is spelled with escapes.
        is_plain = body.count(_KEY) <= 1 and not (b"\\" in body and b"\\u006" in body)
        if not is_plain:
            _model_values(body)
        schema = _FORMATTED(read) != _UNFORMATTED and _wants_schema(read)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The request is not understood: {error}.", fix=_FIX) from None
    except RecursionError:
        raise InputError("The request is nested too deeply.", fix="Flatten it.") from None
    messages = read.messages if type(read.messages) is list else ()
    if not messages or type(messages[0]) is not Message:
        messages = _messages(read)
    images, prompt_tokens = 0, len(body) // _BYTES_PER_TOKEN
    for message in messages:
        if type(message.content) is list:
            images += sum(part.type in _IMAGE_TYPES for part in message.content)
    if images:
        prompt_tokens = _characters(messages) // _BYTES_PER_TOKEN + images * _IMAGE_TOKENS
    max_tokens = read.max_tokens
    if max_tokens is None:
        max_tokens = read.max_completion_tokens
        if max_tokens is None:
            max_tokens = read.max_output_tokens
    return Asked(
        path,
        read.model or AUTO,
        headers,
        read.stream is True,
        prompt_tokens or 1,
        max_tokens if type(max_tokens) is int and max_tokens > 0 else None,
        _last_user_text(messages) if messages else _sent_text(read),
        _prefix(read, messages) if prefix else 0,
        (read.tools is not NOTHING and _given(read.tools))
        or (read.functions is not NOTHING and _given(read.functions)),
        schema,
        images > 0,
        _deadline(headers),
        is_plain and bool(read.model),
    )


def with_model(body: bytes, asked: Asked, model: str) -> bytes:
    """``body`` with another top-level ``model``; every other byte as it was.

    Args:
        body: as it came.
        asked: what :func:`read_asked` has read in it.
        model: the one to write.

    Raises:
        InputError: it is not a JSON object, or names its model twice.
    """
    name = msgspec.json.encode(model)
    if asked.is_plain:
        # A model was read, so this is it: inside a text, its quotes would have backslashes.
        found = _PLAIN.match(body, body.find(_KEY))
        if found is not None:
            start, end = found.span(1)
            return b"%b%b%b" % (body[:start], name, body[end:])
    values = _model_values(body)
    if values:
        start, end = values[0]
        return b"%b%b%b" % (body[:start], name, body[end:])
    inside = body.index(b"{") + 1
    comma = b"" if body[inside:].lstrip(_SPACE).startswith(b"}") else b","
    return b'%b"model":%b%b%b' % (body[:inside], name, comma, body[inside:])


# -- where the model stands -------------------------------------------------------------------

_KEY: Final = b'"model"'
_SPACE: Final = b" \t\r\n"
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_PLAIN: Final = re.compile(rb'"model"[ \t\r\n]*+:[ \t\r\n]*+(' + _STRING + rb"|null)", re.DOTALL)
_TOKEN: Final = re.compile(_STRING + rb"|[{}\[\]:,]|[^\s\"{}\[\]:,]++", re.DOTALL)


def _model_values(body: bytes) -> list[tuple[int, int]]:
    """Begin and end of the value of the top-level ``model``; empty where there is none.

    Raises:
        InputError: there are two.
    """
    found: list[tuple[int, int]] = []
    depth, key, is_next = 0, b"", False
    for token in _TOKEN.finditer(body):
        first = body[token.start()]
        if first in b"{[":
            depth += 1
        elif first in b"}]":
            depth -= 1
        elif depth == 1:
            if first == 0x3A:  # a colon: what was before it is a key
                is_next = _is_model(key)
            elif is_next:
                found.append(token.span())
                is_next = False
            else:
                key = token[0]
    if len(found) > 1:
        raise InputError("The request names its model twice.", fix="Send `model` once.")
    return found


def _is_model(key: bytes) -> bool:
    return key == _KEY or (b"\\" in key and _ANY.decode(key) == "model")


# -- what was said ----------------------------------------------------------------------------


def _messages(read: Body) -> list[Message]:
    """The messages of a chat, or the items of a responses request; empty where there are none."""
    messages = read.messages
    if messages is None:
        messages = read.input
    if not isinstance(messages, list) or not messages or isinstance(messages[0], Message):
        return messages if isinstance(messages, list) else []
    found: list[Message] = []
    for message in messages:
        if not isinstance(message, dict):
            return []
        found.append(Message(message.get("role", ""), _content(message.get("content"))))
    return found


def _content(content: Any) -> str | list[Part] | None:  # noqa: ANN401 -- whatever was sent
    if not isinstance(content, list):
        return content if isinstance(content, str) else None
    parts: list[Part] = []
    for part in content:
        if isinstance(part, str):
            parts.append(Part("text", part))
        elif isinstance(part, dict):
            parts.append(Part(part.get("type"), part.get("text")))
    return parts


def _characters(messages: Sequence[Message]) -> int:
    return sum(len(text) for message in messages for text in _texts(message.content))


def _texts(content: str | list[Part] | None) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif content is not None:
        for part in content:
            if type(part.text) is str and part.text:
                yield part.text


def _last_user_text(messages: Sequence[Message]) -> str:
    for message in reversed(messages):
        # Anthropic's tool results are a user's message, too, but nobody wrote them.
        if message.role == "user" and message.content:
            if type(message.content) is str:
                return message.content[:MOST_CHARACTERS]
            text = _joined(_texts(message.content))
            if text:
                return text
    return ""


def _sent_text(read: Body) -> str:
    """The one text of a request without messages; numbers are tokens, which nobody reads here."""
    sent = next((sent for sent in (read.query, read.prompt, read.input) if sent), "")
    if isinstance(sent, str):
        return sent[:MOST_CHARACTERS]
    if isinstance(sent, list):
        return _joined(text for text in sent if isinstance(text, str))
    return ""


def _joined(texts: Iterable[str]) -> str:
    kept: list[str] = []
    room = MOST_CHARACTERS
    for text in texts:
        kept.append(text[:room])
        room -= len(text) + 1
        if room <= 0:
            break
    return " ".join(kept)


def _prefix(read: Body, messages: Sequence[Message]) -> int:
    """Equal for all turns of a conversation, and for all that share a long system prompt."""
    if len(messages) == 1 and read.system is None and read.instructions is None:
        content = messages[0].content
        if type(content) is str:  # the most frequent case, without what is below
            return zlib.crc32(content[:_PREFIX_CHARACTERS].encode("utf-8", "surrogatepass"))
    texts = _beginning(read, messages)
    whole = " ".join([text[:_PREFIX_CHARACTERS] for text in texts])[:_PREFIX_CHARACTERS]
    return zlib.crc32(whole.encode("utf-8", "surrogatepass"))


def _beginning(read: Body, messages: Sequence[Message]) -> list[str]:
    texts: list[str] = []
    for system in (read.system, read.instructions):
        if system is not None:
            texts.extend(_texts(_content(system)))
    if not messages:
        texts.append(_sent_text(read))
    for message in messages:
        if type(message.content) is str:
            texts.append(message.content)
        else:
            texts.extend(_texts(message.content))
        if message.role not in _SYSTEM_ROLES:
            break
    return texts


def _given(raw: msgspec.Raw) -> bool:
    return raw is not NOTHING and bytes(raw) not in _EMPTY


def _wants_schema(read: Body) -> bool:
    if _given(read.guided_json) or _given(read.json_schema):
        return True
    for written in (read.response_format, read.output_format):
        if written is not NOTHING and _names_schema(bytes(written)):
            return True
    if read.text is not NOTHING and bytes(read.text)[:1] == b"{":
        return _names_schema(bytes(msgspec.json.decode(read.text, type=Text).format))
    if read.structured_outputs is not NOTHING and bytes(read.structured_outputs)[:1] == b"{":
        return _given(msgspec.json.decode(read.structured_outputs, type=Guided).json)
    return False


def _names_schema(written: bytes) -> bool:
    if written[:1] != b"{":
        return False
    return bool(msgspec.json.decode(written, type=Named).type == "json_schema")


def _deadline(headers: Headers) -> float | None:
    for name, value in headers:
        if name == DEADLINE:
            try:
                seconds = float(value)
            except ValueError:
                seconds = math.nan
            if not 0 < seconds < math.inf:
                message = f"The header {DEADLINE.decode()} is no number of seconds."
                raise InputError(message, fix=f"Write for example {DEADLINE.decode()}: 10.")
            return seconds
    return None
