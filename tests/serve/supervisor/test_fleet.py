from __future__ import annotations

import asyncio

import pytest

from tests.serve.supervisor.fakes import (
    SECRET,
    FakeClient,
    FakeMachine,
    ask,
    config,
    model,
    supervised,
    until,
)
from tests.serve.supervisor.virtual_time import run_virtually
from weighbridge.core.errors import BusyError, ConfigError, EngineError
from weighbridge.core.routing import Limits, ModelEntry
from weighbridge.serve.supervisor.fleet import Supervisor


def state(fleet: Supervisor, name: str) -> str:
    return fleet.views[name].state


def two() -> FakeMachine:
    return FakeMachine(100, {"a": 60, "b": 60, "c": 30})


def test_a_model_starts_when_it_is_asked_for() -> None:
    async def scenario() -> None:
        machine, told = two(), list[str]()
        async with supervised(config(100, a=model(60)), machine, told=told) as fleet:
            assert fleet.views["a"].state == "stopped"
            assert fleet.views["a"].replicas == (1, 1), "it waits to be asked: nothing is wrong"
            assert fleet.enter("a") == ()
            assert await ask(fleet, "a") == "a"
            view = fleet.views["a"]
            assert (view.state, view.memory_bytes, view.memory_from) == ("ready", 60, "configured")
            assert fleet.enter("a")[0].model == "a"
            assert fleet.views["a"].in_flight == 1
            fleet.leave("a")
            assert fleet.used_bytes == 60
        assert machine.events == ["start a", "stop a"]
        assert told[0] == "a is starting."

    run_virtually(scenario())


def test_many_requests_start_one_engine() -> None:
    async def scenario() -> None:
        machine = two()
        async with supervised(config(100, a=model(60)), machine) as fleet:
            assert await asyncio.gather(*(ask(fleet, "a", 0.001) for _ in range(50)))
        assert machine.starts() == 1

    run_virtually(scenario())


def test_one_goes_so_that_another_fits_and_memory_is_never_overdrawn() -> None:
    async def scenario() -> None:
        machine = two()
        async with supervised(config(100, a=model(60), b=model(60)), machine) as fleet:
            for name in "abab":
                await ask(fleet, name)
        assert machine.most_taken <= 100
        assert machine.events.index("stop a") < machine.events.index("start b")

    run_virtually(scenario())


def test_no_more_requests_at_once_than_slots_first_come_first_served() -> None:
    async def scenario() -> None:
        order, at_once, most = list[int](), 0, 0
        async with supervised(config(100, a=model(60, slots=2)), two()) as fleet:

            async def one(number: int) -> None:
                nonlocal at_once, most
                if not fleet.enter("a"):
                    await fleet.wait("a", 5)
                at_once += 1
                most = max(most, at_once)
                order.append(number)
                await asyncio.sleep(0.002)
                at_once -= 1
                fleet.leave("a")

            await asyncio.gather(*(one(number) for number in range(20)))
        assert most == 2
        assert order == sorted(order)

    run_virtually(scenario())


def test_a_full_queue_says_when_to_come_back() -> None:
    async def scenario() -> None:
        configured = config(100, Limits(queue=2, drain=1), a=model(60, slots=1))
        async with supervised(configured, two()) as fleet:
            await fleet.wait("a", 5)
            waiting = [asyncio.create_task(fleet.wait("a", 5)) for _ in range(2)]
            await asyncio.sleep(0)
            with pytest.raises(BusyError, match="2 requests wait for a already") as refused:
                await fleet.wait("a", 5)
            assert refused.value.retry_after_s >= 1
            for _ in range(3):
                fleet.leave("a")
                await asyncio.sleep(0)
            await asyncio.gather(*waiting)
            assert fleet.views["a"].in_flight == 0

    run_virtually(scenario())


def test_a_turn_that_does_not_come_in_time_is_given_up() -> None:
    async def scenario() -> None:
        async with supervised(config(100, a=model(60, slots=1)), two()) as fleet:
            await fleet.wait("a", 5)
            with pytest.raises(BusyError, match=r"no turn within 0\.03 s"):
                await fleet.wait("a", 0.03)
            gone = asyncio.create_task(fleet.wait("a", 5))
            await asyncio.sleep(0.01)
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
            assert fleet.views["a"].queued == 0
            fleet.leave("a")
            assert fleet.views["a"].in_flight == 0
            assert fleet.enter("a")
            fleet.leave("a")

    run_virtually(scenario())


