"""An engine that runs under our care, and how one is started."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
from collections.abc import Coroutine
from typing import Protocol

from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.errors import EndpointError, EngineError
from weighbridge.core.http import HttpClient
from weighbridge.engines.adapter import Adapter, Admin, Wanted
from weighbridge.engines.adapters import ADAPTERS
from weighbridge.engines.any_command import NAME as ANY_COMMAND
from weighbridge.engines.any_command import filled, words_of
from weighbridge.engines.attached_ollama import attach
from weighbridge.engines.failure import PortTakenError, ended
from weighbridge.engines.guarded import Guarded
from weighbridge.engines.offered import offered_context
from weighbridge.engines.readiness import (
    generate_once,
    health_status,
    is_good,
    is_healthy,
    known_as,
    listens,
)

_PORT_ATTEMPTS = 3
_POLL_S = 0.02
_SLOWEST_POLL_S = 0.5
_STOP_COMMAND_S = 15.0
_NO_SUCH_PATH = frozenset({401, 403, 404, 405, 410})


class Engine(Protocol):
    """What the supervisor does with an engine, whatever it is."""

    @property
    def endpoint(self) -> Endpoint:
        """Where the model answers."""

    @property
    def can_sleep(self) -> bool:
        """Whether it can give its memory back without ending."""

    @property
    def may_leave(self) -> bool:
        """Whether its end by itself is no failure, because somebody else decides on it."""

    def is_alive(self) -> bool:
        """Whether its process still runs; cheap."""

    def why_ended(self) -> EngineError:
        """Of one that is not alive."""

    async def is_well(self, limit_s: float) -> bool:
        """Whether it answers in time, and none of its processes is halted."""

    async def memory(self) -> int | None:
        """Resident bytes of its processes, or what the engine says; None where neither tells."""

    async def pids(self) -> tuple[int, ...]:
        """Its processes, for asking the GPU's driver what they hold."""

    async def context(self) -> int | None:
        """Tokens that a request may take, as the engine says; None where it does not."""

    async def sleep(self) -> None:
        """Give its memory back. Raises EngineError."""

    async def wake(self) -> None:
        """Take it again; it serves afterwards. Raises EngineError."""

    async def stop(self, grace_s: float) -> None:
        """End it and all that it started. Raises EngineError where that cannot be done."""


