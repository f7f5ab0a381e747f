"""Which engines have to go so that another fits: a pure decision.

An engine is worth keeping by what it would cost to have it back, how soon it is likely to be asked
again, and how little memory it takes. Two rules keep alternating users from thrashing. An engine
that has just been busy is kept for a while, because its next request is probably under way. And one
that is busy all the time is drained only for somebody who has waited as long as anybody has to: the
starvation bound. Between these moments requests are served in batches, model by model.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from weighbridge.core.gateway import EngineState
from weighbridge.core.units import format_bytes

_STEADY: tuple[EngineState, ...] = ("ready", "asleep")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things are kept as they are.

    Attributes:
        starvation_s: how long a request waits at most before a busy engine is drained for it.
        longest_s: the bound where loading takes so long that the former would mean nothing but
            loading.
        linger_s: how long an idle engine is kept at most for want of knowing its users better.
        linger_loads: how long it is kept, in times of what loading it takes.
        gaps: how many of its usual pauses between requests an engine has to be idle before it
            counts as left.
        quiet_s: how long nobody may have asked any engine, and none been busy, before it counts as
            everybody waiting.
    """

    starvation_s: float = 10.0
    longest_s: float = 120.0
    linger_s: float = 2.0
    linger_loads: float = 0.5
    gaps: float = 12.0
    quiet_s: float = 0.1

    def bound_s(self, reload_s: float) -> float:
        """The starvation bound of a model that takes so long to load."""
        return min(max(self.starvation_s, 2 * reload_s), max(self.longest_s, self.starvation_s))

    def is_quiet(self, quiet_s: float, usual_s: float | None) -> bool:
        """Whether everybody waits, rather than pauses as usual between two requests."""
        return usual_s is not None and quiet_s >= max(self.quiet_s, self.gaps * usual_s)


@dataclass(frozen=True, slots=True)
class Resident:
    """An engine that takes memory.

    Attributes:
        model: its name.
        state: of the engine.
        held_bytes: what it takes, or is about to.
        asleep_bytes: what it would still take asleep; 0 where it can only be stopped.
        in_flight: requests it is answering.
        queued: requests that wait for it.
        idle_s: since its last request.
        gap_s: its usual pause between requests; None before there was one.
        up_s: since it became ready.
        reload_s: until it would be ready again.
        pinned: never evicted.
        leaving: whether it is on its way out already.
    """

    model: str
    state: EngineState
    held_bytes: int
    asleep_bytes: int = 0
    in_flight: int = 0
    queued: int = 0
    idle_s: float = 0.0
    gap_s: float | None = None
    up_s: float = 0.0
    reload_s: float = 1.0
    pinned: bool = False
    leaving: bool = False

    @property
    def is_busy(self) -> bool:
        """Whether somebody uses it now."""
        return self.in_flight > 0 or self.queued > 0

    @property
    def value(self) -> float:
        """Seconds of loading that keeping it saves, per second and byte."""
        pause_s = max(self.idle_s, self.gap_s or 0.0, 0.001)
        return self.reload_s / pause_s / max(self.held_bytes, 1)


@dataclass(frozen=True, slots=True)
class Target:
    """A model that is asked for.

    Attributes:
        model: its name.
        need_bytes: what it takes when it is ready.
        waited_s: how long its oldest request has waited.
        reload_s: until it would be ready.
    """

    model: str
    need_bytes: int
    waited_s: float
    reload_s: float


@dataclass(frozen=True, slots=True)
class EvictionPlan:
    """What to do so that a target fits.

    Attributes:
        fits: whether it does already.
        stop: engines to end, in this order.
        sleep: engines to put to sleep.
        never: why it can never fit; empty where it can.
        why: in words, what is waited for or who goes.
    """

    fits: bool = False
    stop: tuple[str, ...] = ()
    sleep: tuple[str, ...] = ()
    never: str = ""
    why: str = ""

    @property
    def victims(self) -> tuple[str, ...]:
        """Everyone who has to go."""
        return self.stop + self.sleep


