"""``weigh runs``."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import click

from weighbridge.cli.diagnostics import say
from weighbridge.cli.options import json_option, open_workspace, print_json, workspace_option
from weighbridge.core.runs import RunKind


@click.command()
@click.option(
    "--kind",
    type=click.Choice(get_args(RunKind)),
    help="Only runs of one kind.",
)
@json_option
@workspace_option
def command(kind: str | None, as_json: bool, workspace: Path) -> None:
    """List what the workspace holds, newest first.

    Wherever a verb wants a RUN, an id, its unique beginning, or MODEL@SUITE will do. Print a load
    run with `weigh bench show RUN`.

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
    rows = runs.listed(store, kind)  # type: ignore[arg-type]
    if not rows:
        say(f"The workspace {workspace} is empty. Start with `weigh demo`.")
        return
    columns, cells = ["<run", "<model", "<subject", "<load", "<created", "<"], []
    for row in rows:
        info, state = row.info, "interrupted" if row.is_partial else ""
        cells.append([info.id, info.model, info.subject, row.load, info.created, state])
    # Columns in which nobody has anything would only take room.
    shown = [n for n, name in enumerate(columns) if n < 3 or any(cell[n] for cell in cells)]
    print_table(
        f"Runs in {workspace}",
        [columns[n] for n in shown],
        [[cell[n] for n in shown] for cell in cells],
        caption="Measured on " + "; ".join(dict.fromkeys(row.info.machine for row in rows)) + ".",
    )
