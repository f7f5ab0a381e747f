"""The data plane: who asks, for what, which models may answer, and off it goes."""

from __future__ import annotations

import asyncio
import logging
import secrets
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple

from weighbridge.core.errors import InputError
from weighbridge.core.gateway import COMPLETIONS, Asked, Choice, Grant, Outcome, Refusal
from weighbridge.core.http import Headers
from weighbridge.core.routing import AUTO, Limits
from weighbridge.serve import hops
from weighbridge.serve.asked import read_asked
from weighbridge.serve.proxy.forward import (
    REQUEST_ID,
    Memo,
    answer_lines,
    header_text,
    onward_lines,
)
from weighbridge.serve.proxy.passage import Passage
from weighbridge.serve.proxy.refusals import refuse
from weighbridge.serve.proxy.target import Targets
from weighbridge.serve.proxy.times import times_of
from weighbridge.serve.seams import Access, Balancer, Fleet, Observer, Policy, Witness
from weighbridge.wire.server import Handler, Responder, ServerRequest

_log = logging.getLogger("weighbridge.serve")

_MOST_TOLD: Final = 1024
_NO_CHOICE: Final = Choice((), None, "refused")
_NOBODY: Final = Grant()
_SWEEP_S: Final = 1.0
_LONGEST_PATH: Final = 200


