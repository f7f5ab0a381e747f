"""Engines, a machine and a clock that only pretend, for the supervisor's tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.errors import ConnectError, EngineError
from weighbridge.core.http import Exchange, Request, Response, ResponseHead, Sink, Timeouts, Url
from weighbridge.core.routing import Limits, MachineEntry, ModelEntry, RouterConfig
from weighbridge.engines.adapter import Wanted
from weighbridge.serve.supervisor.eviction import Patience
from weighbridge.serve.supervisor.fleet import Supervisor
from weighbridge.serve.supervisor.pace import Pace

HURRIED = Pace(
    round_s=0.01,
    probe_s=0.02,
    probe_limit_s=0.05,
    frozen_s=0.1,
    remote_s=0.05,
    memory_poll_s=0.01,
    memory_s=0.1,
    grace_s=0.01,
    first_backoff_s=0.1,
    longest_backoff_s=0.4,
    stable_s=5.0,
    waiting_s=0.005,
    idle_s=0.02,
)
SECRET = "token hf_ada"
HASTY = Patience(starvation_s=0.2, linger_s=0.02)


class FakeEngine:
    """Does as it is told, and remembers."""

    def __init__(self, machine: FakeMachine, wanted: Wanted) -> None:
        self._machine = machine
        self._wanted = wanted
        self.endpoint = endpoint_at("http://127.0.0.1:9", wanted.served)
        self.alive = True
        self.frozen = False
        self.may_leave = False
        self.forgets_to_sleep = False
        self.pid = machine.next_pid()
        machine.taken[self.pid] = machine.sizes[wanted.model]

    @property
    def can_sleep(self) -> bool:
        return self._wanted.sleep is not None

    def is_alive(self) -> bool:
        return self.alive

    def why_ended(self) -> EngineError:
        return EngineError(f"{self._wanted.model} crashed.")

    async def is_well(self, limit_s: float) -> bool:
        if self.frozen:
            await asyncio.sleep(limit_s)
        return not self.frozen

    async def memory(self) -> int | None:
        return self._machine.taken.get(self.pid, 0)

    async def context(self) -> int | None:
        return self._machine.context

    async def pids(self) -> tuple[int, ...]:
        return (self.pid,)

    async def sleep(self) -> None:
        self._machine.events.append(f"sleep {self._wanted.model}")
        if not self.forgets_to_sleep:
            self._machine.taken[self.pid] = 1

    async def wake(self) -> None:
        self._machine.events.append(f"wake {self._wanted.model}")
        self._machine.taken[self.pid] = self._machine.sizes[self._wanted.model]

    async def stop(self, grace_s: float) -> None:
        del grace_s
        self._machine.events.append(f"stop {self._wanted.model}")
        self.alive = False
        self._machine.running.pop(self._wanted.model, None)
        if not self._machine.keeps_memory:
            del self._machine.taken[self.pid]


class FakeMachine:
    """Launcher and memory meter in one: it notices when more is taken than there is."""

    is_gpu = True

    def __init__(self, total_bytes: int, sizes: dict[str, int], load_s: float = 0.01) -> None:
        self.total_bytes: int | None = total_bytes
        self.sizes = sizes
        self.load_s = load_s
        self.failures: dict[str, int] = {}
        self.running: dict[str, FakeEngine] = {}
        self.taken: dict[int, int] = {}
        self.keeps_memory = False
        self.context: int | None = None
        self.others_take = 0
        self.events: list[str] = []
        self.most_taken = 0
        self._pid = 0

    def next_pid(self) -> int:
        self._pid += 1
        return self._pid

    async def launch(self, wanted: Wanted, deadline_s: float) -> FakeEngine:
        self.events.append(f"start {wanted.model}")
        assert wanted.model not in self.running, "two engines for one model"
        if self.load_s > deadline_s:
            await asyncio.sleep(deadline_s)
            raise EngineError(f"{wanted.model} was not ready in time: {SECRET}.")
        await asyncio.sleep(self.load_s)
        if self.failures.get(wanted.model, 0) > 0:
            self.failures[wanted.model] -= 1
            raise EngineError(
                f"{wanted.model} does not start: /home/ada/{SECRET}.",
                fix="Try another.",
                for_clients=f"{wanted.model} does not start.",
            )
        engine = self.running[wanted.model] = FakeEngine(self, wanted)
        self.most_taken = max(self.most_taken, sum(self.taken.values()))
        return engine

    async def free(self) -> int | None:
        return (self.total_bytes or 0) - sum(self.taken.values()) - self.others_take

    async def held(self, pids: Collection[int]) -> int | None:
        return sum(self.taken.get(pid, 0) for pid in pids)

    def starts(self, model: str = "") -> int:
        return sum(event.startswith(f"start {model}") for event in self.events)


class FakeClient:
    """Answers for the hosts that are up."""

    def __init__(self) -> None:
        self.down: set[int] = set()

    async def fetch(self, request: Request, timeouts: Timeouts) -> Response:
        del timeouts
        if request.url.port in self.down:
            raise ConnectError(f"Nobody answers at {request.url.origin}.")
        return Response(ResponseHead(404, ()), b"")

    async def start(self, request: Request, sink: Sink, timeouts: Timeouts) -> Exchange:
        raise NotImplementedError

    async def connect(self, url: Url, count: int, timeouts: Timeouts) -> None:
        raise NotImplementedError


def model(size: int, **fields: object) -> ModelEntry:
    return ModelEntry(engine="vllm", source="org/model", memory=size, **fields)  # type: ignore[arg-type]


def config(budget: int, limits: Limits | None = None, **models: ModelEntry) -> RouterConfig:
    return RouterConfig(
        models=models, machine=MachineEntry(memory=budget), limits=limits or Limits(drain=1)
    )


@asynccontextmanager
async def supervised(
    configured: RouterConfig,
    machine: FakeMachine,
    *,
    client: FakeClient | None = None,
    patience: Patience = HASTY,
    told: list[str] | None = None,
) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(
        configured,
        Path(),
        launcher=machine,
        client=client or FakeClient(),
        meter=machine,
        environment={},
        tell=(told if told is not None else []).append,
        patience=patience,
        pace=HURRIED,
        now_s=asyncio.get_running_loop().time,
    )
    async with supervisor:
        yield supervisor
    assert machine.running == {}


async def ask(supervisor: Supervisor, name: str, took_s: float = 0.0, limit_s: float = 5.0) -> str:
    """One request, as the data plane makes it; the model that answered."""
    endpoints = supervisor.enter(name) or await supervisor.wait(name, limit_s)
    try:
        await asyncio.sleep(took_s)
    finally:
        supervisor.leave(name)
    return endpoints[0].model


async def until(true: Callable[[], object], within_s: float = 3.0) -> None:
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 -- any condition
            await asyncio.sleep(0.002)
