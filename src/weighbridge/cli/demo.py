"""``weigh demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import EXTERNAL
from weighbridge.cli.options import json_option, workspace_option

if TYPE_CHECKING:
    from weighbridge.core.study import Study


@click.command()
@json_option
@workspace_option
def command(*, as_json: bool, workspace: Path) -> int:
    """Weigh three real tiny models end to end, offline, in about a minute.

    Inspects, load-tests and evaluates them on two tasks with the embedded llama.cpp, compares them,
    decides, routes unseen traffic through the gateway, and writes a report. It runs
    examples/demo/study.yaml as `weigh study run` would: interrupted, it goes on where it stopped.

    \b
    Example:
      weigh demo
      weigh ui
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.cli.study import deliver, run_file  # noqa: PLC0415
    from weighbridge.verbs.demo import study_file  # noqa: PLC0415 -- not for --help

    study = run_file(study_file(), workspace, called="weigh demo")
    deliver(study, workspace, as_json=as_json, after=_about)
    return EXTERNAL if study.run.failed else 0


def _about(study: Study) -> None:
    """What a reader of these figures should know."""
    seconds = sum(stage.seconds for stage in study.run.stages)
    click.echo(
        f"Measured in {seconds:.0f} s on {study.run.info.machine}. The tasks are "
        "synthetic, and the traffic is worded as the suites are; porter was stopped early on "
        "purpose, so that there is something to find."
    )
