"""``weigh ui``."""

from __future__ import annotations

import os
import secrets
import signal
import socket
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

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
    help="Who shows it may look; made up when --host is not loopback.",
)
@click.option(
    "--gateway",
    metavar="URL",
    help="Admin port of the gateway to show; else the one that the workspace knows of.",
)
@click.option("--open/--no-open", "open_browser", default=False, help="Open the browser.")
@workspace_option
def command(
    *,
    host: str,
    port: int,
    token: str | None,
    gateway: str | None,
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
    if host not in _LOOPBACK and not token:
        token = secrets.token_urlsafe(24)
    listener = _bind(host, port)
    port = listener.getsockname()[1]
    # The pages are found by name at run time: the command line does not import them.
    os.environ.update(
        WEIGHBRIDGE_UI_WORKSPACE=str(workspace.resolve()),
        WEIGHBRIDGE_UI_HOST=host,
        WEIGHBRIDGE_UI_PORT=str(port),
        WEIGHBRIDGE_UI_TOKEN=token or "",
        WEIGHBRIDGE_UI_GATEWAY=gateway or "",
    )
    server = uvicorn.Server(
        uvicorn.Config(
            "weighbridge.web.app:app_from_environment", factory=True, log_level="warning"
        )
    )
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{port}/" + (f"?token={quote(token)}" if token else "")
    # uvicorn ends at either signal and then raises it once more, in the handler of before.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        say(f"Showing {workspace} at {url}. Stop with ctrl-C.")
        if open_browser:
            click.launch(url)
        server.run(sockets=[listener])
    say("Stopped.")


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
