"""One engine of ours and the task that owns it: nobody else changes its state."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import EngineError, WeighbridgeError
from weighbridge.core.gateway import EngineState
from weighbridge.core.units import format_bytes
from weighbridge.engines.adapter import Wanted
from weighbridge.engines.started import Engine
from weighbridge.serve.supervisor.account import Account
from weighbridge.serve.supervisor.gate import Gate
from weighbridge.serve.supervisor.memory import Expected, Meter
from weighbridge.serve.supervisor.pace import Pace

_ASLEEP_SHARE = 0.5
_MORE_THAN_SAID = 1.1
_MEMORY_FIX = "Look who holds it (`nvidia-smi`); it is started again once the memory is back."


class Launcher(Protocol):
    """Starts engines; :class:`weighbridge.engines.started.EngineLauncher` is the real one."""

    async def launch(self, wanted: Wanted, deadline_s: float) -> Engine:
        """Start an engine and wait until it has generated a token. Raises WeighbridgeError."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How an engine is to be run.

    Attributes:
        wanted: what to start.
        cold_start_s: how long that may take.
        expected: the memory it will take.
        starts_alone: whether nothing else may start meanwhile.
    """

    wanted: Wanted
    cold_start_s: float
    expected: Expected
    starts_alone: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """What the owner is asked to do.

    Attributes:
        to: have it ready, put it to sleep, or end it.
        why: for whoever runs the gateway.
        even_if_used: drain first, rather than leave it alone if somebody uses it by now.
    """

    to: Literal["ready", "asleep", "stopped"]
    why: str = ""
    even_if_used: bool = False


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an owner needs besides its plan; all effects come in here."""

    launcher: Launcher
    meter: Meter
    now_s: Callable[[], float]
    tell: Callable[[str], None]
    changed: Callable[[], None]
    pace: Pace


