"""One request in flight."""

from __future__ import annotations

import asyncio
import math
from time import perf_counter_ns
from typing import TYPE_CHECKING, Protocol

from weighbridge.core.errors import DeadlineError, EndpointError

if TYPE_CHECKING:
    from collections.abc import Callable

    from weighbridge.core.http import Sink, Timeouts

_NS = 1_000_000_000


class Carrier(Protocol):
    """What an exchange needs of the connection that carries it."""

    def pause_reading(self) -> None:
        """Stop reading from the socket."""

    def resume_reading(self) -> None:
        """Read from the socket again."""

    def drop(self) -> None:
        """Close at once."""


class HttpExchange:
    """One request in flight; implements :class:`weighbridge.core.http.Exchange`.

    An error that the sink raises ends the exchange and comes out of :meth:`finished`.
    """

    __slots__ = (
        "_done",
        "_error",
        "_loop",
        "_on_end",
        "_paused",
        "_settled",
        "_started_ns",
        "_timer",
        "connection",
        "head_only",
        "last_ns",
        "name",
        "payload",
        "retryable",
        "sendings",
        "sent_ns",
        "sink",
        "timeouts",
    )

    def __init__(
        self, payload: bytes, sink: Sink, timeouts: Timeouts, *, name: str, head_only: bool
    ) -> None:
        self.payload = payload
        self.sink = sink
        self.name = name
        self.head_only = head_only
        self.sent_ns = 0
        self.last_ns = 0
        self.retryable = False
        self.sendings = 0
        self.connection: Carrier | None = None
        self.timeouts = timeouts
        self._started_ns = perf_counter_ns()
        self._loop = asyncio.get_running_loop()
        self._done = self._loop.create_future()
        self._error: Exception | None = None
        self._settled = False
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        self._on_end: Callable[[], None] | None = None

    @property
    def settled(self) -> bool:
        """Whether the answer is complete or the exchange has failed."""
        return self._settled

    @property
    def paused(self) -> bool:
        """Whether its receiver asked not to be given more for now."""
        return self._paused

    def call_at_end(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called once, however the exchange ends."""
        self._on_end = callback

    def sent(self, connection: Carrier) -> None:
        """The request was just handed to ``connection``."""
        self.connection = connection
        now = perf_counter_ns()
        # A retry keeps the first stamp: the caller waits since then.
        self.sent_ns = self.sent_ns or now
        self.sendings += 1
        self.last_ns = 0
        if self._timer is None:
            self._watch()

    async def finished(self) -> None:
        """Wait for the end of the answer. Cancelling this aborts the exchange.

        Raises:
            EndpointError: refused, cut, malformed, too late, or aborted.
        """
        if not self._settled:
            try:
                await self._done
            except asyncio.CancelledError:
                self.abort()
                raise
        if self._error is not None:
            raise self._error

    def abort(self) -> None:
        """Give up: close the connection, so that the server notices."""
        self.fail(EndpointError(f"The request to {self.name} was given up before its answer."))

    def pause(self) -> None:
        """Stop reading from the server until :meth:`resume`."""
        self._paused = True
        if self.connection is not None:
            self.connection.pause_reading()

    def resume(self) -> None:
        """Read on."""
        self._paused = False
        if self.connection is not None:
            # The silence was ours, not the server's.
            self.last_ns = self.last_ns and perf_counter_ns()
            self.connection.resume_reading()

    def fail(self, error: Exception) -> None:
        """End with an error and close the connection."""
        connection = self.connection
        self.settle(error)
        if connection is not None:
            connection.drop()

    def settle(self, error: Exception | None = None) -> None:
        """The answer is complete, or has failed with ``error``."""
        if self._settled:
            return
        self._settled = True
        self._error = error
        self.connection = None
        if self._timer is not None:
            self._timer.cancel()
        if not self._done.done():
            self._done.set_result(None)
        if self._on_end is not None:
            self._on_end()

    def _watch(self) -> None:
        """Check the deadlines and look again when the next may be missed.

        Bytes only leave a stamp; this one timer per exchange reads it. Looking at least every
        ``between_bytes`` means that the phase after the first byte needs no timer of its own.
        """
        now, timeouts = perf_counter_ns(), self.timeouts
        total_left = timeouts.total - (now - self._started_ns) / _NS
        wait = min(timeouts.between_bytes, total_left)
        if not self.last_ns:
            left = timeouts.first_byte - (now - self.sent_ns) / _NS
            phase = f"did not begin its answer within {timeouts.first_byte:g} s (first byte)"
        elif self._paused:
            left, phase = wait, ""
        else:
            left = timeouts.between_bytes - (now - self.last_ns) / _NS
            phase = f"sent nothing for {timeouts.between_bytes:g} s in the middle of its answer"
        if total_left <= 0:
            left, phase = 0, f"did not finish its answer within {timeouts.total:g} s (total)"
        if left <= 0:
            fix = "Is it overloaded? Otherwise allow more time."
            self.fail(DeadlineError(f"{self.name} {phase}.", fix=fix))
            return
        delay = min(wait, left)
        # Without any limit ahead there is nothing to watch: an event loop has no infinite timers.
        self._timer = (
            None if math.isinf(delay) else self._loop.call_later(max(delay, 0.001), self._watch)
        )
