"""``weigh compare``."""

from __future__ import annotations

from collections.abc import Sequence
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
from weighbridge.core.counting import counted

if TYPE_CHECKING:
    from weighbridge.core.model_comparison import (
        ModelComparison,
        PairDifference,
        SubjectComparison,
    )

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
    McNemar test, for scores and groups by the interval, adjusted for the number of pairs (Holm);
    with --sequential by bounds that hold at every look. P(best) is the probability that a model
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
    cases = _cases(comparison)
    if len(comparison.subjects) == 1:
        _show_subject(comparison.subjects[0], cases)
    else:
        _show_tasks(comparison.subjects, cases)
    _show_pairs(comparison)
    if len(comparison.pairs) == 1:
        click.echo(printable(comparison.pairs[0].sentence))
    if not comparison.any_real:
        click.echo("The data cannot tell any of them apart.")


def _cases(comparison: ModelComparison) -> str:
    """How often what is said to show does, by the same rule as the verdicts."""
    family = len(comparison.pairs)
    looks = ", looked at once" if any(pair.anytime for pair in comparison.pairs) else ""
    return f"in 4 of 5 cases{looks}" + (f", {family} comparisons allowed for" * (family > 1))


def _show_subject(subject: SubjectComparison, cases: str) -> None:
    from weighbridge.cli.tables import percent, print_table  # noqa: PLC0415

    groups = "" if subject.groups is None else f" in {subject.groups} groups"
    middle = _detectable(subject)
    print_table(
        f"{subject.subject}: {counted(subject.n, 'item')}{groups}",
        ["<model", "accuracy [95 %]", "P(best)"],
        [[one.model, percent(one.accuracy), _share(one.p_best)] for one in subject.standings],
        caption="So few items show hardly any difference."
        if middle >= 1
        else f"So many items show a true difference of about {100 * middle:.1f} points {cases}.",
    )


def _show_tasks(subjects: Sequence[SubjectComparison], cases: str) -> None:
    """Tasks in rows, models in columns: the accuracies, then the probabilities to be the best."""
    from weighbridge.cli.tables import percent, print_table  # noqa: PLC0415

    models = dict.fromkeys(one.model for subject in subjects for one in subject.standings)
    accuracies, chances = [], []
    for subject in subjects:
        of = {one.model: one for one in subject.standings}
        groups = "–" if subject.groups is None else str(subject.groups)
        shows = f"{100 * _detectable(subject):.1f}"
        accuracies.append(
            [subject.subject, str(subject.n), groups, shows]
            + [percent(of[model].accuracy) if model in of else "–" for model in models]
        )
        chances.append(
            [subject.subject]
            + [_share(of[model].p_best) if model in of else "–" for model in models]
        )
    print_table(
        "Accuracy [95 %] by task",
        ["<task", "items", "groups", "shows from", *models],
        accuracies,
        caption=f"“Shows from”: points of true difference that so many items show {cases}.",
    )
    print_table("P(best) by task", ["<task", *models], chances)


def _show_pairs(comparison: ModelComparison) -> None:
    from weighbridge.cli.tables import print_table  # noqa: PLC0415

    several = len(comparison.subjects) > 1
    rows, short = [], []
    for one in comparison.pairs:
        # Of bounds for repeated looks there is no p-value that may be looked at as often.
        p = ["–", "–"] if one.anytime else [f"{one.p:.2g}", f"{one.p_adjusted:.2g}"]
        flips = f"+{one.flips_up} −{one.flips_down}"
        found = [_verdict(one), _more(one)]
        on = [one.subject] if several else []
        rows.append([one.a, one.b, *on, _points(one), flips, *p, *found])
        names = "\n".join((f"b: {one.b}", f"a: {one.a}", *(f"on {name}" for name in on)))
        short.append([names, _points(one), p[1], *found])
    subjects = ["<on"] if several else []
    last = ["<verdict", "more items"]
    print_table(
        "Differences, b − a",
        ["<a", "<b", *subjects, "points [95 %]", "flips", "p", "p (Holm)", *last],
        rows,
        caption=" ".join(comparison.notes),
        shorter=[(["<models", "points [95 %]", "p (Holm)", *last], short)],
    )


def _detectable(subject: SubjectComparison) -> float:
    """The smallest true difference that shows, for the pair in the middle."""
    return sorted(pair.detectable for pair in subject.pairs)[len(subject.pairs) // 2]


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
