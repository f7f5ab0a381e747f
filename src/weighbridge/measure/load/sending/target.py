"""Whom a load run asks, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.http import Request, Timeouts
from weighbridge.core.traffic import Message
from weighbridge.measure.load.traffic.tokens import TokenCounter
from weighbridge.wire.chat import render_chat
from weighbridge.wire.heads import render_request


@dataclass(frozen=True, slots=True)
class LoadTarget:
    """Whom to load and how to ask.

    Attributes:
        endpoint: the model and its address.
        timeouts: of each request.
        temperature: of sampling, or None for the server's own.
        extra: further keys of the request's body, e.g. ``ignore_eos``.
        wait_when_busy: how often to send again after 429 or 503 before counting it as an error.
        counter: counts the tokens of an answer where the server does not; None to count
            arrivals then.
    """

    endpoint: Endpoint
    timeouts: Timeouts
    temperature: float | None = 0.0
    extra: Mapping[str, Any] = field(default_factory=dict)
    wait_when_busy: int = 0
    counter: TokenCounter | None = None

    def request(self, messages: Sequence[Message], max_tokens: int) -> Request:
        """The streamed request for a chat, rendered to bytes."""
        body = render_chat(
            self.endpoint.model,
            [{"role": message.role, "content": message.content} for message in messages],
            max_tokens=max_tokens,
            temperature=self.temperature,
            stream=True,
            extra=self.extra,
        )
        request = Request("POST", self.endpoint.chat, self.endpoint.headers, body)
        return replace(request, rendered=render_request(request))
