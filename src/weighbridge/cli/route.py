"""``weigh route``: train, look at and try out a learned route."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weighbridge.cli.diagnostics import OK, UNDECIDED, printable, say, stdout_kept_clean
from weighbridge.cli.options import (
    json_option,
    named,
    open_workspace,
    print_json,
    workspace_option,
)
from weighbridge.core.errors import InputError

if TYPE_CHECKING:
    from weighbridge.core.provenance import Interval
    from weighbridge.decide.route_evidence import EscalationReport, TaskReport
    from weighbridge.verbs.route_train import Prefer, Trained


_EXAMPLES = """\b
Example:
  weigh route train --out learned.route
  weigh route show learned.route
  weigh route test learned.route "What is 12 + 30?"
"""


@click.group(epilog=_EXAMPLES)
def command() -> None:
    """Learn from your evaluations which model to use for which prompt.

    A prompt is told its task, a task its best model. Where the evaluations do not show that this
    beats the best single model, the route stays off, and says so.
    """


@command.command(
    "train",
    short_help="Train a route on evaluation runs.",
    epilog="Example: weigh route train --out learned.route",
)
@click.argument("runs", nargs=-1, metavar="[RUN…]")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("learned.route"),
    show_default=True,
    help="Where to write the route, for `signals.learned` in router.config.yaml.",
)
@click.option(
    "--prefer",
    type=click.Choice(["quality", "cheapest", "fastest"]),
    default="quality",
    show_default=True,
    help="Which of the models that are tied on a task comes first.",
)
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A router.config.yaml with the models' prices.",
)
@click.option(
    "--price",
    multiple=True,
    metavar="MODEL=USD",
    help="Price of a million tokens. Repeatable.",
)
@click.option("--strong", metavar="MODEL", help="Learn when to ask this model instead of --weak.")
@click.option("--weak", metavar="MODEL", help="The cheaper of the two models.")
@click.option(
    "--strong-share",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.2,
    show_default=True,
    help="Share of prompts that go to the strong model.",
)
@json_option
@workspace_option
def train_command(
    *,
    runs: tuple[str, ...],
    out: Path,
    prefer: Prefer,
    config: Path | None,
    price: tuple[str, ...],
    strong: str | None,
    weak: str | None,
    strong_share: float,
    as_json: bool,
    workspace: Path,
) -> int:
    """Train a route on evaluation runs: those named, or the newest of each model and suite.

    Every figure is of prompts that the choice had not seen. Exits with 4 when no gain over the best
    single model is shown; the file is written all the same, and sends everything to that model.
    """
    from weighbridge.verbs import effects, route_train  # noqa: PLC0415 -- not needed for --help

    told = named(price, _usd, "--price tally=0.6")
    options = route_train.Options(
        prefer, route_train.prices(config, told), strong, weak, strong_share
    )
    with stdout_kept_clean():
        store = open_workspace(workspace)
        trained = route_train.train(store, effects.SystemClock(), out, options, runs)
    if as_json:
        print_json(route_train.to_json(trained))
    else:
        _print(trained)
    return OK if trained.report.on else UNDECIDED


@command.command("show", epilog="Example: weigh route show learned.route")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@json_option
def show_command(file: Path, as_json: bool) -> int:
    """Show what a learned route does."""
    from weighbridge.verbs import route_train  # noqa: PLC0415

    shown = route_train.show(file)
    if as_json:
        print_json(shown)
        return OK
    from weighbridge.cli.tables import print_facts  # noqa: PLC0415

    facts = [
        ("trained", shown["trained"]),
        ("verdict", shown["verdict"]),
        ("best single", shown["models"][0]),
    ]
    for task in shown["tasks"]:
        use = " or ".join(task["use"]) if task["on"] else f"{shown['models'][0]} (no gain shown)"
        facts.append((task["task"], use))
    if shown["escalation"] is not None:
        one = shown["escalation"]
        facts.append((one["weak"], f"unless {one['strong']} is expected to gain enough"))
        facts.append((one["strong"], f"for about {100 * one['share']:.0f} % of prompts"))
    print_facts(str(file), facts)
    return OK


@command.command(
    "test",
    short_help="Show where a learned route sends messages.",
    epilog='Example: weigh route test learned.route "What is 12 + 30?"',
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("messages", nargs=-1, metavar="[MESSAGE…]")
@json_option
def test_command(file: Path, messages: tuple[str, ...], as_json: bool) -> int:
    """Show where a learned route sends messages, and why.

    With - instead of messages, or without any, each line of standard input is one.
    """
    from weighbridge.verbs import route_train  # noqa: PLC0415

    given = () if messages == ("-",) else messages
    asked = given or tuple(line.rstrip("\n") for line in sys.stdin)
    found = route_train.try_out(file, asked)
    if as_json:
        print_json(found)
        return OK
    from weighbridge.cli.tables import print_table  # noqa: PLC0415

    print_table(
        str(file),
        ["<message", "<use", "<nearest task", "sure", "typical", "µs"],
        [_tried(one) for one in found],
        caption="sure: that it is this one of the known tasks, as often as that proved right · "
        "typical: like what was evaluated for it; else the best single model answers",
    )
    return OK


def _tried(one: dict[str, Any]) -> list[str]:
    return [
        one["message"][:48],
        one["use"][0],
        one["nearest_task"] or "–",
        f"{100 * one['confidence']:.0f} %" if one["nearest_task"] else "–",
        ("yes" if one["typical"] else "no") if one["nearest_task"] else "–",
        f"{one['microseconds']:.0f}",
    ]


def _usd(text: str) -> float:
    try:
        usd = float(text)
    except ValueError:
        usd = math.nan
    if not (math.isfinite(usd) and usd >= 0):
        raise InputError(f"{text!r} is no price.", fix="Write for example 0.6.")
    return usd


def _print(trained: Trained) -> None:
    from weighbridge.decide.route_evidence import EscalationReport  # noqa: PLC0415 -- loads numpy

    report = trained.report
    if isinstance(report, EscalationReport):
        _print_escalation(report)
    else:
        _print_tasks(report)
    click.echo(printable(report.sentence))
    for note in trained.notes:
        say(f"Note: {note}")
    say(f"Wrote {trained.path}. In router.config.yaml:")
    click.echo(printable(trained.snippet))


def _print_tasks(report: TaskReport) -> None:
    from weighbridge.cli.tables import print_table  # noqa: PLC0415 -- heavy, only for people

    single = report.models[0][0]
    rows = [
        [
            task.task,
            str(task.n),
            task.best,
            _score(task.score),
            _score(task.single),
            f"{100 * task.gain.value:+.1f} (≥ {100 * task.gain.bound:+.1f})",
            f"{100 * task.recognised:.0f} %",
            "–" if task.unseen_gain is None else f"{100 * task.unseen_gain:+.1f}",
            "yes" if task.on else "no",
        ]
        for task in report.tasks
    ]
    print_table(
        f"Best model per task, against {single}",
        [
            "<task",
            "prompts",
            "<best",
            "score",
            f"of {single}",
            "gain",
            "recognised",
            "as unseen",
            "used",
        ],
        rows,
        caption="gain: held out, with what it is at least (95 %, one-sided) · as unseen: gain on "
        "the task's prompts had nobody evaluated it",
    )
    click.echo(
        f"Held out, every task counting alike: {single} {100 * report.single:.1f}, the route "
        f"{100 * report.routed:.1f}."
    )


def _print_escalation(report: EscalationReport) -> None:
    from weighbridge.cli.tables import print_table  # noqa: PLC0415 -- heavy, only for people

    print_table(
        f"Asking {report.strong} ({100 * report.strong_score:.1f}) instead of {report.weak} "
        f"({100 * report.weak_score:.1f})",
        ["strong calls", "of the gap recovered", "at random"],
        [
            [f"{100 * share:.0f} %", f"{100 * part:.0f} %", f"{100 * share:.0f} %"]
            for share, part in report.curve
        ],
        caption="held out",
    )


def _score(interval: Interval) -> str:
    return f"{100 * interval.value:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"
