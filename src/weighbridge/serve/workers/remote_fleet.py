"""The engines as a worker sees them: those of its keeper, asked over a socket."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import BusyError, EngineError
from weighbridge.core.gateway import ModelView, Outcome
from weighbridge.core.http import parse_url
from weighbridge.serve.speed import Speed
from weighbridge.serve.workers.messages import (
    Address,
    Ask,
    Cancel,
    FromWorker,
    Leave,
    Suspect,
    Told,
    Turn,
    Turned,
    Views,
)


class RemoteFleet:
    """Implements :class:`weighbridge.serve.seams.Fleet` for a worker.

    Servers that others run may be asked at once: nobody has to count. A turn at one of our engines
    is given by the keeper alone, so that an engine that serves anybody is never stopped, whichever
    worker passes the request on; that costs a tenth of a millisecond.
    """

    def __init__(self, send: Callable[[FromWorker], None]) -> None:
        self._send = send
        self._views: dict[str, ModelView] = {}
        self._open: dict[str, tuple[Endpoint, ...]] = {}
        self._ids = itertools.count(1)
        # Each until the keeper has answered, also where nobody waits any more.
        self._turns: dict[int, tuple[str, asyncio.Future[Turned]]] = {}
        self._asks: dict[int, asyncio.Future[bytes]] = {}
        self._entered: Counter[str] = Counter()
        self._speeds: dict[str, Speed] = defaultdict(Speed)

    @property
    def views(self) -> Mapping[str, ModelView]:
        """Every model, as the keeper told last."""
        return self._views

    @property
    def in_flight(self) -> dict[str, int]:
        """Requests under way for models that need no turn."""
        return dict(self._entered)

    @property
    def speeds(self) -> dict[str, tuple[float | None, float | None]]:
        """How fast each model answered this worker."""
        return {
            model: (speed.ttft_s, speed.output_tokens_per_s)
            for model, speed in self._speeds.items()
        }

    def observe(self, outcome: Outcome) -> None:
        """How fast a model answered."""
        if outcome.model:
            self._speeds[outcome.model].observe(outcome)

    def enter(self, model: str) -> Sequence[Endpoint]:
        """Where a server that somebody else runs answers; nothing for engines of ours."""
        endpoints = self._open.get(model, ())
        if endpoints:
            self._entered[model] += 1
        return endpoints

    async def wait(self, model: str, limit_s: float) -> Sequence[Endpoint]:
        """Ask the keeper for a turn.

        Raises:
            BusyError: the queue is full, or the turn did not come in time.
            EngineError: the engine cannot be started, or the keeper is gone.
        """
        number = next(self._ids)
        turn: asyncio.Future[Turned] = asyncio.get_running_loop().create_future()
        self._turns[number] = (model, turn)
        self._send(Turn(number, model, limit_s))
        try:
            turned = await turn
        except asyncio.CancelledError:
            if number in self._turns:
                self._send(Cancel(number))
            elif not turn.cancelled() and turn.result().addresses:  # it came just then
                self._send(Leave(model))
            raise
        if turned.addresses:
            return tuple(endpoint_of(address) for address in turned.addresses)
        if turned.retry_after_s is not None:
            raise BusyError(turned.problem, fix=turned.fix, retry_after_s=turned.retry_after_s)
        raise EngineError(turned.problem, fix=turned.fix)

    def leave(self, model: str) -> None:
        """A request has ended."""
        if self._entered[model] > 0:
            self._entered[model] -= 1
        else:
            self._send(Leave(model))

    def suspect(self, model: str, endpoint: Endpoint, *, refused: bool = False) -> None:
        """Have the keeper look after it."""
        self._send(Suspect(model, str(endpoint.base), refused))

    async def ask(self, what: str, limit_s: float = 5.0) -> bytes:
        """What only the keeper knows, such as the counters of all workers.

        Raises:
            EngineError: the keeper does not answer.
        """
        number = next(self._ids)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._asks[number] = answer
        self._send(Ask(number, what))
        try:
            async with asyncio.timeout(limit_s):
                return await answer
        except TimeoutError:
            raise EngineError(f"The gateway's first process did not tell its {what}.") from None
        finally:
            self._asks.pop(number, None)

    # -- from the keeper ------------------------------------------------------------------------

    def turned(self, message: Turned) -> None:
        """A turn has come, or will not."""
        model, turn = self._turns.pop(message.id)
        if not turn.done():
            turn.set_result(message)
        elif message.addresses:  # whoever waited has left
            self._send(Leave(model))

    def told(self, message: Told) -> None:
        """An answer to :meth:`ask`."""
        answer = self._asks.get(message.id)
        if answer is not None and not answer.done():
            answer.set_result(message.body)

    def seen(self, message: Views) -> None:
        """How the models are doing now."""
        self._views = {view.model: view for view in message.views}
        self._open = {
            model: tuple(endpoint_of(address) for address in addresses)
            for model, addresses in message.open.items()
        }

    def orphaned(self) -> None:
        """The keeper is gone: nobody's turn will come."""
        for number in list(self._turns):
            self.turned(Turned(number, (), "The gateway's first process has ended."))


def endpoint_of(address: Address) -> Endpoint:
    """An endpoint as it was before it was sent."""
    return Endpoint(parse_url(address.url), address.model, address.key)


def address_of(endpoint: Endpoint) -> Address:
    """An endpoint, ready to be sent."""
    return Address(str(endpoint.base), endpoint.model, endpoint.key)