def plan_eviction(
    target: Target,
    residents: Sequence[Resident],
    budget_bytes: int | None,
    patience: Patience,
    *,
    reserved_bytes: int = 0,
    is_quiet: bool = False,
) -> EvictionPlan:
    """Who has to go so that ``target`` fits beside the others.

    Args:
        target: who is to come.
        residents: everyone who takes memory, or is about to.
        budget_bytes: what all may take together; None for no limit.
        patience: how long things are kept as they are.
        reserved_bytes: set aside for others who are to come.
        is_quiet: whether everybody waits: then whoever idles has nobody left who would come back.
    """
    if budget_bytes is None:
        return EvictionPlan(fits=True)
    others = [one for one in residents if one.model != target.model]
    if never := _never(target, others, budget_bytes):
        return EvictionPlan(never=never)
    missing = target.need_bytes + reserved_bytes + _held(others) - budget_bytes
    if missing <= 0:
        return EvictionPlan(fits=True)
    missing -= sum(one.held_bytes for one in others if one.leaving)
    if missing <= 0:
        return EvictionPlan(why="memory is on its way")
    bound_s = patience.bound_s(target.reload_s)
    if is_quiet:
        patience = replace(patience, linger_s=0.0, gaps=0.0)
    willing = sorted(
        (one for one in others if _may_go(one, target, bound_s, patience)),
        key=lambda one: (_is_in_use(one, bound_s, patience), one.value, one.model),
    )
    for to_sleep in (True, False):
        if chosen := _enough(willing, missing, to_sleep=to_sleep):
            return _evicting(chosen, target, to_sleep=to_sleep)
    return EvictionPlan(why="those that are up are in use or loading")


def _never(target: Target, others: Iterable[Resident], budget_bytes: int) -> str:
    need, budget = format_bytes(target.need_bytes), format_bytes(budget_bytes)
    if target.need_bytes > budget_bytes:
        return f"{target.model} needs {need}, and all engines together may take {budget}"
    pinned = sum(one.held_bytes for one in others if one.pinned)
    if target.need_bytes + pinned > budget_bytes:
        left = format_bytes(max(0, budget_bytes - pinned))
        return f"{target.model} needs {need}, and pinned models leave {left}"
    return ""


def _held(residents: Iterable[Resident]) -> int:
    return sum(one.held_bytes for one in residents)


def _may_go(one: Resident, target: Target, bound_s: float, patience: Patience) -> bool:
    if one.pinned or one.leaving or one.state not in _STEADY:
        return False
    if not _is_in_use(one, bound_s, patience):
        return True
    return target.waited_s >= bound_s and one.up_s >= bound_s


def _is_in_use(one: Resident, bound_s: float, patience: Patience) -> bool:
    """Whether it is busy, or has been until now: its next request is probably under way."""
    return one.is_busy or one.idle_s < _linger_s(one, bound_s, patience)


def _linger_s(one: Resident, bound_s: float, patience: Patience) -> float:
    """How long it may be idle before it counts as left."""
    if one.state == "asleep":
        return 0.0
    least_s = min(patience.linger_loads * one.reload_s, patience.linger_s)
    usual_s = patience.gaps * one.gap_s if one.gap_s is not None else 0.0
    return min(bound_s, max(least_s, usual_s))


def _freed(one: Resident, *, to_sleep: bool) -> int:
    sleeps = to_sleep and one.asleep_bytes and one.state == "ready"
    return one.held_bytes - (one.asleep_bytes if sleeps else 0)


def _enough(willing: Sequence[Resident], missing: int, *, to_sleep: bool) -> list[Resident]:
    """The least valuable that free enough together, without any that is not needed for it."""
    chosen, freed = [], 0
    for one in willing:
        if freed >= missing:
            break
        chosen.append(one)
        freed += _freed(one, to_sleep=to_sleep)
    if freed < missing:
        return []
    for one in reversed(chosen[:-1]):
        spared = freed - _freed(one, to_sleep=to_sleep)
        if spared >= missing:
            chosen.remove(one)
            freed = spared
    return chosen


def _evicting(chosen: Iterable[Resident], target: Target, *, to_sleep: bool) -> EvictionPlan:
    stop: list[str] = []
    sleep: list[str] = []
    reasons = []
    for one in chosen:
        sleeps = to_sleep and one.asleep_bytes and one.state == "ready"
        (sleep if sleeps else stop).append(one.model)
        how = "still busy" if one.is_busy else f"idle for {one.idle_s:.1f} s"
        reasons.append(f"{one.model} ({how}, back within {one.reload_s:.1f} s)")
    why = f"{' and '.join(reasons)} makes room for {target.model}"
    if target.waited_s:
        why += f", which has been waited for {target.waited_s:.1f} s"
    return EvictionPlan(stop=tuple(stop), sleep=tuple(sleep), why=why)
