"""A worker's fleet and its keeper's desk, joined by a real socket pair."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest

from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.errors import BusyError, EngineError
from weighbridge.core.gateway import ModelView
from weighbridge.serve.workers.desk import Desk
from weighbridge.serve.workers.messages import (
    Ask,
    Cancel,
    Channel,
    Leave,
    Message,
    Suspect,
    Told,
    Turn,
    Turned,
    Views,
)
from weighbridge.serve.workers.remote_fleet import RemoteFleet

A = endpoint_at("http://127.0.0.1:1", "a", "secret")
B = endpoint_at("http://127.0.0.1:2", "b")


class Engines:
    """Model ``a`` has two places; ``b`` is somebody else's; ``broken`` and ``full`` never come."""

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.suspects: list[str] = []
        self.freed = asyncio.Event()

    @property
    def views(self) -> Mapping[str, ModelView]:
        return {
            "a": ModelView("a", "ready", in_flight=self.taken["a"]),
            "b": ModelView("b", "ready"),
        }

    def open_endpoints(self) -> Mapping[str, Sequence[Endpoint]]:
        return {"b": (B,)}

    def enter(self, model: str) -> Sequence[Endpoint]:
        if model != "a" or self.taken["a"] >= 2:
            return ()
        self.taken["a"] += 1
        return (A,)

    async def wait(self, model: str, limit_s: float) -> Sequence[Endpoint]:
        if model == "full":
            raise BusyError("Too many wait.", fix="Ask later.", retry_after_s=7)
        if model == "broken":
            raise EngineError("It does not start.")
        async with asyncio.timeout(limit_s):
            while not (got := self.enter(model)):
                self.freed.clear()
                await self.freed.wait()
        return got

    def leave(self, model: str) -> None:
        self.taken[model] -= 1
        self.freed.set()

    def suspect(self, model: str, endpoint: Endpoint, *, refused: bool = False) -> None:
        self.suspects.append(f"{model} {endpoint.base}{' refused' if refused else ''}")


@asynccontextmanager
async def joined() -> AsyncIterator[tuple[Engines, RemoteFleet, Desk]]:
    engines = Engines()
    ours, theirs = socket.socketpair()
    loop = asyncio.get_running_loop()

    def at_desk(message: Message) -> None:
        match message:
            case Turn():
                desk.turn(message)
            case Cancel():
                desk.cancel(message)
            case Leave():
                desk.leave(message)
            case Suspect():
                desk.suspect(message)
            case Ask():
                keeper.send(Told(message.id, b"told " + message.what.encode()))

    def at_worker(message: Message) -> None:
        match message:
            case Turned():
                fleet.turned(message)
            case Views():
                fleet.seen(message)
            case Told():
                fleet.told(message)

    keeper = Channel(at_desk, lambda: None)
    worker = Channel(at_worker, lambda: fleet.orphaned())  # noqa: PLW0108 -- made below
    desk = Desk(engines, keeper.send)
    fleet = RemoteFleet(worker.send)
    await loop.create_connection(lambda: keeper, sock=ours)
    await loop.create_connection(lambda: worker, sock=theirs)
    try:
        yield engines, fleet, desk
    finally:
        keeper.close()
        worker.close()
        await asyncio.sleep(0)


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0.001)


def test_a_turn_carries_the_address_and_its_key() -> None:
    async def check() -> None:
        async with joined() as (engines, fleet, _):
            assert fleet.enter("a") == ()
            assert await fleet.wait("a", 1) == (A,)
            assert engines.taken["a"] == 1
            fleet.leave("a")
            await settled()
            assert engines.taken["a"] == 0

    asyncio.run(asyncio.wait_for(check(), 30))


def test_servers_of_others_need_no_turn() -> None:
    async def check() -> None:
        async with joined() as (_, fleet, desk):
            desk.tell_views()
            await settled()
            assert set(fleet.views) == {"a", "b"}
            assert fleet.enter("b") == (B,)
            assert fleet.in_flight == {"b": 1}
            fleet.leave("b")
            assert fleet.in_flight == {"b": 0}

    asyncio.run(asyncio.wait_for(check(), 30))


def test_whoever_comes_too_many_waits_for_a_place() -> None:
    async def check() -> None:
        async with joined() as (engines, fleet, _):
            await fleet.wait("a", 1)
            await fleet.wait("a", 1)
            third = asyncio.create_task(fleet.wait("a", 5))
            await settled()
            assert not third.done()
            fleet.leave("a")
            assert await third == (A,)
            assert engines.taken["a"] == 2

    asyncio.run(asyncio.wait_for(check(), 30))


def test_giving_up_gives_the_place_back_whenever_it_happens() -> None:
    """Also at the very moment at which the turn comes."""

    async def check() -> None:
        async with joined() as (engines, fleet, _):
            for steps in range(40):
                await fleet.wait("a", 1)
                await fleet.wait("a", 1)
                third = asyncio.create_task(fleet.wait("a", 5))
                await settled()
                fleet.leave("a")
                for _ in range(steps):
                    await asyncio.sleep(0)
                third.cancel()
                got = await asyncio.gather(third, return_exceptions=True)
                if not isinstance(got[0], BaseException):
                    fleet.leave("a")
                fleet.leave("a")
                await settled()
                assert engines.taken["a"] == 0, steps

    asyncio.run(asyncio.wait_for(check(), 30))


def test_errors_come_across_as_they_are() -> None:
    async def check() -> None:
        async with joined() as (_, fleet, _desk):
            with pytest.raises(BusyError, match="Too many wait") as busy:
                await fleet.wait("full", 1)
            assert busy.value.retry_after_s == 7
            assert busy.value.fix == "Ask later."
            with pytest.raises(EngineError, match="does not start"):
                await fleet.wait("broken", 1)

    asyncio.run(asyncio.wait_for(check(), 30))


def test_what_a_dead_worker_held_is_free_again() -> None:
    async def check() -> None:
        async with joined() as (engines, fleet, desk):
            await fleet.wait("a", 1)
            await fleet.wait("a", 1)
            waiting = asyncio.create_task(fleet.wait("a", 5))
            await settled()
            await desk.close()
            assert engines.taken["a"] == 0
            with pytest.raises(EngineError):
                await waiting

    asyncio.run(asyncio.wait_for(check(), 30))


def test_a_worker_whose_keeper_is_gone_waits_for_nothing() -> None:
    async def check() -> None:
        async with joined() as (_, fleet, _desk):
            await fleet.wait("a", 1)
            await fleet.wait("a", 1)
            waiting = asyncio.create_task(fleet.wait("a", 5))
            await settled()
            fleet.orphaned()
            with pytest.raises(EngineError, match="has ended"):
                await waiting

    asyncio.run(asyncio.wait_for(check(), 30))


def test_suspicions_and_questions_reach_the_keeper() -> None:
    async def check() -> None:
        async with joined() as (engines, fleet, _):
            fleet.suspect("a", A)
            fleet.suspect("a", A, refused=True)
            assert await fleet.ask("metrics") == b"told metrics"
            assert engines.suspects == [
                "a http://127.0.0.1:1/v1",
                "a http://127.0.0.1:1/v1 refused",
            ]

    asyncio.run(asyncio.wait_for(check(), 30))
