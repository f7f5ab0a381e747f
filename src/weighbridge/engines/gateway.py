"""Telling a Weighbridge gateway from an engine: what it holds in memory is not one model's."""

from __future__ import annotations

import msgspec

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.errors import EndpointError
from weighbridge.core.http import HttpClient, Request, Timeouts

OWNER = "weighbridge"

_PROBE = Timeouts(connect=2, first_byte=5, between_bytes=5, total=10)


class _Model(msgspec.Struct):
    owned_by: str = ""


class _ModelList(msgspec.Struct):
    data: list[_Model] = []


async def is_gateway(client: HttpClient, endpoint: Endpoint) -> bool:
    """Whether a gateway of ours answers there, by whom its model list says it is owned."""
    try:
        response = await client.fetch(Request("GET", endpoint.models, endpoint.headers), _PROBE)
        listed = msgspec.json.decode(response.body, type=_ModelList).data
    except (EndpointError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return any(model.owned_by == OWNER for model in listed)
