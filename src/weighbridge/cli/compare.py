"""``weigh compare``."""

from __future__ import annotations

from pathlib import Path

import click

from weighbridge.cli.diagnostics import OK, UNDECIDED, printable
from weighbridge.cli.options import json_option, open_workspace, print_json, workspace_option


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN…")
@json_option
@workspace_option
def command(runs: tuple[str, ...], as_json: bool, workspace: Path) -> int:
    """Tell which differences between evaluation runs are real.

    Paired item by item: difference in accuracy (second minus first) with a 95 % interval
    (Bonett–Price) and the exact McNemar test. A RUN is an id, its beginning, or MODEL@SUITE.

    Exits with 0 when at least one difference is real, with 4 when the data cannot tell any.

    \b
    Example:
      weigh compare porter@arithmetic tally@arithmetic
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.verbs import compare  # noqa: PLC0415 -- not needed for --help

    comparisons = compare.compare(open_workspace(workspace), runs)
    if as_json:
        print_json(compare.to_json(comparisons))
    else:
        for comparison in comparisons:
            click.echo(printable(comparison.sentence))
            click.echo(
                f"  flips: {comparison.flips_up} up, {comparison.flips_down} down; "
                f"exact McNemar p = {comparison.p_mcnemar:.2g}"
            )
    return OK if any(c.difference.excludes_zero for c in comparisons) else UNDECIDED