class Plane:
    """The handler behind the gateway's server: :meth:`handle`.

    Its parts may be replaced while it runs, when the configuration changes; requests under way
    keep to what they were told.

    Attributes:
        access: keys, rates and budgets.
        policy: which models may answer.
        fleet: where they are.
        balancer: which of their replicas.
        witnesses: those of the observers who are also told when a request begins.
        extra: what answers on other paths; one that ends in a slash, on all below it.
        times: how long anything may take.
        targets: connections to engines.
        passages: requests under way.
        left: called by each of them at its end.
    """

    def __init__(
        self,
        access: Access,
        policy: Policy,
        fleet: Fleet,
        balancer: Balancer,
        observers: Sequence[Observer] = (),
        *,
        limits: Limits,
        extra: Mapping[str, Handler],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.access = access
        self.policy = policy
        self.fleet = fleet
        self.balancer = balancer
        self.observers = observers
        self.extra = extra
        self.times = times_of(limits)
        self.targets = Targets(tls)
        self.passages: set[Passage] = set()
        self.left: Callable[[object], None] = self.passages.discard
        self._own = secrets.token_hex(8).encode()
        self._hop_lines = _lines(hops.onward((), self._own))
        self._ids = secrets.token_hex(6).encode()
        self._count = 0
        self._told: dict[tuple[str, str], bytes] = {}
        self._onward: Memo[tuple[bytes, bytes, bool]] = Memo()
        self._answers: Memo[bytes] = Memo()
        self._sweep: asyncio.TimerHandle | None = None

    def handle(self, request: ServerRequest, responder: Responder) -> Awaitable[None] | None:
        """Answer one request: with a model, or whoever answers on that path."""
        path = request.path
        if path in COMPLETIONS and request.method == "POST":
            self._complete(request, responder)
            return None
        answer = self.extra.get(path) or self._below(path)
        if answer is not None:
            return answer(request, responder)
        if path in COMPLETIONS:
            message = f"{path} does not take {request.method}; send a POST."
            refusal = Refusal(405, message, "invalid_request_error")
            self.turn_away(request, responder, refusal, headers=((b"allow", b"POST"),))
        else:
            known = ", ".join((*COMPLETIONS, *self.extra))
            message = f"There is no {path}; try one of {known}."
            self.turn_away(request, responder, Refusal(404, message, "not_found_error"))
        return None

    def turn_away(
        self,
        request: ServerRequest,
        responder: Responder,
        refusal: Refusal,
        grant: Grant = _NOBODY,
        *,
        headers: Headers = (),
    ) -> None:
        """Refuse what asks no model, so that it is logged and counted as all else is."""
        id_ = onward_lines(request.headers)[1]
        if not id_:
            self._count += 1
            id_ = b"%b-%x" % (self._ids, self._count)
        arrival = _Arrival(request, responder, id_, time.monotonic())
        self._refuse(arrival, refusal, grant, headers=headers)

    def close(self) -> None:
        """End the requests under way, and close every connection to engines."""
        self.abandon()
        self.targets.close()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None

    def abandon(self) -> None:
        """End the requests under way: the gateway waits for them no longer."""
        for passage in list(self.passages):
            passage.abandon()

    def _below(self, path: str) -> Handler | None:
        """What answers for everything below a folder."""
        ends = [end + 1 for end, letter in enumerate(path[:_LONGEST_PATH]) if letter == "/"]
        return next((self.extra[path[:end]] for end in ends if path[:end] in self.extra), None)

    # -- for passages ---------------------------------------------------------------------------

    def told(self, model: str, why: str) -> bytes:
        """The header lines that tell the client who answers, and why."""
        lines = self._told.get((model, why))
        if lines is None:
            if len(self._told) >= _MOST_TOLD:
                self._told.clear()
            lines = b"x-weighbridge-model: %b\r\nx-weighbridge-route: %b\r\n" % (
                header_text(model),
                header_text(why),
            )
            self._told[model, why] = lines
        return lines

    def answer_lines(self, status: int, headers: Headers) -> bytes:
        """Status line and headers of an engine's answer, as they go to the client."""
        lines = self._answers.get(headers)
        if lines is None:
            lines = answer_lines(status, headers)
            self._answers.keep(headers, lines)
        return lines

    @property
    def observers(self) -> Sequence[Observer]:
        """Who is told of every request."""
        return self._observers

    @observers.setter
    def observers(self, observers: Sequence[Observer]) -> None:
        self._observers = tuple(observers)
        self.witnesses = tuple(each for each in observers if isinstance(each, Witness))

    def tell(self, outcome: Outcome) -> None:
        """Tell every observer; one that fails must not keep the others from knowing."""
        for observer in self._observers:
            try:
                observer.ended(outcome)
            except Exception:  # noqa: BLE001 -- whatever it raised
                _log.exception("%r failed", observer)

    # -- a request ------------------------------------------------------------------------------

    def _complete(self, request: ServerRequest, responder: Responder) -> None:
        """Let the request in and find models for it, or say why not."""
        since_s = time.monotonic()
        path, headers = request.path, request.headers
        onward = self._onward.get(headers)
        if onward is None:
            onward = onward_lines(headers)
            self._onward.keep(headers, onward)
        lines, id_, is_hop = onward
        if not id_:
            self._count += 1
            id_ = b"%b-%d" % (self._ids, self._count)
        loop = hops.loop(headers, self._own) if is_hop else None
        if loop is not None:
            self._refuse(
                _Arrival(request, responder, id_, since_s), Refusal(508, loop, "loop_detected")
            )
            return
        grant = self.access.admit(headers, since_s)
        if isinstance(grant, Refusal):
            # Whose rate is used up is what operators want to know of a refusal.
            known = self.access.who(headers)
            holder = _NOBODY if isinstance(known, Refusal) else known
            self._refuse(_Arrival(request, responder, id_, since_s), grant, holder)
            return
        try:
            asked = read_asked(path, headers, request.body, prefix=False)
        except InputError as error:
            arrival = _Arrival(request, responder, id_, since_s)
            self._refuse(arrival, Refusal(400, str(error), "invalid_request_error"), grant)
            return
        choice = self.policy.decide(asked, grant, self.fleet.views)
        refusal = self.access.may_use(grant, asked, choice.use) if choice.use else None
        if refusal is None and not choice.use:
            refusal = self._unavailable(asked, grant, choice)
        if refusal is not None:
            arrival = _Arrival(request, responder, id_, since_s)
            self._refuse(arrival, refusal, grant, asked, choice)
            return
        told = _lines(hops.onward(headers, self._own)) if is_hop else self._hop_lines
        lines = b"%b%bx-request-id: %b\r\n" % (lines, told, id_)
        passage = Passage(self, request, responder, id_, lines, since_s, asked, grant, choice)
        self.passages.add(passage)
        if self._sweep is None:
            self._plan_sweep()
        passage.start()

    def _unavailable(self, asked: Asked, grant: Grant, choice: Choice) -> Refusal:
        """Why there is no model; those that the key may not use are not told."""
        allowed = grant.models
        own = [name for name in self.fleet.views if allowed is None or name in allowed]
        if choice.barred:
            what = (
                "none of the models of the routes that apply to this request"
                if asked.model == AUTO
                else f"model {asked.model!r}"
            )
            verb = "may use" if asked.model == AUTO else "may not use"
            message = f"Key {grant.key} {verb} {what}; it may use: {', '.join(own) or 'none'}."
            return Refusal(403, message, "permission_error")
        names = ", ".join((*own, AUTO))
        if asked.model == AUTO:
            task = "not recognised" if choice.task is None else choice.task
            message = (
                f"No route applies to this request; its task is {task}. End `routes` with one "
                f"that has no condition, or ask for a model by name: {names}."
            )
            return Refusal(404, message, "no_route")
        message = f"There is no model {asked.model!r}; there are: {names}."
        return Refusal(404, message, "model_not_found")

    def _refuse(
        self,
        arrival: _Arrival,
        refusal: Refusal,
        grant: Grant = _NOBODY,
        asked: Asked | None = None,
        choice: Choice = _NO_CHOICE,
        *,
        headers: Headers = (),
    ) -> None:
        request, responder, id_, since_s = arrival
        refuse(responder, request.path, refusal, ((REQUEST_ID, id_), *headers))
        took_s = time.monotonic() - since_s
        outcome = Outcome(
            id=id_.decode(),
            ended=time.time(),
            asked=asked or Asked(request.path[:_LONGEST_PATH], ""),
            grant=grant,
            choice=choice,
            model="",
            status=refusal.status,
            end="refused",
            attempts=0,
            duration_s=took_s,
            request_bytes=len(request.body),
            reason=refusal.message,
            overhead_s=took_s,
        )
        self.tell(outcome)

    # -- time limits ----------------------------------------------------------------------------

    def _plan_sweep(self) -> None:
        times = self.times
        shortest_s = min(times.first_byte_s, times.between_bytes_s)
        loop = asyncio.get_running_loop()
        self._sweep = loop.call_later(min(_SWEEP_S, shortest_s / 4), self._check)

    def _check(self) -> None:
        """One timer for all requests: a request costs a stamp, not a timer."""
        now_s = time.monotonic()
        for passage in list(self.passages):
            passage.check(now_s)
        self._sweep = None
        if self.targets.sweep(now_s) or self.passages:
            self._plan_sweep()


class _Arrival(NamedTuple):
    """A request that may yet be refused."""

    request: ServerRequest
    responder: Responder
    id: bytes
    since_s: float


def _lines(headers: Headers) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])
