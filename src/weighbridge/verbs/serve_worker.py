"""The program of a worker: ``python -m weighbridge.verbs.serve_worker PARENT SETTINGS DESCRIPTOR``.

It answers clients; for engines it asks the keeper at the other end of the descriptor.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import msgspec
import uvloop

from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.gateway import Refusal
from weighbridge.core.routing import RouterConfig
from weighbridge.engines.lifeline import die_with_parent
from weighbridge.serve.admin.handler import PREFIX
from weighbridge.serve.config import Listen
from weighbridge.serve.front import Front
from weighbridge.serve.tuning import settle_memory
from weighbridge.serve.workers.messages import (
    Channel,
    Configured,
    Drain,
    Figures,
    Listening,
    Message,
    Ping,
    Pong,
    Refused,
    ReopenLog,
    Say,
    Told,
    Turned,
    Views,
)
from weighbridge.serve.workers.remote_fleet import RemoteFleet
from weighbridge.verbs.serve_workers import WorkerSettings
from weighbridge.wire.server import Responder, ServerRequest

_FIGURES_S = 0.5
_ELSEWHERE = Refusal(
    404,
    "With several workers, administrators are answered only at the port `admin` names.",
    "not_found_error",
)


class Worker:
    """Listens once it has been told what to execute, and until it is told to end."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._channel = Channel(self._receive, self._orphaned)
        self._fleet = RemoteFleet(self._channel.send)
        self._first: asyncio.Future[RouterConfig] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()
        self._front: Front | None = None
        self._grace_s = settings.grace_s

    async def run(self, descriptor: int) -> None:
        """Work until the keeper says so or is gone."""
        loop = asyncio.get_running_loop()
        sock = socket.socket(fileno=descriptor)
        await loop.create_connection(lambda: self._channel, sock=sock)
        loop.add_signal_handler(signal.SIGTERM, self._over.set)
        config = await self._first
        settings = self._settings
        try:
            front = Front(
                config,
                Path(settings.folder),
                self._fleet,
                workspace=Path(settings.workspace),
                environment=os.environ,
                tell=lambda line: self._channel.send(Say(line)),
                metrics=lambda: self._fleet.ask("metrics"),
                rates=Path(settings.rates),
                more={PREFIX: self._administrate},
            )
            self._front = front
            listens = [Listen(host, port, path) for host, port, path in settings.listens]
            await front.listen(listens, reuse_port=True, sockets=settings.sockets)
        except WeighbridgeError as error:
            self._channel.send(Say(f"A worker cannot start: {error}"))
            await asyncio.sleep(0.1)  # so that it is heard
            return
        settle_memory()
        self._channel.send(Listening())
        telling = asyncio.create_task(self._keep_telling(front))
        await self._over.wait()
        telling.cancel()
        await front.close(self._grace_s)
        self._tell(front)
        await asyncio.sleep(0.05)  # its last figures are on their way

    async def _keep_telling(self, front: Front) -> None:
        while True:
            self._tell(front)
            await asyncio.sleep(_FIGURES_S)

    def _tell(self, front: Front) -> None:
        fleet = self._fleet
        metrics = front.metrics.snapshot()
        self._channel.send(Figures(metrics, fleet.in_flight, front.events, fleet.speeds))

    def _orphaned(self) -> None:
        """Without its keeper there are no engines: nothing is left to wait for."""
        self._fleet.orphaned()
        self._grace_s = 0.0
        self._over.set()
        if not self._first.done():
            self._first.cancel()

    def _receive(self, message: Message) -> None:
        match message:
            case Turned():
                self._fleet.turned(message)
            case Views():
                self._fleet.seen(message)
            case Told():
                self._fleet.told(message)
            case Configured():
                self._configure(message.config)
            case ReopenLog() if self._front is not None:
                self._front.reopen_log()
            case Ping():
                self._channel.send(Pong())
            case Drain():
                self._over.set()

    async def _administrate(self, request: ServerRequest, responder: Responder) -> None:
        if self._front is not None:  # it is there before anybody is let in
            self._front.turn_away(request, responder, _ELSEWHERE)

    def _configure(self, config: RouterConfig) -> None:
        if not self._first.done():
            self._first.set_result(config)
        elif self._front is not None:
            try:
                self._front.reconfigure(config)
            except WeighbridgeError as error:
                self._channel.send(Refused(f"A worker keeps the configuration it has: {error}"))


def main() -> None:
    """Work until the keeper lets go."""
    die_with_parent(int(sys.argv[1]))
    # ctrl-C is for the keeper, who drains its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    settings = msgspec.json.decode(sys.argv[2], type=WorkerSettings)

    async def work() -> None:
        await Worker(settings).run(int(sys.argv[3]))

    try:
        uvloop.run(work())
    except asyncio.CancelledError:
        sys.exit(1)


if __name__ == "__main__":
    main()
