"""Engines of a study: started when a unit needs them, stopped whatever happens."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.routing import MachineEntry
from weighbridge.engines.started import Engine
from weighbridge.serve.supervisor.memory import Meter, find_meter
from weighbridge.serve.supervisor.owner import Plan
from weighbridge.serve.supervisor.plans import plan_for
from weighbridge.verbs.study.asked import Asked
from weighbridge.verbs.study.jobs import Effects

# Of the machine's memory, what engines that wait for their next unit may take together.
_SHARE = 0.5
_GRACE_S = 5.0


class Engines:
    """Where candidates answer, as :class:`~.jobs.Endpoints`.

    Engines on GPUs run alone: most take all the memory there is. Others are kept for their next
    unit while they fit together; the one that was used longest ago goes first.
    """

    def __init__(self, asked: Asked, effects: Effects) -> None:
        self._asked = asked
        self._effects = effects
        self._meter: Meter | None = None
        self._running: OrderedDict[str, Engine] = OrderedDict()
        self._failed: dict[str, WeighbridgeError] = {}

    async def __aenter__(self) -> Engines:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.rest()

    async def endpoint(self, name: str) -> Endpoint:
        """The candidate's address, its engine started if it is one of ours.

        Raises:
            WeighbridgeError: the engine does not start; the same again, without another try.
        """
        elsewhere = self._asked.endpoint(name)
        if elsewhere is not None:
            return elsewhere
        if name in self._failed:
            raise self._failed[name]
        engine = self._running.get(name)
        if engine is not None and engine.is_alive():
            self._running.move_to_end(name)
            return engine.endpoint
        self._running.pop(name, None)
        try:
            engine = await self._start(name)
        except WeighbridgeError as error:
            self._failed[name] = error
            raise
        self._running[name] = engine
        return engine.endpoint

    async def rest(self) -> None:
        """Stop every engine: something else needs the memory, or the study is at its end."""
        engines = list(self._running.values())
        self._running.clear()
        # Even while the study is cancelled, none may be left.
        stopping = asyncio.gather(
            *(engine.stop(_GRACE_S) for engine in engines), return_exceptions=True
        )
        await asyncio.shield(stopping)

    async def _start(self, name: str) -> Engine:
        effects = self._effects
        if self._meter is None:
            self._meter = await asyncio.to_thread(find_meter, MachineEntry())
        plan = plan_for(
            name, self._asked.entries[name], self._asked.folder, effects.environment, self._meter
        )
        await self._make_room(plan, self._meter)
        effects.progress.stage(f"start {name}", 1)
        engine = await effects.launcher.launch(plan.wanted, plan.cold_start_s)
        effects.progress.advance()
        return engine

    async def _make_room(self, plan: Plan, meter: Meter) -> None:
        """Stop what is in the way of an engine, the longest unused first."""
        while self._running and (meter.is_gpu or plan.starts_alone or not await self._fits(plan)):
            _, engine = self._running.popitem(last=False)
            await engine.stop(_GRACE_S)

    async def _fits(self, plan: Plan) -> bool:
        total = self._meter.total_bytes if self._meter else None
        if total is None:
            return False
        held = [await engine.memory() or 0 for engine in self._running.values()]
        return sum(held) + plan.expected.bytes <= _SHARE * total
