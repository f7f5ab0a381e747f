from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

Run = Callable[[Coroutine[Any, Any, object]], Any]


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine on either event loop: the code must behave the same on both."""
    if request.param == "uvloop":
        return uvloop.run
    return asyncio.run


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that has no event of its own, such as the other side noticing."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 -- there is no event
            await asyncio.sleep(0.001)
