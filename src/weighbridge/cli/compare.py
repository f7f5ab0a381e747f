"""``weigh compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import OK, UNDECIDED, printable
from weighbridge.cli.options import (
    json_option,
    open_workspace,
    print_json,
    table_options,
    workspace_option,
)

if TYPE_CHECKING:
    from weighbridge.core.model_comparison import ModelComparison, PairDifference

_EXAMPLES = """\b
Example:
  weigh compare porter@arithmetic tally@arithmetic
  weigh compare --table items.csv
  weigh compare --table items.csv --task suite --group document --json

\b
items.csv has a row per item and a column per model, 1 for right and 0 for wrong:
  item,small,large
  q1,0,1
  q2,1,1"""


@click.command(epilog=_EXAMPLES)
@click.argument("runs", nargs=-1, metavar="[RUN RUN…]")
@table_options
@click.option("--models", help="With --table: the columns to compare, separated by commas.")
@click.option(
    "--average", is_flag=True, help="Repeated answers to an item count as one, their mean."
)
@click.option(
    "--sequential",
    is_flag=True,
    help="Judge by bounds that hold however often you look while answers come in.",
)
@json_option
@workspace_option
def command(
    *,
    runs: tuple[str, ...],
    table: Path | None,
    task: str | None,
    group: str | None,
    models: str | None,
    average: bool,
    sequential: bool,
    as_json: bool,
    workspace: Path,
) -> int:
    """Tell which differences between models are real, item by item.

    A RUN is an evaluation of the workspace: an id, its beginning, or MODEL@SUITE. With --table the
    results come from a CSV file of any origin.

    Differences are paired and have 95 % intervals; which of them are real is told by the exact
    McNemar test, adjusted for the number of pairs (Holm). P(best) is the probability that a model
    has the highest true accuracy. Missing answers count as wrong.

    Exits with 0 when at least one difference is real, with 4 when the data cannot tell any.
    """
    from weighbridge.verbs import compare  # noqa: PLC0415 -- not needed for --help
    from weighbridge.verbs.outcome_table import TableChoice  # noqa: PLC0415

    if (table is None) == (not runs):
        raise click.UsageError("Name runs of the workspace, or a file with --table, not both.")
    if table is not None:
        chosen = tuple(name.strip() for name in models.split(",")) if models else ()
        choice = TableChoice(chosen, task, group, average)
        found = compare.compare_table(table, choice, anytime=sequential)
    elif task or group or models:
        raise click.UsageError("--task, --group and --models are for --table.")
    else:
        found = compare.compare(
            open_workspace(workspace), runs, average=average, anytime=sequential
        )
    if as_json:
        print_json(compare.document(found))
    else:
        _show(found)
    return OK if found.any_real else UNDECIDED


def _show(comparison: ModelComparison) -> None:
    from weighbridge.cli.tables import percent, print_table  # noqa: PLC0415

    for subject in comparison.subjects:
        groups = "" if subject.groups is None else f" in {subject.groups} groups"
        print_table(
            f"{subject.subject}: {subject.n} items{groups}",
            ["<model", "accuracy [95 %]", "P(best)"],
            [[one.model, percent(one.accuracy), _share(one.p_best)] for one in subject.standings],
        )
    pairs = comparison.pairs
    print_table(
        "Differences, b − a",
        ["<a", "<b", *(["<on"] if len(comparison.subjects) > 1 else []), "points [95 %]",
         "flips", "p", "p (Holm)", "<verdict", "more items"],
        [
            [one.a, one.b, *([one.subject] if len(comparison.subjects) > 1 else []), _points(one),
             f"+{one.flips_up} −{one.flips_down}", f"{one.p:.2g}", f"{one.p_adjusted:.2g}",
             _verdict(one), _more(one)]
            for one in pairs
        ],
        caption=" ".join(comparison.notes),
    )  # fmt: skip
    if len(pairs) == 1:
        click.echo(printable(pairs[0].sentence))
    if not comparison.any_real:
        click.echo("The data cannot tell any of them apart.")


def _share(probability: float) -> str:
    """A probability in percent, never as certain as no sample can be."""
    percent = 100 * probability
    return "< 1 %" if percent < 1 else "> 99 %" if percent > 99 else f"{percent:.0f} %"


def _points(pair: PairDifference) -> str:
    shown = pair.anytime or pair.difference
    return f"{100 * shown.value:+.1f} [{100 * shown.low:+.1f}, {100 * shown.high:+.1f}]"


def _verdict(pair: PairDifference) -> str:
    if not pair.real:
        return "cannot tell"
    return "b is better" if pair.difference.value > 0 else "b is worse"


def _more(pair: PairDifference) -> str:
    """How many further items would settle it, if the difference is the one seen."""
    if pair.real:
        return "–"
    from weighbridge.decide.statistics.power import in_round_figures  # noqa: PLC0415

    return "?" if pair.more_items is None else f"≈ {in_round_figures(pair.more_items)}"
