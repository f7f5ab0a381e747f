"""``weigh completion``."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print a script that completes weigh's words in your shell.

    \b
    Example:
      weigh completion bash > ~/.local/share/bash-completion/completions/weigh
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.cli.main import weigh  # noqa: PLC0415 -- main imports us

    completion = get_completion_class(shell)
    assert completion is not None  # noqa: S101 -- the choices are click's own
    click.echo(completion(weigh, {}, "weigh", "_WEIGH_COMPLETE").source())