class StartedEngine:
    """A process tree of ours that serves one model."""

    def __init__(
        self, adapter: Adapter, wanted: Wanted, process: Guarded, admin: Admin, client: HttpClient
    ) -> None:
        self._adapter = adapter
        self._wanted = wanted
        self._process = process
        self._admin = admin
        self._client = client
        self._status: int | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where the model answers."""
        return self._admin.endpoint

    @property
    def can_sleep(self) -> bool:
        """As its adapter says."""
        return self._adapter.can_sleep(self._wanted)

    @property
    def may_leave(self) -> bool:
        """No: an engine that ends has failed."""
        return False

    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.is_alive()

    def why_ended(self) -> EngineError:
        """From the end of its log."""
        return ended(self._wanted.model, self._process.log(), self._process.code, when="by itself")

    async def is_well(self, limit_s: float) -> bool:
        """Health path and processes."""
        if await asyncio.to_thread(self._process.is_stopped):
            return False
        self._process.log()  # keeps it short
        return await is_healthy(self._admin, self._adapter.ready_path(self._wanted), limit_s)

    async def memory(self) -> int | None:
        """Resident bytes of the process tree."""
        if self._runs_elsewhere:
            return None
        return await asyncio.to_thread(self._process.memory_bytes)

    async def pids(self) -> tuple[int, ...]:
        """The process tree, without the guardian."""
        if self._runs_elsewhere:
            return ()
        processes = await asyncio.to_thread(self._process.processes)
        return tuple(process.pid for process in processes)

    @property
    def _runs_elsewhere(self) -> bool:
        """Whether what serves may be no child of ours: a container, which ``stop`` ends."""
        return self._wanted.cmd is not None and self._wanted.stop is not None

    async def context(self) -> int | None:
        """As it says itself."""
        return await offered_context(self._admin)

    async def sleep(self) -> None:
        """As its adapter does."""
        await self._adapter.sleep(self._admin, self._wanted)

    async def wake(self) -> None:
        """As its adapter does, then one token: the first after a wake is several times slower."""
        await self._adapter.wake(self._admin, self._wanted)
        try:
            await generate_once(self._admin, self._wanted.can, 120.0)
        except EndpointError as error:
            raise EngineError(f"Nothing after waking: {error.message}") from error

    async def stop(self, grace_s: float) -> None:
        """The configured command where there is one, then signals."""
        if self._wanted.stop and self.is_alive():
            await self._run_stop_command(self._wanted.stop)
        await self._process.stop(grace_s)

    async def _run_stop_command(self, text: str) -> None:
        port = self._admin.endpoint.base.port
        env = {"PORT": str(port)} | {k: filled(v, port) for k, v in self._wanted.env.items()}
        words = words_of(text, self._wanted.model, port)
        command = Guarded.start(words, env, hidden=self._wanted.hidden)
        deadline = asyncio.get_running_loop().time() + _STOP_COMMAND_S
        while command.is_alive() and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(_POLL_S)
        await command.stop(0.0)

    async def wait_until_ready(self) -> None:
        """Healthy, ours, the right model, and one token generated; the caller's deadline bounds it.

        Raises:
            EngineError: it ended meanwhile, or is not what was started.
        """
        path, pause_s = self._adapter.ready_path(self._wanted), _POLL_S
        while not is_good(status := await health_status(self._admin, path)):
            self._status = status
            self._fail_if_ended()
            await asyncio.sleep(pause_s)
            pause_s = min(1.2 * pause_s, _SLOWEST_POLL_S)
        await asyncio.to_thread(self._check_listener)
        await self._adapter.load(self._admin, self._wanted)
        try:
            name = await known_as(
                self._client, self.endpoint, names_itself=self._adapter.names_itself
            )
            self._admin.endpoint = dataclasses.replace(self.endpoint, model=name)
            await generate_once(self._admin, self._wanted.can, 600.0)
        except EndpointError as error:
            self._fail_if_ended()
            raise EngineError(f"{self._wanted.model}: {error.message}", fix=error.fix) from error

    def not_ready(self, deadline_s: float) -> EngineError:
        """Why it was not ready in time, as far as it can be seen."""
        said = f"The engine for {self._wanted.model} was not ready after {deadline_s:.0f} s"
        public = f"{said}; the gateway's log says why."
        path = self._adapter.ready_path(self._wanted)
        # A server that is up and does not know the path will not know it later either.
        if self._adapter.name == ANY_COMMAND and self._status in _NO_SUCH_PATH:
            return EngineError(
                f"{said}: it answers {path} with status {self._status}.",
                fix="Set its `ready_path` to a path that answers 200 once it can serve, for "
                "example /v1/models.",
                for_clients=public,
            )
        last = self._process.log().strip().rpartition("\n")[2][:200]
        return EngineError(
            said + (f"; the last it said: {last}" if last else "."),
            fix="A large model may need longer: raise its `cold_start`.",
            for_clients=public,
        )

    def _fail_if_ended(self) -> None:
        if not self.is_alive():
            log, code = self._process.log(), self._process.code
            raise ended(self._wanted.model, log, code, when="while it started")

    def _check_listener(self) -> None:
        """A healthy answer may come from a stranger on the same port."""
        port = self.endpoint.base.port
        if self._runs_elsewhere:
            return
        if listens(port, self._process.processes()) is False:
            raise PortTakenError(
                f"{self._wanted.model}: somebody else answers on port {port}.",
                fix="The command has to listen on ${PORT} itself, in the foreground.",
            )


class EngineLauncher:
    """Starts engines; the real launcher of the supervisor.

    Args:
        client: for asking them.
        grace_s: how long one that does not get ready may take to end.
    """

    def __init__(self, client: HttpClient, *, grace_s: float = 5.0) -> None:
        self._client = client
        self._grace_s = grace_s

    async def launch(self, wanted: Wanted, deadline_s: float) -> Engine:
        """Start an engine and wait until it has generated a token.

        Raises:
            InputError: its source or command cannot be.
            EngineError: it cannot be started, died, or was not ready in time.
        """
        if wanted.engine == "ollama" and (found := await attach(self._client, wanted, deadline_s)):
            return found
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            try:
                return await self._launch(wanted, deadline_s)
            except PortTakenError:
                if attempt == _PORT_ATTEMPTS:
                    raise
        raise AssertionError  # pragma: no cover -- the loop returns or raises

    async def _launch(self, wanted: Wanted, deadline_s: float) -> StartedEngine:
        adapter, port = ADAPTERS[wanted.engine], free_port()
        command = adapter.command(wanted, port)
        process = Guarded.start(command.argv, command.env, hidden=wanted.hidden)
        endpoint = endpoint_at(f"http://127.0.0.1:{port}", wanted.served)
        admin = Admin(self._client, endpoint)
        engine = StartedEngine(adapter, wanted, process, admin, self._client)
        try:
            async with asyncio.timeout(deadline_s):
                await engine.wait_until_ready()
        except TimeoutError:
            error = engine.not_ready(deadline_s)
            await _shielded(process.stop(self._grace_s))
            raise error from None
        except BaseException:
            await _shielded(process.stop(self._grace_s))
            raise
        return engine


async def _shielded(stop: Coroutine[None, None, None]) -> None:
    """Even while we are cancelled, nothing may be left running."""
    await asyncio.shield(asyncio.create_task(stop))


def free_port() -> int:
    """A port of the loopback interface that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
