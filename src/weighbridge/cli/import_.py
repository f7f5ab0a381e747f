"""``weigh import``."""

from __future__ import annotations

from pathlib import Path

import click

from weighbridge.cli.diagnostics import say


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the configuration there instead of to stdout.",
)
@click.option("--force", is_flag=True, help="Replace a file that is there.")
def command(*, file: Path, output: Path | None, force: bool) -> None:
    """Turn FILE, a configuration of llama-swap or LiteLLM, into a router.config.yaml.

    What cannot be expressed, and what has to be mended before it can be served here, is told on
    stderr; nothing is dropped silently.

    \b
    Example:
      weigh import llama-swap.yaml --output router.config.yaml
      weigh serve --check router.config.yaml
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.verbs import import_config  # noqa: PLC0415 -- not needed for --help

    folder = Path() if output is None else output.parent
    imported = import_config.import_file(file, folder)
    if output is None:
        click.echo(imported.text, nl=False)
    else:
        import_config.write_file(imported, output, force=force)
    for note in imported.notes:
        say(f"Note: {note}")
    for warning in imported.warnings:
        say(f"Warning: {warning}")
    for fault in imported.faults:
        say(f"To be mended: {fault}")
    if output is not None:
        say(f"Wrote {output}. Check it with: weigh serve --check {output}")
