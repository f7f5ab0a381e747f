"""A cost report for people: bills, comparisons, what matters, and what would turn the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from weighbridge.cli.diagnostics import printable
from weighbridge.cli.tables import print_table
from weighbridge.core.units import format_figure
from weighbridge.predict.cost.labels import money, short, value_text
from weighbridge.predict.cost.words import SHOWN_SWINGS, marked_name
from weighbridge.verbs.cost import verdict_sentences

if TYPE_CHECKING:
    from weighbridge.core.cost import CostedOption, CostReport
    from weighbridge.core.cost_comparison import Comparison
    from weighbridge.core.provenance import Interval

_OPTIONS: Final = [
    "<option", "USD/month", "[80 %]", "USD/1000 requests", "next 1000", "USD/1000 accepted",
]  # fmt: skip
_SERVING: Final = [
    "<option", "replicas", "GPUs", "used", "in the busiest hour", "slots", "wait", "can serve",
]  # fmt: skip


def print_report(report: CostReport) -> None:
    """All of it: the answer in words comes last, where the eye is."""
    demand = report.question.demand
    title = (
        f"{short(demand.tokens_per_day)} tokens a day in {short(demand.requests_per_day)} requests,"
        f" busiest hour {demand.peak_to_mean:.2f} times the mean"
    )
    accepted = any(one.usd_per_1000_accepted for one in report.options)
    shown = len(_OPTIONS) if accepted else len(_OPTIONS) - 1
    rows = [_bill(one)[:shown] for one in report.options]
    print_table(title, _OPTIONS[:shown], rows, caption="USD; [ ]: 8 of 10 draws.")
    _print_lines(report)
    _print_serving(report)
    for each in report.comparisons:
        _print_comparison(each, demand.unit)
    click.echo()
    for sentence in verdict_sentences(report):
        click.echo(printable(sentence))
    click.echo()
    for note in report.notes:
        click.echo(printable(note))
    click.echo(f"{report.draws:,} draws, seed {report.seed}.")


def _bill(one: CostedOption) -> list[str]:
    accepted = one.usd_per_1000_accepted
    return [
        marked_name(one),
        money(one.usd_per_month.value),
        _ends(one.usd_per_month),
        money(one.usd_per_1000_requests.value),
        money(one.marginal_usd_per_1000_requests),
        "" if accepted is None else f"{money(accepted.value)} {_ends(accepted)}".rstrip(),
    ]


def _ends(span: Interval) -> str:
    low, high = money(span.low), money(span.high)
    return "" if low == high else f"[{low} {high}]"


def _print_lines(report: CostReport) -> None:
    rows = [
        [option.name, line.name, money(line.usd_per_month.value), _ends(line.usd_per_month),
         f"{line.provenance.kind}: {line.provenance.source}", line.provenance.date[:10]]
        for option in report.options
        for line in option.lines
    ]  # fmt: skip
    click.echo()
    columns = ["<option", "<line", "USD/month", "[80 %]", "<from", "<date"]
    print_table("Bills", columns, rows)


def _print_serving(report: CostReport) -> None:
    rows = []
    for option in report.options:
        found = option.serving
        if found is None:
            continue
        wait = "" if found.wait_s is None else f"p{100 * found.percentile:g} {found.wait_s:.2f} s"
        slots = "" if found.slot_utilisation is None else f"{100 * found.slot_utilisation:.0f} %"
        rows.append([
            marked_name(option), str(found.replicas), str(found.gpus),
            f"{100 * found.utilisation:.3g} %",
            f"{100 * found.peak_utilisation:.3g} %", slots, wait,
            f"{short(found.capacity_tokens_per_day)} tokens a day",
        ])  # fmt: skip
    click.echo()
    kept = [n for n in range(len(_SERVING)) if any(row[n] for row in rows)]
    print_table("Machines", [_SERVING[n] for n in kept], [[row[n] for n in kept] for row in rows])
    for option in report.options:
        cash = option.serving.up_front_usd if option.serving else None
        if cash is not None:
            click.echo(printable(f"{option.name} takes {money(cash)} in cash at the beginning."))


def _print_comparison(one: Comparison, unit: str) -> None:
    click.echo()
    title = f"{one.option} minus {one.against}: what moves {money(one.difference.value)} a month"
    columns = ["<driver", "<low", "<high", "at low", "at high", "swing"]
    rows = [
        [
            f"{bar.label}{' *' if bar.assumed_range else ''}",
            value_text(bar.driver, bar.low, volume_unit=unit),
            value_text(bar.driver, bar.high, volume_unit=unit),
            money(bar.at_low),
            money(bar.at_high),
            money(bar.usd),
        ]
        for bar in one.swings[:SHOWN_SWINGS]
    ]
    starred = any(bar.assumed_range for bar in one.swings[:SHOWN_SWINGS])
    caption = "Each alone, all else at base."
    if one.p_within_capacity < 1:
        caption += " Bills are counted as if the GPUs could be had."
    if one.per_accepted:
        caption += " For as many accepted answers as requests."
    print_table(
        title, columns, rows,
        caption=caption + (" *: given as one value, moved by a fifth." if starred else ""),
    )  # fmt: skip
    for flip in one.flips:
        click.echo(printable(flip.sentence))
    if one.p_self_cheaper is not None:
        chance = format_figure(100 * one.p_self_cheaper)
        least = "at least " if one.at_most else ""
        click.echo(f"Self-hosting is cheaper in {least}{chance} % of the draws.")
