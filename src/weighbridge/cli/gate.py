"""``weigh gate``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import NO, OK, UNDECIDED, printable, say
from weighbridge.cli.options import (
    json_option,
    open_workspace,
    print_json,
    table_options,
    workspace_option,
)
from weighbridge.core.errors import ExternalError

if TYPE_CHECKING:
    from weighbridge.core.gate import GateVerdict

_CODES = {"pass": OK, "fail": NO, "inconclusive": UNDECIDED}
_EXAMPLES = """\b
Example:
  weigh gate model-q4@extraction model-f16@extraction --margin 0.02
  weigh gate new old --table items.csv --margin 0.01 --junit gate.xml

\b
As a step of GitHub Actions, whose page then shows the table:
  - run: weigh gate "$NEW" "$OLD" --margin 0.02 --junit gate.xml"""


@click.command(epilog=_EXAMPLES)
@click.argument("candidate")
@click.argument("baseline")
@click.option(
    "--margin",
    type=float,
    default=0.02,
    show_default=True,
    help="How much worse the candidate may be, as a share: 0.02 is two points.",
)
@table_options
@click.option(
    "--average", is_flag=True, help="With --table: rows of one item count as one, their mean."
)
@click.option(
    "--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write JUnit XML there."
)
@click.option(
    "--summary",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a Markdown table there; $GITHUB_STEP_SUMMARY gets it anyway.",
)
@json_option
@workspace_option
def command(
    *,
    candidate: str,
    baseline: str,
    margin: float,
    table: Path | None,
    task: str | None,
    group: str | None,
    average: bool,
    junit: Path | None,
    summary: Path | None,
    as_json: bool,
    workspace: Path,
) -> int:
    """Tell whether CANDIDATE is worse than BASELINE by more than a margin.

    Both are evaluations of the workspace (an id, its beginning, MODEL@SUITE, or MODEL for its
    newest run on each suite), or with --table two columns of a file. The difference is paired item
    by item; each bound holds with 95 %. Missing answers count as wrong; where those of the baseline
    decide it, the answer is that the data cannot tell.

    Exits with 0 for pass (the lower bound is above −margin), 1 for fail (the upper bound is below
    it), 4 when the data cannot tell; then it says how many more items probably would.
    """
    from weighbridge.verbs import gate  # noqa: PLC0415 -- not needed for --help
    from weighbridge.verbs.outcome_table import TableChoice  # noqa: PLC0415

    if table is not None:
        choice = TableChoice((candidate, baseline), task, group, average)
        verdict = gate.gate_table(table, candidate, baseline, margin, choice)
    elif task or group or average:
        raise click.UsageError("--task, --group and --average are for --table.")
    else:
        verdict = gate.gate_runs(open_workspace(workspace), candidate, baseline, margin)
    # Said first: a file that cannot be written must not swallow the verdict.
    if as_json:
        print_json(gate.to_json(verdict))
    else:
        _show(verdict)
    _write(verdict, junit, summary)
    return _CODES[verdict.outcome]


def _write(verdict: GateVerdict, junit: Path | None, summary: Path | None) -> None:
    """The files that were asked for, and the page of a job of GitHub Actions."""
    from weighbridge.verbs import gate  # noqa: PLC0415

    if junit is not None:
        gate.write_text(junit, gate.junit(verdict))
    if summary is not None:
        gate.write_text(summary, gate.markdown(verdict))
    if os.environ.get("GITHUB_STEP_SUMMARY"):
        page = Path(os.environ["GITHUB_STEP_SUMMARY"])
        try:
            gate.write_text(page, gate.markdown(verdict) + "\n", append=True)
        except ExternalError as error:  # asked for by nobody: no reason to end otherwise
            say(f"Warning: {error}")


def _show(verdict: GateVerdict) -> None:
    from weighbridge.verbs import gate  # noqa: PLC0415

    click.echo(printable(verdict.sentence))
    for check in verdict.checks:
        click.echo(printable(f"  {check.sentence}"))
        click.echo(
            f"    {100 * check.candidate.value:.1f} % against {100 * check.baseline.value:.1f} %; "
            f"flips: {check.flips_up} up, {check.flips_down} down"
        )
        if check.outcome == "inconclusive":
            click.echo(f"    {gate.what_next(check)}")
        if check.gaps:
            click.echo(f"    {check.gaps}")
    for note in verdict.notes:
        say(note)
