"""How many tokens an answer took, read off its end.

Engines say so last: in the last event of a stream, or behind the text of a whole answer. So only
the end of an answer is kept, and looked at once, when it is over.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from weighbridge.core.gateway import Asked, TokenUse
from weighbridge.core.http import Headers
from weighbridge.serve.proxy.usage_words import Usage

_KEPT_BYTES: Final = 8 * 1024
_MOST_BYTES: Final = 2 * _KEPT_BYTES
_BEGIN_BYTES: Final = 2 * 1024
_BYTES_PER_TOKEN: Final = 4
_MOST_LOOKS: Final = 4
# In a text, the quotes would have backslashes: this is always a key.
_USAGE: Final = re.compile(
    rb'"(?:usage|timings)"\s*+:\s*+(\{[^{}]*+(?:\{[^{}]*+\}[^{}]*+)*+\}|null)'
)
_DECODER: Final = msgspec.json.Decoder(Usage)


def is_torn(head: Headers, ends: AnswerEnds | None, *, is_stream: bool) -> bool:
    """Whether an event stream that ended with its connection ended within an event."""
    is_stream = is_stream or any(
        name == b"content-type" and value.startswith(b"text/event-stream") for name, value in head
    )
    return is_stream and (ends is None or ends.ends_within_event())


class AnswerEnds:
    """The beginning and the end of an answer's body, however long it is."""

    __slots__ = ("_begin", "_events", "_pieces", "_size")

    def __init__(self, first: bytes = b"") -> None:
        """Of an answer that begins with ``first``."""
        self._begin = first[:_BEGIN_BYTES]
        self._pieces = [first]
        self._size = len(first)
        self._events = 0
        if self._size > _MOST_BYTES:
            self._shorten()

    def add(self, data: bytes) -> None:
        """Some more of the body."""
        self._pieces.append(data)
        self._size += len(data)
        if self._size > _MOST_BYTES:
            self._shorten()

    def _shorten(self) -> None:
        self._events += self._count()
        whole = b"".join(self._pieces)
        self._begin = self._begin or whole[:_BEGIN_BYTES]
        kept = whole[-_KEPT_BYTES:]
        # What is kept was counted already.
        self._events -= kept.count(b"data:")
        self._pieces = [kept]
        self._size = len(kept)

    def _count(self) -> int:
        return sum(piece.count(b"data:") for piece in self._pieces)

    def token_use(self, asked: Asked, answer_bytes: int) -> TokenUse:
        """What the engine says, or else an estimate."""
        pieces = self._pieces
        end = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._begin = self._begin or end[:_BEGIN_BYTES]
        found = _last_usage(end)
        if found is not None:
            use = _token_use(found)
            if use is not None and (use.prompt or found.prompt_tokens == 0):
                return use
            # Anthropic's streams tell the prompt's tokens in their first event.
            first = _last_usage(self._begin)
            before = _token_use(first) if first is not None else None
            if use is not None and before is not None:
                return TokenUse(before.prompt, use.output, before.cached)
            if use is not None:
                return TokenUse(asked.prompt_tokens, use.output, use.cached, estimated=True)
        if asked.path in ("/v1/embeddings", "/v1/rerank"):
            output = 0
        elif asked.stream:
            # One event each, but for [DONE].
            output = max(0, self._events + self._count() - 1)
        else:
            output = answer_bytes // _BYTES_PER_TOKEN
        return TokenUse(asked.prompt_tokens, output, estimated=True)

    def ends_within_event(self) -> bool:
        """Whether an event stream stops before the empty line that ends an event."""
        end = b"".join(self._pieces[-4:])[-4:]
        return not end.endswith((b"\n\n", b"\r\n\r\n", b"\r\r"))


def _last_usage(data: bytes) -> Usage | None:
    end = len(data)
    for _ in range(_MOST_LOOKS):
        start = data.rfind(b'"usage"', 0, end)
        # What follows the usage is short: the other word is looked for only there.
        start = max(start, data.rfind(b'"timings"', max(0, start), end))
        if start < 0:
            return None
        match = _USAGE.match(data, start)
        if match is not None and match[1] != b"null":
            try:
                return _DECODER.decode(match[1])
            except msgspec.DecodeError:
                pass
        end = start
    return None


def _token_use(read: Usage) -> TokenUse | None:
    if read.predicted_n is not None:
        cached = read.cache_n or 0
        return TokenUse((read.prompt_n or 0) + cached, read.predicted_n, cached)
    details: Any = read.prompt_tokens_details or read.input_tokens_details
    cached = (details.cached_tokens or 0) if details is not None else 0
    if read.prompt_tokens is not None or read.completion_tokens is not None:
        return TokenUse(read.prompt_tokens or 0, read.completion_tokens or 0, cached)
    if read.input_tokens is not None or read.output_tokens is not None:
        # Anthropic counts what came from its cache apart.
        apart = read.cache_read_input_tokens or 0
        written = read.cache_creation_input_tokens or 0
        prompt = (read.input_tokens or 0) + apart + written
        return TokenUse(prompt, read.output_tokens or 0, cached or apart)
    if read.total_tokens is not None:
        return TokenUse(read.total_tokens, 0)
    return None
