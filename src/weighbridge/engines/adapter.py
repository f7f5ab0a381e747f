"""What the supervisor needs to know of an engine; each engine has one file that tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import EndpointError, EngineError
from weighbridge.core.http import HttpClient, Request, Timeouts, Url


@dataclass(frozen=True, slots=True)
class Wanted:
    """An engine as it is wanted.

    Attributes:
        model: the name here.
        engine: which adapter.
        source: model file, folder, or the name under which the engine finds it.
        served: the name under which the engine is to serve it.
        context: tokens per request slot; None for the engine's own default.
        slots: requests served at once.
        args: further arguments.
        cmd: the command, for an engine without an adapter.
        stop: a command that ends it, where a signal does not.
        env: environment variables of the engine.
        sleep: the sleep level to make possible.
        ready_path: what answers 200 once it can serve.
        memory_share: of each GPU's memory, where it may not take what it likes.
        on_gpu: whether models lie in GPU memory.
        can: what it can do beyond chat, as configured.
        hidden: variables of our environment that it does not get, unless ``env`` names them.
    """

    model: str
    engine: str
    source: str
    served: str
    context: int | None = None
    slots: int = 4
    args: tuple[str, ...] = ()
    cmd: str | None = None
    stop: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    sleep: int | None = None
    ready_path: str = "/health"
    memory_share: float | None = None
    on_gpu: bool = False
    can: tuple[str, ...] = ()
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run, without a shell, and its environment on top of ours."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)


class Admin:
    """An engine's own address, for what is never passed on to clients."""

    def __init__(self, client: HttpClient, endpoint: Endpoint) -> None:
        self._client = client
        self._origin = endpoint.base
        self.endpoint = endpoint

    async def get(self, path: str, limit_s: float = 3.0) -> tuple[int, bytes]:
        """Status and body.

        Raises:
            EndpointError: no whole answer in time.
        """
        return await self._send("GET", path, b"", limit_s)

    async def post(self, path: str, document: object = None, limit_s: float = 60.0) -> bytes:
        """The body of an answer of 2xx.

        Raises:
            EngineError: it answers with an error, or not in time.
        """
        body = b"" if document is None else msgspec.json.encode(document)
        try:
            status, answer = await self._send("POST", path, body, limit_s)
        except EndpointError as error:
            raise EngineError(f"{path}: {error.message}") from error
        if not 200 <= status < 300:
            said = answer[:300].decode("utf-8", "replace").strip()
            raise EngineError(f"The engine answers {path} with status {status}: {said}")
        return answer

    async def try_post(self, path: str, document: object, limit_s: float) -> tuple[int, bytes]:
        """Status and body, whatever they are.

        Raises:
            EndpointError: no whole answer in time.
        """
        return await self._send("POST", path, msgspec.json.encode(document), limit_s)

    async def _send(self, method: str, path: str, body: bytes, limit_s: float) -> tuple[int, bytes]:
        base = self._origin
        # The path may carry a query: these are the engine's own, not what a user wrote.
        request = Request(
            method, Url(base.scheme, base.host, base.port, path), self.endpoint.headers, body
        )
        limits = Timeouts(connect=2, first_byte=limit_s, between_bytes=limit_s, total=limit_s)
        response = await self._client.fetch(request, limits)
        return response.head.status, response.body


class Adapter(Protocol):
    """How one kind of engine is started, asked, put to sleep and woken.

    Attributes:
        name: as in the configuration.
        starts_alone: whether it measures the free memory while it starts, so that nothing else may
            start meanwhile.
        names_itself: whether it chooses the name under which it serves.
    """

    name: str
    starts_alone: bool
    names_itself: bool

    def command(self, wanted: Wanted, port: int) -> Command:
        """What starts it on ``port`` of the loopback interface."""

    def ready_path(self, wanted: Wanted) -> str:
        """What answers 200 once it can serve."""

    def can_sleep(self, wanted: Wanted) -> bool:
        """Whether it can give its memory back without ending."""

    async def load(self, admin: Admin, wanted: Wanted) -> None:
        """What has to be asked of a healthy server before it serves the model."""

    async def sleep(self, admin: Admin, wanted: Wanted) -> None:
        """Give the memory back. Raises EngineError."""

    async def wake(self, admin: Admin, wanted: Wanted) -> None:
        """Take it again, in the order that keeps answers right. Raises EngineError."""


class Plain:
    """What most engines have in common: they serve once they are healthy, and never sleep."""

    name = ""
    starts_alone = False
    names_itself = False

    def ready_path(self, wanted: Wanted) -> str:
        """``/health``."""
        del wanted
        return "/health"

    def can_sleep(self, wanted: Wanted) -> bool:
        """No."""
        del wanted
        return False

    async def load(self, admin: Admin, wanted: Wanted) -> None:
        """Nothing to do."""

    async def sleep(self, admin: Admin, wanted: Wanted) -> None:
        """Never asked for."""
        del admin
        raise EngineError(f"{wanted.engine} cannot sleep.", fix="Stop it instead.")

    async def wake(self, admin: Admin, wanted: Wanted) -> None:
        """Never asked for."""
        del admin
        raise EngineError(f"{wanted.engine} does not sleep.")


def unless_given(wanted: Wanted, flag: str, *values: object) -> tuple[str, ...]:
    """A flag with its value, unless the configured arguments have it already."""
    given = any(arg == flag or arg.startswith(f"{flag}=") for arg in wanted.args)
    return () if given else (flag, *map(str, values))


def context_unless_given(wanted: Wanted, flag: str) -> tuple[str, ...]:
    """Likewise for the context; nothing where the engine's own default is wanted."""
    return () if wanted.context is None else unless_given(wanted, flag, wanted.context)


def share_text(share: float) -> str:
    """A share of memory as engines read it."""
    return f"{share:.3g}"
