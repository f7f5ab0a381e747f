"""``weigh rate``."""

from __future__ import annotations

from pathlib import Path

import click

from weighbridge.cli.diagnostics import printable, say
from weighbridge.cli.options import json_option, print_json, workspace_option
from weighbridge.cli.rate_start import close, invite, judge, start, status
from weighbridge.core.counting import counted

_FILE = click.Path(path_type=Path, dir_okay=False)
_EXAMPLES = """\b
Example:
  weigh rate start --inputs sample.jsonl --url http://127.0.0.1:8080 --models A,B,C
  weigh rate import votes.csv
  weigh rate results
  weigh rate results --json
  weigh rate export > votes.csv"""

rating_argument = click.argument("rating", required=False)


@click.group(epilog=_EXAMPLES)
def command() -> None:
    """Let people rate answers blind, side by side, and say what their votes tell."""


@command.command("import")
@click.argument("votes", type=_FILE)
@json_option
@workspace_option
def import_votes(*, votes: Path, as_json: bool, workspace: Path) -> None:
    """Bring in votes of any origin from the CSV file VOTES.

    \b
    Its columns are item,rater,a,b,winner: a and b name the models, winner is
    a, b, tie or both_bad (model_a, model_b and "tie (bothbad)" as well).
    Optional columns: task, group, reason, judge (1 for
    a model that judged), inconsistent, time.

    \b
    Example:
      weigh rate import votes.csv
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.verbs import rate  # noqa: PLC0415 -- not needed for --help

    found = rate.import_votes(workspace, votes)
    if as_json:
        print_json(
            {
                "rating": found.info.id,
                "votes": found.votes,
                "models": list(found.info.models),
                "notes": list(found.notes),
            }
        )
        return
    click.echo(
        printable(
            f"{found.info.id}: {counted(found.votes, 'vote')} on "
            f"{counted(found.info.inputs, 'input')} and "
            f"{counted(len(found.info.models), 'model')}. `weigh rate results` says what they tell."
        )
    )
    for note in found.notes:
        say(note)


@command.command("results")
@rating_argument
@click.option("--reference", metavar="MODEL", help="The model at 0 Elo.")
@click.option(
    "--model",
    type=click.Choice(("bradley-terry", "davidson")),
    default="bradley-terry",
    show_default=True,
    help="Of strengths: a tie is half a win, or has a probability of its own. --json has both.",
)
@json_option
@workspace_option
def results(
    *, rating: str | None, reference: str | None, model: str, as_json: bool, workspace: Path
) -> None:
    """Say what the ballots of RATING tell: by default those of the newest.

    \b
    Example:
      weigh rate results
      weigh rate results rating-1a2b3c --reference small --json
      weigh rate results --model davidson
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.verbs import rate_results as verb  # noqa: PLC0415

    found = verb.results(workspace, rating, reference=reference)
    if as_json:
        print_json(verb.results_json(found))
        return
    from weighbridge.cli.rate_print import show_results  # noqa: PLC0415

    show_results(found, model)


@command.command("list")
@json_option
@workspace_option
def listed(*, as_json: bool, workspace: Path) -> None:
    """List the ratings of the workspace, the newest first.

    \b
    Example:
      weigh rate list
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.verbs import rate  # noqa: PLC0415

    found = rate.listed(workspace)
    if as_json:
        print_json({"ratings": [rate.listed_json(info, votes) for info, votes in found]})
        return
    from weighbridge.cli.tables import print_table  # noqa: PLC0415

    print_table(
        "Ratings",
        ["<rating", "<state", "<from", "models", "inputs", "votes", "<made"],
        [
            [info.id, info.state, info.source, str(len(info.models)), str(info.inputs), str(votes),
             info.created[:16]]
            for info, votes in found
        ],
    )  # fmt: skip


@command.command("export")
@rating_argument
@workspace_option
def export(*, rating: str | None, workspace: Path) -> None:
    """Print the ballots of RATING as CSV, with the names of the models.

    \b
    Example:
      weigh rate export > votes.csv
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.verbs import rate  # noqa: PLC0415

    click.echo(rate.export(workspace, rating), nl=False)


for one in (start, status, invite, judge, close):
    command.add_command(one)
