"""``weigh serve``: the gateway that executes a configuration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from weighbridge.core.effects import Launcher
from weighbridge.core.http import HttpClient
from weighbridge.core.routing import RouterConfig
from weighbridge.serve.config import listen_address, read_config
from weighbridge.serve.gateway import Gateway
from weighbridge.serve.supervisor import running_models
from weighbridge.wire.server import serve as listen

_GRACE_S = 5.0


@asynccontextmanager
async def gateway(
    config: RouterConfig, folder: Path, launcher: Launcher, client: HttpClient, *, port: int | None
) -> AsyncIterator[str]:
    """The gateway's address, while the context lasts; ``port`` overrides the configuration's.

    Raises:
        EngineError: an engine did not start.
        ExternalError: the port is taken.
    """
    host, configured = listen_address(config.listen)
    wanted = configured if port is None else port
    async with running_models(config, folder, launcher) as endpoints:
        server = await listen(Gateway(config, endpoints, client).handle, host, wanted)
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
) -> None:
    """Serve ``path`` until cancelled; calls ``on_ready`` with the address once it answers.

    Raises:
        InputError: the configuration cannot be read or is wrong.
        EngineError: an engine did not start.
        ExternalError: the port is taken.
    """
    config = read_config(path)
    async with gateway(config, path.parent, launcher, client, port=port) as url:
        on_ready(url, config)
        await asyncio.get_running_loop().create_future()
