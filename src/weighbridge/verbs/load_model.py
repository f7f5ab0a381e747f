"""Which model a server has, where it has only one and nobody says."""

from __future__ import annotations

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import InputError
from weighbridge.core.http import HttpClient
from weighbridge.engines.openai import served_models
from weighbridge.wire.chat import one_line

_NAMED = 8


async def only_model(client: HttpClient, endpoint: Endpoint) -> str:
    """The one model that the server lists; the endpoint's own is not looked at.

    Raises:
        InputError: it lists none or several, or has no list.
        EndpointError: nobody answers, or not in time.
    """
    known = await served_models(client, endpoint)
    if known is not None and len(known) == 1:
        return known[0]
    if not known:
        raise InputError(
            f"The server at {endpoint.base} does not list its models.",
            fix="Give the model's name with --model.",
        )
    named = ", ".join(map(one_line, known[:_NAMED]))
    more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    raise InputError(
        f"The server at {endpoint.base} has {len(known)} models: {named}{more}.",
        fix="Choose one of them with --model.",
    )
