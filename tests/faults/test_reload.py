"""A configuration that breaks while the gateway runs, and one that is mended."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.faults.chaos import chaos_server
from tests.faults.gateway import Gateway, gateway, holds
from tests.faults.script import Ask, answer

BROKEN = {
    "no yaml": "models: [",
    "empty": "",
    "unknown key": "modles: {}",
    "wrong type": "models: {sick: {url: 5}}",
    "unknown model": "models: {x: {url: 'http://127.0.0.1:1/v1'}}\nroutes: [{use: [y]}]",
}


async def _said(over: Gateway, number: int, model: str) -> bool:
    ask = Ask(number, model)
    seen = await over.chat(ask.payload())
    return seen.body == answer(model, ask)


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_changes_nothing_and_is_told(tmp_path: Path, broken: str) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            sick, well = [
                await stack.enter_async_context(chaos_server(n)) for n in ("sick", "well")
            ]
            config = f'models:\n  sick: {{url: "{sick.url}"}}\n'
            over = await stack.enter_async_context(gateway(tmp_path, config))
            right = over.config.read_text()
            long = Ask(1, "sick", stream=True, chunks=100, gap_s=0.02)
            under_way = asyncio.ensure_future(over.chat(long.payload()))
            await asyncio.sleep(0.2)
            over.config.write_text(broken)
            over.send_signal(signal.SIGHUP)
            async with asyncio.timeout(10):
                while not (await over.state())["config_error"]:
                    assert await _said(over, 2, "sick")
                    await asyncio.sleep(0.05)
            assert str(over.config) in (await over.state())["config_error"]

            over.config.write_text(right + f'  well: {{url: "{well.url}"}}\n')
            over.send_signal(signal.SIGHUP)
            await holds(lambda: _said(over, 3, "well"), 10)
            assert not (await over.state())["config_error"]
            assert await _said(over, 4, "sick")
            seen = await under_way
            assert seen.complete
            assert seen.body == answer("sick", long)

    asyncio.run(scenario())


def test_a_changed_file_is_noticed_without_a_signal(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            sick, well = [
                await stack.enter_async_context(chaos_server(n)) for n in ("sick", "well")
            ]
            config = f'models:\n  sick: {{url: "{sick.url}"}}\n'
            over = await stack.enter_async_context(gateway(tmp_path, config))
            new = tmp_path / "new.yaml"
            new.write_text(over.config.read_text() + f'  well: {{url: "{well.url}"}}\n')
            os.replace(new, over.config)  # noqa: PTH105 -- as editors do
            await holds(lambda: _said(over, 5, "well"), 15)
            assert await _said(over, 6, "sick")

    asyncio.run(scenario())
