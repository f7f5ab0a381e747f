"""Who comes next, and who has to go for it: the one task that orders engines up and down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from weighbridge.core.routing import ModelEntry
from weighbridge.core.units import parse_seconds
from weighbridge.serve.supervisor.eviction import (
    EvictionPlan,
    Patience,
    Resident,
    Target,
    plan_eviction,
)
from weighbridge.serve.supervisor.owner import Order, Owner
from weighbridge.serve.supervisor.pace import Pace
from weighbridge.serve.supervisor.traffic import Traffic

# Until a model was loaded once: reading a file, and starting a program.
_LOAD_BYTES_PER_S = 1e9
_LOAD_S = 1.0
_ASLEEP_GUESS = 0.1
# One that has never been ready is not started again and again without being asked for.
_MOST_FIRST_ATTEMPTS = 3


@dataclass(slots=True, eq=False)
class Room:
    """A model with an engine of ours, as the scheduler sees it.

    Attributes:
        owner: of the engine.
        entry: its configuration, for what may change while it runs.
        is_wanted: whether it is to be ready although nobody waits for it.
        wanted_since_s: since when.
        is_recovering: whether that is so only because it has failed.
        is_leaving: whether it is taken down for good.
        is_claiming: whether others make room for it.
        refusal: why it was refused last.
    """

    owner: Owner
    entry: ModelEntry
    is_wanted: bool = False
    wanted_since_s: float = 0.0
    is_recovering: bool = False
    is_leaving: bool = False
    is_claiming: bool = False
    refusal: str = field(default="")

    @property
    def reload_s(self) -> float:
        """Until it would be ready again; from now asleep, if that is where it goes."""
        owner = self.owner
        if self.entry.sleep is not None and owner.wake_s is not None:
            return owner.wake_s
        if owner.load_s is not None:
            return owner.load_s
        return _LOAD_S + owner.need.bytes / _LOAD_BYTES_PER_S

    def want(self, now_s: float) -> None:
        """Have it ready, whether or not somebody waits for it."""
        self.is_wanted, self.wanted_since_s, self.refusal = True, now_s, ""

    def waited_s(self, now_s: float) -> float:
        """How long its oldest request, or whoever wants it ready, has waited."""
        wanted_s = now_s - self.wanted_since_s if self.is_wanted else 0.0
        return max(self.owner.gate.waited_s, wanted_s)

    def wants_to_be_up(self, now_s: float) -> bool:
        """Whether it is asked for and could be started now."""
        owner = self.owner
        if self.is_leaving or owner.ordered or not (self.is_wanted or owner.gate.queued):
            return False
        if owner.state == "failed":
            return now_s >= owner.retry_at_s and not owner.stuck_bytes
        return owner.state in ("stopped", "asleep")

    def not_now(self, now_s: float) -> str:
        """Why clients cannot ask for it, after it has failed; empty where they can."""
        owner = self.owner
        if owner.state != "failed":
            return ""
        if owner.stuck_bytes:
            return f"{owner.model} waits until its memory has come back."
        left_s = owner.retry_at_s - now_s
        if left_s <= 0:
            return ""
        return f"{owner.for_clients} It is started again in {left_s:.1f} s if it is asked for."


class Scheduler:
    """Decides in rounds, each in one go without waiting in between.

    Args:
        patience: how long things are kept as they are.
        pace: how often to decide.
        now_s: a clock that never goes backwards.
        tell: told why engines go.

    Attributes:
        rooms: every model with an engine of ours.
        budget_bytes: what they may take together.
        traffic: of all of them.
        awaited: models that are to be ready from the start and have not been yet, nor failed. One
            that stops later does not come back here: whoever asks for it gets it started again.
    """

    def __init__(
        self,
        patience: Patience,
        pace: Pace,
        now_s: Callable[[], float],
        tell: Callable[[str], None],
    ) -> None:
        self.rooms: dict[str, Room] = {}
        self.budget_bytes: int | None = None
        self.awaited: set[str] = set()
        self.traffic = Traffic(now_s)
        self._patience, self._pace, self._now_s, self._tell = patience, pace, now_s, tell
        self._woken = asyncio.Event()
        self._changes: set[asyncio.Future[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Decide from now on."""
        self._task = asyncio.create_task(self._run(), name="scheduler of engines")

    async def close(self) -> None:
        """Decide no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._announce()

    def wake(self) -> None:
        """Something has changed."""
        self._woken.set()
        self._announce()

    async def next_change(self) -> None:
        """Wait until something has changed."""
        change = asyncio.get_running_loop().create_future()
        self._changes.add(change)
        try:
            async with asyncio.timeout(self._pace.idle_s):
                await change
        except TimeoutError:
            pass
        finally:
            self._changes.discard(change)

    def _announce(self) -> None:
        for change in self._changes:
            if not change.done():
                change.set_result(None)

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                waits = self.decide()
            except Exception as error:  # noqa: BLE001 -- a defect must not stop all engines for ever
                self._tell(f"Deciding on engines failed: {type(error).__name__}: {error}")
                waits = False
            try:
                async with asyncio.timeout(self._pace.waiting_s if waits else self._pace.idle_s):
                    await self._woken.wait()
            except TimeoutError:
                pass

    def decide(self) -> bool:
        """Put the orders that are due; whether anybody is left waiting for memory."""
        now_s = self._now_s()
        self._expire(now_s)
        self._recover(now_s)
        for room in self.rooms.values():
            if room.is_wanted and room.owner.state == "ready":
                room.is_wanted = False
            if not room.is_wanted or room.owner.state == "failed":
                self.awaited.discard(room.owner.model)
            if room.is_claiming and not (room.is_wanted or room.owner.gate.queued):
                room.is_claiming = False
        due = [room for room in self.rooms.values() if room.wants_to_be_up(now_s)]
        due.sort(key=lambda room: -room.waited_s(now_s))
        waits = False
        for room in due:
            if self._bring_up(room, now_s):
                continue
            waits = True
            if room.waited_s(now_s) >= self._patience.bound_s(room.reload_s):
                break  # nobody overtakes one that has waited so long
        return waits

    def _recover(self, now_s: float) -> None:
        """Engines that have failed come back where there is room, before anybody asks for them.

        Where a model has a fallback nobody does: routing leaves out what has failed.
        """
        for room in self.rooms.values():
            owner = room.owner
            if owner.state != "failed":
                room.is_recovering = room.is_recovering and owner.state != "ready"
                continue
            is_hopeless = owner.load_s is None and owner.attempts >= _MOST_FIRST_ATTEMPTS
            if is_hopeless and room.is_recovering:
                room.is_wanted = room.is_recovering = False
            if is_hopeless or room.is_wanted or owner.stuck_bytes or now_s < owner.retry_at_s:
                continue
            if self._plan(room, now_s).fits:
                room.want(now_s)
                room.is_recovering = True

    def _bring_up(self, room: Room, now_s: float) -> bool:
        """Whether the matter is settled for this round."""
        plan = self._plan(room, now_s)
        if plan.never:
            self._refuse(room, plan.never)
            return True
        if plan.fits:
            if self._must_start_later(room):
                return False
            room.is_claiming = False
            room.owner.put(Order("ready"))
            return True
        for name in plan.victims:
            self.rooms[name].is_wanted = False
            to_sleep = name in plan.sleep
            busy = self.rooms[name].owner.gate.in_flight + self.rooms[name].owner.gate.queued
            order = Order("asleep" if to_sleep else "stopped", plan.why, even_if_used=busy > 0)
            self.rooms[name].owner.put(order)
            room.is_claiming = True
        return False

    def _plan(self, room: Room, now_s: float) -> EvictionPlan:
        owner = room.owner
        target = Target(owner.model, owner.need.bytes, room.waited_s(now_s), room.reload_s)
        residents = [
            Resident(other.owner.model, "starting", other.owner.need.bytes)
            if (order := other.owner.ordered) and order.to == "ready"
            else self._resident(other, now_s)
            for other in self.rooms.values()
        ]
        reserved = sum(
            other.owner.need.bytes
            for other in self.rooms.values()
            if other.is_claiming and other is not room and not other.owner.held_bytes
        )
        return plan_eviction(
            target,
            residents,
            self.budget_bytes,
            self._patience,
            reserved_bytes=reserved,
            is_quiet=self._is_quiet(),
        )

    def _is_quiet(self) -> bool:
        """Whether everybody waits, and for nothing that is on its way already."""
        coming = any(
            room.owner.state in ("starting", "waking")
            or (room.owner.ordered is not None and room.owner.ordered.to == "ready")
            for room in self.rooms.values()
        )
        traffic = self.traffic
        return not coming and self._patience.is_quiet(traffic.quiet_s, traffic.usual_s)

    def _resident(self, room: Room, now_s: float) -> Resident:
        owner, gate = room.owner, room.owner.gate
        sleeps = room.entry.sleep is not None and owner.can_sleep
        asleep = owner.asleep_bytes or int(_ASLEEP_GUESS * owner.held_bytes) if sleeps else 0
        leaving = owner.state in ("draining", "stopping", "sleeping")
        ordered_out = owner.ordered is not None and owner.ordered.to != "ready"
        return Resident(
            owner.model,
            owner.state,
            owner.held_bytes,
            asleep_bytes=asleep,
            in_flight=gate.in_flight,
            queued=gate.queued,
            idle_s=gate.idle_s,
            gap_s=gate.gap_s,
            up_s=now_s - owner.up_since_s,
            reload_s=room.reload_s,
            pinned=room.entry.pinned,
            leaving=leaving or ordered_out,
        )

    def _must_start_later(self, room: Room) -> bool:
        """Engines that measure free memory while they start would measure each other."""
        starting = [
            other.owner.plan
            for other in self.rooms.values()
            if other is not room
            and (
                other.owner.state in ("starting", "waking", "stopping", "sleeping")
                or (other.owner.ordered is not None and other.owner.ordered.to == "ready")
            )
        ]
        return bool(starting) and (
            room.owner.plan.starts_alone or any(plan.starts_alone for plan in starting)
        )

    def _refuse(self, room: Room, why: str) -> None:
        room.is_wanted, room.refusal = False, f"{why}."
        room.owner.gate.fail(f"{why}.", "Raise `machine.memory`, or shorten the model's context.")
        self._tell(f"{why}.")

    def _expire(self, now_s: float) -> None:
        """Engines that have idled longer than they may."""
        del now_s
        for room in self.rooms.values():
            owner, ttl = room.owner, room.entry.ttl
            if ttl is None or owner.state != "ready" or owner.ordered or owner.gate.queued:
                continue
            if owner.gate.idle_s >= parse_seconds(ttl) and not owner.gate.in_flight:
                to_sleep = room.entry.sleep is not None and owner.can_sleep
                why = f"idle for {owner.gate.idle_s:.0f} s"
                owner.put(Order("asleep" if to_sleep else "stopped", why))
