"""``weigh decide``."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weighbridge.cli.decide_options import constraint_options
from weighbridge.cli.diagnostics import say, stdout_kept_clean
from weighbridge.cli.options import (
    Bytes,
    json_option,
    named,
    open_workspace,
    print_json,
    workspace_option,
)
from weighbridge.core.units import parse_bytes

if TYPE_CHECKING:
    from weighbridge.core.effects import Store
    from weighbridge.core.study import VerdictRun


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is decided on, as the command line says it."""

    runs: tuple[str, ...]
    memory_budget: int | None
    memory: tuple[str, ...]
    mix: tuple[str, ...]
    constraints: dict[str, Any]


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN…]")
@click.option(
    "--memory-budget", type=Bytes(), help="Memory of one machine, for all loaded models together."
)
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
@constraint_options
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
    **constraints: Any,  # noqa: ANN401 -- those of decide_options, read there
) -> None:
    """Decide which model does which task, and write router.config.yaml.

    Rests on the named evaluation runs, or on the newest of every model and suite, and on what else
    the workspace has of these models: load runs, inspections, costs. Constraints come first: every
    option that they remove is shown with its reason, and the exit code is 1 where nothing is left,
    or where what is left is useless for every task.

    \b
    Example:
      weigh decide --memory-budget 24GiB --mix code=3 --mix extraction=1
      weigh decide --data-stays --territory EU --intent commercial,users=50k
      weigh decide --devices '2x RTX 4090' --load 12/s --slo ttft_p95<500ms --min-accuracy code=0.8
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.cli import decide_print  # noqa: PLC0415 -- not needed for --help
    from weighbridge.core.constraints import NothingLeftError  # noqa: PLC0415
    from weighbridge.verbs import decide, decide_json  # noqa: PLC0415

    decide.check_replaceable(out, force=force)
    asked = _Asked(runs, memory_budget, memory, mix, constraints)
    try:
        with stdout_kept_clean():
            run = _decide(open_workspace(workspace), asked)
    except NothingLeftError as error:
        if as_json:
            removed, flips = decide_json.removed(error.removed), decide_json.flips(error.flips)
            print_json({"error": error.message, "removed": removed, "flips": flips})
        raise
    is_no = run.verdict.is_useless
    if not is_no:
        decide.write_router_config(run, out)
    if as_json:
        print_json(decide.to_json(run))
    else:
        decide_print.show(run)
    if is_no:
        say(f"{out} was not written: no task would be done well.")
        raise SystemExit(1)
    for warning in decide.warnings(run):
        say(f"Warning: {warning}")
    say(f"Wrote {out}. Run it with: weigh serve {out}")


def _decide(store: Store, asked: _Asked) -> VerdictRun:
    from weighbridge.cli.decide_options import read_constraints  # noqa: PLC0415
    from weighbridge.verbs import decide  # noqa: PLC0415

    constraints, told = read_constraints(asked.constraints)
    return decide.decide(
        store,
        names=asked.runs,
        budget_bytes=asked.memory_budget,
        mix=named(asked.mix, _share, "code=3") or None,
        memory_bytes=named(asked.memory, parse_bytes, "tally=24GiB"),
        constraints=constraints,
        told=told,
        strict=True,
    )


def _share(text: str) -> float:
    from weighbridge.core.errors import InputError  # noqa: PLC0415

    try:
        share = float(text)
    except ValueError:
        share = math.nan
    if not math.isfinite(share) or share < 0:
        raise InputError(f"{text!r} is not a share.", fix="Write for example code=3.")
    return share
