"""``weigh decide``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import say, stdout_kept_clean
from weighbridge.cli.options import (
    Bytes,
    json_option,
    named,
    open_workspace,
    print_json,
    workspace_option,
)
from weighbridge.core.units import format_bytes, parse_bytes

if TYPE_CHECKING:
    from weighbridge.core.study import VerdictRun


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN…]")
@click.option("--memory-budget", type=Bytes(), help="Memory of all loaded models together.")
@click.option(
    "--memory",
    multiple=True,
    metavar="MODEL=SIZE",
    help="Memory of a model, where it could not be measured. Repeatable.",
)
@click.option(
    "--mix",
    multiple=True,
    metavar="TASK=SHARE",
    help="Share of a task in your traffic; by default all alike. Repeatable.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("router.config.yaml"),
    show_default=True,
    help="Where to write the gateway's configuration.",
)
@click.option("--force", is_flag=True, help="Replace a configuration written by hand.")
@json_option
@workspace_option
def command(
    *,
    runs: tuple[str, ...],
    memory_budget: int | None,
    memory: tuple[str, ...],
    mix: tuple[str, ...],
    out: Path,
    force: bool,
    as_json: bool,
    workspace: Path,
) -> None:
    """Decide which model does which task, and write router.config.yaml.

    Rests on the named evaluation runs, or on the newest of every model and suite.

    \b
    Example:
      weigh decide --memory-budget 24GiB --mix code=3 --mix extraction=1
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.verbs import decide  # noqa: PLC0415 -- not needed for --help

    decide.check_replaceable(out, force=force)
    with stdout_kept_clean():
        run = decide.decide(
            open_workspace(workspace),
            names=runs,
            budget_bytes=memory_budget,
            mix=named(mix, _share, "code=3") or None,
            memory_bytes=named(memory, parse_bytes, "tally=24GiB"),
        )
    decide.write_router_config(run, out)
    if as_json:
        print_json(decide.to_json(run))
    else:
        show(run)
    for warning in decide.warnings(run):
        say(f"Warning: {warning}")
    say(f"Wrote {out}. Run it with: weigh serve {out}")


def show(run: VerdictRun) -> None:
    """The verdict on standard output."""
    from weighbridge.cli.tables import percent, print_table  # noqa: PLC0415

    verdict = run.verdict
    click.echo(" ".join([verdict.sentence, *verdict.caveats]))
    for task in verdict.tasks:
        print_table(
            task.task,
            ["<model", "right, 95 % interval", "n", "<run"],
            [[e.model, percent(e.accuracy), str(e.n), e.run] for e in task.standings],
            caption=task.lead.sentence if task.lead else "",
        )
    parts = [("together", verdict.chosen), ("one model", verdict.single)]
    if verdict.tighter:
        parts.append(("with less memory", verdict.tighter))
    print_table(
        "Options",
        ["<", "<models", "expected right", "memory"],
        [
            [name, ", ".join(a.models), f"{100 * a.accuracy:.1f} %", _size(a.memory_bytes)]
            for name, a in parts
        ],
        caption=f"measured · {run.info.id} · {run.info.created}",
    )


def _size(count: int | None) -> str:
    return "unknown" if count is None else format_bytes(count)


def _share(text: str) -> float:
    from weighbridge.core.errors import InputError  # noqa: PLC0415

    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not math.isfinite(share) or share < 0:
        raise InputError(f"{text!r} is not a share.", fix="Write for example code=3.")
    return share
