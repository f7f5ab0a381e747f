"""The engines, and all that administrators and pages see of a gateway, whatever its workers."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from weighbridge.core.errors import ConfigError, WeighbridgeError
from weighbridge.core.gateway import GatewayView, ModelView, Spending
from weighbridge.core.http import HttpClient
from weighbridge.core.routing import RouterConfig
from weighbridge.engines.started import EngineLauncher
from weighbridge.serve.admin.handler import Admit, admin_handler
from weighbridge.serve.admin.port import open_admin_port
from weighbridge.serve.admin.view import gateway_view
from weighbridge.serve.config import parse_listen, read_config
from weighbridge.serve.observing.counts import Snapshot, merge
from weighbridge.serve.observing.exposition import Surroundings, render
from weighbridge.serve.observing.observers import live_figures
from weighbridge.serve.seams import TurnAway
from weighbridge.serve.supervisor.fleet import Supervisor
from weighbridge.serve.supervisor.memory import find_meter
from weighbridge.serve.supervisor.owner import Launcher
from weighbridge.wire.server import Handler, Server
from weighbridge.workspace.gateways import announce, withdraw

Tell = Callable[[str], None]

_REMEMBERED: Final = 50
_ONLY_AT_START: Final = ("listen", "admin", "workers", "ledger", "log", "traces")


class Center:
    """Engines, admin port and figures of a gateway.

    As an asynchronous context it runs the engines.

    Args:
        config: what to execute.
        path: the file it came from, for reloading; None where there is none.
        folder: where it lies.
        client: reaches engines.
        workspace: where the gateway announces itself.
        environment: holds keys.
        tell: takes sentences for whoever runs the gateway.
        launcher: starts engines.

    Attributes:
        config: the one in use.
        fleet: the engines.
        listen: where clients are answered, as soon as that is known.
        figures: counters of every process that answers; set by whoever runs them.
        events: what their observers kept and lost.
        spendings: every budget at a time, as far as it has been looked up.
        look: looks up those that have not been.
        more_in_flight: requests that the fleet does not see.
        speed: how fast a model answers, where the fleet does not see that.
        apply: hands another configuration to whoever answers.
        reopen_logs: lets whoever answers log to a new file of the same name.
    """

    def __init__(
        self,
        config: RouterConfig,
        path: Path | None,
        folder: Path,
        *,
        client: HttpClient,
        workspace: Path,
        environment: Mapping[str, str],
        tell: Tell,
        launcher: Launcher | None = None,
    ) -> None:
        self.config = config
        self.listen: tuple[str, ...] = ()
        self.figures: Callable[[], list[bytes | Snapshot]] = list
        self.events: Callable[[], dict[str, int]] = dict
        self.spendings: Callable[[float], tuple[Spending, ...]] = lambda _: ()
        self.look: Callable[[float], Awaitable[None]] = _look_at_nothing
        self.more_in_flight: Callable[[str], int] = lambda _: 0
        self.speed: Callable[[str], tuple[float | None, float | None]] | None = None
        self.apply: Callable[[RouterConfig], None] = lambda _: None
        self.reopen_logs: Callable[[], None] = lambda: None
        self._path, self._workspace = path, workspace
        self._say = tell
        self._recent: deque[str] = deque(maxlen=_REMEMBERED)
        self._began_s = time.monotonic()
        self._config_error = ""
        self._reloading = asyncio.Lock()
        self._admin: Server | None = None
        self.fleet = Supervisor(
            config,
            folder,
            launcher=launcher or EngineLauncher(client),
            client=client,
            meter=find_meter(config.machine),
            environment=environment,
            tell=self.tell,
        )

    async def __aenter__(self) -> Center:
        await self.fleet.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        withdraw(self._workspace, os.getpid())
        if self._admin is not None:
            await self._admin.close()
        await self.fleet.close()

    def tell(self, line: str) -> None:
        """Say a sentence, and keep it for the live page."""
        self._recent.append(f"{time.strftime('%H:%M:%S')} {line}")
        self._say(line)

    # -- administration -------------------------------------------------------------------------

    async def open_admin_port(self) -> str | None:
        """Answer administrators where the configuration says so; the address, if any.

        Raises:
            ExternalError: the port is taken.
        """
        if self.config.admin is None:
            return None
        one = parse_listen(self.config.admin)
        self._admin = await open_admin_port(one.host, one.port, self.admin_handler)
        announce(self._workspace, self._admin.url, os.getpid())
        return self._admin.url

    def admin_handler(self, admit: Admit, turn_away: TurnAway | None = None) -> Handler:
        """Answers administrators that ``admit`` lets in; the others are for ``turn_away``."""
        return admin_handler(
            self.fleet,
            self.view,
            self.reload,
            self.metrics,
            admit,
            tell=self.tell,
            look=self.looked,
            turn_away=turn_away,
        )

    async def reload(self) -> None:
        """Read the configuration again; one that is wrong changes nothing.

        Raises:
            InputError: the file cannot be read, or says something that cannot be.
        """
        if self._path is None:
            raise ConfigError("This gateway was not started from a file.")
        async with self._reloading:
            try:
                config = await asyncio.to_thread(read_config, self._path)
                if config == self.config:
                    if self._config_error:
                        self.tell(f"{self._path} says again what is in use.")
                    self._config_error = ""
                    return
                await self.fleet.update(config)
                self.apply(config)
            except WeighbridgeError as error:
                self._config_error = str(error)
                self.tell(f"The configuration is not used, the one before stays: {error}")
                raise
            waits = only_at_start(config, self.config)
            self.config, self._config_error = config, ""
        self.tell(f"{self._path} is in use from now on.")
        if waits:
            self.tell(f"What it says of {', '.join(waits)} counts from the next start on.")

    def gone(self) -> None:
        """The file that the configuration came from is no longer there."""
        line = f"{self._path} is gone; the one before stays in use until it is back."
        self._config_error = line
        self.tell(line)

    # -- what is seen ---------------------------------------------------------------------------

    def views(self) -> dict[str, ModelView]:
        """Every model, with what only workers see."""
        return {name: self._whole(view) for name, view in self.fleet.views.items()}

    def _whole(self, view: ModelView) -> ModelView:
        if self.speed is None:
            return view
        ttft_s, rate = self.speed(view.model)
        in_flight = view.in_flight + self.more_in_flight(view.model)
        return replace(view, in_flight=in_flight, ttft_s=ttft_s, output_tokens_per_s=rate)

    async def looked(self) -> None:
        """Until every budget has been looked up: one that is left out looks like unspent."""
        await self.look(time.time())

    def view(self) -> GatewayView:
        """The gateway at this moment."""
        now, uptime_s = time.time(), time.monotonic() - self._began_s
        return gateway_view(
            time=now,
            uptime_s=uptime_s,
            listen=self.listen,
            models=self.views(),
            figures=live_figures(self._counted(), now, uptime_s),
            memory_bytes=self.fleet.budget_bytes,
            used_bytes=self.fleet.used_bytes,
            spendings=self.spendings(now),
            config_error=self._config_error,
            recent=tuple(self._recent),
        )

    def metrics(self) -> bytes:
        """The text of ``/metrics``."""
        around = Surroundings(
            models=self.views(),
            starts=self.fleet.starts,
            memory_bytes=self.fleet.budget_bytes,
            used_bytes=self.fleet.used_bytes,
            budgets=self.spendings(time.time()),
            events=self.events(),
            config_ok=not self._config_error,
        )
        return render(self._counted(), around)

    def _counted(self) -> Snapshot:
        parts = self.figures()
        return parts[0] if len(parts) == 1 and isinstance(parts[0], Snapshot) else merge(parts)


async def _look_at_nothing(now: float) -> None:
    """Nobody keeps budgets."""


def only_at_start(new: RouterConfig, old: RouterConfig) -> list[str]:
    """What has changed and counts only from the next start on."""
    found = [name for name in _ONLY_AT_START if getattr(new, name) != getattr(old, name)]
    if (new.tls is None) != (old.tls is None):  # certificates themselves are read anew
        found.append("tls")
    if new.machine.device != old.machine.device:
        found.append("machine.device")
    return found
