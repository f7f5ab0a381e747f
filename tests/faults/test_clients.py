"""Clients that vanish: their engines must be free again, and nobody else may notice."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.faults import client
from tests.faults.chaos import Chaos, chaos_server
from tests.faults.client import Conduct
from tests.faults.gateway import Gateway, gateway, holds
from tests.faults.script import Ask, answer
from tests.waiting import until

ONE = """
models:
  sick: {{url: "{url}", max_concurrency: {places}}}
limits: {{first_byte: 20, between_bytes: 20, read: 1, queue: 4, queue_wait: 20s, write: 2}}
"""
LONG = Ask(1, "sick", stream=True, chunks=400, gap_s=0.02)


async def _one(stack: AsyncExitStack, folder: Path, places: int = 8) -> tuple[Gateway, Chaos]:
    chaos = await stack.enter_async_context(chaos_server("sick"))
    config = ONE.format(url=chaos.url, places=places)
    return await stack.enter_async_context(gateway(folder, config)), chaos


async def _free(over: Gateway, chaos: Chaos) -> None:
    """Nothing is under way at the gateway or at the engine."""
    async with asyncio.timeout(5):
        await until(lambda: chaos.answering == 0)
    await holds(over.is_idle, 5)


async def _queued(over: Gateway, count: int) -> bool:
    return bool((await over.models())["sick"]["queued"] == count)


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("conduct", ["leave_at_once", "leave_midway", "reset_midway"])
def test_the_engine_stops_when_its_client_has_left(
    tmp_path: Path, conduct: Conduct, stream: bool
) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            over, chaos = await _one(stack, tmp_path)
            ask = Ask(1, "sick", stream=stream, chunks=400, gap_s=0.02)  # eight seconds
            await over.chat(ask.payload(), conduct)
            await _free(over, chaos)
            assert chaos.left_alone == chaos.asked
            assert chaos.asked == 1 or conduct == "leave_at_once", "who is fast is not sent on"

    asyncio.run(scenario())


def test_who_leaves_the_queue_is_never_sent_on(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            over, chaos = await _one(stack, tmp_path, places=1)
            raw = client.request(over.port, LONG.payload())
            first, *others = [await asyncio.open_connection("127.0.0.1", over.port) for _ in "abc"]
            for _, writer in (first, *others):
                writer.write(raw)
                await writer.drain()
            await holds(lambda: _queued(over, 2), 5)
            for _, writer in others:
                writer.close()
            await holds(lambda: _queued(over, 0), 5)
            first[1].close()
            await _free(over, chaos)
            short = Ask(2, "sick")
            seen = await over.chat(short.payload())
            assert seen.body == answer("sick", short)
            assert chaos.asked == 2, "those who had left were not sent on"

    asyncio.run(scenario())


def test_a_full_queue_says_when_to_come_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            over, chaos = await _one(stack, tmp_path, places=1)
            ask = Ask(1, "sick", stream=True, chunks=40, gap_s=0.02)
            answers = await asyncio.gather(*(over.chat(ask.payload()) for _ in range(9)))
            statuses = sorted(seen.status for seen in answers)
            assert statuses == [200] * 5 + [429] * 4
            refused = [seen for seen in answers if seen.status == 429]
            assert all(int(seen.header("retry-after")) >= 1 for seen in refused)
            right = answer("sick", ask)
            assert all(seen.body == right for seen in answers if seen.status == 200)
            await _free(over, chaos)

    asyncio.run(scenario())


def test_who_is_slow_to_ask_is_told_so_and_holds_nobody_up(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            over, chaos = await _one(stack, tmp_path)
            slow = [await asyncio.open_connection("127.0.0.1", over.port) for _ in range(50)]
            for _, writer in slow:
                writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nx-slow: ")
            ask = Ask(3, "sick")
            seen = await over.chat(ask.payload())
            assert seen.body == answer("sick", ask)
            for reader, writer in slow:
                async with asyncio.timeout(5):
                    said = await reader.read()
                assert said.startswith(b"HTTP/1.1 408 ")
                writer.close()
            assert chaos.asked == 1

    asyncio.run(scenario())


def test_who_does_not_read_does_not_fill_the_gateways_memory(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            over, chaos = await _one(stack, tmp_path)
            ask = Ask(1, "sick", stream=True, chunks=200_000)  # some 25 MB
            before = over.resident_bytes()
            raw = client.request(over.port, ask.payload())
            idle = [await asyncio.open_connection("127.0.0.1", over.port) for _ in range(2)]
            for reader, writer in idle:
                reader._transport.pause_reading()  # type: ignore[attr-defined]
                writer.write(raw)
            await asyncio.sleep(1.5)
            assert over.resident_bytes() - before < 16 * 2**20
            await _free(over, chaos)  # limits.write has passed
            for _, writer in idle:
                writer.close()

    asyncio.run(scenario())
