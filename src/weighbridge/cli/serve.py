"""``weigh serve``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import run_async, say
from weighbridge.cli.options import json_option, workspace_option

if TYPE_CHECKING:
    from weighbridge.core.routing import RouterConfig


@click.command()
@click.argument("config", type=click.Path(path_type=Path), default=Path("router.config.yaml"))
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Instead of the configuration's; 0 for any."
)
@click.option("--check", is_flag=True, help="Only check the configuration.")
@click.option(
    "--explain",
    metavar="REQUEST.json",
    help="Only tell which route the request body in this file takes and why; - for stdin.",
)
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="NAME:VALUE",
    help="With --explain: a header of the request. Repeatable.",
)
@click.option(
    "--path",
    default="/v1/chat/completions",
    show_default=True,
    help="With --explain: the endpoint asked.",
)
@click.option("--key-name", help="With --explain: the key whose request it is, by its name.")
@json_option
@workspace_option
def command(
    *,
    config: Path,
    port: int | None,
    check: bool,
    explain: str | None,
    headers: tuple[str, ...],
    path: str,
    key_name: str | None,
    as_json: bool,
    workspace: Path,
) -> None:
    """Route live traffic as CONFIG says: an OpenAI-compatible gateway.

    Starts the engines it names when they are asked for, within the machine's memory. The model
    name "auto" is routed; a model's own name goes straight to it. The answer's headers
    x-weighbridge-model and x-weighbridge-route tell who answered, and why. CONFIG is read again
    when it changes; one with faults is told and not used. docs/gateway.md describes all of it.

    \b
    Example:
      weigh serve router.config.yaml
      weigh serve --check router.config.yaml
      weigh serve --explain request.json --header x-team:blue router.config.yaml
      curl http://127.0.0.1:8080/v1/chat/completions -d '{"model": "auto", "messages":
        [{"role": "user", "content": "What is 12 plus 35?"}]}'
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.cli import serve_look  # noqa: PLC0415 -- not needed for --help

    if check:
        serve_look.show_check(config, port=port, as_json=as_json)
        return
    if explain is not None:
        serve_look.show_explanation(
            config, explain, path=path, headers=headers, key_name=key_name, as_json=as_json
        )
        return
    if as_json or headers or key_name:
        raise click.UsageError("--json, --header and --key-name need --check or --explain.")

    _serve(config, port, workspace)


def _serve(config: Path, port: int | None, workspace: Path) -> None:
    """Serve until ctrl-C."""
    from weighbridge.cli.serve_look import warn  # noqa: PLC0415 -- not needed for --help
    from weighbridge.serve.compiled import is_compiled  # noqa: PLC0415
    from weighbridge.serve.config import missing_programs, warnings  # noqa: PLC0415
    from weighbridge.verbs import serve  # noqa: PLC0415
    from weighbridge.wire.client import Client  # noqa: PLC0415

    def announce(running: serve.Running, served: RouterConfig) -> None:
        warn((*warnings(served), *missing_programs(served)))
        names = [*served.models, "auto"] if served.routes else list(served.models)
        where = running.url if running.url.startswith("unix:") else f"{running.url}/v1"
        how = " The data plane is compiled." if is_compiled() else ""
        say(f"Serving {', '.join(names)} at {where}. Stop with ctrl-C.{how}")
        if running.admin_url is not None:
            say(
                f"Admin address: {running.admin_url}, for `weigh gateway`; "
                "the live page is in `weigh ui`."
            )

    async def work() -> None:
        async with Client() as client:
            await serve.serve(
                config, client, port=port, workspace=workspace, on_ready=announce, tell=say
            )

    try:
        run_async(work())
    except KeyboardInterrupt:
        say("Stopped; its engines too.")
