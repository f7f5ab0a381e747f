"""Any OpenAI-compatible server that somebody else runs: probed, never started or stopped."""

from __future__ import annotations

import msgspec

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import InputError
from weighbridge.core.http import HttpClient, Request, Timeouts
from weighbridge.wire.chat import one_line

NAME = "openai"

_PROBE = Timeouts(connect=5, first_byte=10, between_bytes=5, total=15)


class _Model(msgspec.Struct):
    id: str


class _ModelList(msgspec.Struct):
    data: list[_Model]


async def served_models(client: HttpClient, endpoint: Endpoint) -> list[str] | None:
    """Names of the models that the server lists, or None when it has no usable list.

    Some real servers answer ``/v1/models`` with errors although they serve well, so anything but
    a connection failure only means that the list is unknown.

    Raises:
        ConnectError: nobody answers there.
        DeadlineError: it does not answer in time.
    """
    response = await client.fetch(Request("GET", endpoint.models, headers=endpoint.headers), _PROBE)
    if response.head.status != 200:
        return None
    try:
        return [model.id for model in msgspec.json.decode(response.body, type=_ModelList).data]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


async def check_model(client: HttpClient, endpoint: Endpoint) -> None:
    """Find out before measuring whether the server knows the model, where it lists its models.

    Raises:
        InputError: it lists models, and this one is not among them.
        EndpointError: nobody answers, or not in time.
    """
    known = await served_models(client, endpoint)
    if known is not None and endpoint.model not in known:
        listed = ", ".join(map(one_line, known[:8])) or "none"
        raise InputError(
            f"The server at {endpoint.base} does not serve {endpoint.model!r}; it lists: {listed}.",
            fix="Choose one of them with --model.",
        )


class AttachedServer:
    """A server that somebody else runs, as :class:`weighbridge.core.effects.RunningEngine`."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    @property
    def endpoint(self) -> Endpoint:
        """Where the model answers."""
        return self._endpoint

    def memory_bytes(self) -> None:
        """Unknown: its processes are not ours."""
        return

    def is_alive(self) -> bool:
        """Assumed: only a request can tell."""
        return True

    async def describe(self) -> dict[str, str]:
        """What is known without asking: the kind and the address."""
        return {"engine": NAME, "url": str(self._endpoint.base)}

    async def stop(self) -> None:
        """Leave it alone: whoever started it stops it."""
