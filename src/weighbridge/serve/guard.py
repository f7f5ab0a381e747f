"""Who may ask: a guard before every path of a gateway that only its own machine shall reach.

A page of the web that is open in a browser here could otherwise use the models: the Host header
defeats DNS rebinding, Origin the requests that browsers send across sites.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from weighbridge.core.gateway import Refusal
from weighbridge.core.http import Headers
from weighbridge.serve.seams import TurnAway
from weighbridge.wire.server import Answerer, Responder, ServerRequest

_AUTHORITY = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::(\d{1,5}))?", re.IGNORECASE)

_MOST_KNOWN = 256


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own, reached by nobody else."""
    name = host.lower().rstrip(".")
    try:
        address = ip_address(name)
    except ValueError:
        return name == "localhost"
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback


def leads_here(host: str) -> bool:
    """Whether connecting to ``host`` reaches this machine: loopback, or no address at all."""
    return is_loopback(host) or host in ("0.0.0.0", "::")  # noqa: S104 -- recognised, not bound


def refusal(headers: Headers, port: int) -> tuple[int, str] | None:
    """Status and sentence that keep a request out, or None to let it in.

    Args:
        headers: the request's, names in lower case.
        port: where the gateway listens.
    """
    hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
    if len(hosts) != 1 or not _is_ours(hosts[0], port):
        return 421, f"This gateway does not go by that name. Ask http://127.0.0.1:{port} instead."
    origins = [value.decode("latin-1") for name, value in headers if name == b"origin"]
    if not all(_is_local(origin) for origin in origins):
        return 403, "Pages of other sites may not use this gateway."
    return None


def guarded(handler: Answerer, port: int, turn_away: TurnAway) -> Answerer:
    """``handler``, asked only what :func:`refusal` lets in; the others are for ``turn_away``."""
    let_in: set[Headers] = set()

    def guard(request: ServerRequest, responder: Responder) -> Awaitable[None] | None:
        headers = request.headers
        # Clients send the same head again and again: it is looked at once.
        if headers not in let_in:
            refused = refusal(headers, port)
            if refused is not None:
                turn_away(request, responder, Refusal(*refused, "forbidden"))
                return None
            if len(let_in) >= _MOST_KNOWN:
                let_in.clear()
            let_in.add(headers)
        return handler(request, responder)

    return guard


def _is_ours(authority: str, port: int) -> bool:
    match = _AUTHORITY.fullmatch(authority)
    return match is not None and int(match[3] or 80) == port and is_loopback(match[1] or match[2])


def _is_local(origin: str) -> bool:
    try:
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and is_loopback(parts.hostname or "")
    except ValueError:
        return False
