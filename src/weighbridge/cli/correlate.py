"""``weigh correlate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import NO, OK, UNDECIDED, printable
from weighbridge.cli.options import (
    json_option,
    open_workspace,
    print_json,
    table_options,
    workspace_option,
)
from weighbridge.core.counting import counted

if TYPE_CHECKING:
    from weighbridge.core.correlation import Correlation, RankCorrelation

_CODES = {"predicts": OK, "reverses": NO, "cannot tell": UNDECIDED}
_FILE = click.Path(path_type=Path, dir_okay=False)
_EXAMPLES = """\b
Example:
  weigh correlate --scores leaderboard.csv
  weigh correlate --scores leaderboard.csv --column rank --lower-is-better --table items.csv
  weigh correlate --scores leaderboard.csv --utility mine.csv --json

\b
leaderboard.csv has a row per model:
  model,score
  small,61.5
  large,70.2"""


@click.command(epilog=_EXAMPLES)
@click.option(
    "--scores", type=_FILE, required=True, help="CSV or JSON file with models and their scores."
)
@click.option("--column", help="Its column of scores, where it has several; of JSON a dotted path.")
@click.option(
    "--lower-is-better/--higher-is-better",
    default=None,
    help="Which scores are better; by default the higher, and the lower of a column called rank.",
)
@click.option("--suite", "suites", multiple=True, help="Suite whose accuracy counts; may repeat.")
@table_options
@click.option("--utility", type=_FILE, help="CSV file with models and what they are worth to you.")
@click.option("--utility-column", help="Its column of values, where it has several.")
@json_option
@workspace_option
def command(
    *,
    scores: Path,
    column: str | None,
    lower_is_better: bool | None,
    suites: tuple[str, ...],
    table: Path | None,
    task: str | None,
    group: str | None,
    utility: Path | None,
    utility_column: str | None,
    as_json: bool,
    workspace: Path,
) -> int:
    """Tell whether a public leaderboard's order predicts the utility measured here.

    The utility of a model is its accuracy in the workspace's evaluations (the mean over suites), in
    --table, or what --utility says. Only the models that both sides have count: on a shortlist of
    good models a leaderboard that orders all models well may say nothing. Without --suite those
    suites count that the most models answered, on the items that all of them answered.

    Exits with 0 when the order is predicted, 1 when it runs the other way, 4 when the data cannot
    tell: below 15 models, or when the interval spans 0.
    """
    from weighbridge.verbs import correlate  # noqa: PLC0415 -- not needed for --help
    from weighbridge.verbs.outcome_table import TableChoice  # noqa: PLC0415

    if table is not None and utility is not None:
        raise click.UsageError("--table or --utility, not both.")
    if table is None and (task or group):
        raise click.UsageError("--task and --group are for --table.")
    if suites and (table is not None or utility is not None):
        raise click.UsageError("--suite is for evaluations of the workspace.")
    board = correlate.Board(scores, column, lower_is_better)
    if table is not None:
        choice = TableChoice(task=task, group=group)
        found = correlate.correlate_table(board, table, choice)
    elif utility is not None:
        found = correlate.correlate_utilities(board, utility, utility_column)
    else:
        found = correlate.correlate_runs(open_workspace(workspace), board, suites)
    if as_json:
        print_json(correlate.to_json(found))
    else:
        _show(found)
    return _CODES[found.verdict]


def _show(found: Correlation) -> None:
    from weighbridge.cli.tables import print_table  # noqa: PLC0415

    places = {
        one.model: place
        for place, one in enumerate(sorted(found.models, key=lambda one: -one.utility), start=1)
    }
    print_table(
        f"{found.source} beside what was measured here",
        ["<model", "score", "place", "utility", "place here"],
        [
            [one.model, f"{one.score:g}", str(place), f"{one.utility:.3g}", str(places[one.model])]
            for place, one in enumerate(found.models, start=1)
        ],
        caption=_basis(found),
    )
    for one in (found.spearman, found.kendall):
        click.echo(_line(one))
    click.echo(f"Pairs of models in the same order: {100 * found.same_order:.0f} %.")
    if found.only_utility:
        click.echo(printable(f"Without a score there: {_some(found.only_utility)}."))
    if found.only_scores:
        models = counted(len(found.only_scores), "model")
        click.echo(printable(f"Not measured here: {models} of {found.source}."))
    for left in found.left_out:
        click.echo(printable(f"Left out: {left.model}, {left.reason}."))
    for note in found.notes:
        click.echo(printable(note))
    if found.lower_is_better:
        click.echo("Of the scores the lower are taken for the better; else --higher-is-better.")
    elif found.verdict == "reverses":
        click.echo("If of the scores the lower are the better, say so with --lower-is-better.")
    click.echo(printable(found.sentence))


def _basis(found: Correlation) -> str:
    """What the utility is."""
    told = [f"{one.subject} ({counted(one.n, 'item')})" for one in found.basis]
    kind = "mean accuracy over" if len(told) > 1 else "accuracy on"
    return f"Utility: {kind} {', '.join(told)}." if told else ""


def _line(one: RankCorrelation) -> str:
    few = "" if one.interval else ", too few models for an interval"
    kind = "exact " if one.exact else ""
    return f"{one.name.capitalize()} {one.numbers}{few}; {kind}p = {one.p:.2g}."


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"