def test_a_turn_at_the_moment_of_giving_up_is_not_lost() -> None:
    async def scenario() -> None:
        async with supervised(config(100, a=model(60, slots=1)), two()) as fleet:
            await fleet.wait("a", 5)
            gone = asyncio.create_task(fleet.wait("a", 5))
            await asyncio.sleep(0.01)
            fleet.leave("a")  # its turn comes, and it leaves before it can know
            gone.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone
            assert fleet.views["a"].in_flight == 0

    run_virtually(scenario())


def test_what_does_not_start_says_why_and_recovers_without_a_restart() -> None:
    async def scenario() -> None:
        machine = two()
        machine.failures["a"] = 2
        told: list[str] = []
        async with supervised(config(100, a=model(60)), machine, told=told) as fleet:
            with pytest.raises(EngineError, match="a does not start") as seen:
                await ask(fleet, "a")
            assert fleet.views["a"].state == "failed"
            # What the engine wrote is for whoever runs the gateway.
            assert SECRET in fleet.views["a"].detail
            assert any(SECRET in line for line in told)
            assert SECRET not in str(seen.value)
            with pytest.raises(EngineError, match="started again in 0") as seen:
                await ask(fleet, "a")
            assert SECRET not in str(seen.value)
            await asyncio.sleep(0.12)
            with pytest.raises(EngineError, match="a does not start"):
                await ask(fleet, "a")
            await asyncio.sleep(0.12)  # the pause has doubled
            with pytest.raises(EngineError, match="started again in"):
                await ask(fleet, "a")
            await asyncio.sleep(0.12)
            assert await ask(fleet, "a") == "a"
        assert machine.starts() == 3

    run_virtually(scenario())


def test_a_context_that_the_engine_caps_is_told_once() -> None:
    async def scenario() -> None:
        machine, told = two(), list[str]()
        entry = model(60, context=2048)
        async with supervised(config(100, a=entry), machine, told=told) as fleet:
            for machine.context in (None, 4096, 512, 512):
                await ask(fleet, "a")
                await fleet.stop("a")
        said = [line for line in told if "context" in line]
        assert len(said) == 1
        assert said[0].startswith("a offers a context of 512 tokens, not the 2,048 that are")

    run_virtually(scenario())


def test_a_cold_start_has_a_deadline() -> None:
    async def scenario() -> None:
        machine = FakeMachine(100, {"a": 60}, load_s=5)
        async with supervised(config(100, a=model(60, cold_start=0.05)), machine) as fleet:
            with pytest.raises(EngineError, match="the gateway's log says why") as seen:
                await ask(fleet, "a")
            assert SECRET not in str(seen.value)
            assert SECRET in fleet.views["a"].detail

    run_virtually(scenario())


def test_one_crash_is_forgiven_to_those_who_wait() -> None:
    async def scenario() -> None:
        machine = two()
        async with supervised(config(100, a=model(60, slots=1)), machine) as fleet:
            await fleet.wait("a", 5)
            waiting = asyncio.create_task(ask(fleet, "a"))
            await asyncio.sleep(0.01)
            machine.running["a"].alive = False
            await asyncio.sleep(0.01)
            fleet.leave("a")
            assert await waiting == "a"
        assert machine.starts() == 2

    run_virtually(scenario())


def test_nobody_enters_an_engine_that_refused_until_it_was_looked_after() -> None:
    async def scenario() -> None:
        machine = two()
        async with supervised(config(100, a=model(60)), machine) as fleet:
            await ask(fleet, "a")
            (endpoint,) = fleet.enter("a")
            fleet.leave("a")
            fleet.suspect("a", endpoint)
            assert fleet.enter("a"), "silence alone keeps nobody out"
            fleet.leave("a")
            fleet.suspect("a", endpoint, refused=True)
            assert not fleet.enter("a")
            assert await ask(fleet, "a") == "a", "it was well after all"
            machine.running["a"].frozen = True
            fleet.suspect("a", endpoint, refused=True)
            await asyncio.sleep(0.06)
            assert not fleet.enter("a"), "it runs, and does not listen"
            machine.running["a"].frozen = False
            assert await ask(fleet, "a") == "a"
            assert machine.starts() == 1
            machine.running["a"].alive = False
            fleet.suspect("a", endpoint, refused=True)
            assert await ask(fleet, "a") == "a"
            assert machine.starts() == 2

    run_virtually(scenario())


