"""``weigh serve``: the gateway that executes a configuration."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.http import HttpClient
from weighbridge.core.routing import RouterConfig
from weighbridge.serve.admin.handler import PREFIX, with_admin_key
from weighbridge.serve.center import Center
from weighbridge.serve.config import Listen, limit_figures, listens, parse_listen, read_config
from weighbridge.serve.front import Front
from weighbridge.serve.reload import watch
from weighbridge.serve.supervisor.owner import Launcher
from weighbridge.serve.tuning import settle_memory
from weighbridge.verbs.serve_workers import working
from weighbridge.wire.server import Handler, Responder, ServerRequest

Tell = Callable[[str], None]


def _unheard(line: str) -> None:
    """Nobody reads what the gateway has to tell."""


@asynccontextmanager
async def gateway(
    config: RouterConfig,
    folder: Path,
    client: HttpClient,
    *,
    port: int | None = None,
    path: Path | None = None,
    workspace: Path | None = None,
    environment: Mapping[str, str] | None = None,
    launcher: Launcher | None = None,
    tell: Tell = _unheard,
) -> AsyncIterator[Running]:
    """The gateway, while the context lasts. Its engines start when they are asked for.

    Args:
        config: what to serve.
        folder: where the configuration lies.
        client: reaches engines.
        port: overrides the first configured port.
        path: the file that the configuration came from, where it may be reloaded.
        workspace: where captures go and the gateway announces itself; ``folder/.weighbridge``
            where nothing is said.
        environment: holds keys; the process's own where nothing is said.
        launcher: starts engines.
        tell: gets a line for whatever whoever runs the gateway should know.

    Raises:
        ConfigError: the configuration cannot be executed.
        ExternalError: an address is taken.
    """
    center = Center(
        config,
        path,
        folder,
        client=client,
        workspace=workspace or folder / ".weighbridge",
        environment=os.environ if environment is None else environment,
        tell=tell,
        launcher=launcher,
    )
    wanted = _addresses(config, port)
    grace_s = limit_figures(config.limits).drain_s
    where = workspace or folder / ".weighbridge"
    async with center:
        serving = working if config.workers > 1 else _alone
        async with serving(
            center,
            wanted,
            folder,
            grace_s=grace_s,
            workspace=where,
            environment=os.environ if environment is None else environment,
        ) as urls:
            center.listen = urls
            admin = await center.open_admin_port()
            yield Running(urls[0], admin, center)


class Running:
    """A gateway that answers.

    Attributes:
        url: where, for the first configured address.
        admin_url: where administrators are answered, if anywhere.
        center: its engines and figures.
    """

    def __init__(self, url: str, admin_url: str | None, center: Center) -> None:
        self.url = url
        self.admin_url = admin_url
        self.center = center


async def serve(
    path: Path,
    client: HttpClient,
    *,
    port: int | None,
    workspace: Path,
    on_ready: Callable[[Running, RouterConfig], None],
    tell: Tell = _unheard,
) -> None:
    """Serve ``path`` until cancelled, and whatever it says later on.

    Args:
        path: the configuration; read again when it changes, and on SIGHUP.
        client: reaches engines.
        port: overrides the first configured port.
        workspace: where captures go and the gateway announces itself.
        on_ready: called once it answers.
        tell: gets a line for whatever whoever runs the gateway should know.

    Raises:
        InputError: the configuration cannot be read or is wrong.
        ExternalError: an address is taken.
    """
    config = await asyncio.to_thread(read_config, path, port=port)
    async with gateway(
        config, path.parent, client, port=port, path=path, workspace=workspace, tell=tell
    ) as running:
        settle_memory()
        on_ready(running, config)

        async def reload() -> None:
            with contextlib.suppress(WeighbridgeError):  # told already
                await running.center.reload()

        loop = asyncio.get_running_loop()
        reloads: set[asyncio.Task[None]] = set()

        def on_hangup() -> None:
            running.center.reopen_logs()
            task = loop.create_task(reload())
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        loop.add_signal_handler(signal.SIGHUP, on_hangup)
        await watch(path, reload, running.center.gone)


@asynccontextmanager
async def _alone(
    center: Center,
    wanted: tuple[Listen, ...],
    folder: Path,
    *,
    grace_s: float,
    workspace: Path,
    environment: Mapping[str, str],
) -> AsyncIterator[tuple[str, ...]]:
    """Everything in this process."""

    async def metrics() -> bytes:
        await center.looked()
        return center.metrics()

    admin: list[Handler] = []

    async def administrate(request: ServerRequest, responder: Responder) -> None:
        await admin[0](request, responder)

    front = Front(
        center.config,
        folder,
        center.fleet,
        workspace=workspace,
        environment=environment,
        tell=center.tell,
        metrics=metrics,
        more={PREFIX: administrate},
    )
    admin.append(center.admin_handler(with_admin_key(front.access.who), front.turn_away))
    center.figures = lambda: [front.metrics.record()]
    center.events = lambda: front.events
    center.spendings = front.access.spendings
    center.look = front.access.look
    center.apply = front.reconfigure
    center.reopen_logs = front.reopen_log
    try:
        await front.listen(wanted)
        yield front.urls
    finally:
        await front.close(grace_s)


def _addresses(config: RouterConfig, port: int | None) -> tuple[Listen, ...]:
    found = tuple(parse_listen(text) for text in listens(config))
    if port is None or found[0].path:
        return found
    return (Listen(found[0].host, port), *found[1:])
