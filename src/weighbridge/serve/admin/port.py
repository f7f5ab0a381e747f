"""The admin port: a server of its own, for this machine's programs or whoever has an admin key."""

from __future__ import annotations

from collections.abc import Callable

from weighbridge.core.errors import ConfigError
from weighbridge.serve.admin.handler import Admit, on_loopback
from weighbridge.serve.guard import is_loopback
from weighbridge.wire.server import Handler, Responder, Server, ServerRequest, serve


async def open_admin_port(
    host: str,
    port: int,
    handler_for: Callable[[Admit], Handler],
    *,
    with_key: Admit | None = None,
) -> Server:
    """Listen on ``host`` and ``port`` (0 for any free one).

    Args:
        host: name or address.
        port: TCP port.
        handler_for: makes the handler, see :func:`~weighbridge.serve.admin.admin_handler`; given
            who may ask, which depends on the port.
        with_key: who may ask where others can reach the host; on loopback it is not used.

    Raises:
        ConfigError: others can reach the host, and no key is asked for.
        ExternalError: the port is taken.
    """
    local = is_loopback(host)
    if not local and with_key is None:
        raise ConfigError(
            f"`admin` is {host}:{port}, which others can reach, and asks for no key.",
            fix="Write admin: 127.0.0.1:8081; from elsewhere, use the main port with an admin key.",
        )
    handlers: list[Handler] = []

    async def handle(request: ServerRequest, responder: Responder) -> None:
        await handlers[0](request, responder)

    server = await serve(handle, host, port)
    # Nobody is answered before this: there is no await in between.
    admit = with_key if with_key is not None and not local else on_loopback(server.address[1])
    handlers.append(handler_for(admit))
    return server