def test_an_engine_that_keeps_crashing_is_left_alone_for_longer_and_longer() -> None:
    async def scenario() -> None:
        machine = two()
        told: list[str] = []
        async with (
            supervised(config(100, a=model(60)), machine, told=told) as fleet,
            asyncio.timeout(10),
        ):
            for crashes in (1, 2):
                await ask(fleet, "a")
                machine.running["a"].alive = False
                # The first time it comes back so soon that its state hardly shows it.
                while sum("a failed" in line for line in told) < crashes:  # noqa: ASYNC110
                    await asyncio.sleep(0.002)
            assert fleet.views["a"].detail == "a crashed."
            with pytest.raises(EngineError, match=r"log says why\. It is started again in"):
                await ask(fleet, "a")
            await asyncio.sleep(0.25)
            assert await ask(fleet, "a") == "a"

    run_virtually(scenario())


def test_a_frozen_engine_is_noticed_killed_and_started_again() -> None:
    async def scenario() -> None:
        machine, told = two(), list[str]()
        async with supervised(config(100, a=model(60)), machine, told=told) as fleet:
            await ask(fleet, "a")
            machine.running["a"].frozen = True
            await until(lambda: "stop a" in machine.events)
            assert await ask(fleet, "a") == "a"
        assert any("has not answered" in line for line in told)

    run_virtually(scenario())


def test_memory_that_does_not_come_back_is_told_and_waited_for() -> None:
    async def scenario() -> None:
        machine, told = two(), list[str]()
        configured = config(100, a=model(60), b=model(60))
        async with supervised(configured, machine, told=told) as fleet:
            await ask(fleet, "a")
            machine.keeps_memory = True
            with pytest.raises(BusyError):
                await ask(fleet, "b", limit_s=0.5)
            view = fleet.views["a"]
            assert view.state == "failed"
            assert "60 B of its memory have not come back" in view.detail
            assert machine.starts("b") == 0
            machine.taken.clear()
            machine.keeps_memory = False
            assert await ask(fleet, "b") == "b"
            assert await ask(fleet, "a") == "a"
        assert "The memory of a has come back." in told

    run_virtually(scenario())


def test_memory_that_other_programs_take_is_told_before_anything_starts() -> None:
    async def scenario() -> None:
        machine = two()
        machine.others_take = 50
        async with supervised(config(100, a=model(60)), machine) as fleet:
            with pytest.raises(EngineError, match=r"a needs 60 B, and only 50 B are free"):
                await ask(fleet, "a")
            assert machine.starts() == 0
            machine.others_take = 0
            await asyncio.sleep(0.12)
            assert await ask(fleet, "a") == "a"

    run_virtually(scenario())


def test_what_can_never_fit_is_refused_at_once() -> None:
    async def scenario() -> None:
        async with supervised(config(50, a=model(60)), two()) as fleet:
            with pytest.raises(EngineError, match="a needs 60 B, and all engines together"):
                await ask(fleet, "a")
            with pytest.raises(EngineError, match="all engines together"):
                await fleet.start("a")

    run_virtually(scenario())


def test_idle_engines_end_when_their_time_is_up_and_sleepers_sleep() -> None:
    async def scenario() -> None:
        machine = FakeMachine(100, {"a": 40, "b": 40})
        configured = config(100, a=model(40, ttl=0.05), b=model(40, ttl=0.05, sleep=2))
        async with supervised(configured, machine) as fleet:
            await asyncio.gather(ask(fleet, "a"), ask(fleet, "b"))
            await until(lambda: fleet.views["a"].state == "stopped")
            await until(lambda: fleet.views["b"].state == "asleep")
            assert fleet.views["b"].memory_bytes == 1
            assert await ask(fleet, "b") == "b"
            assert fleet.views["b"].memory_bytes == 40
            assert fleet.starts == {"a": 1, "b": 2}  # woken counts
        assert machine.starts("b") == 1
        assert "wake b" in machine.events

    run_virtually(scenario())


