"""How often engines are swapped: against the optimum, with fakes for hours and with real ones."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import weighbridge
from tests.serve.supervisor.fakes import FakeClient, FakeMachine, config, model
from tests.serve.supervisor.optimum import Arrival, fewest_starts, starts_without_patience
from tests.serve.supervisor.virtual_time import run_virtually
from weighbridge.core.http import HttpClient, Request, Timeouts
from weighbridge.core.routing import Limits, MachineEntry, ModelEntry, RouterConfig
from weighbridge.engines.started import EngineLauncher
from weighbridge.serve.supervisor.eviction import Patience
from weighbridge.serve.supervisor.fleet import Supervisor
from weighbridge.serve.supervisor.memory import HostMeter
from weighbridge.wire.client import Client

MODELS = Path(weighbridge.__file__).parent / "demo" / "models"
NAMES = ("clerk", "porter", "tally")


def interleaved(count: int, over_s: float, seed: int) -> list[Arrival]:
    """Requests for three models in no order, at no particular moments."""
    dice = random.Random(seed)  # noqa: S311 -- repeatable on purpose
    times = sorted(dice.uniform(0, over_s) for _ in range(count))
    return [(at, dice.choice(NAMES)) for at in times]


def test_the_optimum_of_small_cases() -> None:
    a, b, c = NAMES
    assert fewest_starts([(0, a), (0.1, b), (0.2, c)], 1) == 3
    # Both requests for c wait for one swap, and a is not asked again.
    assert fewest_starts([(0, a), (0.1, b), (0.2, c), (0.9, b), (1.1, c)], 1) == 3
    # With patience for one second a and c take turns, with a lot of it they do not.
    turns = [(float(n), NAMES[n % 3]) for n in range(12)]
    assert fewest_starts(turns, 0.5) > fewest_starts(turns, 20)
    assert fewest_starts(turns, 20) == 3
    assert starts_without_patience(turns) == 12


async def _serve(
    fleet: Supervisor, arrivals: list[Arrival], answer: Callable[[str], object], now_s: object
) -> list[float]:
    """Send everything when it is due; how long each waited for its model."""
    clock: Callable[[], float] = now_s  # type: ignore[assignment]
    began_s = clock()

    async def one(at: float, name: str) -> float:
        await asyncio.sleep(began_s + at - clock())
        asked_s = clock()
        endpoints = fleet.enter(name) or await fleet.wait(name, 120)
        waited_s = clock() - asked_s
        try:
            await answer(name)(endpoints)  # type: ignore[operator]
        finally:
            fleet.leave(name)
        return waited_s

    return await asyncio.gather(*(one(*arrival) for arrival in arrivals))


# Where each model is asked again within the bound, there is something to batch. Where it is not,
# whoever cannot see the future has to guess whom to take out, and with memory for two may need
# twice as many: that is the best that any such policy can promise.
DENSE, SPARSE = 1.5, 2.0


@pytest.mark.parametrize(
    ("load_s", "bound_s", "gap_s", "limit"),
    [
        (0.5, 5.0, 0.2, DENSE),
        (2.0, 10.0, 0.2, DENSE),
        (20.0, 60.0, 2.0, DENSE),
        (0.5, 5.0, 2.0, SPARSE),
        (2.0, 10.0, 10.0, SPARSE),
    ],
)
def test_an_hour_of_three_models_and_memory_for_two(
    load_s: float, bound_s: float, gap_s: float, limit: float
) -> None:
    hours_s = 600.0 if gap_s < 1 else 3600.0
    arrivals = interleaved(int(hours_s / gap_s), hours_s, seed=1)

    async def scenario() -> tuple[FakeMachine, list[float]]:
        loop = asyncio.get_running_loop()
        machine = FakeMachine(100, dict.fromkeys(NAMES, 50), load_s)
        configured = config(100, Limits(queue=10**6), **{name: model(50) for name in NAMES})
        async with Supervisor(
            configured,
            Path(),
            launcher=machine,
            client=FakeClient(),
            meter=machine,
            environment={},
            tell=lambda _: None,
            patience=Patience(starvation_s=bound_s),
            now_s=loop.time,
        ) as fleet:
            waits = await _serve(
                fleet, arrivals, lambda _: lambda _: asyncio.sleep(0.05), loop.time
            )
        return machine, waits

    machine, waits = run_virtually(scenario())
    best, naive = fewest_starts(arrivals, bound_s), starts_without_patience(arrivals)
    print(f"{machine.starts()} starts, optimum {best}, in order {naive}")
    assert len(waits) == len(arrivals)
    assert machine.most_taken <= 100
    assert machine.starts() <= min(limit * best, naive)
    # The bound, a stop and a start; another model may have had its turn before.
    assert max(waits) <= bound_s + 2 * load_s + 5


def test_two_users_who_take_turns_do_not_thrash() -> None:
    """A B A B, each asking again as soon as the other has its answer, and room for one model."""

    async def scenario() -> int:
        loop = asyncio.get_running_loop()
        machine = FakeMachine(100, {"a": 60, "b": 60}, load_s=2.0)
        async with Supervisor(
            config(100, a=model(60), b=model(60)),
            Path(),
            launcher=machine,
            client=FakeClient(),
            meter=machine,
            environment={},
            tell=lambda _: None,
            now_s=loop.time,
        ) as fleet:

            async def user(name: str) -> int:
                answers = 0
                while loop.time() < 300:
                    fleet.enter(name) or await fleet.wait(name, 120)
                    await asyncio.sleep(0.1)
                    fleet.leave(name)
                    answers += 1
                return answers

            answers = await asyncio.gather(user("a"), user("b"))
        assert min(answers) > 0.7 * max(answers)
        assert sum(answers) > 0.7 * 3000  # of what one user without any swap would get
        return machine.starts()

    assert run_virtually(scenario()) <= 300 / 10 + 2


async def _crowd(
    fleet: Supervisor, wishes: Sequence[str], clients: int, think_s: float, took_s: float
) -> None:
    """Clients that take the next wish as soon as they have an answer, and so wait together."""
    left = deque(wishes)

    async def client() -> None:
        while left:
            name = left.popleft()
            fleet.enter(name) or await fleet.wait(name, 120)
            await asyncio.sleep(took_s)
            fleet.leave(name)
            await asyncio.sleep(think_s)

    await asyncio.gather(*(client() for _ in range(clients)))


@pytest.mark.parametrize("load_s", [0.5, 3.0])
@pytest.mark.parametrize(("clients", "think_s"), [(8, 0.0), (8, 0.05), (2, 0.01), (1, 0.0)])
def test_clients_do_not_wait_for_engines_that_idle(
    load_s: float, clients: int, think_s: float
) -> None:
    """Whoever waits asks nobody else: an engine without requests has nobody to be kept for."""
    dice = random.Random(3)  # noqa: S311 -- repeatable on purpose
    wishes = [dice.choice(NAMES) for _ in range(120)]
    took_s = 0.05

    async def scenario() -> tuple[FakeMachine, float]:
        loop = asyncio.get_running_loop()
        machine = FakeMachine(100, dict.fromkeys(NAMES, 50), load_s)
        async with Supervisor(
            config(100, Limits(), **{name: model(50) for name in NAMES}),
            Path(),
            launcher=machine,
            client=FakeClient(),
            meter=machine,
            environment={},
            tell=lambda _: None,
            now_s=loop.time,
        ) as fleet:
            began_s = loop.time()
            await _crowd(fleet, wishes, clients, think_s, took_s)
            return machine, loop.time() - began_s

    machine, wall_s = run_virtually(scenario())
    starts = machine.starts()
    print(f"{clients} clients: {starts} starts of {load_s} s, {wall_s:.1f} s in all")
    service_s = len(wishes) * (took_s + think_s) / clients
    # A bit of linger before each start, and the fourth request from which on pauses are known.
    assert wall_s <= 1.5 * starts * load_s + 2 * service_s + 10 * 8 * think_s + 3
    assert starts <= 1.5 * starts_without_patience([(n, name) for n, name in enumerate(wishes)])


async def _hello(client: HttpClient, endpoints: object) -> None:
    endpoint = endpoints[0]  # type: ignore[index]
    body = b'{"model":"%s","messages":[{"role":"user","content":"Hi"}],"max_tokens":4}'
    request = Request("POST", endpoint.chat, endpoint.headers, body % endpoint.model.encode())
    response = await client.fetch(request, Timeouts())
    assert response.head.status == 200
    assert b"choices" in response.body


def test_three_real_models_memory_for_two_200_interleaved_requests() -> None:
    bound_s = 2.0
    arrivals = interleaved(200, 14.0, seed=6)
    told: list[str] = []
    entries = {
        name: ModelEntry(
            engine="llamacpp-embedded", source=f"{name}-f16.gguf", memory="50 MiB", context=256
        )
        for name in NAMES
    }
    configured = RouterConfig(entries, machine=MachineEntry(memory="100 MiB", device="cpu"))

    async def scenario() -> list[float]:
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
                patience=Patience(starvation_s=bound_s),
            ) as fleet,
        ):
            return await _serve(
                fleet,
                arrivals,
                lambda _: lambda endpoints: _hello(client, endpoints),
                time.monotonic,
            )

    waits = asyncio.run(scenario())
    starts = sum("is starting" in line for line in told)
    best = fewest_starts(arrivals, bound_s)
    naive = starts_without_patience(arrivals)
    print(f"{starts} starts, optimum {best}, in order {naive}; longest wait {max(waits):.1f} s")
    assert len(waits) == 200
    assert not [line for line in told if "failed" in line]
    assert best >= 6  # so that there is something to get wrong
    assert starts <= 1.5 * best
    assert naive > 5 * best
