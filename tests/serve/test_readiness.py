"""When a load balancer may send requests: ``/ready``, over engines that only pretend."""

from __future__ import annotations

import asyncio

from tests.serve.supervisor.fakes import (
    FakeMachine,
    ask,
    config,
    model,
    supervised,
    until,
)
from tests.serve.supervisor.virtual_time import run_virtually
from weighbridge.core.gateway import ModelView
from weighbridge.core.routing import ModelEntry, RouterConfig
from weighbridge.serve.answers import readiness
from weighbridge.serve.supervisor.fleet import Supervisor


class Said:
    """Hears an answer."""

    status = 0
    body: object = None

    def json(self, status: int, body: object) -> None:
        self.status, self.body = status, body


def ready(fleet: Supervisor, *, draining: bool = False) -> int:
    said = Said()
    readiness(said, fleet.views, draining=draining)  # type: ignore[arg-type]
    return said.status


def machine(**sizes: int) -> FakeMachine:
    return FakeMachine(100, sizes or {"a": 60, "b": 60})


def preloaded(size: int = 60, **fields: object) -> ModelEntry:
    return model(size, preload=True, **fields)


def test_it_waits_for_the_first_load_and_not_for_one_that_idled_out() -> None:
    async def scenario() -> None:
        async with supervised(config(100, a=preloaded(ttl=0.2)), machine()) as fleet:
            assert ready(fleet) == 503
            await until(lambda: fleet.views["a"].state == "ready")
            await until(lambda: ready(fleet) == 200)
            await until(lambda: fleet.views["a"].state == "stopped")
            assert ready(fleet) == 200
            asked = asyncio.create_task(ask(fleet, "a"))
            await until(lambda: fleet.views["a"].state == "starting")
            assert ready(fleet) == 200
            await asked

    run_virtually(scenario())


def test_nobody_has_to_look_while_it_is_loaded() -> None:
    async def scenario() -> None:
        async with supervised(config(100, a=preloaded(ttl=0.2)), machine()) as fleet:
            await asyncio.sleep(5)
            assert fleet.views["a"].state == "stopped"
            assert ready(fleet) == 200

    run_virtually(scenario())


def test_one_that_made_room_for_another_is_no_reason() -> None:
    async def scenario() -> None:
        async with supervised(config(100, a=preloaded(), b=model(60)), machine()) as fleet:
            await until(lambda: fleet.views["a"].state == "ready")
            assert await ask(fleet, "b") == "b"
            assert fleet.views["a"].state == "stopped"
            assert ready(fleet) == 200

    run_virtually(scenario())


def test_nor_one_that_an_administrator_stopped_or_stops() -> None:
    async def scenario() -> None:
        async with supervised(config(100, a=preloaded()), machine()) as fleet:
            await until(lambda: fleet.views["a"].state == "ready")
            await fleet.stop("a")
            assert ready(fleet) == 200

    run_virtually(scenario())
    stopping = {"a": ModelView("a", "stopping", is_ours=True)}
    said = Said()
    readiness(said, stopping, draining=False)  # type: ignore[arg-type]
    assert said.status == 200


def test_a_changed_entry_and_a_new_one_do_not_take_a_ready_gateway_out() -> None:
    async def scenario() -> None:
        async with supervised(config(100, a=preloaded()), machine(a=60, b=30)) as fleet:
            await until(lambda: ready(fleet) == 200)
            later: RouterConfig = config(100, a=preloaded(context=512), b=preloaded(30))
            await fleet.update(later)
            seen = set[str]()
            for _ in range(200):
                seen.add(fleet.views["a"].state)
                assert ready(fleet) == 200
                await asyncio.sleep(0.002)
            assert {"starting", "ready"} <= seen

    run_virtually(scenario())


def test_one_that_fails_is_not_waited_for_while_it_is_tried_again() -> None:
    async def scenario() -> None:
        failing = machine(a=30, b=30)
        failing.failures["a"] = 2
        async with supervised(config(100, a=preloaded(30), b=model(30)), failing) as fleet:
            assert ready(fleet) == 503
            await until(lambda: fleet.views["a"].state == "failed")
            await until(lambda: fleet.views["a"].state == "starting")
            assert ready(fleet) == 200

    run_virtually(scenario())


def test_the_end_and_a_gateway_whose_models_all_failed_are_reasons() -> None:
    async def scenario() -> None:
        failing = machine(a=30)
        failing.failures["a"] = 100
        async with supervised(config(100, a=preloaded(30)), failing) as fleet:
            await until(lambda: fleet.views["a"].state == "failed")
            assert ready(fleet) == 503
        async with supervised(config(100, a=model(60)), machine()) as fleet:
            assert ready(fleet) == 200
            assert ready(fleet, draining=True) == 503

    run_virtually(scenario())
