"""What was tried for one request, and what to tell the client when nothing worked."""

from __future__ import annotations

from weighbridge.core.errors import BusyError, WeighbridgeError
from weighbridge.core.gateway import Refusal

RETRIED_STATUSES = frozenset((429, 502, 503, 504))
"""Answers that another replica or model may spare the client: whoever sent them did no work."""


class Attempts:
    """Failures so far, in order."""

    # As attributes of the class, because most requests never change them.
    count = 0
    _reasons: tuple[str, ...] = ()
    _status = 503
    _busy = True
    _retry_after_s: float | None = None

    def failed(self, model: str, why: str, status: int = 502) -> None:
        """An engine did not answer."""
        self._reasons += (f"{model}: {why.rstrip('.')}.",)
        self._busy = False
        self._status = status

    def unable(self, model: str, error: WeighbridgeError) -> None:
        """A model could not be had."""
        self._reasons += (f"{model}: {error}",)
        self._status = 503
        if isinstance(error, BusyError):
            self._retry_after_s = error.retry_after_s
        else:
            self._busy = False

    @property
    def reason(self) -> str:
        """All failures in words."""
        return " ".join(self._reasons)

    def refusal(self) -> Refusal:
        """The answer when nothing is left to try."""
        message = f"No model could answer. {self.reason}".rstrip()
        if self._busy:
            return Refusal(429, message, "rate_limit_error", self._retry_after_s or 1.0)
        kinds = {503: "unavailable", 504: "timeout"}
        retry_after_s = 1.0 if self._status == 503 else None
        return Refusal(
            self._status, message, kinds.get(self._status, "upstream_error"), retry_after_s
        )
