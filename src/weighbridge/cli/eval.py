"""``weigh eval``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import printable, run_async, say
from weighbridge.cli.options import (
    json_option,
    key_option,
    open_workspace,
    print_json,
    timeout_option,
    workspace_option,
)

if TYPE_CHECKING:
    from weighbridge.core.runs import EvalRun


@click.command()
@click.argument("url")
@click.option("--model", required=True, help="The model's name at the endpoint.")
@click.option(
    "--suite",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder with suite.yaml and items.jsonl, or the name of a built-in suite.",
)
@click.option("--limit", type=click.IntRange(1), help="Ask only the first items.")
@click.option(
    "--concurrency",
    type=click.IntRange(1),
    default=8,
    show_default=True,
    help="Items asked at once.",
)
@timeout_option
@click.option("--fresh", is_flag=True, help="Ask everything anew instead of resuming.")
@key_option
@json_option
@workspace_option
def command(
    *,
    url: str,
    model: str,
    suite: Path,
    limit: int | None,
    concurrency: int,
    timeout: float,
    fresh: bool,
    key: str | None,
    as_json: bool,
    workspace: Path,
) -> None:
    """Measure a model's accuracy on a suite of your own tasks.

    Every answer is kept as it arrives: interrupted, the same command goes on where it stopped.

    \b
    Example:
      weigh eval http://127.0.0.1:8000/v1 --model tally --suite arithmetic
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.cli.progress import progress_display  # noqa: PLC0415 -- not for --help
    from weighbridge.core.endpoint import endpoint_at  # noqa: PLC0415
    from weighbridge.measure.evals.suite import load_suite  # noqa: PLC0415
    from weighbridge.verbs import eval as verb  # noqa: PLC0415
    from weighbridge.verbs.effects import SystemClock  # noqa: PLC0415
    from weighbridge.wire.client import Client  # noqa: PLC0415

    endpoint = endpoint_at(url, model, key)
    items = load_suite(suite_folder(suite)).head(limit)
    settings = verb.EvalSettings(concurrency, timeout, fresh=fresh)
    store = open_workspace(workspace)

    async def work() -> EvalRun:
        with progress_display() as progress:
            async with Client() as client:
                return await verb.evaluate(
                    store,
                    client,
                    SystemClock(),
                    endpoint,
                    items,
                    settings=settings,
                    progress=progress,
                )

    run = run_async(
        work(),
        interrupted="Interrupted. The answers so far are kept; "
        "the same command goes on from there.",
    )
    if as_json:
        print_json(verb.to_json(run))
    else:
        show(run)
    if run.errors:
        first = next(item.detail for item in run.items if item.error)
        say(f"Warning: {run.errors} items failed and count as wrong. First: {first}")


def suite_folder(path: Path) -> Path:
    """``path``, or the built-in suite of that name when there is nothing at ``path``.

    Raises:
        InputError: there is neither.
    """
    from importlib import resources  # noqa: PLC0415 -- not for --help

    from weighbridge.core.errors import InputError  # noqa: PLC0415

    if path.exists():
        return path
    built_in = Path(str(resources.files("weighbridge"))) / "demo" / "suites"
    names = sorted(found.name for found in built_in.glob("*") if found.is_dir())
    if str(path) in names:
        return built_in / path
    raise InputError(
        f"There is no suite folder {path}.",
        fix="A suite is a folder with suite.yaml and items.jsonl. Built in: "
        f"{', '.join(names) or 'none'}.",
    )


def show(run: EvalRun) -> None:
    """The result and the first wrong answers on standard output."""
    from weighbridge.cli.tables import percent, print_table  # noqa: PLC0415
    from weighbridge.decide.statistics import wilson  # noqa: PLC0415

    rate = wilson(run.correct, len(run.items))
    sentence = (
        f"{run.info.model} on {run.suite}: {percent(rate)} right, n = {len(run.items)} "
        f"(measured · {run.info.id} · 95 % Wilson interval)"
    )
    click.echo(printable(sentence))
    wrong = [item for item in run.items if not item.correct][:5]
    if wrong:
        print_table(
            "First wrong answers",
            ["<item", "<prompt", "<expected", "<answer", "<why"],
            [
                [i.id, _cut(i.prompt), _cut(str(i.expected)), _cut(i.answer), _cut(i.detail)]
                for i in wrong
            ],
        )


def _cut(text: str, width: int = 60) -> str:
    line = printable(" ".join(text.split()))
    return line if len(line) <= width else line[: width - 1] + "…"