def test_an_engine_that_keeps_its_memory_asleep_is_stopped() -> None:
    async def scenario() -> None:
        machine, told = two(), list[str]()
        configured = config(100, a=model(60, sleep=1), b=model(60))
        async with supervised(configured, machine, told=told) as fleet:
            await ask(fleet, "a")
            machine.running["a"].forgets_to_sleep = True
            assert await ask(fleet, "b") == "b"
            assert fleet.views["a"].state == "stopped"
        assert "a keeps 60 B asleep; it is stopped." in told
        assert machine.most_taken <= 100

    run_virtually(scenario())


def test_sleepers_make_room_and_wake_up_again() -> None:
    async def scenario() -> None:
        machine = two()
        configured = config(100, a=model(60, sleep=1), b=model(60, sleep=1))
        async with supervised(configured, machine) as fleet:
            for name in "abab":
                await ask(fleet, name)
        assert machine.starts() == 2
        assert machine.events.count("wake a") == machine.events.count("wake b") == 1

    run_virtually(scenario())


def test_nothing_is_stopped_while_it_answers() -> None:
    async def scenario() -> None:
        machine = two()
        async with supervised(config(100, a=model(60), b=model(60)), machine) as fleet:
            await fleet.wait("a", 5)
            other = asyncio.create_task(ask(fleet, "b"))
            await until(lambda: fleet.views["a"].state == "draining")
            assert fleet.enter("a") == ()
            await asyncio.sleep(0.1)
            assert "stop a" not in machine.events
            fleet.leave("a")
            assert await other == "b"

    run_virtually(scenario())


def test_administrators_start_stop_and_put_to_sleep() -> None:
    async def scenario() -> None:
        machine = FakeMachine(100, {"a": 40, "b": 40})
        far = ModelEntry(url="http://127.0.0.1:1")
        configured = config(100, a=model(40, sleep=1), b=model(40), far=far)
        async with supervised(configured, machine) as fleet:
            await fleet.start("a")
            assert state(fleet, "a") == "ready"
            await fleet.start("a")
            await fleet.sleep("a")
            assert state(fleet, "a") == "asleep"
            await fleet.start("a")
            await fleet.stop("a")
            assert state(fleet, "a") == "stopped"
            await fleet.start("b")
            await fleet.sleep("b")  # cannot, so it is stopped
            assert state(fleet, "b") == "stopped"
            with pytest.raises(EngineError, match="somebody else runs"):
                await fleet.stop("far")
            with pytest.raises(EngineError, match="no model 'x'"):
                await fleet.start("x")
            machine.failures["b"] = 1
            with pytest.raises(EngineError, match="b does not start"):
                await fleet.start("b")
            await fleet.start("b")  # at once: an administrator need not wait

    run_virtually(scenario())


def test_preloaded_models_start_with_the_gateway() -> None:
    async def scenario() -> None:
        configured = config(100, a=model(60, preload=True), c=model(30))
        async with supervised(configured, two()) as fleet:
            await until(lambda: fleet.views["a"].state == "ready")
            assert fleet.views["c"].state == "stopped"

    run_virtually(scenario())


def test_engines_that_measure_free_memory_start_one_by_one() -> None:
    async def scenario() -> None:
        machine = FakeMachine(100, {"a": 40, "b": 40}, load_s=0.1)
        configured = config(100, a=model(40), b=model(40))
        async with supervised(configured, machine) as fleet:
            both = asyncio.gather(ask(fleet, "a"), ask(fleet, "b"))
            await until(lambda: machine.starts() == 1)
            await asyncio.sleep(0.05)
            assert machine.starts() == 1
            await both

    run_virtually(scenario())


def test_a_new_configuration_leaves_alone_what_has_not_changed() -> None:
    async def scenario() -> None:
        machine = FakeMachine(200, {"a": 40, "b": 40, "c": 40, "d": 40})
        configured = config(200, a=model(40), b=model(40), c=model(40))
        async with supervised(configured, machine) as fleet:
            for name in "abc":
                await ask(fleet, name)
            first, held = machine.running["a"], fleet.enter("b")
            assert held
            await fleet.update(
                config(200, a=model(40, ttl=100), b=model(40, context=1024), d=model(40))
            )
            assert machine.running["a"] is first
            assert fleet.enter("b") == ()
            later = asyncio.create_task(ask(fleet, "b"))
            await asyncio.sleep(0.05)
            assert "stop b" not in machine.events  # it still answers somebody
            fleet.leave("b")
            assert await later == "b"
            assert machine.starts("b") == 2
            assert await ask(fleet, "d") == "d"
            await until(lambda: "c" not in fleet.views)
            with pytest.raises(EngineError, match="no model 'c'"):
                await ask(fleet, "c")

    run_virtually(scenario())


