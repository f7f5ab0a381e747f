"""Answers and log lines for errors that handlers raise, and for defects of the server itself."""

from __future__ import annotations

import logging
import time

from weighbridge.core.errors import EndpointError, InputError, WeighbridgeError
from weighbridge.wire.responder import Responder, ServerRequest

_log = logging.getLogger("weighbridge.wire")
_EVERY_S = 1.0


class SeldomLog:
    """Logs the defects that any stranger may be able to cause: one line a second at most."""

    def __init__(self) -> None:
        self._last_s = -_EVERY_S
        self._untold = 0

    def tell(self, error: Exception) -> None:
        """What a client's bytes have brought about."""
        now_s = time.monotonic()
        if now_s - self._last_s < _EVERY_S:
            self._untold += 1
            return
        untold, self._untold, self._last_s = self._untold, 0, now_s
        more = f" ({untold} more since the last such line)" if untold else ""
        _log.error("Reading a request failed: %s: %s%s", type(error).__name__, error, more)


def send_error(responder: Responder, error: WeighbridgeError) -> None:
    """The answer for an error that a handler raised."""
    if isinstance(error, InputError):
        responder.error(400, str(error), "invalid_request_error")
    else:
        code = error.kind if isinstance(error, EndpointError) else None
        responder.error(502, str(error), "upstream_error", code)


def log_defect(request: ServerRequest) -> None:
    """The exception of a handler that is being handled."""
    _log.exception("The handler of %s %s failed", request.method, request.path)


def send_defect(responder: Responder) -> None:
    """The answer where a handler failed."""
    responder.error(500, "The server failed to answer; its log says why.", "internal_error")
