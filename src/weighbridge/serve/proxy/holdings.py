"""What a request holds on its way, and how all of it is given back, however the request ends."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.gateway import Asked, Choice, Grant, Outcome, Refusal, TokenUse
from weighbridge.core.http import Headers
from weighbridge.serve.proxy.attempts import FAULTS, Attempts
from weighbridge.serve.proxy.defects import safely
from weighbridge.serve.proxy.forward import REQUEST_ID
from weighbridge.serve.proxy.refusals import refuse
from weighbridge.serve.proxy.usage import AnswerEnds

if TYPE_CHECKING:
    from weighbridge.serve.proxy.rooms import Rooms
    from weighbridge.serve.proxy.target import Target
    from weighbridge.serve.proxy.upstream import Upstream
    from weighbridge.serve.seams import Reservation, Tap
    from weighbridge.wire.server import Responder, ServerRequest

_log = logging.getLogger("weighbridge.serve")

# What an answer is taken to need where the request does not say, to balance replicas by.
_ANSWER_TOKENS: Final = 256
_CUT_SHORT: Final = "The gateway ended before the answer did: see `limits.drain`."
_DEFECT: Final = Refusal(500, "The gateway failed to answer; its log says why.", "internal_error")

End = Literal["complete", "client_left", "cut", "refused", "failed"]


class Holdings:
    """A request that was let in, and what was taken for it; :meth:`_end` gives it back, once."""

    # As attributes of the class, because most requests never change them.
    _model = ""
    _entered = False
    _ended = False
    _seen = False
    _passed_on = False
    _paused = False
    _tried: Sequence[Endpoint] = ()
    _ends: AnswerEnds | None = None
    _endpoints: Sequence[Endpoint] = ()
    _endpoint: Endpoint | None = None
    _target: Target
    _upstream: Upstream | None = None
    _task: asyncio.Task[None] | None = None
    _reservation: Reservation | None = None
    _taps: tuple[Tap, ...] = ()
    _head: Headers = ()
    _length: int | None = None
    _held: bytes | None = None
    _cramped: tuple[str, ...] = ()
    _status = 0
    _answer_bytes = 0
    _queued_s = 0.0
    _handed_s = 0.0
    _resumed_s = 0.0
    _ttft_s: float | None = None

    def __init__(  # noqa: PLR0917 -- names cost time on every request
        self,
        plane: Rooms,
        request: ServerRequest,
        responder: Responder,
        id: bytes,  # noqa: A002 -- the word
        lines: bytes,
        since_s: float,
        asked: Asked,
        grant: Grant,
        choice: Choice,
    ) -> None:
        self._plane = plane
        self._responder = responder
        self._id = id
        self._lines = lines
        self._since_s = since_s
        self._asked = asked
        self._grant = grant
        self._choice = choice
        models, allowed = choice.use, grant.models
        if allowed is not None:
            models = tuple([name for name in models if name in allowed])
        self._attempts = Attempts(models)
        self._body = request.body
        self._query = request.query
        self._request_bytes = len(request.body)
        self._tokens = asked.prompt_tokens + (asked.max_tokens or _ANSWER_TOKENS)

    # -- giving up ------------------------------------------------------------------------------

    def abandon(self) -> None:
        """The gateway ends, and is to blame for it."""
        if self._passed_on:
            self._drop_upstream()
            self._end("cut", self._status, reason=_CUT_SHORT)
            self._responder.abort()
            return
        message = "The gateway is shutting down."
        self._give_up(Refusal(503, message, "unavailable", 1.0), "failed")

    def _defect(self) -> None:
        _log.exception("Passing on a request for %s failed", self._asked.model)
        self._give_up(_DEFECT, "failed")

    def _give_up(self, refusal: Refusal, end: End) -> None:
        """Tell the client why there is no answer."""
        if self._ended:
            return
        self._drop_upstream()
        self._end(end, refusal.status, reason=refusal.message)
        if self._responder.started:
            self._responder.abort()
        elif not self._responder.ended:
            refuse(self._responder, self._asked.path, refusal, ((REQUEST_ID, self._id),))

    # -- giving back ----------------------------------------------------------------------------

    def _leave_model(self) -> None:
        if self._entered:
            self._entered = False
            self._plane.fleet.leave(self._model)

    def _release_replica(self, *, fault: bool) -> None:
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            self._plane.balancer.ended(
                endpoint, self._tokens, failed=fault, ttft_s=None if fault else self._ttft_s
            )

    def _drop_upstream(self) -> None:
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.leave()

    # -- the end --------------------------------------------------------------------------------

    def _end(self, end: End, status: int, *, fault: bool = False, reason: str = "") -> None:
        """Leave everything that was entered, and tell everybody; the second time nothing."""
        if self._ended:
            return
        self._ended = True
        self._plane.left(self)
        task, self._task = self._task, None
        if task is not None and not task.done() and task is not _current_task():
            task.cancel()
        try:
            self._release_replica(fault=fault or (end == "complete" and status in FAULTS))
        except Exception:  # noqa: BLE001 -- the others must hear of it all the same
            _log.exception("A replica was not released")
        try:
            self._leave_model()
        except Exception:  # noqa: BLE001 -- likewise
            _log.exception("A model was not left")
        self._tell(end, status, reason or self._attempts.reason)

    def _tell(self, end: End, status: int, reason: str) -> None:
        """Settle, count, and tell everybody who wants to know."""
        plane, now_s = self._plane, time.monotonic()
        outcome = self._outcome(end, status, reason, now_s)
        reservation, self._reservation = self._reservation, None
        if reservation is not None:
            safely(reservation.settle, self._model, outcome.use)
        if outcome.use is not None:
            try:
                plane.access.count(self._grant, outcome.use, now_s)
            except Exception:  # noqa: BLE001 -- likewise
                _log.exception("Tokens were not counted")
        for tap in self._taps:
            safely(tap.close, outcome)
        plane.tell(outcome)

    def _outcome(self, end: End, status: int, reason: str, now_s: float) -> Outcome:
        use: TokenUse | None = None
        if self._ends is not None and self._status < 400:
            use = self._ends.token_use(self._asked, self._answer_bytes)
        handed_s = self._handed_s or now_s
        return Outcome(
            self._id.decode(),
            time.time(),
            self._asked,
            self._grant,
            self._choice,
            self._model if self._passed_on else "",
            status,
            end,
            self._attempts.count,
            self._queued_s,
            self._ttft_s,
            now_s - self._since_s,
            use,
            self._request_bytes,
            self._answer_bytes,
            reason,
            max(0.0, handed_s - self._since_s - self._queued_s),
        )


def _current_task() -> asyncio.Task[object] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # called back by the loop, or after its end
        return None
