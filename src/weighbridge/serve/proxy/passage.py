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
from typing import TYPE_CHECKING

from msgspec.structs import replace

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import EngineError, WeighbridgeError
from weighbridge.core.gateway import Refusal
from weighbridge.core.http import Headers
from weighbridge.serve.asked import read_asked, with_model
from weighbridge.serve.proxy.attempts import FAULTS, RETRIED_STATUSES
from weighbridge.serve.proxy.defects import safely
from weighbridge.serve.proxy.holdings import Holdings
from weighbridge.serve.proxy.pool import RefusedError
from weighbridge.serve.proxy.times import patience_s
from weighbridge.serve.proxy.too_long import MOST_BYTES, STATUSES, says_too_long
from weighbridge.serve.proxy.usage import AnswerEnds, is_torn

if TYPE_CHECKING:
    from weighbridge.serve.proxy.upstream import Upstream

_log = logging.getLogger("weighbridge.serve")


class Passage(Holdings):
    """A request that was let in and has models to answer it."""

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
        while (model := self._attempts.next_model()) is not None:
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
            limit_s = patience_s(
                self._plane.times,
                self._asked.deadline_s,
                began_s - self._since_s,
                self._queued_s,
            )
            endpoints = await self._plane.fleet.wait(model, limit_s)
        except EngineError as error:
            view = self._plane.fleet.views.get(model)
            self._attempts.unable(model, error, is_ours=view is None or view.is_ours)
            endpoints = ()
        finally:
            self._queued_s += time.monotonic() - began_s
        if self._ended:
            if endpoints:
                self._plane.fleet.leave(model)
        elif not endpoints or not self._enter(endpoints):
            self._next_model()

    def _enter(self, endpoints: Sequence[Endpoint]) -> bool:
        self._entered = True
        self._endpoints = endpoints
        self._tried = self._attempts.tried
        if len(endpoints) > 1 and not self._asked.prefix:
            self._asked = read_asked(self._asked.path, self._asked.headers, self._body)
        if self._try_replica():
            return True
        self._attempts.failed(self._model, "its servers failed lately", 503)
        self._put_off_the_rest()
        self._leave_model()
        return False

    def _put_off_the_rest(self) -> None:
        """Replicas that are left out for now are better than no answer at all."""
        if len(self._tried) < len(self._endpoints):
            self._attempts.put_off(self._model, self._tried)

    def _try_replica(self) -> bool:
        """Send to the replica that the balancer picks; False when there is none."""
        plane = self._plane
        endpoint = plane.balancer.pick(self._endpoints, self._asked, self._tried)
        if endpoint is None and self._attempts.is_second_round:
            endpoint = plane.balancer.insist(self._endpoints, self._tried)
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
        except RefusedError as error:
            self._refused(str(error))
            return
        except WeighbridgeError as error:
            self._replica_failed(str(error), suspect=True)
            return
        if self._ended:
            upstream.leave()
        elif not upstream.is_open:
            upstream.leave()
            self._refused("it closed the connection at once")
        else:
            self._send(upstream)

    def _refused(self, why: str) -> None:
        """Nothing was sent: once an engine of ours is there again, it may have the request."""
        view = self._plane.fleet.views.get(self._model)
        if view is not None and view.is_ours:
            self._attempts.put_off(self._model)
        self._replica_failed(why, suspect=True, refused=True)

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
                    self._replica_failed(f"it answered {status}", fault=status in FAULTS)
                    return
            except Exception:  # noqa: BLE001 -- likewise
                self._defect()
                return
        self._status = status
        self._head = headers
        self._length = length
        if status in STATUSES and (length or 0) <= MOST_BYTES and self._roomier():
            self._held = b""

    def on_body(self, data: bytes, *, last: bool) -> None:
        """Pass on what came; the end of the answer ends the passage."""
        if self._held is not None:
            data, self._held = self._held + data, None
            if self._holds(data, last=last):
                return
        if last:
            upstream, self._upstream = self._upstream, None
            is_until_close = upstream is not None and upstream.until_close
            wants_stream = self._asked.stream
            if is_until_close and is_torn(self._head, self._ends, is_stream=wants_stream):
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

    # -- when a prompt is too long --------------------------------------------------------------

    def _roomier(self) -> list[str]:
        """Models with more room than the one that answers."""
        names, allowed = self._plane.policy.roomier(self._model), self._grant.models
        if allowed is not None:
            names = [name for name in names if name in allowed]
        return [name for name in names if name not in self._cramped]

    def _holds(self, data: bytes, *, last: bool) -> bool:
        """Whether a refusal is kept from the client: until it is whole, or for good."""
        if not last:
            if len(data) <= MOST_BYTES:
                self._held = data
            return self._held is not None
        if not says_too_long(data):
            return False
        try:
            self._ask_roomier()
        except Exception:  # noqa: BLE001 -- likewise
            self._defect()
        return True

    def _ask_roomier(self) -> None:
        model, why = self._model, self._choice.why
        self._upstream = None
        self._cramped += (model,)
        self._attempts.failed(model, "the prompt is too long for it", 400)
        self._attempts.put_first(self._roomier())
        self._choice = replace(self._choice, why=f"{why}; too long for {model}")
        self._status, self._head, self._length = 0, (), None
        self._release_replica(fault=False)
        self._leave_model()
        self._next_model()

    # -- when an engine fails -------------------------------------------------------------------

    def _may_try_another(self) -> bool:
        """Whether another replica or model is left: looked up, not used up."""
        if self._attempts.has_more():
            return True
        tried = [*self._tried, self._endpoint] if self._endpoint is not None else self._tried
        return self._plane.balancer.pick(self._endpoints, self._asked, tried) is not None

    def _replica_failed(
        self,
        why: str,
        *,
        fault: bool = True,
        suspect: bool = False,
        refused: bool = False,
        status: int = 502,
    ) -> None:
        """Another replica, then another model, then the end."""
        if self._ended:
            return
        endpoint = self._endpoint
        self._attempts.failed(self._model, why, status)
        self._status, self._head, self._length, self._held = 0, (), None, None
        if endpoint is not None:
            self._tried = (*self._tried, endpoint)
            self._release_replica(fault=fault)
            if suspect:
                self._plane.fleet.suspect(self._model, endpoint, refused=refused)
        if not self._try_replica():
            self._put_off_the_rest()
            self._leave_model()
            self._next_model()

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
