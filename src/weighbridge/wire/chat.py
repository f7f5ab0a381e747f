"""The messages of OpenAI-style chat completions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from weighbridge.core.errors import EndpointError, ProtocolError, StatusError

if TYPE_CHECKING:
    from weighbridge.core.endpoint import Endpoint
    from weighbridge.core.http import Response, ResponseHead

_MESSAGE_LIMIT = 200

Content = str | list[dict[str, Any]] | None


class PromptTokens(msgspec.Struct, gc=False):
    """Of a prompt's tokens: how many a cache held, where the server tells."""

    cached_tokens: int | None = None


class Usage(msgspec.Struct, gc=False):
    """Tokens as the server counted them."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: PromptTokens | None = None


class ErrorBody(msgspec.Struct, gc=False):
    """What went wrong, in the server's words; ``code`` is a status or a word."""

    message: str | None = None
    type: str | None = None
    code: int | str | None = None


class ChatMessage(msgspec.Struct, gc=False):
    """An answer, or the part of it that a chunk adds.

    Attributes:
        content: text, or a list of typed parts.
        reasoning_content: thinking, as vLLM, SGLang and llama.cpp name it.
        reasoning: the same, as Ollama and OpenRouter name it.
        tool_calls: kept undecoded; only their presence matters here.
    """

    content: Content = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[msgspec.Raw] | None = None

    @property
    def text(self) -> str:
        """The content as plain text."""
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        parts = (part.get("text") for part in self.content)
        return "".join(part for part in parts if isinstance(part, str))

    @property
    def thought(self) -> str:
        """The reasoning, whatever its name."""
        return self.reasoning_content or self.reasoning or ""

    @property
    def says_something(self) -> bool:
        """Whether it carries tokens; a chunk with only a role does not."""
        return bool(self.content or self.reasoning_content or self.tool_calls or self.reasoning)


class ChatChoice(msgspec.Struct):
    """One of the answers of a completion; we only ever ask for one."""

    message: ChatMessage | None = None
    finish_reason: str | None = None


class ChatCompletion(msgspec.Struct):
    """A whole answer. Unknown fields are ignored, missing ones are empty."""

    choices: list[ChatChoice] | None = None
    usage: Usage | None = None
    model: str | None = None
    error: ErrorBody | str | None = None


class ChunkChoice(msgspec.Struct, gc=False):
    """What a chunk adds to one answer."""

    delta: ChatMessage | None = None
    finish_reason: str | None = None


class ChatChunk(msgspec.Struct, gc=False):
    """One event of a streamed answer."""

    choices: list[ChunkChoice] | None = None
    usage: Usage | None = None
    model: str | None = None
    error: ErrorBody | str | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A whole answer, read.

    Attributes:
        content: the answer's text; empty when it only thought or called tools.
        reasoning: its thinking, if the server gives it apart.
        finish_reason: ``stop``, ``length``, …, or nothing.
        prompt_tokens: by the server's usage, None when it gives none.
        completion_tokens: likewise.
        model: the model's name as the server says it.
        has_tool_calls: whether it called tools.
        tool_calls: the calls, undecoded.
    """

    content: str
    reasoning: str
    finish_reason: str
    prompt_tokens: int | None
    completion_tokens: int | None
    model: str
    has_tool_calls: bool = False
    tool_calls: tuple[msgspec.Raw, ...] = ()


class _ErrorAnswer(msgspec.Struct):
    error: ErrorBody | str | None = None
    detail: Any = None
    message: str | None = None


_decode_chunk = msgspec.json.Decoder(ChatChunk).decode
_decode_whole = msgspec.json.Decoder(ChatCompletion).decode
_decode_error = msgspec.json.Decoder(_ErrorAnswer).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def render_chat(
    model: str,
    messages: Sequence[Mapping[str, Any]],
    *,
    max_tokens: int | None,
    temperature: float | None,
    stream: bool,
    seed: int | None = None,
    extra: Mapping[str, Any] | None = None,
) -> bytes:
    """The body of a chat request. What is None is left to the server; ``extra`` wins over all."""
    body: dict[str, Any] = {"model": model, "messages": messages, "stream": stream}
    if stream:
        body["stream_options"] = {"include_usage": True}
    settings = {"max_tokens": max_tokens, "temperature": temperature, "seed": seed}
    body.update((key, value) for key, value in settings.items() if value is not None)
    body.update(extra or {})
    return msgspec.json.encode(body)


def decode_chunk(payload: bytes) -> ChatChunk:
    """Read one event of a streamed answer.

    Raises:
        msgspec.DecodeError: it is no chunk.
        UnicodeDecodeError: it is not UTF-8.
    """
    try:
        return _decode_chunk(payload)
    except RecursionError:
        raise msgspec.DecodeError("JSON is nested too deeply") from None


def decode_completion(response: Response, endpoint: Endpoint) -> Completion:
    """Read a whole answer.

    Raises:
        StatusError: the server answered with an error status.
        ProtocolError: the answer is not an OpenAI-style chat completion.
    """
    if response.head.status != 200:
        raise answer_error(response.head, response.body, endpoint)
    try:
        answer = _decode_whole(response.body)
    except _UNREADABLE:
        raise answer_error(response.head, response.body, endpoint) from None
    if answer.error is not None:
        raise reported_error(answer.error, endpoint)
    choice = answer.choices[0] if answer.choices else None
    if choice is None or choice.message is None:
        raise answer_error(response.head, response.body, endpoint)
    usage = answer.usage or Usage()
    return Completion(
        content=choice.message.text,
        reasoning=choice.message.thought,
        finish_reason=choice.finish_reason or "",
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        model=answer.model or "",
        has_tool_calls=bool(choice.message.tool_calls),
        tool_calls=tuple(choice.message.tool_calls or ()),
    )


def is_completion(body: bytes) -> bool:
    """Whether a body is a whole answer with something in it."""
    try:
        answer = _decode_whole(body)
    except _UNREADABLE:
        return False
    return any(choice.message is not None for choice in answer.choices or ())


def answer_error(head: ResponseHead, body: bytes, endpoint: Endpoint) -> EndpointError:
    """Why an answer that is no completion is none, in the server's own words where it has any."""
    where = str(endpoint.chat)
    looks_like_html = body[:200].lstrip().lower().startswith((b"<!doctype", b"<html", b"<head"))
    if head.status == 200:
        kind = "HTML" if looks_like_html else _content_kind(head)
        message = f"{where} answered with {kind}, not with an OpenAI-style answer."
        return ProtocolError(message, fix="Does the address end in /v1?")
    said = "" if looks_like_html else error_message(body)
    message = f"{where} answered with status {head.status}" + (f": {said}" if said else "")
    if not message.endswith((".", "!", "?")):
        message += "."
    location = one_line(head.header(b"location").decode("latin-1"))
    fix = _status_fix(head.status, endpoint, location)
    return StatusError(message, status=head.status, fix=fix, retry_after_s=_retry_after_s(head))


