"""Faults of all kinds in random mixture over a real gateway with real engines."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.faults.chaos import Chaos, chaos_server
from tests.faults.gateway import Gateway, gateway, holds
from tests.faults.real import learn, until_answering
from tests.faults.script import Ask, answer
from tests.faults.storm import SERVERS, SHARES, Storm, config, plan
from tests.waiting import until

MORE_DESCRIPTORS = 12
MORE_BYTES = 40 * 2**20


async def _calm(over: Gateway, servers: dict[str, Chaos], limit_s: float = 20) -> None:
    """Nothing is under way any more, anywhere."""
    async with asyncio.timeout(limit_s):
        await until(lambda: not any(server.answering for server in servers.values()))
        await holds(over.is_idle, limit_s)


async def _recovered(over: Gateway, servers: dict[str, Chaos], limit_s: float = 40) -> None:
    """Every model answers under its own name again, in its own words."""
    async with asyncio.timeout(limit_s):
        for number, model in enumerate(servers):
            ask = Ask(90_000 + number, model, stream=True)
            while True:
                seen = await over.chat(ask.payload())
                if seen.header("x-weighbridge-model") == model and seen.complete:
                    assert seen.body == answer(model, ask)
                    break
                await asyncio.sleep(0.2)
    await until_answering(over, ("tally", "porter"), limit_s)


async def _storm(models: Path, folder: Path, seed: int, count: int) -> None:
    async with AsyncExitStack() as stack:
        servers = {name: await stack.enter_async_context(chaos_server(name)) for name in SERVERS}
        urls = {name: server.url for name, server in servers.items()}
        over = await stack.enter_async_context(gateway(folder, config(models, urls)))
        storm = Storm(over, await learn(over, ("tally", "porter")))
        await storm.rage(plan(seed + 1, 25))  # warms up whatever stays warm
        await _recovered(over, servers)
        await _calm(over, servers)
        descriptors, resident = over.descriptors(), over.resident_bytes()

        await storm.rage(plan(seed, count))
        await _recovered(over, servers)
        await _calm(over, servers)

        print(sorted(storm.outcomes.items()))
        assert not storm.complaints, "\n".join(storm.complaints[:10])
        assert over.process.returncode is None, over.log[-2000:]
        assert over.descriptors() <= descriptors + MORE_DESCRIPTORS
        assert over.resident_bytes() <= resident + MORE_BYTES
        assert len(over.engines("tally")) == len(over.engines("porter")) == 1
        assert await over.end() == 0, over.log[-2000:]
        assert not over.left_behind()
        assert "Traceback" not in over.log


def test_sixty_faults(models: Path, tmp_path: Path) -> None:
    asyncio.run(_storm(models, tmp_path, seed=1, count=60))


@pytest.mark.slow
def test_a_thousand_faults(models: Path, tmp_path: Path) -> None:
    asyncio.run(_storm(models, tmp_path, seed=7, count=1000))


def test_a_storm_is_drawn_from_its_seed_and_holds_every_kind() -> None:
    assert plan(3, 60) == plan(3, 60)
    assert plan(3, 60) != plan(4, 60)
    kinds = Counter(fault.what for fault in plan(7, 1000))
    assert set(kinds) == set(SHARES)
    troubles = {fault.ask.trouble(fault.ask.model) for fault in plan(7, 1000)}
    assert len(troubles) > 20
