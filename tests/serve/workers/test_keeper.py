"""Workers as real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.processes import is_gone
from tests.serve.workers.test_turns import Engines
from tests.waiting import until
from weighbridge.core.errors import ExternalError
from weighbridge.core.routing import ModelEntry, RouterConfig
from weighbridge.serve.workers import keeper as keeping
from weighbridge.serve.workers.keeper import Keeper

TOY = (sys.executable, str(Path(__file__).with_name("toy_worker.py")))


def config(name: str) -> RouterConfig:
    return RouterConfig(models={name: ModelEntry(url="http://127.0.0.1:1")})


async def answer(what: str) -> bytes:
    return b"the " + what.encode()


def make(said: list[str], name: str = "well", count: int = 2) -> Keeper:
    return Keeper(Engines(), TOY, count, config=config(name), answer=answer, tell=said.append)


def test_workers_start_tell_and_end() -> None:
    async def check() -> None:
        said: list[str] = []
        keeper = make(said)
        await keeper.start()
        pids = keeper.pids
        assert len(pids) == 2
        await until(lambda: said.count("told the metrics") == 2)
        assert said.count("works as well") == 2
        assert sorted(keeper.figures) == sorted(b"%d" % pid for pid in pids)
        assert keeper.in_flight("open") == 4
        await keeper.close(5)
        assert all(map(is_gone, pids))
        # What they counted does not get lost with them.
        assert len(keeper.figures) == 2

    asyncio.run(asyncio.wait_for(check(), 30))


def test_a_worker_that_is_killed_is_replaced() -> None:
    async def check() -> None:
        said: list[str] = []
        keeper = make(said)
        await keeper.start()
        await until(lambda: len(keeper.figures) == 2)
        first = keeper.pids
        os.kill(first[0], signal.SIGKILL)
        await until(lambda: len(keeper.pids) == 2 and keeper.pids != first)
        assert any("SIGKILL" in line and "takes its place" in line for line in said)
        await until(lambda: len(keeper.figures) == 3)
        await keeper.close(5)

    asyncio.run(asyncio.wait_for(check(), 30))


def test_a_worker_that_is_frozen_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_PING_S", 0.2)

    async def check() -> None:
        said: list[str] = []
        keeper = make(said)
        await keeper.start()
        first = keeper.pids
        await asyncio.sleep(2.0)  # ten questions, all answered
        assert keeper.pids == first
        os.kill(first[0], signal.SIGSTOP)
        await until(lambda: len(keeper.pids) == 2 and first[0] not in keeper.pids)
        assert is_gone(first[0])
        assert first[1] in keeper.pids
        told = [line for line in said if "takes its place" in line]
        assert told == [
            "A worker has ended (killed, as it had not answered for 1 s); another takes its place."
        ]
        await keeper.close(5)

    asyncio.run(asyncio.wait_for(check(), 30))


def test_another_configuration_reaches_every_worker() -> None:
    async def check() -> None:
        said: list[str] = []
        keeper = make(said)
        await keeper.start()
        keeper.reconfigure(config("other"))
        await until(lambda: said.count("works as other") == 2)
        await keeper.close(5)

    asyncio.run(asyncio.wait_for(check(), 30))


@pytest.mark.parametrize(("name", "why"), [("dies", "exit code 3"), ("silent", "silent for 0 s")])
def test_a_worker_that_does_not_start_is_told(
    name: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "silent":
        monkeypatch.setattr(keeping, "_START_S", 0.4)

    async def check() -> None:
        keeper = make([], name, count=1)
        with pytest.raises(ExternalError, match=why):
            await keeper.start()
        await keeper.close(1)
        await until(lambda: not keeper.pids)

    asyncio.run(asyncio.wait_for(check(), 30))
