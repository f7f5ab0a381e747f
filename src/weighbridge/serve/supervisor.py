"""The engines of a configuration: started together, watched, stopped together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from weighbridge.core.effects import EngineSpec, Launcher, RunningEngine
from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.errors import ConfigError
from weighbridge.core.routing import ModelEntry, RouterConfig
from weighbridge.serve.config import source_path

_DEADLINE_S = 120.0
_WATCH_S = 0.5

Tell = Callable[[str], None]
"""Takes one line for whoever runs the gateway."""


@dataclass(frozen=True, slots=True)
class Served:
    """A model that the gateway can use.

    Attributes:
        endpoint: where it answers.
        engine: the engine that we started for it; None for a server that somebody else runs.
    """

    endpoint: Endpoint
    engine: RunningEngine | None = None

    @property
    def has_ended(self) -> bool:
        """Whether its engine was ours and is gone."""
        return self.engine is not None and not self.engine.is_alive()


@asynccontextmanager
async def running_models(
    config: RouterConfig,
    folder: Path,
    launcher: Launcher,
    environment: Mapping[str, str],
    tell: Tell,
) -> AsyncIterator[Mapping[str, Served]]:
    """The configured models, while the context lasts.

    Args:
        config: what to run.
        folder: where the configuration lies; sources are relative to it.
        launcher: starts the engines.
        environment: holds the keys that entries name.
        tell: told once of each engine that ends by itself.

    Raises:
        ConfigError: a key is not in the environment.
        EngineError: one of the engines did not start; the others are stopped again.
    """
    served = {
        name: Served(endpoint_at(entry.url, entry.model or name, _key(name, entry, environment)))
        for name, entry in config.models.items()
        if entry.url is not None
    }
    engines: list[RunningEngine] = []
    try:
        for name, entry in config.models.items():
            if entry.url is None:
                engine = await launcher.launch(_spec(name, entry, folder), _DEADLINE_S)
                engines.append(engine)
                served[name] = Served(engine.endpoint, engine)
        watch = asyncio.create_task(_watch(served, tell))
        try:
            yield {name: served[name] for name in config.models}
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
    finally:
        await asyncio.gather(*(engine.stop() for engine in engines))


async def _watch(served: Mapping[str, Served], tell: Tell) -> None:
    living = {name: model for name, model in served.items() if model.engine is not None}
    while living:
        await asyncio.sleep(_WATCH_S)
        for name in [name for name, model in living.items() if model.has_ended]:
            del living[name]
            tell(f"The engine for {name} has ended. To have it back, start the gateway again.")


def _key(name: str, entry: ModelEntry, environment: Mapping[str, str]) -> str | None:
    if entry.key_env is None:
        return None
    key = environment.get(entry.key_env, "").strip()
    if not key:
        raise ConfigError(
            f"models.{name}: the environment variable {entry.key_env} is not set.",
            fix="Put the server's key there.",
        )
    return key


def _spec(name: str, entry: ModelEntry, folder: Path) -> EngineSpec:
    return EngineSpec(
        model=name,
        source=str(source_path(entry, folder)),
        context=entry.context,
        slots=entry.slots,
    )