def reported_error(error: ErrorBody | str, endpoint: Endpoint) -> EndpointError:
    """An ``error`` object that came with status 200, possibly in the middle of a stream."""
    body = ErrorBody(message=error) if isinstance(error, str) else error
    said = one_line(body.message or body.type or "no reason given")
    message = f"{endpoint.chat} reported an error: {said.rstrip('.')}."
    code = body.code if isinstance(body.code, int) else _as_status(body.code)
    if code is not None and 400 <= code <= 599:
        return StatusError(message, status=code, fix=_status_fix(code, endpoint))
    return ProtocolError(message, fix="Look into the server's log.")


def error_message(body: bytes) -> str:
    """What a server says in an error's body, in one printable line of at most 200 characters."""
    try:
        answer = _decode_error(body)
        detail = answer.detail
        if detail is not None and not isinstance(detail, str):
            detail = msgspec.json.encode(detail).decode()
    except _UNREADABLE:
        return one_line(body[: 4 * _MESSAGE_LIMIT].decode("utf-8", "replace"))
    if isinstance(answer.error, ErrorBody):
        said = answer.error.message or answer.error.type
    else:
        said = answer.error
    return one_line(said or answer.message or detail or "")


def one_line(text: str) -> str:
    """``text`` as one line of at most 200 printable characters."""
    line = " ".join(text[: 8 * _MESSAGE_LIMIT].split())
    line = "".join(character if character.isprintable() else "?" for character in line)
    return line if len(line) <= _MESSAGE_LIMIT else line[: _MESSAGE_LIMIT - 1] + "…"


def _retry_after_s(head: ResponseHead) -> float | None:
    """How long the server asks to wait; a date instead of seconds is not worth a clock."""
    said = head.header(b"retry-after").strip()
    return float(said) if said.isdigit() else None


def _content_kind(head: ResponseHead) -> str:
    kind = head.header(b"content-type").decode("latin-1").partition(";")[0].strip()
    match kind:
        case "":
            return "something without a content type"
        case "application/json":
            return "other JSON"
        case "text/event-stream":
            return "an event stream"
        case _:
            return one_line(kind)


def _as_status(code: str | None) -> int | None:
    return int(code) if code is not None and code.isascii() and code.isdecimal() else None


def _status_fix(status: int, endpoint: Endpoint, location: str = "") -> str:
    if status in (401, 403):
        if endpoint.key is None:
            return "Give the API key that the server asks for."
        return "Is the API key right, and may it use this model?"
    if status == 404:
        return f"Is the model's name {endpoint.model!r} right, and does the address end in /v1?"
    if status == 429:
        return "Send fewer requests at once, or wait."
    if 300 <= status < 400:
        where = f", {location}" if location else ""
        return f"Redirects are not followed: give the address it redirects to{where}."
    return "Look into the server's log." if status >= 500 else ""
