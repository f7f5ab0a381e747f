"""Passing a model's answer on to the client as it arrives, with back-pressure both ways."""

from __future__ import annotations

from weighbridge.core.gateway import Choice
from weighbridge.core.http import Exchange, Headers, ResponseHead
from weighbridge.wire.server import Responder

# About one connection only, or about its framing, which our server does anew.
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"content-length",
    }
)


class Relay:
    """Receives an upstream answer and writes it to the client; a core ``Sink``.

    The client learns which model answered, and why, from ``x-weighbridge-model`` and
    ``x-weighbridge-route``.
    """

    def __init__(self, responder: Responder, model: str, choice: Choice) -> None:
        self._responder = responder
        self._told: Headers = (
            (b"x-weighbridge-model", _ascii(model)),
            (b"x-weighbridge-route", _ascii(choice.why)),
        )
        self.started = False

    def attach(self, exchange: Exchange) -> None:
        """Stop reading upstream while the client is slow, and give up when it leaves."""
        self._responder.on_pressure(exchange.pause, exchange.resume)
        self._responder.on_gone(exchange.abort)

    def on_head(self, head: ResponseHead, stamp_ns: int) -> None:  # noqa: ARG002 -- a Sink's
        """Pass status and end-to-end headers on."""
        kept = tuple(field for field in head.headers if field[0] not in _HOP_BY_HOP)
        length = head.header(b"content-length")
        self.started = True
        self._responder.start(
            head.status, kept + self._told, int(length) if length.isdigit() else None
        )

    def on_body(self, data: bytes, stamp_ns: int) -> None:  # noqa: ARG002 -- a Sink's
        """Pass bytes on at once."""
        self._responder.write(data)


def _ascii(text: str) -> bytes:
    return text.encode("ascii", "replace").replace(b"\r", b" ").replace(b"\n", b" ")
