"""``weigh context``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import OK, UNDECIDED, printable, run_async
from weighbridge.cli.options import (
    Integers,
    answer_timeout_option,
    json_option,
    key_option,
    open_workspace,
    print_json,
    workspace_option,
)

if TYPE_CHECKING:
    from weighbridge.core.endpoint import Endpoint
    from weighbridge.decide.effective_context import EffectiveContext
    from weighbridge.verbs.context import ContextReport, ContextSettings

_WIDTH = 30
_EXAMPLES = """\b
Example:
  weigh context http://127.0.0.1:8000/v1 --model qwen3-8b
  weigh context URL --model M --lengths 1000,8000,64000,128000 --items 100
  weigh context URL --model M --margin 0.05 --hops 4 --json"""


@click.command(epilog=_EXAMPLES)
@click.argument("url")
@click.option("--model", required=True, help="The model's name at the endpoint.")
@click.option("--lengths", type=Integers(), help="Tokens of the prompts  [default: 500 to 32000]")
@click.option(
    "--items",
    type=click.IntRange(10),
    default=50,
    show_default=True,
    help="Questions per task, the same at every length.",
)
@click.option(
    "--hops",
    type=click.IntRange(1, 20),
    default=2,
    show_default=True,
    help="Keys to follow in a multi-hop question.",
)
@click.option(
    "--margin",
    type=click.FloatRange(0, 1),
    default=0.1,
    show_default=True,
    help="Loss of accuracy against the shortest length that is accepted.",
)
@click.option("--seed", type=int, default=1, show_default=True, help="Of texts and questions.")
@click.option(
    "--max-tokens",
    type=click.IntRange(1),
    default=512,
    show_default=True,
    help="Longest answer; models that think aloud need more.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1),
    default=4,
    show_default=True,
    help="Questions asked at once.",
)
@answer_timeout_option
@key_option
@json_option
@workspace_option
def command(
    *,
    url: str,
    model: str,
    lengths: tuple[int, ...] | None,
    items: int,
    hops: int,
    margin: float,
    seed: int,
    max_tokens: int,
    concurrency: int,
    timeout: float,
    key: str | None,
    as_json: bool,
    workspace: Path,
) -> int:
    """Tell how long a context a model really uses.

    Asks for one fact of several, and for the end of a chain of facts, in made-up texts of growing
    length. The effective context is the longest at which the accuracy is within --margin of that
    at the shortest length, on the same questions.

    Exits with 4 when no task is done even at the shortest length.
    """
    from weighbridge.core.endpoint import endpoint_at  # noqa: PLC0415 -- not for --help
    from weighbridge.verbs.context import LENGTHS, ContextSettings, to_json  # noqa: PLC0415
    from weighbridge.verbs.eval import EvalSettings  # noqa: PLC0415

    settings = ContextSettings(
        lengths or LENGTHS, items, hops, margin, seed, max_tokens,
        EvalSettings(concurrency, timeout),
    )  # fmt: skip
    report = _measured(endpoint_at(url, model, key), settings, workspace)
    if as_json:
        print_json(to_json(report))
    else:
        _show(report)
    return OK if report.is_known else UNDECIDED


def _measured(endpoint: Endpoint, settings: ContextSettings, workspace: Path) -> ContextReport:
    from weighbridge.cli.progress import progress_display  # noqa: PLC0415 -- not for --help
    from weighbridge.verbs.context import measure_context  # noqa: PLC0415
    from weighbridge.verbs.effects import SystemClock  # noqa: PLC0415
    from weighbridge.wire.client import Client  # noqa: PLC0415

    store = open_workspace(workspace)

    async def work() -> ContextReport:
        with progress_display() as progress:
            async with Client() as client:
                return await measure_context(
                    store, client, SystemClock(), endpoint, settings, progress=progress
                )

    return run_async(
        work(),
        interrupted="Interrupted. The answers so far are kept; "
        "the same command goes on from there.",
    )


def _show(report: ContextReport) -> None:
    from weighbridge.cli.tables import percent, print_table  # noqa: PLC0415

    for task in report.tasks:
        print_table(
            f"{report.model}, {task.task}: {report.settings.items} questions at every length",
            ["tokens", "accuracy [95 %]", "<", "change in points [95 %]"],
            [
                [
                    f"{row.tokens:,}",
                    percent(row.accuracy),
                    _bar(row.accuracy.value),
                    "–" if row is task.lengths[0] else
                    f"{100 * row.change.value:+.0f} "
                    f"[{100 * row.change.low:+.0f}, {100 * row.change.high:+.0f}]",
                ]
                for row in task.lengths
            ],
        )  # fmt: skip
    for task in report.tasks:
        click.echo(printable(sentence(task, report.settings.margin)))
    for note in report.notes:
        click.echo(printable(note))


def _bar(share: float) -> str:
    return "█" * round(share * _WIDTH) + "·" * (_WIDTH - round(share * _WIDTH))


def sentence(task: EffectiveContext, margin: float) -> str:
    """The finding in plain words."""
    if task.tokens is None:
        return task.reason
    shortest, longest = task.lengths[0].tokens, task.lengths[-1].tokens
    high = f"below {task.below:,}" if task.below is not None else f"perhaps beyond {longest:,}"
    told = (
        f"{task.task}: effective context {task.tokens:,} tokens [at least {task.low:,}, {high}], "
        f"by a loss of at most {100 * margin:.0f} points against {shortest:,} tokens (95 % "
        "intervals, each length by itself)."
    )
    if task.tokens == longest:
        told = f"{told} No longer one was measured."
    elif task.tokens == task.low == task.high:
        told = f"{told} Where it ends between {task.tokens:,} and {task.below:,}, no length tells."
    return f"{told} {task.caveat}".rstrip()
