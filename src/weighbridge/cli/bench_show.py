"""``weigh bench show``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from weighbridge.cli.bench_output import Outputs, deliver, exit_code, output_options
from weighbridge.cli.options import open_workspace, workspace_option

_EXAMPLES = """\b
Example:
  weigh bench show load-1a2b3c
  weigh bench show load-1a2b3c --html report.html --raw requests.jsonl"""


@click.command(epilog=_EXAMPLES)
@click.argument("run", metavar="RUN")
@output_options
@workspace_option
def show(
    *,
    run: str,
    workspace: Path,
    **outputs: Any,  # noqa: ANN401 -- they become Outputs
) -> int:
    """Print a load run of the workspace as when it was measured, interrupted or not.

    RUN is its id, or a unique beginning of that; `weigh runs --kind load` lists them.
    """
    from weighbridge.core.load import LoadRun  # noqa: PLC0415 -- not for --help

    wanted = Outputs(**outputs)
    wanted.check()
    store = open_workspace(workspace)
    kept = store.load(store.find(run, "load").id, LoadRun)
    deliver(kept, wanted)
    return exit_code(kept, wanted)
