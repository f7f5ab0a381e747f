"""Ollama: a server that is there already, or ``ollama serve`` of our own."""

from __future__ import annotations

from typing import Final

import msgspec

from weighbridge.core.errors import EndpointError
from weighbridge.engines.adapter import Admin, Command, Plain, Wanted

DEFAULT_HOST: Final = "127.0.0.1:11434"
_LOAD_S: Final = 600.0


class _Loaded(msgspec.Struct):
    name: str = ""
    model: str = ""
    size: int = 0
    size_vram: int = 0


class _Ps(msgspec.Struct):
    models: list[_Loaded] = []


class Ollama(Plain):
    """Models are loaded and unloaded by asking; the process may serve others, too."""

    name = "ollama"

    def command(self, wanted: Wanted, port: int) -> Command:
        """Our own server keeps its one model until we say otherwise."""
        env = {
            "OLLAMA_HOST": f"127.0.0.1:{port}",
            "OLLAMA_NUM_PARALLEL": str(wanted.slots),
            "OLLAMA_MAX_LOADED_MODELS": "1",
            "OLLAMA_KEEP_ALIVE": "-1",
        }
        if wanted.context is not None:
            env["OLLAMA_CONTEXT_LENGTH"] = str(wanted.context)
        return Command(("ollama", "serve", *wanted.args), env | dict(wanted.env))

    def ready_path(self, wanted: Wanted) -> str:
        """It has no ``/health``."""
        del wanted
        return "/api/version"

    async def load(self, admin: Admin, wanted: Wanted) -> None:
        """An empty prompt loads; how long it stays is left to the server."""
        await admin.post("/api/generate", {"model": wanted.source, "stream": False}, _LOAD_S)


async def unload(admin: Admin, source: str) -> None:
    """Ask the server to let a model go. Raises EngineError."""
    await admin.post("/api/generate", {"model": source, "keep_alive": 0, "stream": False})


async def held_bytes(admin: Admin, source: str) -> int | None:
    """What a model takes by the server's own account; None when it is not loaded.

    Raises:
        EndpointError: the server does not answer.
    """
    status, body = await admin.get("/api/ps")
    if status != 200:
        raise EndpointError(f"Ollama answers /api/ps with status {status}.")
    try:
        listed = msgspec.json.decode(body, type=_Ps).models
    except msgspec.DecodeError as error:
        raise EndpointError(f"Ollama's /api/ps cannot be read: {error}.") from error
    names = {source, f"{source}:latest"}
    return next((one.size for one in listed if {one.name, one.model} & names), None)
