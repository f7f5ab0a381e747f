"""What was tried for one request, and what to tell the client when nothing worked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import BusyError, WeighbridgeError
from weighbridge.core.gateway import Refusal

RETRIED_STATUSES: Final = frozenset((429, 502, 503, 504))
"""Answers that another replica or model may spare the client: whoever sent them did no work."""

FAULTS: Final = frozenset((502, 503, 504))
"""Answers by which a server says that it cannot serve; others are about the request alone."""


class Attempts:
    """The models that are left to try, and the failures so far, in order.

    Attributes:
        count: how many models or replicas were tried.
        is_second_round: whether the others have all failed, and those put off get their turn.
        tried: replicas of the model of now that were tried in the first round.
    """

    # As attributes of the class, because most requests never change them.
    count = 0
    is_second_round = False
    tried: Sequence[Endpoint] = ()
    _put_off: tuple[tuple[str, Sequence[Endpoint]], ...] = ()
    _reasons: tuple[str, ...] = ()
    _status = 503
    _busy = True
    _retry_after_s: float | None = None

    def __init__(self, models: Sequence[str]) -> None:
        """Of a request that these may answer."""
        self._ahead = iter(models)

    def next_model(self) -> str | None:
        """The next to try, in the second round those that were put off; None where none is left."""
        for model in self._ahead:
            if self.is_second_round:
                self.tried = dict(self._put_off).get(model, ())
            return model
        if not self._put_off or self.is_second_round:
            return None
        self.is_second_round = True
        self._ahead = iter([model for model, _ in self._put_off])
        return self.next_model()

    def has_more(self) -> bool:
        """Whether a model is left: looked up, not used up."""
        rest = tuple(self._ahead)
        self._ahead = iter(rest)
        return bool(rest)

    def put_off(self, model: str, tried: Sequence[Endpoint] = ()) -> None:
        """Try it again, but for these replicas, when all others have failed; only once."""
        if not self.is_second_round:
            self._put_off += ((model, tried),)

    def put_first(self, models: Sequence[str]) -> None:
        """Go on with these."""
        rest = [model for model in self._ahead if model not in models]
        self._ahead = iter((*models, *rest))

    def failed(self, model: str, why: str, status: int = 502) -> None:
        """An engine did not answer."""
        self._reasons += (f"{model}: {why.rstrip('.')}.",)
        self._busy = False
        self._status = status

    def unable(self, model: str, error: WeighbridgeError, *, is_ours: bool = True) -> None:
        """A model could not be had: its engine, or the server that somebody else runs."""
        self._reasons += (f"{model}: {error}",)
        self._status = 503 if is_ours else 502
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
