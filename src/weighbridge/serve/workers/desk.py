"""The keeper's side of a worker: gives its requests their turns at the engines."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import BusyError, EngineError
from weighbridge.core.http import parse_url
from weighbridge.serve.seams import Fleet
from weighbridge.serve.workers.messages import (
    Cancel,
    FromKeeper,
    Leave,
    Suspect,
    Turn,
    Turned,
    Views,
)
from weighbridge.serve.workers.remote_fleet import address_of


class KeptFleet(Fleet, Protocol):
    """A fleet that can say which of its models need no turn."""

    def open_endpoints(self) -> Mapping[str, Sequence[Endpoint]]:
        """Models of servers that somebody else runs, with no limit of ours, and their addresses."""


class Desk:
    """What one worker holds of the fleet; all of it is given back when the worker is gone."""

    def __init__(self, fleet: KeptFleet, send: Callable[[FromKeeper], None]) -> None:
        self._fleet = fleet
        self._send = send
        self._waiting: dict[int, asyncio.Task[None]] = {}
        self._held: Counter[str] = Counter()

    def turn(self, message: Turn) -> None:
        """Give the turn now where the model is ready, else when it is."""
        endpoints = self._fleet.enter(message.model)
        if endpoints:
            self._give(message, endpoints)
            return
        task = asyncio.get_running_loop().create_task(self._wait(message))
        self._waiting[message.id] = task
        task.add_done_callback(lambda _: self._waiting.pop(message.id, None))

    def cancel(self, message: Cancel) -> None:
        """Nobody waits for this turn any more; one that has just been given comes back."""
        task = self._waiting.get(message.id)
        if task is not None:
            task.cancel()

    def leave(self, message: Leave) -> None:
        """A request has ended."""
        if self._held[message.model] > 0:
            self._held[message.model] -= 1
            self._fleet.leave(message.model)

    def suspect(self, message: Suspect) -> None:
        """Look after the model's server now."""
        endpoint = Endpoint(parse_url(message.url), message.model)
        self._fleet.suspect(message.model, endpoint, refused=message.refused)

    def tell_views(self) -> None:
        """Let the worker know how the models are doing."""
        opened = {
            model: tuple(address_of(endpoint) for endpoint in endpoints)
            for model, endpoints in self._fleet.open_endpoints().items()
        }
        self._send(Views(tuple(self._fleet.views.values()), opened))

    async def close(self) -> None:
        """The worker is gone: what it held is free again."""
        tasks = list(self._waiting.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for model, count in self._held.items():
            for _ in range(count):
                self._fleet.leave(model)
        self._held.clear()

    def _give(self, message: Turn, endpoints: Sequence[Endpoint]) -> None:
        self._held[message.model] += 1
        self._send(Turned(message.id, tuple(address_of(endpoint) for endpoint in endpoints)))

    async def _wait(self, message: Turn) -> None:
        try:
            endpoints = await self._fleet.wait(message.model, message.limit_s)
        except asyncio.CancelledError:
            self._send(Turned(message.id, (), "Nobody waits for this turn any more."))
            raise
        except BusyError as error:
            after_s = error.retry_after_s
            self._send(Turned(message.id, (), error.message, error.fix, after_s))
        except EngineError as error:
            self._send(Turned(message.id, (), error.message, error.fix))
        else:
            self._give(message, endpoints)
