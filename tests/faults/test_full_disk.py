"""A disk that is full: captures stop, answers do not."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.faults.chaos import chaos_server
from tests.faults.gateway import gateway
from tests.faults.script import Ask, answer


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that holds 256 KiB."""
    folder = tmp_path / ".weighbridge"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root and the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_answers_go_on_when_captures_cannot_be_written(small_disk: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            chaos = await stack.enter_async_context(chaos_server("sick"))
            config = f'models:\n  sick: {{url: "{chaos.url}"}}\ncapture: {{share: 1.0}}\n'
            over = await stack.enter_async_context(gateway(tmp_path, config))
            warm = Ask(0, "sick", chunks=40)
            await over.chat(warm.payload())
            descriptors = over.descriptors()
            for number in range(1, 161):  # several times what fits
                ask = Ask(number, "sick", stream=bool(number % 2), chunks=200)
                seen = await over.chat(ask.payload())
                assert seen.complete
                assert seen.body == answer("sick", ask)
            await asyncio.sleep(0.5)
            assert os.statvfs(small_disk).f_bavail <= 8, "captures were written until it was full"
            assert over.process.returncode is None
            assert over.descriptors() <= descriptors + 8
            assert "Traceback" not in over.log
            assert await over.end() == 0
            assert not over.left_behind()

    asyncio.run(scenario())
