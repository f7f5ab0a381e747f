"""``weigh serve``: the gateway that executes a configuration."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from weighbridge.core.effects import Launcher
from weighbridge.core.http import HttpClient
from weighbridge.core.routing import RouterConfig
from weighbridge.serve.config import first_listen, listen_address, read_config
from weighbridge.serve.gateway import Gateway, starting
from weighbridge.serve.guard import guarded
from weighbridge.serve.supervisor import running_models
from weighbridge.wire.server import serve as listen

_GRACE_S = 5.0


def _unheard(line: str) -> None:
    """Nobody reads what the gateway has to tell."""


@asynccontextmanager
async def gateway(
    config: RouterConfig,
    folder: Path,
    launcher: Launcher,
    client: HttpClient,
    *,
    port: int | None,
    tell: Callable[[str], None] = _unheard,
) -> AsyncIterator[str]:
    """The gateway's address, while the context lasts.

    It listens before its engines start, and answers 503 until they are ready.

    Args:
        config: what to serve.
        folder: where the configuration lies.
        launcher: starts the engines.
        client: reaches the models.
        port: overrides the configuration's.
        tell: gets a line for each request that failed and each engine that ended.

    Raises:
        ConfigError: a key that the configuration names is not in the environment.
        EngineError: an engine did not start.
        ExternalError: the port is taken.
    """
    host, configured = listen_address(first_listen(config))
    server = await listen(starting, host, configured if port is None else port)
    real_port = server.address[1]
    server.handler = guarded(starting, real_port)
    async with (
        server,
        running_models(config, folder, launcher, os.environ, tell) as models,
    ):
        server.handler = guarded(Gateway(config, models, client, tell).handle, real_port)
        try:
            yield server.url
        finally:
            await server.close(_GRACE_S)


async def serve(
    path: Path,
    launcher: Launcher,
    client: HttpClient,
    *,
    port: int | None,
    on_ready: Callable[[str, RouterConfig], None],
    tell: Callable[[str], None] = _unheard,
) -> None:
    """Serve ``path`` until cancelled; calls ``on_ready`` with the address once it answers.

    Args:
        path: the configuration.
        launcher: starts the engines.
        client: reaches the models.
        port: overrides the configuration's.
        on_ready: called once, when every engine is ready.
        tell: gets a line for each request that failed and each engine that ended.

    Raises:
        InputError: the configuration cannot be read or is wrong.
        EngineError: an engine did not start.
        ExternalError: the port is taken.
    """
    config = read_config(path, port=port)
    async with gateway(config, path.parent, launcher, client, port=port, tell=tell) as url:
        on_ready(url, config)
        await asyncio.get_running_loop().create_future()
