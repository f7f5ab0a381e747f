"""The way into one model: who may pass at once, and who waits in which order."""

from __future__ import annotations

import asyncio
import math
import statistics
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import BusyError, EngineError
from weighbridge.core.gateway import Outcome
from weighbridge.serve.speed import Speed, smoothed
from weighbridge.serve.supervisor.traffic import Traffic

_PAUSES: Final = 15
_LONGEST_RETRY_S: Final = 120.0


@dataclass(slots=True, eq=False)
class _Waiter:
    turn: asyncio.Future[Sequence[Endpoint]]
    since_s: float


class Gate:
    """Counts the requests in, and lets those who wait pass first come, first served.

    It is open while the model is ready. Nothing here waits but :meth:`wait`.

    Args:
        model: its name.
        now_s: a clock that never goes backwards.
        changed: called when somebody begins to wait.
        traffic: of all engines together; None where the model needs none of ours.
    """

    def __init__(
        self,
        model: str,
        now_s: Callable[[], float],
        changed: Callable[[], None],
        traffic: Traffic | None = None,
    ) -> None:
        self.model = model
        self.most = math.inf
        self.queue_limit = 256
        self.load_s = 0.0
        self.in_flight = 0
        self.last_used_s = now_s()
        self.speed = Speed()
        self._traffic = traffic or Traffic(now_s)
        self._was_used = False
        self._pauses: deque[float] = deque(maxlen=_PAUSES)
        self._endpoints: tuple[Endpoint, ...] = ()
        self._now_s = now_s
        self._changed = changed
        self._waiters: deque[_Waiter] = deque()
        self._pace_s: float | None = None

    @property
    def queued(self) -> int:
        """How many wait."""
        return len(self._waiters)

    @property
    def is_open(self) -> bool:
        """Whether requests pass."""
        return bool(self._endpoints)

    @property
    def waited_s(self) -> float:
        """How long the first in the queue has waited; 0 for nobody."""
        return self._now_s() - self._waiters[0].since_s if self._waiters else 0.0

    @property
    def idle_s(self) -> float:
        """Since the last request, 0 while there is one."""
        return 0.0 if self.in_flight else self._now_s() - self.last_used_s

    @property
    def gap_s(self) -> float | None:
        """Its usual pause between requests, whatever rare ones were like; None before any."""
        return statistics.median(self._pauses) if self._pauses else None

    def enter(self) -> Sequence[Endpoint]:
        """Where the model answers; empty where nobody may pass now."""
        if self._waiters or self.in_flight >= self.most or not self._endpoints:
            return ()
        self._asked()
        self._pass()
        return self._endpoints

    async def wait(self, limit_s: float) -> Sequence[Endpoint]:
        """Pass as soon as possible.

        Raises:
            BusyError: too many wait, or the turn did not come in time.
            EngineError: the engine cannot be started.
        """
        if passed := self.enter():
            return passed
        if len(self._waiters) >= self.queue_limit:
            raise self._busy(f"{len(self._waiters)} requests wait for {self.model} already.")
        self._asked()
        waiter = _Waiter(asyncio.get_running_loop().create_future(), self._now_s())
        self._waiters.append(waiter)
        self._changed()
        try:
            async with asyncio.timeout(limit_s):
                return await waiter.turn
        except TimeoutError:
            self._give_up(waiter)
            raise self._busy(f"{self.model} had no turn within {limit_s:g} s.") from None
        except BaseException:
            self._give_up(waiter)
            raise

    def _give_up(self, waiter: _Waiter) -> None:
        turn = waiter.turn
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        elif turn.done() and not turn.cancelled() and turn.exception() is None:
            self.leave()  # its turn came at the last moment

    def leave(self) -> None:
        """Somebody who had passed is done."""
        now_s = self._now_s()
        took_s = now_s - self.last_used_s
        self._pace_s = smoothed(self._pace_s, took_s)
        self.in_flight -= 1
        self._traffic.left()
        self.last_used_s = now_s
        if self._waiters:
            self._admit()

    def open(self, endpoints: Sequence[Endpoint]) -> None:
        """The model is ready there."""
        self._endpoints = tuple(endpoints)
        self._admit()

    def close(self) -> None:
        """Nobody passes any more; those who wait go on waiting."""
        self._endpoints = ()

    def fail(self, message: str, fix: str = "") -> None:
        """Everybody who waits is told why it is in vain."""
        while self._waiters:
            turn = self._waiters.popleft().turn
            if not turn.done():
                turn.set_exception(EngineError(message, fix=fix))

    def observe(self, outcome: Outcome) -> None:
        """How fast it answered."""
        self.speed.observe(outcome)

    def retry_after_s(self) -> float:
        """When asking again may help: loading, and those who are before."""
        turn_s = self._pace_s if self._pace_s is not None else 1.0
        guess_s = (0.0 if self.is_open else self.load_s) + turn_s * len(self._waiters)
        return min(max(1.0, guess_s), _LONGEST_RETRY_S)

    def _admit(self) -> None:
        while self._waiters and self._endpoints and self.in_flight < self.most:
            turn = self._waiters.popleft().turn
            if not turn.done():
                self._pass()
                turn.set_result(self._endpoints)

    def _asked(self) -> None:
        now_s = self._now_s()
        # Only pauses in which nobody used it tell how long the next may be.
        if self._was_used and not self.in_flight and not self._waiters:
            self._pauses.append(now_s - self.last_used_s)
        self._was_used = True
        self.last_used_s = now_s
        self._traffic.asked()

    def _pass(self) -> None:
        self.in_flight += 1
        self._traffic.passed()

    def _busy(self, message: str) -> BusyError:
        return BusyError(
            message, fix="Ask again later.", retry_after_s=round(self.retry_after_s(), 1)
        )
