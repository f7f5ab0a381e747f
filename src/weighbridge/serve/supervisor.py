"""The engines of a configuration: started together, stopped together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from weighbridge.core.effects import EngineSpec, Launcher, RunningEngine
from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.routing import ModelEntry, RouterConfig
from weighbridge.serve.config import source_path

_DEADLINE_S = 120.0


@asynccontextmanager
async def running_models(
    config: RouterConfig, folder: Path, launcher: Launcher
) -> AsyncIterator[Mapping[str, Endpoint]]:
    """Where each configured model answers, while the context lasts.

    Raises:
        EngineError: one of the engines did not start; the others are stopped again.
    """
    engines: list[RunningEngine] = []
    endpoints: dict[str, Endpoint] = {}
    try:
        for name, entry in config.models.items():
            if entry.url is not None:
                endpoints[name] = endpoint_at(entry.url, entry.model or name)
                continue
            engine = await launcher.launch(_spec(name, entry, folder), _DEADLINE_S)
            engines.append(engine)
            endpoints[name] = engine.endpoint
        yield endpoints
    finally:
        await asyncio.gather(*(engine.stop() for engine in engines))


def _spec(name: str, entry: ModelEntry, folder: Path) -> EngineSpec:
    return EngineSpec(
        model=name,
        source=str(source_path(entry, folder)),
        context=entry.context,
        slots=entry.slots,
    )
