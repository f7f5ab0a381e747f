"""Every model of a configuration behind one object: started when asked for, within the budget.

Each engine has one owner, whose task alone changes its state. One more task decides who comes next
and who has to go for it (:mod:`weighbridge.serve.supervisor.eviction`) and puts orders; an owner
looks again before it obeys, for a request may have come in meanwhile.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import EngineError
from weighbridge.core.gateway import ModelView, Outcome
from weighbridge.core.http import HttpClient
from weighbridge.core.routing import ModelEntry, RouterConfig
from weighbridge.core.units import parse_seconds
from weighbridge.serve.config.resolved import secret_variables
from weighbridge.serve.supervisor.eviction import Patience
from weighbridge.serve.supervisor.gate import Gate
from weighbridge.serve.supervisor.memory import Meter, budget_bytes
from weighbridge.serve.supervisor.owner import Launcher, Order, Owner, Plan, Surroundings
from weighbridge.serve.supervisor.pace import Pace
from weighbridge.serve.supervisor.plans import differs, endpoints_of, most_at_once, plan_for
from weighbridge.serve.supervisor.remote import Remote
from weighbridge.serve.supervisor.scheduler import Room, Scheduler

_NO_LIMIT_S: Final = 86400.0


class Supervisor:
    """The models behind the gateway: its :class:`Fleet` and its :class:`Control`.

    An asynchronous context: entering starts what is to be preloaded, leaving ends every engine.

    Args:
        config: what to run.
        folder: where the configuration lies; sources are relative to it.
        launcher: starts engines.
        client: asks servers of others.
        meter: the memory in which models lie.
        environment: holds keys and what ``${env.NAME}`` stands for.
        tell: told in a sentence what happens to engines.
        patience: how long things are kept as they are.
        pace: how often and how long things are done.
        now_s: a clock that never goes backwards.

    Raises:
        ConfigError: a key is not in the environment, or the configuration cannot be run.
    """

    def __init__(
        self,
        config: RouterConfig,
        folder: Path,
        *,
        launcher: Launcher,
        client: HttpClient,
        meter: Meter,
        environment: Mapping[str, str],
        tell: Callable[[str], None],
        patience: Patience | None = None,
        pace: Pace | None = None,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._environment = folder, environment
        self._client, self._meter, self._tell = client, meter, tell
        self._pace, self._now_s = pace or Pace(), now_s
        self._scheduler = Scheduler(patience or Patience(), self._pace, now_s, tell)
        self._around = Surroundings(launcher, meter, now_s, tell, self._scheduler.wake, self._pace)
        self._gates: dict[str, Gate] = {}
        self._remotes: dict[str, Remote] = {}
        self._entries: dict[str, ModelEntry] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._locks: dict[str, asyncio.Lock] = {}
        self._config = config
        self._check(config)
        self._views = _Views(self._gates, self._rooms, self._remotes, self._scheduler)

    @property
    def _rooms(self) -> dict[str, Room]:
        return self._scheduler.rooms

    # -- life

    async def __aenter__(self) -> Self:
        models = self._config.models.items()
        self._scheduler.awaited = {name for name, entry in models if entry.preload}
        self._scheduler.begin()
        await self.update(self._config)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Wait for answers under way, as long as ``limits.drain`` says, and end every engine."""
        await self._scheduler.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for gate in self._gates.values():
            gate.close()
            gate.fail("The gateway ends.")
        deadline_s = self._now_s() + parse_seconds(self._config.limits.drain)
        while any(gate.in_flight for gate in self._gates.values()):
            if self._now_s() >= deadline_s:
                break
            await asyncio.sleep(self._pace.waiting_s)
        closing = [room.owner.close() for room in self._rooms.values()]
        closing += [remote.close() for remote in self._remotes.values()]
        for problem in await asyncio.gather(*closing, return_exceptions=True):
            if isinstance(problem, BaseException):
                self._tell(f"While ending: {problem}")

    async def update(self, config: RouterConfig) -> None:
        """Another configuration: unchanged engines keep running, changed and removed ones drain.

        Raises:
            ConfigError: it cannot be run; then everything stays as it is.
        """
        self._check(config)
        self._config = config
        self._scheduler.budget_bytes = budget_bytes(config.machine, self._meter.total_bytes)
        for name in self._entries.keys() - config.models.keys():
            del self._entries[name]
            self._close_and_settle(name)
        for name, entry in config.models.items():
            old = self._entries.get(name)
            self._entries[name] = entry
            is_free = name not in self._gates
            self._set_limits(self._gate(name, entry), entry, config)
            if is_free:
                self._begin(name, entry)
            elif old is None or differs(old, entry):
                self._close_and_settle(name)
            elif room := self._rooms.get(name):
                room.entry = entry
                room.owner.plan = self._plan(name, entry)
        self._scheduler.wake()

    def _close_and_settle(self, name: str) -> None:
        self._gates[name].close()
        if room := self._rooms.get(name):
            room.is_leaving = True
        self._in_background(self._settle(name))

    def _check(self, config: RouterConfig) -> None:
        """Everything that can be wrong is found before anything changes."""
        budget_bytes(config.machine, self._meter.total_bytes)
        for name, entry in config.models.items():
            if entry.url is not None:
                endpoints_of(name, entry, self._environment)
            else:
                plan_for(name, entry, self._folder, self._environment, self._meter)

    def _plan(self, name: str, entry: ModelEntry) -> Plan:
        hidden = secret_variables(self._config, self._environment)
        return plan_for(name, entry, self._folder, self._environment, self._meter, hidden=hidden)

    def _set_limits(self, gate: Gate, entry: ModelEntry, config: RouterConfig) -> None:
        most = most_at_once(entry)
        gate.most = math.inf if most is None else most
        gate.queue_limit = config.limits.queue

    def _gate(self, name: str, entry: ModelEntry) -> Gate:
        if name not in self._gates:
            traffic = None if entry.url is not None else self._scheduler.traffic
            self._gates[name] = Gate(name, self._now_s, self._scheduler.wake, traffic)
        return self._gates[name]

    def _begin(self, name: str, entry: ModelEntry) -> None:
        gate = self._gate(name, entry)
        if entry.url is not None:
            endpoints = endpoints_of(name, entry, self._environment)
            self._remotes[name] = Remote(endpoints, gate, self._client, self._pace.remote_s)
            self._scheduler.awaited.discard(name)
            return
        room = Room(Owner(self._plan(name, entry), gate, self._around), entry)
        if entry.preload:
            room.want(self._now_s())
        self._rooms[name] = room

    async def _settle(self, name: str) -> None:
        """Take down what runs under a name, and begin what is configured now, if anything is."""
        async with self._locks.setdefault(name, asyncio.Lock()):
            await self._take_down(name)
            if entry := self._entries.get(name):
                self._begin(name, entry)
                self._scheduler.wake()
            elif gate := self._gates.pop(name, None):
                gate.fail(f"{name} is no longer configured.")

    async def _take_down(self, name: str) -> None:
        """Drain a model and end its engine; requests that wait keep their places."""
        gate = self._gates[name]
        if remote := self._remotes.pop(name, None):
            await remote.close()
        if room := self._rooms.get(name):
            room.is_leaving = True
            gate.close()
            if room.owner.state == "ready":
                room.owner.put(Order("stopped", "its configuration changed", even_if_used=True))
        while gate.in_flight:  # noqa: ASYNC110 -- answers may end in any number of ways
            await asyncio.sleep(self._pace.waiting_s)
        if room:
            await room.owner.close()
            del self._rooms[name]

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- Fleet

    @property
    def views(self) -> Mapping[str, ModelView]:
        """Every model, by name; made when it is read."""
        return self._views

    @property
    def budget_bytes(self) -> int | None:
        """What engines may take together."""
        return self._scheduler.budget_bytes

    @property
    def used_bytes(self) -> int:
        """What they take or are about to."""
        return sum(room.owner.held_bytes for room in self._rooms.values())

    @property
    def starts(self) -> Mapping[str, int]:
        """How often the engine of each model was started or woken."""
        return {name: room.owner.starts for name, room in self._rooms.items()}

    def enter(self, model: str) -> Sequence[Endpoint]:
        """Where a ready model answers; empty where it is not ready or takes no more requests."""
        gate = self._gates.get(model)
        return gate.enter() if gate is not None else ()

    def open_endpoints(self) -> Mapping[str, Sequence[Endpoint]]:
        """Servers that somebody else runs, with no limit of ours: nobody has to be counted in."""
        return {
            name: remote.endpoints
            for name, remote in self._remotes.items()
            if remote.state != "failed" and math.isinf(self._gates[name].most)
        }

    async def wait(self, model: str, limit_s: float) -> Sequence[Endpoint]:
        """Start or wake the model, or wait for its turn.

        Raises:
            BusyError: the queue is full, or the turn did not come in time.
            EngineError: the engine cannot be started.
        """
        gate = self._gates.get(model)
        if gate is None or model not in self._entries:
            raise EngineError(f"There is no model {model!r}.")
        if remote := self._remotes.get(model):
            remote.suspect() if remote.state == "failed" else None
        elif (room := self._rooms.get(model)) and (why := room.not_now(self._now_s())):
            raise EngineError(why)
        return await gate.wait(limit_s)

    def leave(self, model: str) -> None:
        """A request that was counted in has ended, however it did."""
        self._gates[model].leave()

    def suspect(self, model: str, endpoint: Endpoint, *, refused: bool = False) -> None:
        """Nobody answered there: look after it now."""
        if room := self._rooms.get(model):
            room.owner.suspect(endpoint if refused else None)
        elif remote := self._remotes.get(model):
            remote.suspect()

    def observe(self, outcome: Outcome) -> None:
        """How fast a model answered; fed with every request that has ended."""
        if gate := self._gates.get(outcome.model):
            gate.observe(outcome)

    # -- Control

    async def start(self, model: str) -> None:
        """Have it ready. Raises EngineError."""
        room = self._ours(model)
        owner, starts = room.owner, room.owner.attempts
        owner.retry_at_s = 0.0
        room.want(self._now_s())
        self._scheduler.wake()
        while not (is_up := owner.state == "ready"):
            if owner.state == "failed" and owner.attempts > starts:
                room.is_wanted = False
                raise EngineError(owner.detail)
            if not room.is_wanted:
                break
            await self._scheduler.next_change()
        room.is_wanted = False
        if not is_up:
            raise EngineError(room.refusal or f"{model} was asked to stop meanwhile.")

    async def stop(self, model: str) -> None:
        """End it once its answers under way are complete. Raises EngineError."""
        await self._lower(model, "stopped")

    async def sleep(self, model: str) -> None:
        """Put it to sleep where its engine can, else stop it. Raises EngineError."""
        room = self._ours(model)
        await self._lower(model, "asleep" if room.owner.can_sleep else "stopped")

    async def _lower(self, model: str, to: str) -> None:
        room = self._ours(model)
        room.is_wanted = False
        order = Order("asleep" if to == "asleep" else "stopped", "asked for", even_if_used=True)
        room.owner.put(order)
        while room.owner.ordered is order:
            await self._scheduler.next_change()
        if room.owner.state == "failed":
            raise EngineError(room.owner.detail)

    def _ours(self, model: str) -> Room:
        if model in self._rooms:
            return self._rooms[model]
        if model in self._remotes:
            raise EngineError(
                f"{model} is a server that somebody else runs.", fix="Whoever runs it starts it."
            )
        raise EngineError(f"There is no model {model!r}.")


