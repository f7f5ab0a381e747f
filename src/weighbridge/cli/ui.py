"""``weigh ui``."""

from __future__ import annotations

import os
import secrets
import signal
import socket
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

import click

from weighbridge.cli.diagnostics import say
from weighbridge.cli.options import open_workspace, workspace_option
from weighbridge.core.errors import ExternalError, InputError
from weighbridge.core.http import parse_url

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8500,
    show_default=True,
    help="Port; 0 for any free one.",
)
@click.option(
    "--token",
    envvar="WEIGHBRIDGE_UI_TOKEN",
    help="Who shows it may look; made up, and on loopback asked only of who runs studies.",
)
@click.option(
    "--gateway",
    metavar="URL",
    help="Admin port of the gateway to show; else the one that the workspace knows of.",
)
@click.option(
    "--public",
    metavar="URL",
    help="The address of a proxy in front, by which browsers call: https://rate.example.org.",
)
@click.option("--open/--no-open", "open_browser", default=False, help="Open the browser.")
@workspace_option
def command(
    *,
    host: str,
    port: int,
    token: str | None,
    gateway: str | None,
    public: str | None,
    open_browser: bool,
    workspace: Path,
) -> None:
    """Show the workspace in the browser. Works offline; on loopback only, unless asked.

    \b
    Example:
      weigh ui --port 8500
      weigh ui --gateway http://127.0.0.1:8081
    """  # noqa: D301 -- \b is click's mark, not an escape
    import uvicorn  # noqa: PLC0415 -- not needed for --help

    open_workspace(workspace)  # an unusable folder is an error now, not a page later
    if gateway is not None:
        parse_url(gateway)  # and so is an address that is none
    origin = public_origin(public) if public else ""
    # Whoever reaches the proxy reaches us.
    private = host in _LOOPBACK and not origin and not token
    token = token or secrets.token_urlsafe(24)
    listener = _bind(host, port)
    port = listener.getsockname()[1]
    # The pages are found by name at run time: the command line does not import them.
    os.environ.update(
        WEIGHBRIDGE_UI_WORKSPACE=str(workspace.resolve()),
        WEIGHBRIDGE_UI_HOST=host,
        WEIGHBRIDGE_UI_PORT=str(port),
        WEIGHBRIDGE_UI_TOKEN=token,
        # This machine may read without it; whoever runs studies from the pages has to show it.
        WEIGHBRIDGE_UI_OPEN="1" if private else "",
        WEIGHBRIDGE_UI_GATEWAY=gateway or "",
        WEIGHBRIDGE_UI_PUBLIC=origin,
    )
    server = uvicorn.Server(
        uvicorn.Config(
            "weighbridge.web.app:app_from_environment", factory=True, log_level="warning"
        )
    )
    shown = f"[{host}]" if ":" in host else host
    url = f"{origin or f'http://{shown}:{port}'}/?token={quote(token)}"
    # uvicorn ends at either signal and then raises it once more, in the handler of before.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        say(f"Showing {workspace} at {url}. Stop with ctrl-C.")
        if open_browser:
            click.launch(url)
        server.run(sockets=[listener])
    say("Stopped.")


def public_origin(text: str) -> str:
    """The origin of an address, as browsers write it: without the port that goes without saying.

    Raises:
        InputError: it is no address, or has a path: pages stand at the root.
    """
    fix = "Write only scheme and name, like https://rate.example.org."
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise InputError(f"{text!r} is no address of a proxy.", fix=fix)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise InputError(f"{text!r} has a path: the pages stand at a root only.", fix=fix)
    try:
        port = parts.port
    except ValueError:
        raise InputError(f"{text!r} has no port that there is.", fix=fix) from None
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    own = "" if port in (None, {"http": 80, "https": 443}[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{name}{own}"


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise InputError(f"{host!r} is no address: {error.strerror}.") from None
    listener = socket.socket(family, kind)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise ExternalError(
            f"Cannot listen on port {port} of {host}: {error.strerror}.",
            fix="Choose another with --port, or stop what uses it.",
        ) from None
    return listener
