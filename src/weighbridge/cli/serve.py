"""``weigh serve``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import run_async, say

if TYPE_CHECKING:
    from weighbridge.core.routing import RouterConfig


@click.command()
@click.argument("config", type=click.Path(path_type=Path), default=Path("router.config.yaml"))
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Instead of the configuration's; 0 for any."
)
@click.option("--check", is_flag=True, help="Only check the configuration.")
def command(*, config: Path, port: int | None, check: bool) -> None:
    """Route live traffic as CONFIG says: an OpenAI-compatible gateway.

    Starts the engines it names. The model name "auto" is routed by task; any other name goes
    straight to that model. The answer's header x-weighbridge-model tells who answered.

    \b
    Example:
      weigh serve router.config.yaml
      curl http://127.0.0.1:8080/v1/chat/completions -d '{"model": "auto", "messages":
        [{"role": "user", "content": "What is 12 plus 35?"}]}'
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.engines.llamacpp_embedded import EmbeddedLlamaCpp  # noqa: PLC0415
    from weighbridge.serve.config import read_config, warnings  # noqa: PLC0415 -- not for --help
    from weighbridge.verbs import serve  # noqa: PLC0415
    from weighbridge.wire.client import Client  # noqa: PLC0415

    if check:
        checked = read_config(config, port=port)
        _warn(warnings(checked))
        click.echo(f"{config} is right. Models: {', '.join(checked.models)}.")
        return

    def announce(url: str, served: RouterConfig) -> None:
        _warn(warnings(served))
        say(f"Serving {', '.join(served.models)} and auto at {url}/v1. Stop with ctrl-C.")

    async def work() -> None:
        async with Client() as client:
            launcher = EmbeddedLlamaCpp(client)
            await serve.serve(config, launcher, client, port=port, on_ready=announce, tell=say)

    try:
        run_async(work())
    except KeyboardInterrupt:
        say("Stopped; its engines too.")


def _warn(sentences: tuple[str, ...]) -> None:
    for sentence in sentences:
        say(f"Warning: {sentence}")
