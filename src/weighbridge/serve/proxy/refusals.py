"""Answers that say no, in the shape that the client's library expects."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from weighbridge.core.gateway import Refusal
from weighbridge.core.http import Headers
from weighbridge.wire.responder import error_body
from weighbridge.wire.server import Responder

_JSON: Final[Headers] = ((b"content-type", b"application/json"),)
_ANTHROPIC: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


def refuse(responder: Responder, path: str, refusal: Refusal, headers: Headers = ()) -> None:
    """Send a refusal: OpenAI's shape, or Anthropic's where their path was asked."""
    if path.startswith("/v1/messages"):
        kind = _ANTHROPIC.get(refusal.status, "api_error")
        error = {"type": kind, "message": refusal.message}
        body = msgspec.json.encode({"type": "error", "error": error})
    else:
        body = error_body(refusal.message, refusal.kind)
    if refusal.retry_after_s is not None:
        wait_s = max(1, math.ceil(min(refusal.retry_after_s, 86_400)))
        headers = (*headers, (b"retry-after", b"%d" % wait_s))
    responder.send(refusal.status, _JSON + headers, body)
