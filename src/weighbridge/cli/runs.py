"""``weigh runs``."""

from __future__ import annotations

from pathlib import Path

import click

from weighbridge.cli.diagnostics import say
from weighbridge.cli.options import json_option, open_workspace, print_json, workspace_option


@click.command()
@click.option(
    "--kind",
    type=click.Choice(["inspect", "plan", "load", "eval", "verdict", "route", "demo"]),
    help="Only runs of one kind.",
)
@json_option
@workspace_option
def command(kind: str | None, as_json: bool, workspace: Path) -> None:
    """List what the workspace holds, newest first.

    Wherever a verb wants a RUN, an id, its unique beginning, or MODEL@SUITE will do.

    \b
    Example:
      weigh runs --kind eval
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.cli.tables import print_table  # noqa: PLC0415
    from weighbridge.verbs import runs  # noqa: PLC0415 -- not needed for --help

    store = open_workspace(workspace)
    if as_json:
        print_json(runs.to_json(store, kind))  # type: ignore[arg-type]  # click checked it
        return
    rows = store.runs(kind)  # type: ignore[arg-type]
    if not rows:
        say(f"The workspace {workspace} is empty. Start with `weigh demo`.")
        return
    print_table(
        f"Runs in {workspace}",
        ["<run", "<model", "<subject", "<created", "<machine"],
        [[row.id, row.model, row.subject, row.created, row.machine] for row in rows],
    )
