"""One process's face to clients: the data plane with its rooms, and the addresses it listens on."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from weighbridge.core.errors import ConfigError
from weighbridge.core.gateway import Outcome
from weighbridge.core.routing import RouterConfig, Tls
from weighbridge.serve.access.keyed import KeyedAccess
from weighbridge.serve.answers import Answers
from weighbridge.serve.budgets.opening import ledger_place
from weighbridge.serve.config import Listen, key_digests, limit_figures
from weighbridge.serve.guard import guarded
from weighbridge.serve.observing.access_log import STDERR, AccessLog
from weighbridge.serve.observing.capture import Captures
from weighbridge.serve.observing.complaints import Complaints
from weighbridge.serve.observing.metrics import Metrics
from weighbridge.serve.observing.observers import events
from weighbridge.serve.observing.tracing import Traces, open_tracing
from weighbridge.serve.proxy.plane import Plane
from weighbridge.serve.proxy.times import times_of
from weighbridge.serve.routing.balance import PowerOfTwo
from weighbridge.serve.routing.classifier import load_route
from weighbridge.serve.routing.policy import RoutePolicy
from weighbridge.serve.seams import Fleet, Observer, TurnAway
from weighbridge.wire.server import Handler, Server, ServerLimits, serve

Tell = Callable[[str], None]


class WatchingFleet(Fleet, Protocol):
    """A fleet that learns from outcomes how fast its models are."""

    def observe(self, outcome: Outcome) -> None:
        """A request has ended."""


class _Watching:
    """Lets the fleet know how fast its models answer."""

    def __init__(self, fleet: WatchingFleet) -> None:
        self._fleet = fleet

    def ended(self, outcome: Outcome) -> None:
        """How fast it was."""
        self._fleet.observe(outcome)


class Front:
    """The data plane of one process, made from a configuration and able to change to another.

    Args:
        config: what to execute.
        folder: where it lies; paths are relative to it.
        fleet: the engines, or the way to them.
        workspace: where captures are kept.
        environment: configures traces.
        tell: takes sentences for whoever runs the gateway; called on the loop.
        metrics: the text of ``/metrics``.
        rates: a file that the processes of this gateway share; None for one process.
        more: further handlers by path.

    Attributes:
        metrics: what this process has counted.
        access: keys, rates and budgets.
        turn_away: refuses a request so that it is logged and counted.
        urls: where it answers, once it listens.

    Raises:
        ConfigError: an extra is missing, or a file cannot be used.
    """

    def __init__(
        self,
        config: RouterConfig,
        folder: Path,
        fleet: WatchingFleet,
        *,
        workspace: Path,
        environment: Mapping[str, str],
        tell: Tell,
        metrics: Callable[[], Awaitable[bytes]],
        rates: Path | None = None,
        more: Mapping[str, Handler] | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.metrics = Metrics()
        self.urls: tuple[str, ...] = ()
        self._config, self._folder, self._workspace = config, folder, workspace

        def tell_from_anywhere(line: str) -> None:
            """Logs and captures tell from threads of their own."""
            if not loop.is_closed():
                loop.call_soon_threadsafe(tell, line)

        self._tell = tell_from_anywhere
        self._servers: list[Server] = []
        self._tls = tls_context(config.tls, folder) if config.tls is not None else None
        policy = _policy(config, folder)
        self._traces: Traces | None = open_tracing(config.traces, environment)
        self._log = _log(config, folder, self._tell)
        self._captures = self._capturing(config)
        self.access = KeyedAccess(
            config,
            key_digests(config),
            ledger=ledger_place(config, folder),
            rates=rates,
            tell=self._tell,
        )
        self._fleet_watch = _Watching(fleet)
        self._complaints = Complaints(tell)
        self._plane = Plane(
            self.access,
            policy,
            fleet,
            PowerOfTwo(),
            self._observers(),
            limits=config.limits,
            extra={},
        )
        self.turn_away: TurnAway = self._plane.turn_away
        self._answers = Answers(
            config,
            views=lambda: fleet.views,
            access=self.access,
            metrics=metrics,
            turn_away=self.turn_away,
        )
        self._plane.extra = self._answers.handlers() | dict(more or {})

    @property
    def events(self) -> dict[str, int]:
        """What observers kept and lost."""
        return events(self._captures, self._log)

    async def listen(
        self, listens: Sequence[Listen], *, reuse_port: bool = False, sockets: Sequence[int] = ()
    ) -> None:
        """Answer at every address; ``sockets`` are descriptors of Unix sockets that listen already.

        Raises:
            ExternalError: an address is taken or may not be used.
        """
        left = list(sockets)
        for one in listens:
            if one.path and left:
                await self._serve(one, descriptor=left.pop(0))
            else:
                await self._serve(one, reuse_port=reuse_port)

    def reconfigure(self, config: RouterConfig) -> None:
        """Execute another configuration from now on; requests under way keep to the old one.

        Addresses, ledger, log and traces stay as they are until the next start.

        Raises:
            ConfigError: it cannot be used; then everything stays as it is.
        """
        policy, times = _policy(config, self._folder), times_of(config.limits)
        if self._tls is not None and config.tls is not None:
            load_certificate(self._tls, config.tls, self._folder)
        self.access.reload(config, key_digests(config))
        self._plane.policy, self._plane.times = policy, times
        self._answers.config = config
        for server in self._servers:
            server.limits = _server_limits(config)
        if config.capture != self._config.capture:
            old, self._captures = self._captures, self._capturing(config)
            self._plane.observers = self._observers()
            if old is not None:
                asyncio.get_running_loop().run_in_executor(None, old.close)
        self._config = config

    def reopen_log(self) -> None:
        """For programs that rotate logs."""
        if self._log is not None:
            self._log.reopen()

    async def close(self, grace_s: float) -> None:
        """Accept no more, let answers under way end within ``grace_s``, then let go of all."""
        self._answers.draining = True
        # A moment before the servers let go of their clients, who would look as if they had left.
        if grace_s > 0:
            asyncio.get_running_loop().call_later(grace_s, self._plane.abandon)
        else:
            self._plane.abandon()
        await asyncio.gather(*(server.close(grace_s) for server in self._servers))
        self._plane.close()
        await self.access.close()
        closing = [part.close for part in (self._log, self._captures, self._traces) if part]
        await asyncio.gather(*(asyncio.to_thread(close) for close in closing))

    async def _serve(
        self, one: Listen, *, reuse_port: bool = False, descriptor: int | None = None
    ) -> None:
        limits = _server_limits(self._config)
        if one.path:
            path = self._folder / one.path
            server = await serve(
                self._plane.handle,
                limits=limits,
                tls=self._tls,
                path=path,
                descriptor=descriptor,
            )
            self.urls += (f"unix:{path}",)
        else:
            server = await serve(
                self._plane.handle,
                one.host,
                one.port,
                limits=limits,
                tls=self._tls,
                reuse_port=reuse_port,
            )
            # With keys nobody gets in through another site's page; without, nobody else shall.
            if one.is_local and not self._config.keys:
                port = server.address[1]
                server.handler = guarded(self._plane.handle, port, self.turn_away)
            self.urls += (server.url,)
        self._servers.append(server)

    def _observers(self) -> tuple[Observer, ...]:
        parts = (
            self.metrics,
            self._fleet_watch,
            self._complaints,
            self._log,
            self._captures,
            self._traces,
        )
        return tuple(part for part in parts if part is not None)

    def _capturing(self, config: RouterConfig) -> Captures | None:
        if config.capture.share <= 0:
            return None
        return Captures(config.capture, self._workspace, self._tell)


def tls_context(tls: Tls, folder: Path) -> ssl.SSLContext:
    """What https is served with.

    Raises:
        ConfigError: certificate and key cannot be used.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    load_certificate(context, tls, folder)
    return context


