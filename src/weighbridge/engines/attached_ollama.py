"""A model in an Ollama that somebody else runs: loaded and unloaded, never started or stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from weighbridge.core.endpoint import Endpoint, endpoint_at
from weighbridge.core.errors import EndpointError, EngineError, InputError
from weighbridge.core.http import HttpClient
from weighbridge.engines.adapter import Admin, Wanted
from weighbridge.engines.ollama import DEFAULT_HOST, held_bytes, unload
from weighbridge.engines.readiness import generate_once, is_healthy

_POLL_S = 0.25


async def attach(client: HttpClient, wanted: Wanted, deadline_s: float) -> AttachedOllama | None:
    """The model, loaded, where an Ollama answers at ``OLLAMA_HOST``; None where none does.

    Raises:
        EngineError: it does not know the model, or cannot load it in time.
    """
    try:
        endpoint = endpoint_at(_host(wanted.env), wanted.source)
    except InputError:
        return None
    admin = Admin(client, endpoint)
    if not await is_healthy(admin, "/api/version", 1.0):
        return None
    engine = AttachedOllama(admin, wanted)
    try:
        async with asyncio.timeout(deadline_s):
            await admin.post(
                "/api/generate", {"model": wanted.source, "stream": False}, limit_s=deadline_s
            )
            await generate_once(admin, wanted.can, deadline_s)
            await engine.memory()
    except (TimeoutError, EndpointError) as error:
        said = f"Ollama did not load {wanted.source} within {deadline_s:.0f} s."
        raise EngineError(said, fix="Raise the model's `cold_start`.") from error
    return engine


def _host(env: Mapping[str, str]) -> str:
    host = env.get("OLLAMA_HOST") or DEFAULT_HOST
    return host if ":" in host.rpartition("/")[2] else f"{host}:11434"


class AttachedOllama:
    """Its server decides how long a model stays; we ask whether it is still there."""

    def __init__(self, admin: Admin, wanted: Wanted) -> None:
        self._admin = admin
        self._source = wanted.source
        self._loaded = True

    @property
    def endpoint(self) -> Endpoint:
        """Where the model answers."""
        return self._admin.endpoint

    @property
    def can_sleep(self) -> bool:
        """Unloading is all there is."""
        return False

    @property
    def may_leave(self) -> bool:
        """Its server unloads what nobody has asked for long enough."""
        return True

    def is_alive(self) -> bool:
        """Whether the server had it loaded when last asked."""
        return self._loaded

    async def context(self) -> int | None:
        """It does not say."""
        return None

    def why_ended(self) -> EngineError:
        """Its server's own decision."""
        return EngineError(f"Ollama has unloaded {self._source}.")

    async def is_well(self, limit_s: float) -> bool:
        """Whether the server answers; also notices that it has unloaded the model."""
        try:
            async with asyncio.timeout(limit_s):
                await self.memory()
        except (EndpointError, TimeoutError):
            return False
        return True

    async def memory(self) -> int | None:
        """By the server's own account; 0 when it has unloaded the model."""
        held = await held_bytes(self._admin, self._source)
        self._loaded = held is not None
        return held or 0

    async def pids(self) -> tuple[int, ...]:
        """Its processes are not ours."""
        return ()

    async def sleep(self) -> None:
        """Never asked for."""
        raise EngineError("Ollama cannot sleep.", fix="Stop the model instead.")

    async def wake(self) -> None:
        """Never asked for."""
        raise EngineError("Ollama does not sleep.")

    async def stop(self, grace_s: float) -> None:
        """Unload, and wait until the server says so."""
        await unload(self._admin, self._source)
        deadline = asyncio.get_running_loop().time() + max(grace_s, 5.0)
        try:
            while await self.memory():
                if asyncio.get_running_loop().time() > deadline:
                    raise EngineError(f"Ollama does not unload {self._source}.")
                await asyncio.sleep(_POLL_S)
        except EndpointError:
            self._loaded = False