def test_a_configuration_that_cannot_be_run_changes_nothing() -> None:
    async def scenario() -> None:
        machine = two()
        async with supervised(config(100, a=model(60)), machine) as fleet:
            await ask(fleet, "a")
            bad = ModelEntry(url="http://127.0.0.1:1", key_env="NOT_SET")
            with pytest.raises(ConfigError, match="NOT_SET"):
                await fleet.update(config(100, far=bad))
            assert await ask(fleet, "a") == "a"
            assert list(fleet.views) == ["a"]

    run_virtually(scenario())


def test_the_end_waits_for_answers_and_then_for_nobody() -> None:
    async def scenario() -> None:
        machine = two()
        async with supervised(config(100, Limits(drain=0.2), a=model(60)), machine) as fleet:
            await fleet.wait("a", 5)
            waiting = asyncio.create_task(fleet.wait("missing", 1))
            with pytest.raises(EngineError):
                await waiting
        assert machine.events[-1] == "stop a"

    run_virtually(scenario())


def test_the_end_while_an_engine_starts_leaves_nobody_waiting() -> None:
    async def scenario() -> None:
        machine = FakeMachine(100, {"a": 60}, load_s=5)
        async with supervised(config(100, a=model(60)), machine) as fleet:
            waiting = asyncio.create_task(ask(fleet, "a"))
            await until(lambda: machine.starts() == 1)
        with pytest.raises(EngineError, match="The gateway ends"):
            await waiting

    run_virtually(scenario())


def test_servers_of_others_fail_and_recover_replica_by_replica() -> None:
    async def scenario() -> None:
        client = FakeClient()
        far = ModelEntry(url=("http://127.0.0.1:1", "http://127.0.0.1:2"))
        async with supervised(config(100, far=far), two(), client=client) as fleet:
            assert len(fleet.enter("far")) == 2
            fleet.leave("far")
            client.down.add(1)
            await until(lambda: fleet.views["far"].replicas == (2, 1))
            endpoints = fleet.enter("far")
            assert [each.base.port for each in endpoints] == [2]
            fleet.leave("far")
            client.down.add(2)
            fleet.suspect("far", endpoints[0])
            await until(lambda: fleet.views["far"].state == "failed")
            assert "Nobody answers" in fleet.views["far"].detail
            with pytest.raises(EngineError, match="Nobody answers"):
                await fleet.wait("far", 1)
            client.down.clear()
            assert await ask(fleet, "far") == "far"

    run_virtually(scenario())


def test_an_engine_that_somebody_else_unloaded_is_merely_stopped() -> None:
    async def scenario() -> None:
        machine = two()
        async with supervised(config(100, a=model(60)), machine) as fleet:
            await ask(fleet, "a")
            engine = machine.running.pop("a")
            engine.may_leave, engine.alive = True, False
            del machine.taken[engine.pid]
            await until(lambda: fleet.views["a"].state == "stopped")
            assert await ask(fleet, "a") == "a"

    run_virtually(scenario())


def test_one_that_failed_comes_back_without_being_asked_for() -> None:
    """Routing leaves out what has failed where there is a fallback, so that nobody asks for it."""

    async def scenario() -> None:
        machine = two()
        async with supervised(config(100, a=model(60), b=model(60)), machine) as fleet:
            await ask(fleet, "a")
            machine.running["a"].alive = False
            await until(lambda: machine.starts("a") == 2 and state(fleet, "a") == "ready")
            # But nobody is evicted for it.
            await ask(fleet, "b")
            machine.failures["a"] = 1
            with pytest.raises(EngineError):
                await ask(fleet, "a")
            await ask(fleet, "b")
            await asyncio.sleep(0.5)
            assert (state(fleet, "a"), state(fleet, "b")) == ("failed", "ready")

    run_virtually(scenario())


def test_one_that_never_starts_is_not_tried_for_ever() -> None:
    async def scenario() -> None:
        machine = two()
        machine.failures["a"] = 100
        async with supervised(config(100, a=model(60)), machine) as fleet:
            with pytest.raises(EngineError):
                await ask(fleet, "a")
            await asyncio.sleep(2)
            assert machine.failures["a"] == 97

    run_virtually(scenario())