def load_certificate(context: ssl.SSLContext, tls: Tls, folder: Path) -> None:
    """Use the certificate that lies there now, for connections from now on.

    Raises:
        ConfigError: certificate and key cannot be used.
    """
    try:
        context.load_cert_chain(folder / tls.certificate, folder / tls.key)
    except (OSError, ssl.SSLError) as error:
        why = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise ConfigError(f"tls: {tls.certificate} and {tls.key} cannot be used: {why}.") from None


def _policy(config: RouterConfig, folder: Path) -> RoutePolicy:
    learned = config.signals.learned
    return RoutePolicy(config, load_route(folder / learned) if learned is not None else None)


def _log(config: RouterConfig, folder: Path, tell: Tell) -> AccessLog | None:
    if config.log is None:
        return None
    target = config.log if config.log == STDERR else os.fspath(folder / config.log)
    return AccessLog(target, tell)


def _server_limits(config: RouterConfig) -> ServerLimits:
    limits = limit_figures(config.limits)
    # Several workers share the port, and so the clients.
    share = -(-limits.connections // max(1, config.workers))
    return ServerLimits(
        header_bytes=limits.header_bytes,
        body_bytes=limits.body_bytes,
        read_s=limits.read_s,
        idle_s=limits.idle_s,
        write_s=limits.write_s,
        connections=share,
    )
