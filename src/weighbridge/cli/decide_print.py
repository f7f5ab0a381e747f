"""A verdict on standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import printable
from weighbridge.cli.tables import percent, print_table
from weighbridge.core.units import format_bytes

_MOST_COST_FLIPS = 6

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weighbridge.core.study import VerdictRun
    from weighbridge.core.verdict import (
        Assignment,
        ModelEvidence,
        ModelMemory,
        TaskVerdict,
        Verdict,
    )


def show(run: VerdictRun) -> None:
    """The decision in words, what was removed, each task, the options, what would change it."""
    verdict = run.verdict
    click.echo(printable(verdict.words))
    _show_removed(verdict)
    for task in verdict.tasks:
        _show_task(task)
    _show_options(run)
    _show_flips(verdict)
    for note in verdict.notes:
        click.echo(printable(f"Note: {note}"))


def _show_flips(verdict: Verdict) -> None:
    """Those of costs, which have no unit of ours, come last and are many."""
    if not verdict.flips:
        return
    own = [flip.sentence for flip in verdict.flips if flip.unit]
    costs = [flip.sentence for flip in verdict.flips if not flip.unit]
    click.echo("\nWhat would change it")
    for sentence in (*own, *costs[:_MOST_COST_FLIPS]):
        click.echo(printable(f"· {sentence}"))
    more = len(costs) - _MOST_COST_FLIPS
    if more > 0:
        click.echo(f"· {more} more on costs: see --json, or `weigh cost`.")


def _show_removed(verdict: Verdict) -> None:
    if not verdict.removed:
        return
    click.echo("\nRemoved")
    for one in verdict.removed:
        click.echo(printable(f"· {one.constraint}: {one}"))
    click.echo("")


def _show_task(task: TaskVerdict) -> None:
    """Every option; in a narrow terminal without what is found in the JSON as well."""
    short, rows = _figures(task)
    timed = any(one.served for one in task.standings)
    at = [_at(one) for one in task.standings]
    print_table(
        task.task,
        [*short, "n", *(["<at"] if timed else []), "<run"],
        [
            [*row, str(one.n), *([where] if timed else []), one.run]
            for row, one, where in zip(rows, task.standings, at, strict=True)
        ],
        caption=" ".join(
            filter(None, (task.lead.sentence if task.lead else "", _front(task), _sources(task)))
        ),
        shorter=[(short, rows)],
    )


def _front(task: TaskVerdict) -> str:
    """In what the options of the front were compared; nothing where it is accuracy alone."""
    if len(task.front) < 2 or len(task.standings) < 2:
        return ""
    sides = f"{', '.join(task.front[:-1])} and {task.front[-1]}"
    return f"On the front: nothing else is at least as good in {sides} and better in one."


def _sources(task: TaskVerdict) -> str:
    """Where latencies and costs come from; accuracies have their runs."""
    parts = []
    for what, found in (
        ("Latency", [one.served.provenance for one in task.standings if one.served]),
        (
            "Cost, with 80 % intervals",
            [one.spending.provenance for one in task.standings if one.spending],
        ),
    ):
        sources = dict.fromkeys(f"{one.kind}, {one.source}" for one in found)
        if sources:
            parts.append(f"{what}: {'; '.join(sources)}.")
    return " ".join(parts)


def _figures(task: TaskVerdict) -> tuple[list[str], list[list[str]]]:
    """The columns that matter most, and their cells."""
    columns = ["<model", "right, 95 % interval", "P(best)", "<front"]
    timed = any(one.served for one in task.standings)
    priced = any(one.spending for one in task.standings)
    rows = []
    for one in task.standings:
        best = "" if one.p_best is None else f"{100 * one.p_best:.0f} %"
        row = [one.model, percent(one.accuracy), best, "yes" if one.on_front else ""]
        row += [_latency(one)] if timed else []
        row += [_usd(one)] if priced else []
        rows.append(row)
    columns += ["ms per answer"] if timed else []
    columns += ["USD per 1,000 accepted"] if priced else []
    return columns, rows


def _latency(one: ModelEvidence) -> str:
    served = one.served
    figure = None if served is None else served.e2e_ms or served.ttft_ms
    if served is None or figure is None:
        return "unknown"
    # The client was the bottleneck: the model is no slower than that.
    most = "\N{LESS-THAN OR EQUAL TO} " if served.is_client_limited else ""
    return f"{most}{figure.value:.4g} ({served.percentile})"


def _at(one: ModelEvidence) -> str:
    if one.served is None:
        return ""
    source = one.served.provenance
    return f"{one.served.at} · {source.kind}, {source.source}"


def _usd(one: ModelEvidence) -> str:
    spending = one.spending
    accepted = None if spending is None else spending.usd_per_1000_accepted
    if accepted is not None:
        ends = f" [{accepted.low:.3g}, {accepted.high:.3g}]"
        return f"{accepted.value:.3g}{ends if accepted.low < accepted.high else ''}"
    known = spending is not None and spending.usd_per_1000 is not None
    return "none accepted" if known else "unknown"


def _show_options(run: VerdictRun) -> None:
    verdict = run.verdict
    parts = [("together", verdict.chosen)]
    if verdict.single is not None:
        parts.append(("one model", verdict.single))
    if verdict.tighter:
        parts.append(("with less memory", verdict.tighter))
    columns = ["<", "<models", "expected right", "memory"]
    priced = any(one.usd_per_month is not None for _, one in parts)
    print_table(
        "Options",
        [*columns, "USD a month"] if priced else columns,
        [
            [name, _models(one), f"{100 * one.accuracy:.1f} %", _size(one, verdict.memory)]
            + ([_money(one)] if priced else [])
            for name, one in parts
        ],
        caption=f"{_gain(verdict)}{_basis(verdict)} · {run.info.id} · {run.info.created}",
    )


def _basis(verdict: Verdict) -> str:
    """Whence accuracies, and memory where it was not measured."""
    kinds = {one.provenance.kind for one in verdict.memory if one.bytes is not None}
    other = " or ".join(sorted(kinds - {"measured"}))
    return f"measured; memory partly {other}" if other else "measured"


def _gain(verdict: Verdict) -> str:
    if verdict.gain is None:
        return ""
    value, low, high = (100 * x for x in (verdict.gain.value, verdict.gain.low, verdict.gain.high))
    return (
        f"together {value:+.1f} points over one model, 95 % interval {low:+.1f} to {high:+.1f} · "
    )


def _models(one: Assignment) -> str:
    counts = one.copies
    names = [f"{counts[name]} × {name}" if name in counts else name for name in one.models]
    if not one.devices:
        return ", ".join(names)
    on = "; ".join(f"{name} on {', '.join(map(str, devices))}" for name, devices in one.devices)
    return f"{', '.join(names)} (devices: {on})"


def _money(one: Assignment) -> str:
    if one.usd_per_month is None:
        return "unknown"
    return f"{'at most ' if one.is_upper_bound else ''}{one.usd_per_month:,.0f}"


def _size(one: Assignment, memory: Sequence[ModelMemory]) -> str:
    """Memory together; of machines alike that of each: what shares no machine adds up on none."""
    if one.memory_bytes is None:
        return "unknown"
    if all(count < 2 for _, count in one.fleets):
        return format_bytes(one.memory_bytes)
    known = {of.model: of.bytes for of in memory if of.bytes is not None}
    if any(name not in known for models, _ in one.fleets for name in models):
        return "unknown"
    parts = []
    for models, count in one.fleets:
        where = "one machine" if count == 1 else f"each of {count} machines"
        of = f"{' and '.join(models)}: " if len(one.fleets) > 1 else ""
        parts.append(f"{of}{format_bytes(sum(known[name] for name in models))} on {where}")
    return "; ".join(parts)
