"""The engines of a configuration: started together, watched, stopped together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from weighbridge.core.effects import EngineSpec, Launcher, RunningEngine
from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.errors import ConfigError
from weighbridge.core.routing import ModelEntry, RouterConfig
from weighbridge.engines.openai import AttachedServer
from weighbridge.serve.config import source_path

_DEADLINE_S = 120.0
_WATCH_S = 0.5

Tell = Callable[[str], None]
"""Takes one line for whoever runs the gateway."""


@asynccontextmanager
async def running_models(
    config: RouterConfig,
    folder: Path,
    launcher: Launcher,
    environment: Mapping[str, str],
    tell: Tell,
) -> AsyncIterator[Mapping[str, RunningEngine]]:
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
    # Those that somebody else runs first: a missing key is told before anything starts.
    engines: dict[str, RunningEngine] = {
        name: AttachedServer(
            endpoint_at(entry.urls[0], entry.model or name, _key(name, entry, environment))
        )
        for name, entry in config.models.items()
        if entry.url is not None
    }
    try:
        for name, entry in config.models.items():
            if entry.url is None:
                engines[name] = await launcher.launch(_spec(name, entry, folder), _DEADLINE_S)
        watch = asyncio.create_task(_watch(engines, tell))
        try:
            yield {name: engines[name] for name in config.models}
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
    finally:
        await asyncio.gather(*(engine.stop() for engine in engines.values()))


async def _watch(engines: Mapping[str, RunningEngine], tell: Tell) -> None:
    living = dict(engines)
    while living:
        await asyncio.sleep(_WATCH_S)
        for name in [name for name, engine in living.items() if not engine.is_alive()]:
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
