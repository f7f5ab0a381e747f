"""Real engines that are killed, halted and abandoned; and how long the hot path takes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

import weighbridge
from tests.processes import gone_within
from tests.serve.supervisor.fakes import FakeMachine, ask, config, model, supervised, until
from weighbridge.core.http import Request, Timeouts
from weighbridge.core.routing import MachineEntry, ModelEntry, RouterConfig
from weighbridge.engines.started import EngineLauncher
from weighbridge.serve.supervisor.fleet import Supervisor
from weighbridge.serve.supervisor.memory import HostMeter
from weighbridge.serve.supervisor.pace import Pace
from weighbridge.wire.client import Client

MODELS = Path(weighbridge.__file__).parent / "demo" / "models"
CLERK = ModelEntry(engine="llamacpp-embedded", source="clerk-f16.gguf", context=256)
PACE = Pace(round_s=0.05, probe_s=0.1, probe_limit_s=0.5, frozen_s=0.6, grace_s=1.0)


@asynccontextmanager
async def clerk(told: list[str]) -> AsyncIterator[tuple[Supervisor, Client]]:
    configured = RouterConfig({"clerk": CLERK}, machine=MachineEntry(device="cpu"))
    async with (
        Client() as client,
        Supervisor(
            configured,
            MODELS,
            launcher=EngineLauncher(client),
            client=client,
            meter=HostMeter(),
            environment={},
            tell=told.append,
            pace=PACE,
        ) as fleet,
    ):
        yield fleet, client


async def answers(fleet: Supervisor, client: Client) -> bool:
    endpoint = (fleet.enter("clerk") or await fleet.wait("clerk", 30))[0]
    try:
        body = b'{"model":"clerk","messages":[{"role":"user","content":"Hi"}],"max_tokens":2}'
        request = Request("POST", endpoint.chat, endpoint.headers, body)
        return (await client.fetch(request, Timeouts())).head.status == 200
    finally:
        fleet.leave("clerk")


def children() -> list[psutil.Process]:
    return psutil.Process().children(recursive=True)


def engine_pid() -> int:
    """The innermost process: below us is the guardian, and below it the engine."""
    return children()[-1].pid


def test_a_killed_engine_is_back_for_the_next_request() -> None:
    async def scenario() -> None:
        told: list[str] = []
        async with clerk(told) as (fleet, client):
            assert await answers(fleet, client)
            assert fleet.views["clerk"].memory_from == "measured"
            killed = engine_pid()
            os.kill(killed, signal.SIGKILL)
            await until(lambda: any("ended by itself" in line for line in told))
            assert await answers(fleet, client)
        assert any("ended by itself" in line for line in told)
        assert children() == []

    asyncio.run(scenario())


def test_a_halted_engine_is_killed_and_back_for_the_next_request() -> None:
    async def scenario() -> None:
        told: list[str] = []
        async with clerk(told) as (fleet, client):
            assert await answers(fleet, client)
            halted = engine_pid()
            os.kill(halted, signal.SIGSTOP)
            # It comes back by itself, so that being down is hardly seen.
            await until(lambda: any("has not answered" in line for line in told), within_s=10)
            assert gone_within([halted], 1)
            assert await answers(fleet, client)

    asyncio.run(scenario())


GATEWAY = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from tests.serve.supervisor.test_faults import clerk, answers, children
async def main():
    async with clerk([]) as (fleet, client):
        waiting = asyncio.ensure_future(answers(fleet, client))
        if sys.argv[2] == "ready":
            await waiting
        else:
            while len(children()) < 2:
                await asyncio.sleep(0.001)
        print(*(child.pid for child in children()), flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


def _killed_gateway_leaves_nothing(moment: str) -> None:
    root = str(Path(__file__).parents[3])
    gateway = subprocess.Popen(
        [sys.executable, "-c", GATEWAY, root, moment], stdout=subprocess.PIPE, text=True
    )
    assert gateway.stdout is not None
    with gateway.stdout:
        pids = [int(word) for word in gateway.stdout.readline().split()]
        assert len(pids) == 2
        gateway.kill()
        gateway.wait()
        assert gone_within(pids, 3)


def test_no_engine_survives_the_gateways_sigkill() -> None:
    _killed_gateway_leaves_nothing("ready")


def test_no_engine_survives_the_gateways_sigkill_while_it_loads() -> None:
    _killed_gateway_leaves_nothing("loading")


def test_the_hot_path_takes_microseconds() -> None:
    async def scenario() -> tuple[float, float]:
        async with supervised(config(100, a=model(60)), FakeMachine(100, {"a": 60})) as fleet:
            await ask(fleet, "a")
            began_s = time.perf_counter()
            for _ in range(20_000):
                fleet.enter("a")
                fleet.leave("a")
            entered_s = time.perf_counter()
            for _ in range(20_000):
                assert fleet.views["a"].state == "ready"
            return (entered_s - began_s) / 20_000, (time.perf_counter() - entered_s) / 20_000

    enter_s, view_s = asyncio.run(scenario())
    print(f"enter and leave {enter_s * 1e6:.1f} us, view {view_s * 1e6:.1f} us")
    # A bound that a busy machine does not break; usually it is a tenth of it.
    assert enter_s < 30e-6
    assert view_s < 60e-6
