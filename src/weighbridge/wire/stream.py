"""A streamed chat answer, read as it arrives."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

import msgspec

from weighbridge.core.errors import ProtocolError
from weighbridge.wire.chat import answer_error, decode_chunk, is_completion, reported_error
from weighbridge.wire.sse import EventParser, only_event

if TYPE_CHECKING:
    from weighbridge.core.endpoint import Endpoint
    from weighbridge.core.http import ResponseHead
    from weighbridge.wire.chat import ChatMessage, Usage

_REFUSAL_LIMIT_BYTES = 64 * 1024


class ChatStream:
    """Receives one streamed chat answer; a :class:`weighbridge.core.http.Sink`.

    After the exchange has finished, :meth:`end` tells whether the answer was a whole one. Errors
    that show before that are raised from the callbacks and so end the exchange.

    Attributes:
        arrivals: monotonic ns at which content arrived, one per event with text, reasoning or
            tool calls; several events in one read share a stamp. A chunk that only names the role
            is no content.
        text_pieces: the content of each event, unless ``keep_text`` is off.
        reasoning_pieces: likewise for reasoning.
        finish_reason: ``stop``, ``length``, …, or None before it is known.
        model: the model's name as the server says it.
        answer_ns: when the first content that is no reasoning arrived, 0 before it has.
        done: whether ``[DONE]`` has been seen.
        status: the HTTP status, 0 before the head has arrived.
    """

    __slots__ = (
        "_endpoint",
        "_events",
        "_head",
        "_keep_text",
        "_refusal",
        "_usage",
        "answer_ns",
        "arrivals",
        "done",
        "finish_reason",
        "model",
        "reasoning_pieces",
        "text_pieces",
    )

    def __init__(self, endpoint: Endpoint, *, keep_text: bool = True) -> None:
        self.arrivals = array("Q")
        self.text_pieces: list[str] = []
        self.reasoning_pieces: list[str] = []
        self.finish_reason: str | None = None
        self.model: str | None = None
        self.answer_ns = 0
        self.done = False
        self._endpoint = endpoint
        self._keep_text = keep_text
        self._events = EventParser()
        self._usage: Usage | None = None
        self._head: ResponseHead | None = None
        self._refusal: bytearray | None = None

    @property
    def status(self) -> int:
        """The HTTP status, 0 before the head has arrived."""
        return self._head.status if self._head else 0

    @property
    def first_content_ns(self) -> int | None:
        """When the first content arrived."""
        return self.arrivals[0] if self.arrivals else None

    @property
    def last_content_ns(self) -> int | None:
        """When the last content arrived."""
        return self.arrivals[-1] if self.arrivals else None

    @property
    def text(self) -> str:
        """The whole content so far."""
        return "".join(self.text_pieces)

    @property
    def reasoning(self) -> str:
        """The whole reasoning so far."""
        return "".join(self.reasoning_pieces)

    @property
    def completion_tokens(self) -> int | None:
        """Tokens of the answer as the server counted them."""
        return self._usage.completion_tokens if self._usage else None

    @property
    def prompt_tokens(self) -> int | None:
        """Tokens of the prompt as the server counted them."""
        return self._usage.prompt_tokens if self._usage else None

    @property
    def cached_tokens(self) -> int | None:
        """Tokens of the prompt that the server found in its cache, by its own count."""
        details = self._usage.prompt_tokens_details if self._usage else None
        return details.cached_tokens if details else None

    def on_head(self, head: ResponseHead, stamp_ns: int) -> None:  # noqa: ARG002 -- a Sink's
        """Decide whether this is a stream or a refusal."""
        self._head = head
        kind = head.header(b"content-type").partition(b";")[0].strip().lower()
        if head.status != 200 or kind not in (b"text/event-stream", b""):
            self._refusal = bytearray()

    def on_body(self, data: bytes, stamp_ns: int) -> None:
        """Read events.

        Raises:
            ProtocolError: an event is not an OpenAI-style chunk, or reports an error.
            StatusError: an event reports an error that has a status.
        """
        if self._refusal is not None:
            self._refusal += data[: _REFUSAL_LIMIT_BYTES - len(self._refusal)]
            return
        # Nearly every read is one whole event; a load client sees tens of thousands a second.
        payload = only_event(data) if self._events.is_between else None
        if payload is not None:
            self._on_event(payload, stamp_ns)
            return
        for payload in self._events.feed(data):
            self._on_event(payload, stamp_ns)

    def end(self) -> None:
        """Check that the answer is complete; call it once the exchange has finished.

        Raises:
            StatusError: the server answered with an error status.
            ProtocolError: it answered with something else than an event stream, or the stream
                ended without a finish reason and without ``[DONE]``.
        """
        if self._refusal is not None and self._head is not None:
            if self._head.status == 200 and is_completion(bytes(self._refusal)):
                raise ProtocolError(
                    f"{self._endpoint.chat} answered all at once, though a stream was asked for.",
                    fix="Switch streaming on in the server or in the proxy before it.",
                )
            raise answer_error(self._head, bytes(self._refusal), self._endpoint)
        if self._events.close() or not (self.done or self.finish_reason):
            if self.done or self.finish_reason:
                return  # only the blank line after the last event is missing
            raise ProtocolError(
                f"{self._endpoint.chat} cut its answer: the stream ended without [DONE] and "
                "without a finish reason.",
                fix="Look into the server's log.",
            )

    def _on_event(self, payload: bytes, stamp_ns: int) -> None:
        if payload == b"[DONE]":
            self.done = True
            return
        if not payload:
            return
        try:
            chunk = decode_chunk(payload)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            message = f"{self._endpoint.chat} sent an event that is not an OpenAI-style chunk"
            raise ProtocolError(f"{message}: {error}.") from None
        if chunk.error is not None:
            raise reported_error(chunk.error, self._endpoint)
        if chunk.usage is not None:
            self._usage = chunk.usage
        if self.model is None:
            self.model = chunk.model
        if not chunk.choices:
            return
        choice = chunk.choices[0]
        if choice.finish_reason is not None:
            self.finish_reason = choice.finish_reason
        delta = choice.delta
        if delta is not None and (delta.content or delta.says_something):
            self.arrivals.append(stamp_ns)
            if not self.answer_ns and (delta.content or delta.tool_calls):
                self.answer_ns = stamp_ns
            if self._keep_text:
                self._keep(delta)

    def _keep(self, delta: ChatMessage) -> None:
        if delta.content:
            self.text_pieces.append(delta.text)
        if delta.thought:
            self.reasoning_pieces.append(delta.thought)
