"""``weigh demo``."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import run_async, say, stdout_kept_clean
from weighbridge.cli.options import json_option, open_workspace, print_json, workspace_option
from weighbridge.core.units import MIB

if TYPE_CHECKING:
    from weighbridge.core.study import Study
    from weighbridge.verbs.demo import Effects


@click.command()
@json_option
@workspace_option
def command(*, as_json: bool, workspace: Path) -> None:
    """Weigh three real tiny models end to end, offline, in about a minute.

    Inspects, load-tests and evaluates them on two tasks with the embedded llama.cpp, compares them,
    decides, routes unseen traffic through the gateway, and writes a report.

    \b
    Example:
      weigh demo
      weigh ui
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.cli.progress import progress_display  # noqa: PLC0415 -- not for --help
    from weighbridge.engines.llamacpp_embedded import EmbeddedLlamaCpp  # noqa: PLC0415
    from weighbridge.report.study import study_page  # noqa: PLC0415
    from weighbridge.verbs import decide, demo  # noqa: PLC0415
    from weighbridge.verbs.effects import SystemClock, writing  # noqa: PLC0415
    from weighbridge.wire.client import Client  # noqa: PLC0415

    store = open_workspace(workspace)

    async def work() -> Study:
        with progress_display() as progress:
            async with Client() as client:
                effects: Effects = demo.Effects(
                    store, client, SystemClock(), EmbeddedLlamaCpp(client), progress
                )
                return await demo.demo(effects)

    with stdout_kept_clean():  # it decides by a solver that may print
        study = run_async(
            work(), interrupted="Interrupted. Finished runs are kept; `weigh demo` starts over."
        )
    report = workspace / "reports" / f"{study.run.info.id}.html"
    with writing(report) as draft:
        draft.write_text(study_page(study, standalone=True), encoding="utf-8")
    router = workspace / "reports" / f"{study.run.info.id}.router.config.yaml"
    decide.write_router_config(study.verdict, router)
    if as_json:
        paths = {"report": str(report), "router_config": str(router)}
        print_json({**demo.to_json(study), **paths})
    else:
        show(study)
    weigh = _called_as()
    say(
        f"\nReport         {report}\n"
        f"In the browser {weigh} ui --workspace {workspace}\n"
        f"Route with it  {weigh} serve {router}"
    )


def _called_as() -> str:
    """How this user starts us: by name where the shell finds it, else by path."""
    script = Path(sys.argv[0])
    found = shutil.which("weigh")
    return (
        "weigh" if found and Path(found).resolve() == script.resolve() else shlex.quote(sys.argv[0])
    )


def show(study: Study) -> None:
    """One screen: the decision, how sure, and the tables it rests on."""
    from weighbridge.cli.tables import percent, print_table  # noqa: PLC0415

    verdict, route = study.verdict.verdict, study.route
    standings = {task.task: {e.model: e for e in task.standings} for task in verdict.tasks}
    models = [load.info.model for load in study.loads]
    sizes = {entry.model: entry.bytes for entry in verdict.memory}
    loads = {load.info.model: load.levels[-1] for load in study.loads}
    print_table(
        "Accuracy on 200 held-out items per task, with 95 % intervals",
        ["<model", *standings, "requests/s at 8 users", "memory"],
        [
            [
                model,
                *(percent(of[model].accuracy) for of in standings.values()),
                f"{loads[model].requests_per_s:.0f}",
                _size(sizes[model]),
            ]
            for model in models
        ],
    )
    print_table(
        f"{route.gain.n} unseen requests of both tasks",
        ["<answered by", "right, 95 % interval"],
        [
            ["auto (the gateway)" if s.who == "auto" else s.who, percent(s.accuracy)]
            for s in route.shares
            if s.task == "all"
        ],
    )
    for comparison in study.run.comparisons:
        click.echo(f"· {comparison.sentence}")
    click.echo(f"· {route.gain.sentence} Exact McNemar p = {route.gain.p_mcnemar:.2g}.")
    click.secho(f"\n{verdict.sentence}", bold=True)
    for caveat in verdict.caveats:
        click.echo(caveat)
    click.echo(
        f"Measured in {study.run.seconds:.0f} s on {study.run.info.machine}. The tasks are "
        "synthetic, and the traffic is worded as the suites are; porter was stopped early on "
        "purpose, so that there is something to find."
    )


def _size(count: int | None) -> str:
    return "unknown" if count is None else f"{count / MIB:.0f} MiB"
