"""Between the rooms of the gateway: what the data plane asks of the others, and they of it.

The data plane (``serve/proxy``) passes bytes. Who may ask is :class:`Access`; which models may
answer is :class:`Policy`; where they answer is :class:`Fleet`; who wants to know of it is
:class:`Observer`. All of it runs on one event loop; what is not ``async`` must return within
microseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.gateway import Asked, Choice, Grant, ModelView, Outcome, Refusal, TokenUse
from weighbridge.core.http import Headers
from weighbridge.wire.responder import Responder, ServerRequest


class Access(Protocol):
    """Keys, rates and budgets."""

    def admit(self, headers: Headers, now_s: float) -> Grant | Refusal:
        """Who asks, by ``authorization`` or ``x-api-key``; counts against the rate of requests."""

    def who(self, headers: Headers) -> Grant | Refusal:
        """The same without counting: for what asks no model, and for whoever was refused."""

    def may_use(self, grant: Grant, asked: Asked, models: Sequence[str]) -> Refusal | None:
        """Whether the key may use any of ``models`` and has tokens left in this minute."""

    async def reserve(self, grant: Grant, asked: Asked, model: str) -> Reservation | Refusal:
        """Set aside what the request may cost at most; asked only of metered grants."""

    def count(self, grant: Grant, use: TokenUse, now_s: float) -> None:
        """Tokens that a key has used, for its rate."""


class TurnAway(Protocol):
    """Refuses a request that asks no model, and lets every :class:`Observer` know."""

    def __call__(
        self,
        request: ServerRequest,
        responder: Responder,
        refusal: Refusal,
        grant: Grant = ...,
        *,
        headers: Headers = ...,
    ) -> None:
        """``grant`` is whose key it was, ``headers`` what else the answer has."""


class Reservation(Protocol):
    """Money and tokens set aside for one request."""

    def settle(self, model: str, use: TokenUse | None) -> None:
        """Give back what was not used: all of it for None. Called exactly once, never waits."""


class Policy(Protocol):
    """Which models may answer a request, in which order. Pure."""

    def decide(self, asked: Asked, grant: Grant, models: Mapping[str, ModelView]) -> Choice:
        """The models to try, fallbacks included, and why."""

    def roomier(self, model: str) -> Sequence[str]:
        """What to ask instead where a prompt turns out to be too long for the model."""


class Fleet(Protocol):
    """The engines and servers behind the models.

    Between ``enter`` (or ``wait``) and ``leave`` a model's engine is not stopped or put to sleep.
    """

    @property
    def views(self) -> Mapping[str, ModelView]:
        """Every model, by name; cheap to read."""

    def enter(self, model: str) -> Sequence[Endpoint]:
        """Where a ready model answers, its replicas; a request is counted in.

        Empty, and nothing is counted, where the model is not ready or may not take more requests:
        then :meth:`wait`.
        """

    async def wait(self, model: str, limit_s: float) -> Sequence[Endpoint]:
        """Start or wake the model, or wait for its turn; then as :meth:`enter`, never empty.

        Cancelling gives up the place in the queue.

        Raises:
            BusyError: the queue is full, or the turn did not come in time.
            EngineError: the engine cannot be started.
        """

    def leave(self, model: str) -> None:
        """A request that was counted in has ended, however it did."""

    def suspect(self, model: str, endpoint: Endpoint, *, refused: bool = False) -> None:
        """Nobody answered there: look after it now rather than at the next round.

        Nobody enters an engine of ours that ``refused`` the connection until it was looked after.
        """


class Observer(Protocol):
    """Wants to know of every request: metrics, log, traces, capture."""

    def ended(self, outcome: Outcome) -> None:
        """A request has ended."""


@runtime_checkable
class Witness(Observer, Protocol):
    """An observer that also wants to know when a request begins."""

    def began(self, id: str, asked: Asked, body: bytes) -> Tap | None:  # noqa: A002 -- the word
        """A request is about to be passed on; a tap is given what is answered."""


class Tap(Protocol):
    """Is given the bytes of one answer's body as they pass; must not keep the stream waiting."""

    def feed(self, data: bytes) -> None:
        """Some of the body, transfer encoding removed."""

    def close(self, outcome: Outcome) -> None:
        """The answer has ended."""


class Balancer(Protocol):
    """Which replica of a model gets a request, and which are left out for a while."""

    def pick(
        self, endpoints: Sequence[Endpoint], asked: Asked, tried: Sequence[Endpoint]
    ) -> Endpoint | None:
        """A replica that is not in ``tried``; None when no other may be asked now."""

    def insist(self, endpoints: Sequence[Endpoint], tried: Sequence[Endpoint]) -> Endpoint | None:
        """One that is not in ``tried`` although it failed lately, for want of anybody else."""

    def began(self, endpoint: Endpoint, tokens: int) -> None:
        """A request of about so many tokens, prompt and answer, was sent there."""

    def ended(self, endpoint: Endpoint, tokens: int, *, failed: bool, ttft_s: float | None) -> None:
        """It has ended; ``failed`` where the server was at fault, not the client."""


class Control(Protocol):
    """What an administrator may do to the engines that the gateway runs."""

    async def start(self, model: str) -> None:
        """Have it ready. Raises EngineError."""

    async def stop(self, model: str) -> None:
        """End it once its answers under way are complete. Raises EngineError."""

    async def sleep(self, model: str) -> None:
        """Put it to sleep where its engine can, else stop it. Raises EngineError."""
