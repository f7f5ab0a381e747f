"""A process of clients, for tests: asks as often as it may, then says what it has spent.

``python -m tests.serve.budgets.client PLACE CLIENTS REQUESTS LIMIT [hang]``
"""

from __future__ import annotations

import asyncio
import random
import sys
import time

from weighbridge.core.gateway import Asked, Refusal, TokenUse
from weighbridge.core.routing import Budget, KeyEntry, ModelEntry, RouterConfig
from weighbridge.serve.budgets.meter import Meter

MOST = 300
CONFIG = RouterConfig(models={"m": ModelEntry(url="http://127.0.0.1:1", context=4096)})
ASKED = Asked(path="/v1/chat/completions", model="m", prompt_tokens=100, max_tokens=MOST - 100)


def entry(limit: int) -> KeyEntry:
    return KeyEntry(name="alice", budget=Budget(tokens=limit, per="ever"))


async def client(meter: Meter, requests: int, chance: random.Random) -> tuple[int, int]:
    """What one client spent, and in how many requests."""
    spent = answered = 0
    for _ in range(requests):
        booking = await meter.reserve("alice", ASKED, "m")
        if isinstance(booking, Refusal):
            assert booking.status == 429, booking
            await asyncio.sleep(chance.random() * 0.01)
            continue
        await asyncio.sleep(chance.random() * 0.01)
        output = chance.randrange(MOST - 100 + 1)
        booking.settle("m", TokenUse(prompt=100, output=output))
        spent, answered = spent + 100 + output, answered + 1
    return spent, answered


async def crowd(
    place: str, clients: int, requests: int, limit: int, *, is_told_when: bool = False
) -> tuple[int, int]:
    """What all of them spent."""
    meter = Meter(CONFIG, [entry(limit)], place)
    if is_told_when:
        warm = await meter.reserve("alice", ASKED, "m")
        assert not isinstance(warm, Refusal), warm
        warm.settle("m", None)
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
    chance = random.Random(7)  # noqa: S311 -- a test
    done = await asyncio.gather(*(client(meter, requests, chance) for _ in range(clients)))
    await meter.close()
    return sum(spent for spent, _ in done), sum(answered for _, answered in done)


async def hang(place: str, clients: int, limit: int) -> None:
    """Set aside and never settle."""
    meter = Meter(CONFIG, [entry(limit)], place)
    for _ in range(clients):
        await meter.reserve("alice", ASKED, "m")
    print("held", flush=True)
    time.sleep(600)  # noqa: ASYNC251 -- dead, but for the process


def main(place: str, clients: str, requests: str, limit: str, *words: str) -> None:
    if words:
        asyncio.run(hang(place, int(clients), int(limit)))
    numbers = (int(clients), int(requests), int(limit))
    spent, answered = asyncio.run(crowd(place, *numbers, is_told_when=True))
    print(spent, answered)


if __name__ == "__main__":
    main(*sys.argv[1:])
