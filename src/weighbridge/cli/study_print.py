"""A study on one screen: the decision, how sure, and the tables it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from weighbridge.cli.tables import percent, print_table
from weighbridge.core.units import MIB, format_figure, plural

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.cost import CostReport
    from weighbridge.core.provenance import Interval
    from weighbridge.core.study import StageState, Study, StudyStatus
    from weighbridge.core.verdict import Verdict

_UNITS_SHOWN = 12


def show(study: Study) -> None:
    """What came of a study."""
    if study.verdict is not None:
        _standings(study, study.verdict.verdict)
    if study.route is not None:
        print_table(
            f"{study.route.gain.n} unseen requests of all tasks",
            ["<answered by", "right, 95 % interval"],
            [
                ["auto (the gateway)" if s.who == "auto" else s.who, percent(s.accuracy)]
                for s in study.route.shares
                if s.task == "all"
            ],
        )
    if study.cost is not None:
        _bill(study.cost.report)
    for comparison in study.run.comparisons:
        click.echo(f"· {comparison.sentence}")
    if study.route is not None:
        gain = study.route.gain
        click.echo(f"· {gain.sentence} Exact McNemar p = {gain.p_mcnemar:.2g}.")
    if study.verdict is not None:
        click.secho(f"\n{study.verdict.verdict.sentence}", bold=True)
        for caveat in study.verdict.verdict.caveats:
            click.echo(caveat)


def _bill(report: CostReport) -> None:
    from weighbridge.predict.cost.words import marked_name  # noqa: PLC0415 -- numpy

    demand = report.question.demand
    rows = []
    for one in report.options:
        per_1000, accepted = one.usd_per_1000_requests, one.usd_per_1000_accepted
        rows.append(
            [
                marked_name(one),
                _usd(one.usd_per_month),
                format_figure(per_1000.value),
                "unknown" if accepted is None else format_figure(accepted.value),
            ]
        )
    print_table(
        f"Cost of {format_figure(demand.requests_per_day)} requests a day, in USD, with 80 % "
        "intervals",
        ["<option", "a month", "1,000 requests", "1,000 right answers"],
        rows,
    )
    for note in report.notes:
        click.echo(f"· {note}")


def _usd(span: Interval) -> str:
    value, low, high = map(format_figure, (span.value, span.low, span.high))
    return value if low == high else f"{value} [{low}, {high}]"


def show_unchecked(study: Study) -> None:
    """What the study says nothing about."""
    if study.run.not_checked:
        click.echo("\nNot checked:")
        for sentence in study.run.not_checked:
            click.echo(f"· {sentence}")


def _standings(study: Study, verdict: Verdict) -> None:
    of = {task.task: {e.model: e for e in task.standings} for task in verdict.tasks}
    loads = {load.info.model: load.levels[-1] for load in study.loads if load.levels}
    sizes = {entry.model: entry.bytes for entry in verdict.memory}
    models = list(dict.fromkeys(e.model for task in verdict.tasks for e in task.standings))
    order = [run.info.model for run in study.evals]
    models.sort(key=lambda model: order.index(model) if model in order else len(order))
    most = next((level.shape for level in loads.values()), None)
    heads = ["<model", *of, *([f"requests/s at {most}"] if most else []), "memory"]
    rows = []
    for model in models:
        shares = [percent(them[model].accuracy) if model in them else "–" for them in of.values()]
        speed = [f"{loads[model].requests_per_s:.1f}" if model in loads else "–"] if most else []
        rows.append([model, *shares, *speed, _size(sizes.get(model))])
    items = {evidence.n for task in verdict.tasks for evidence in task.standings}
    count = f"{min(items)}" if len(items) == 1 else f"{min(items)} to {max(items)}"
    print_table(f"Accuracy on {count} items per task, with 95 % intervals", heads, rows)


def show_status(found: StudyStatus, *, dry_run: bool = False) -> None:
    """Stages and their units, and what to do next."""
    rows = [[stage.name, stage.state, _count(stage), _about(stage)] for stage in found.stages]
    print_table(f"Study {found.name}", ["<stage", "<state", "done", "<"], rows)
    for stage in found.stages:
        if not stage.units:
            click.echo(f"· {stage.name}: {stage.why}")
    for why in dict.fromkeys(_ruled_out(found)):
        click.echo(f"· {why}")
    if dry_run:
        todo = [
            unit
            for stage in found.stages
            for unit in stage.units
            if unit.state in ("to do", "stale", "failed", "waiting")
        ]
        click.echo(f"A run would do {plural(len(todo), 'unit')}:" if todo else "Nothing is to do.")
        for unit in todo:
            why = f" ({unit.why})" if unit.why else ""
            click.echo(f"· {unit.stage}: {unit.name}{why}")
        return
    click.echo(found.next_action)
    if found.command:
        click.echo(f"  {found.command}")


def _ruled_out(found: StudyStatus) -> Iterator[str]:
    """Why candidates are not asked at all."""
    for stage in found.stages:
        yield from (unit.why for unit in stage.units if unit.state == "not asked")


def _count(stage: StageState) -> str:
    asked = [unit for unit in stage.units if unit.state != "not asked"]
    return f"{stage.done}/{len(asked)}" if asked else ""


def _about(stage: StageState) -> str:
    """What is missing of it."""
    missing = [unit.name for unit in stage.units if unit.state not in ("done", "not asked")]
    shown = ", ".join(missing[:_UNITS_SHOWN])
    return shown + (f" and {len(missing) - _UNITS_SHOWN} more" if missing[_UNITS_SHOWN:] else "")


def _size(count: int | None) -> str:
    return "unknown" if count is None else f"{count / MIB:.0f} MiB"
