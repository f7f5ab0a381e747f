"""One request on its way: to a model, to one of its replicas, perhaps to another, and back.

Nothing here waits, where nothing has to be waited for: the answer's bytes go from one callback to
the other without a task or a timer. Tasks are only for engines that have to start, turns in a
queue, new connections and reservations.

Every passage ends in :meth:`Passage._end`, once, whatever happened: what was entered is left, what
was reserved is settled, and every observer is told.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Literal

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import EngineError, WeighbridgeError
from weighbridge.core.gateway import Asked, Choice, Grant, Outcome, Refusal, TokenUse
from weighbridge.core.http import Headers
from weighbridge.serve.asked import read_asked, with_model
from weighbridge.serve.proxy.attempts import RETRIED_STATUSES, Attempts
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
_ANSWER_TOKENS = 256
_DEFECT = Refusal(500, "The gateway failed to answer; its log says why.", "internal_error")

End = Literal["complete", "client_left", "cut", "refused", "failed"]


class Passage:
    """A request that was let in and has models to answer it."""

    # As attributes of the class, because most requests never change them.
    _model = ""
    _entered = _ended = _seen = _passed_on = _paused = False
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
    _status = 0
    _answer_bytes = 0
    _queued_s = _handed_s = _resumed_s = 0.0
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
        self._models = iter(models)
        self._body = request.body
        self._query = request.query
        self._request_bytes = len(request.body)
        self._tokens = asked.prompt_tokens + (asked.max_tokens or _ANSWER_TOKENS)
        self._attempts = Attempts()

    # -- on the way to an engine ----------------------------------------------------------------

    def start(self) -> None:
        """Go."""
        self._responder.listen(self)
        if self._grant.metered:
            self._spawn(self._reserve())
            return
        try:
            self._next_model()
        except Exception:  # noqa: BLE001 -- whatever a room of the gateway raised
            self._defect()

    def _spawn(self, way: Coroutine[None, None, None]) -> None:
        self._task = asyncio.get_running_loop().create_task(self._guarded(way))

    async def _guarded(self, way: Coroutine[None, None, None]) -> None:
        """A defect must not leave a client waiting for ever."""
        try:
            await way
        except Exception:  # noqa: BLE001 -- whatever a room of the gateway raised
            self._defect()

    def _defect(self) -> None:
        _log.exception("Passing on a request for %s failed", self._asked.model)
        self._give_up(_DEFECT, "failed")

    async def _reserve(self) -> None:
        model = self._choice.use[0]
        reserved = await self._plane.access.reserve(self._grant, self._asked, model)
        if isinstance(reserved, Refusal):
            self._give_up(reserved, "refused")
        elif self._ended:
            reserved.settle(model, None)
        else:
            self._reservation = reserved
            self._next_model()

    def _next_model(self) -> None:
        """The next model of the choice; the end when there is none."""
        fleet = self._plane.fleet
        for model in self._models:
            self._model = model
            endpoints = fleet.enter(model)
            if not endpoints:
                self._spawn(self._wait(model))
                return
            if self._enter(endpoints):
                return
        self._model = ""
        self._give_up(self._attempts.refusal(), "failed")

    async def _wait(self, model: str) -> None:
        began_s = time.monotonic()
        try:
            endpoints = await self._plane.fleet.wait(model, self._patience_s(began_s))
        except EngineError as error:
            self._attempts.unable(model, error)
            endpoints = ()
        finally:
            self._queued_s += time.monotonic() - began_s
        if self._ended:
            if endpoints:
                self._plane.fleet.leave(model)
        elif not endpoints or not self._enter(endpoints):
            self._next_model()

    def _patience_s(self, now_s: float) -> float:
        """How long to wait for a turn: no longer than the client waits for its answer."""
        limit_s = self._plane.times.queue_wait_s
        if self._asked.deadline_s is not None:
            limit_s = min(limit_s, max(0.0, self._since_s + self._asked.deadline_s - now_s))
        return limit_s

    def _enter(self, endpoints: Sequence[Endpoint]) -> bool:
        self._entered = True
        self._endpoints = endpoints
        self._tried = ()
        if len(endpoints) > 1 and not self._asked.prefix:
            self._asked = read_asked(self._asked.path, self._asked.headers, self._body)
        if self._try_replica():
            return True
        message = "none of its servers may be asked now, because they failed lately"
        if not self._tried:
            self._attempts.failed(self._model, message, 503)
        self._leave_model()
        return False

    def _leave_model(self) -> None:
        if self._entered:
            self._entered = False
            self._plane.fleet.leave(self._model)

    def _try_replica(self) -> bool:
        """Send to the replica that the balancer picks; False when there is none."""
        plane = self._plane
        endpoint = plane.balancer.pick(self._endpoints, self._asked, self._tried)
        if endpoint is None:
            return False
        self._endpoint = endpoint
        self._target = plane.targets[endpoint]
        plane.balancer.began(endpoint, self._tokens)
        self._attempts.count += 1
        upstream = self._target.pool.take()
        if upstream is None:
            self._spawn(self._connect())
        else:
            self._send(upstream)
        return True

    async def _connect(self) -> None:
        try:
            upstream = await self._target.pool.connect(self._plane.times.connect_s)
        except WeighbridgeError as error:
            self._replica_failed(str(error), suspect=True)
            return
        if self._ended:
            upstream.leave()
        elif not upstream.is_open:
            upstream.leave()
            self._replica_failed("it closed the connection at once", suspect=True)
        else:
            self._send(upstream)

    def _send(self, upstream: Upstream) -> None:
        target, asked = self._target, self._asked
        if not self._seen:
            self._seen = True
            for witness in self._plane.witnesses:
                tap = safely(witness.began, self._id.decode(), asked, self._body)
                if tap is not None:
                    self._taps += (tap,)
        body = self._body
        if asked.model != target.model or self._choice.use[0] != asked.model:
            body = with_model(body, asked, target.model)
        self._upstream = upstream
        head = b"%b%bcontent-length: %d\r\n\r\n" % (
            target.begin(asked.path, self._query),
            self._lines,
            len(body),
        )
        if self._paused:
            upstream.pause()
        upstream.send(self, head, body)
        if not self._handed_s:
            self._handed_s = upstream.last_s

    # -- the answer -----------------------------------------------------------------------------

    def on_head(self, status: int, headers: Headers, length: int | None) -> None:
        """Keep the head until there is a body: until then another engine may answer instead."""
        if status in RETRIED_STATUSES:
            try:
                if self._may_try_another():
                    self._drop_upstream()
                    self._replica_failed(f"it answered {status}", fault=status != 429)
                    return
            except Exception:  # noqa: BLE001 -- likewise
                self._defect()
                return
        self._status = status
        self._head = headers
        self._length = length

    def on_body(self, data: bytes, *, last: bool) -> None:
        """Pass on what came; the end of the answer ends the passage."""
        if last:
            upstream, self._upstream = self._upstream, None
            if upstream is not None and upstream.until_close and self._is_torn():
                self.on_broken("it closed the connection within an event", retry=False)
                return
        if data:
            self._answer_bytes += len(data)
            if self._ends is None:
                self._ends = AnswerEnds(data)
            else:
                self._ends.add(data)
            if self._taps:
                for tap in self._taps:
                    safely(tap.feed, data)
        if self._passed_on:
            self._responder.write(data, last=last)
        else:
            self._pass_on(data, last=last)
        if last and not self._ended:
            self._end("complete", self._status)
            self._responder.finish()

    def _pass_on(self, data: bytes, *, last: bool) -> None:
        """The first bytes of the answer, with its head: from now on, no other engine may answer."""
        self._passed_on = True
        self._ttft_s = time.monotonic() - self._since_s
        self._body = b""  # it cannot be sent again, and the answer may take long
        told = self._plane.told(self._model, self._choice.why)
        head = b"%b%bx-request-id: %b\r\n" % (
            self._plane.answer_lines(self._status, self._head),
            told,
            self._id,
        )
        length = self._length
        if length is None and last:
            length = len(data)
        self._responder.begin(head, data, length, last=last)

    def _is_torn(self) -> bool:
        """Whether an event stream that ended with its connection ended within an event."""
        is_stream = any(
            name == b"content-type" and value.startswith(b"text/event-stream")
            for name, value in self._head
        )
        if not (is_stream or self._asked.stream):
            return False
        return self._ends is None or self._ends.ends_within_event()

    def on_broken(self, why: str, *, retry: bool) -> None:
        """The answer will not come, or not to its end."""
        self._upstream = None
        if self._passed_on:
            self._cut(why)
        elif retry:
            # It had been closed while nobody used it: nothing was wrong with the request.
            self._spawn(self._connect())
        else:
            try:
                self._replica_failed(why, suspect=True)
            except Exception:  # noqa: BLE001 -- likewise
                self._defect()

    def _cut(self, why: str) -> None:
        """What was passed on cannot be taken back: the client must see that it is not whole."""
        self._attempts.failed(self._model, why)
        self._drop_upstream()
        self._end("cut", self._status, fault=True)
        self._responder.abort()

    # -- when an engine fails -------------------------------------------------------------------

    def _may_try_another(self) -> bool:
        """Whether another replica or model is left: looked up, not used up."""
        rest = tuple(self._models)
        self._models = iter(rest)
        if rest:
            return True
        tried = [*self._tried, self._endpoint] if self._endpoint is not None else self._tried
        return self._plane.balancer.pick(self._endpoints, self._asked, tried) is not None

    def _replica_failed(
        self, why: str, *, fault: bool = True, suspect: bool = False, status: int = 502
    ) -> None:
        """Another replica, then another model, then the end."""
        if self._ended:
            return
        endpoint = self._endpoint
        self._attempts.failed(self._model, why, status)
        self._status, self._head, self._length = 0, (), None
        if endpoint is not None:
            self._tried = (*self._tried, endpoint)
            self._release_replica(fault=fault)
            if suspect:
                self._plane.fleet.suspect(self._model, endpoint)
        if not self._try_replica():
            self._leave_model()
            self._next_model()

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

    def check(self, now_s: float) -> None:
        """Enforce the time limits; called every now and then."""
        upstream = self._upstream
        if upstream is None or self._paused:
            return
        silent_s = now_s - max(upstream.last_s, self._resumed_s)
        times = self._plane.times
        if self._passed_on:
            if silent_s > times.between_bytes_s:
                self._cut(f"it was silent for {times.between_bytes_s:g} s within its answer")
        elif silent_s > times.first_byte_s:
            self._drop_upstream()
            why = f"it did not begin to answer within {times.first_byte_s:g} s"
            self._replica_failed(why, suspect=True, status=504)

    # -- the client -----------------------------------------------------------------------------

    def on_pause(self) -> None:
        """It reads too slowly."""
        self._paused = True
        if self._upstream is not None:
            self._upstream.pause()

    def on_resume(self) -> None:
        """It caught up."""
        self._paused = False
        self._resumed_s = time.monotonic()
        if self._upstream is not None:
            self._upstream.resume()

    def on_gone(self) -> None:
        """It has left before the end."""
        if not self._ended:
            self._drop_upstream()
            self._end("client_left", self._status if self._passed_on else 499)

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

    # -- the end --------------------------------------------------------------------------------

    def abandon(self) -> None:
        """The gateway ends."""
        message = "The gateway is shutting down."
        self._give_up(Refusal(503, message, "unavailable", 1.0), "failed")

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
            self._release_replica(fault=fault or (end == "complete" and status >= 500))
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