class _Views(Mapping[str, ModelView]):
    """What can be seen of each model, made when it is asked for."""

    def __init__(
        self,
        gates: Mapping[str, Gate],
        rooms: Mapping[str, Room],
        remotes: Mapping[str, Remote],
        scheduler: Scheduler,
    ) -> None:
        self._gates, self._rooms, self._remotes = gates, rooms, remotes
        self._scheduler = scheduler

    def __iter__(self) -> Iterator[str]:
        return iter(self._gates)

    def __len__(self) -> int:
        return len(self._gates)

    def get(self, model: str, default: Any = None) -> Any:  # noqa: ANN401 -- Mapping's own
        """Without an exception where there is none, which is asked with every request."""
        return self[model] if model in self._gates else default

    def __getitem__(self, model: str) -> ModelView:
        gate = self._gates[model]
        if room := self._rooms.get(model):
            owner = room.owner
            need = owner.need
            return ModelView(
                model, owner.state, gate.in_flight, gate.queued, gate.speed.ttft_s,
                gate.speed.output_tokens_per_s, owner.memory_bytes, need.bytes, need.known_from,
                gate.idle_s, (1, 0 if owner.state == "failed" else 1), owner.detail, True,
                owner.can_sleep, model in self._scheduler.awaited,
            )  # fmt: skip
        remote = self._remotes.get(model)
        return ModelView(
            model, remote.state if remote else "stopped", gate.in_flight, gate.queued,
            gate.speed.ttft_s, gate.speed.output_tokens_per_s, None, None, "unknown", gate.idle_s,
            remote.replicas if remote else (1, 1), remote.detail if remote else "",
        )  # fmt: skip