class Owner:
    """Runs one engine. Others read its state and put orders; only its task changes it."""

    def __init__(self, plan: Plan, gate: Gate, around: Surroundings) -> None:
        self.plan = plan
        self.gate = gate
        self.state: EngineState = "stopped"
        self.detail = ""
        self.for_clients = ""
        self.asleep_bytes: int | None = None
        self.measured: int | None = None
        self.load_s: float | None = None
        self.wake_s: float | None = None
        self.up_since_s = 0.0
        self.retry_at_s = 0.0
        self.attempts = 0
        self.starts = 0
        self._ordered: Order | None = None
        self._orders: asyncio.Queue[Order] = asyncio.Queue()
        self._around = around
        self._engine: Engine | None = None
        self._account = Account(around.meter)
        self._failures = 0
        self._told_context: tuple[int, int] | None = None
        self._is_doubted = False
        self._well_at_s = 0.0
        self._probe_at_s = 0.0
        self._task = asyncio.create_task(self._run(), name=f"engine {plan.wanted.model}")

    @property
    def model(self) -> str:
        """Its name."""
        return self.plan.wanted.model

    @property
    def ordered(self) -> Order | None:
        """An order that is not carried out yet."""
        return self._ordered

    @property
    def can_sleep(self) -> bool:
        """Whether its engine, which is up, can."""
        return self._engine is not None and self._engine.can_sleep

    @property
    def memory_bytes(self) -> int | None:
        """What it takes now; None where that is unknown."""
        return self._account.bytes

    @property
    def stuck_bytes(self) -> int:
        """What has not come back although it has ended."""
        return self._account.stuck_bytes

    @property
    def need(self) -> Expected:
        """What it will take when ready: as configured, else as measured, else as predicted."""
        if self.plan.expected.known_from == "configured" or self.measured is None:
            return self.plan.expected
        return Expected(self.measured, "measured")

    @property
    def held_bytes(self) -> int:
        """What it counts for now."""
        if self.state == "stopped":
            return 0
        if self.state == "failed":
            return self.stuck_bytes
        if self.state == "asleep":
            return self.asleep_bytes or 0
        if self.plan.expected.known_from == "configured":
            return max(self.plan.expected.bytes, 0)
        return max(self.need.bytes, self.memory_bytes or 0)

    def put(self, order: Order) -> None:
        """Ask for something; the newest order counts."""
        self._ordered = order
        self._orders.put_nowait(order)

    def suspect(self, refused: Endpoint | None = None) -> None:
        """Somebody found it silent: ask at once. Where it does not listen, nobody enters till then.

        Args:
            refused: where a connection was refused; none where it is merely silent.
        """
        self._probe_at_s = 0.0
        if self.state != "ready" or self._engine is None:
            return
        if refused is not None and refused.base == self._engine.endpoint.base:
            self._is_doubted = True
            self.gate.close()
        if self._orders.empty():
            self._orders.put_nowait(Order("ready"))

    async def close(self) -> None:
        """End the engine, whatever it does now; those who wait go on waiting."""
        self.gate.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._engine is not None:
            engine, self._engine = self._engine, None
            await engine.stop(self._around.pace.grace_s)
        self._become("stopped")

    def _become(self, state: EngineState, detail: str = "") -> None:
        self.state, self.detail = state, detail
        self._around.changed()

    async def _run(self) -> None:
        while True:
            order = await self._next_order()
            try:
                if order is None:
                    await self._look_after()
                elif order.to == "ready":
                    await self._raise()
                else:
                    await self._lower(order)
            except WeighbridgeError as error:
                await self._fail(error)
            except Exception as error:  # noqa: BLE001 -- a defect must not wedge the model for ever
                await self._fail(EngineError(f"{self.model}: {type(error).__name__}: {error}"))
            if order is not None and order is self._ordered:
                self._ordered = None
            self._around.changed()

    async def _next_order(self) -> Order | None:
        try:
            async with asyncio.timeout(self._around.pace.round_s):
                return await self._orders.get()
        except TimeoutError:
            return None

    # -- up

    async def _raise(self) -> None:
        if self.state == "ready":
            await self._look_after()
        elif self.state == "asleep":
            await self._wake()
        elif self.state in ("stopped", "failed") and not self.stuck_bytes:
            await self._start()

    async def _start(self) -> None:
        self.attempts += 1
        self._become("starting")
        await self._wait_for_room()
        began_s = self._around.now_s()
        self._around.tell(f"{self.model} is starting.")
        self._account.bytes = None
        await self._mark()
        self._engine = await self._around.launcher.launch(self.plan.wanted, self.plan.cold_start_s)
        self.load_s = self.gate.load_s = self._around.now_s() - began_s
        await self._account.measure(self._engine, since_mark=True)
        self.measured = self.memory_bytes or None
        took = format_bytes(self.memory_bytes) if self.memory_bytes else "memory unknown"
        self._around.tell(f"{self.model} is ready after {self.load_s:.1f} s ({took}).")
        if (self.memory_bytes or 0) > _MORE_THAN_SAID * self.plan.expected.bytes > 0:
            said = f"{format_bytes(self.plan.expected.bytes)} ({self.plan.expected.known_from})"
            self._around.tell(f"{self.model} takes {took}, more than the expected {said}.")
        await self._compare_context(self._engine)
        self._ready()

    async def _compare_context(self, engine: Engine) -> None:
        """Engines cap what they are asked for, for example at what a model was trained with."""
        wanted, offered = self.plan.wanted.context, await engine.context()
        if wanted is None or offered is None or offered >= wanted:
            return
        if self._told_context != (wanted, offered):
            self._told_context = wanted, offered
            self._around.tell(
                f"{self.model} offers a context of {offered:,} tokens, not the {wanted:,} that "
                f"are configured: longer requests fail. Set its `context` to {offered}."
            )

    async def _wake(self) -> None:
        assert self._engine is not None  # noqa: S101 -- asleep, so there is one
        began_s = self._around.now_s()
        self._become("waking")
        await self._mark()
        try:
            await self._engine.wake()
        except WeighbridgeError as error:
            self._around.tell(f"{self.model} does not wake ({error.message}); it is started anew.")
            await self._end()
            await self._start()
            return
        self.wake_s = self.gate.load_s = self._around.now_s() - began_s
        await self._account.measure(self._engine, since_mark=True)
        self._around.tell(f"{self.model} is awake after {self.wake_s:.1f} s.")
        self._ready()

    def _ready(self) -> None:
        assert self._engine is not None  # noqa: S101 -- it has just been started or woken
        self.starts += 1
        self.up_since_s = self._well_at_s = self._around.now_s()
        self._probe_at_s = self.up_since_s + self._around.pace.probe_s
        self._is_doubted = False
        self._become("ready")
        self.gate.open((self._engine.endpoint,))

    async def _wait_for_room(self) -> None:
        """Other programs may hold what the budget has: wait, then say so rather than crawl."""
        if self.need.known_from == "unknown":
            return
        free = await self._around.meter.free()
        deadline_s = self._around.now_s() + self._around.pace.memory_s
        while free is not None and free < self.need.bytes:
            if self._around.now_s() >= deadline_s:
                message = (
                    f"{self.model} needs {format_bytes(self.need.bytes)}, and only "
                    f"{format_bytes(free)} are free although the budget has room."
                )
                fix = "End what else takes memory, or lower `machine.memory`."
                raise EngineError(message, fix=fix, for_clients=message)
            await asyncio.sleep(self._around.pace.memory_poll_s)
            free = await self._around.meter.free()

    async def _mark(self) -> None:
        await self._account.mark(alone=self.plan.starts_alone)

    # -- down

    async def _lower(self, order: Order) -> None:
        # Read and act without waiting in between: after the next line nobody enters any more.
        if self.state not in ("ready", "asleep"):
            return
        if not order.even_if_used and (self.gate.in_flight or self.gate.queued):
            return
        was_ready = self.state == "ready"
        self.gate.close()
        if was_ready:
            self._become("draining")
        await self._drained()
        if self._engine is None:
            return
        if order.to == "asleep" and was_ready and self._engine.can_sleep:
            if order.why:
                self._around.tell(f"{self.model} is put to sleep: {order.why}.")
            if await self._fell_asleep():
                return
        elif order.why:
            self._around.tell(f"{self.model} is stopped: {order.why}.")
        await self._end()

    async def _drained(self) -> None:
        """Until the last answer is complete, or the engine can give none any more."""
        while self.gate.in_flight:
            await asyncio.sleep(self._around.pace.waiting_s / 5)
            if self._around.now_s() >= self._probe_at_s or not self._is_alive():
                await self._probe()
            if self._engine is None:
                return

    async def _fell_asleep(self) -> bool:
        """Whether it gave its memory back; sleeping engines have been seen to keep it."""
        assert self._engine is not None  # noqa: S101 -- asked by _lower()
        before = self.memory_bytes or self.need.bytes
        self._become("sleeping")
        await self._mark()
        try:
            await self._engine.sleep()
        except WeighbridgeError as error:
            self._around.tell(f"{self.model} does not sleep ({error.message}); it is stopped.")
            return False
        deadline_s = self._around.now_s() + min(5.0, self._around.pace.memory_s)
        while True:
            await self._account.measure(self._engine, since_mark=True)
            if (self.memory_bytes or 0) <= _ASLEEP_SHARE * before:
                break
            if self._around.now_s() >= deadline_s:
                kept = format_bytes(self.memory_bytes or 0)
                self._around.tell(f"{self.model} keeps {kept} asleep; it is stopped.")
                return False
            await asyncio.sleep(self._around.pace.memory_poll_s)
        self.asleep_bytes = self.memory_bytes or 0
        self._become("asleep")
        return True

    async def _end(self) -> None:
        """Stop the engine and wait until its memory is back."""
        if self._engine is None:
            return
        self._become("stopping")
        self._account.stuck_bytes = self.memory_bytes or 0
        await self._mark()
        await self._engine.stop(self._around.pace.grace_s)
        self._engine = None
        deadline_s = self._around.now_s() + self._around.pace.memory_s
        while not await self._account.is_back():
            if self._around.now_s() >= deadline_s:
                message = (
                    f"{self.model} has ended, and {format_bytes(self.stuck_bytes)} of its memory "
                    "have not come back."
                )
                raise EngineError(message, fix=_MEMORY_FIX, for_clients=message)
            await asyncio.sleep(self._around.pace.memory_poll_s)
        self._become("stopped")

    # -- in between

    async def _look_after(self) -> None:
        if self.state == "failed" and self._engine is not None:
            await self._end()
        elif self.state == "failed" and self.stuck_bytes and await self._account.is_back():
            self._around.tell(f"The memory of {self.model} has come back.")
            self._become("stopped")
        if self.state not in ("ready", "asleep"):
            return
        if not self._is_alive() or self._around.now_s() >= self._probe_at_s:
            await self._probe()

    def _is_alive(self) -> bool:
        return self._engine is not None and self._engine.is_alive()

    async def _probe(self) -> None:
        """Ended, frozen, or well."""
        if self._engine is None:
            return
        pace = self._around.pace
        self._probe_at_s = self._around.now_s() + pace.probe_s
        if self._engine.is_alive() and await self._engine.is_well(pace.probe_limit_s):
            self._well_at_s = self._around.now_s()
            if self.state == "ready" and self._is_doubted:
                self._is_doubted = False
                self.gate.open((self._engine.endpoint,))
            if self.state == "ready":
                await self._account.measure(self._engine)
        if self._engine.is_alive():
            silent_s = self._around.now_s() - self._well_at_s
            if silent_s < pace.frozen_s:
                if silent_s > 0:
                    self._probe_at_s = self._around.now_s() + pace.round_s
                return
            message = f"{self.model} has not answered for {silent_s:.0f} s: killed."
            error = EngineError(message, for_clients=message)
        else:
            error = self._engine.why_ended()
        self.gate.close()
        if self._engine.may_leave and not self._engine.is_alive():
            self._engine, self._account.bytes = None, 0
            self._become("stopped", error.message)
            return
        await self._fail(error)

    async def _fail(self, error: WeighbridgeError) -> None:
        """Take down what is left, remember why, and leave it alone for a while."""
        self.gate.close()
        was_up = self._engine is not None
        if was_up and self._around.now_s() - self.up_since_s > self._around.pace.stable_s:
            self._failures = 0
        if self._engine is not None:
            with contextlib.suppress(Exception):  # it is looked after again later
                await self._end()
        if self._engine is None and not self.stuck_bytes:
            self._account.bytes = 0
        self._failures += 1
        # The first crash of one that served is forgiven: those who wait get it started again.
        forgiven = was_up and self._failures == 1 and not self.stuck_bytes
        backoff_s = 0.0 if forgiven else self._around.pace.backoff_s(self._failures)
        self.retry_at_s = self._around.now_s() + backoff_s
        self._around.tell(f"{self.model} failed: {error}")
        self.for_clients = _for_clients(self.model, error)
        self._become("failed", error.message)
        if not forgiven:
            self.gate.fail(self.for_clients)


def _for_clients(model: str, error: WeighbridgeError) -> str:
    """What anybody may know of it: never what an engine wrote, or how it is started."""
    public = error.for_clients if isinstance(error, EngineError) else ""
    return public or f"The engine for {model} cannot be used now; the gateway's log says why."
