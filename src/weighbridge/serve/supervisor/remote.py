"""Servers that somebody else runs: asked now and then whether they answer, never started."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.gateway import EngineState
from weighbridge.core.http import HttpClient, Request, Timeouts
from weighbridge.serve.supervisor.gate import Gate

_LIMITS: Final = Timeouts(connect=3, first_byte=5, between_bytes=5, total=8)


class Remote:
    """The replicas of one model: those that answer are asked, and all while none does is failed.

    Args:
        endpoints: where they are.
        gate: the model's.
        client: for asking them.
        every_s: how often.
    """

    def __init__(
        self, endpoints: Sequence[Endpoint], gate: Gate, client: HttpClient, every_s: float
    ) -> None:
        self.endpoints = tuple(endpoints)
        self.gate = gate
        self.detail = ""
        self._client = client
        self._every_s = every_s
        self._silent: set[Endpoint] = set()
        self._look = asyncio.Event()
        gate.open(self.endpoints)
        self._task = asyncio.create_task(self._run(), name=f"servers of {gate.model}")

    @property
    def state(self) -> EngineState:
        """Ready, unless nobody answers."""
        return "failed" if len(self._silent) == len(self.endpoints) else "ready"

    @property
    def replicas(self) -> tuple[int, int]:
        """How many there are, and how many of them are well."""
        return len(self.endpoints), len(self.endpoints) - len(self._silent)

    def suspect(self) -> None:
        """Somebody found one silent: ask at once."""
        self._look.set()

    async def close(self) -> None:
        """Ask no more."""
        self.gate.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.gather(*(self._ask(endpoint) for endpoint in self.endpoints))
            well = [each for each in self.endpoints if each not in self._silent]
            if well:
                self.detail = ""
                self.gate.open(well)
            else:
                self.gate.close()
                self.gate.fail(self.detail, "Start its server.")  # whoever hears it names the model
            self._look.clear()
            # A request that finds nobody well asks again at once.
            every_s = self._every_s if well else min(1.0, self._every_s)
            try:
                async with asyncio.timeout(every_s):
                    await self._look.wait()
            except TimeoutError:
                pass

    async def _ask(self, endpoint: Endpoint) -> None:
        """Any answer at all will do: some good servers list no models."""
        try:
            await self._client.fetch(Request("GET", endpoint.models, endpoint.headers), _LIMITS)
        except WeighbridgeError as error:
            self._silent.add(endpoint)
            self.detail = error.message
        else:
            self._silent.discard(endpoint)
