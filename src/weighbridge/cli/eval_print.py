"""An evaluation on the terminal: the result, what failed, and the first wrong answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import printable
from weighbridge.cli.tables import percent, print_table
from weighbridge.verbs import eval_figures as figures

if TYPE_CHECKING:
    from weighbridge.core.routing import Price
    from weighbridge.core.runs import EvalRun
    from weighbridge.verbs.eval_dry_run import DryRun

_WRONG_SHOWN = 5
_FAILED_SHOWN = 10
_PROMPT_WIDTH = 2000


def show(run: EvalRun, price: Price | None = None) -> None:
    """The result, failures and the first wrong answers on standard output."""
    items = len({item.id for item in run.items})
    repeats = f" × {run.repeats} answers" if run.repeats > 1 else ""
    sentence = (
        f"{run.info.model} on {run.suite}: {percent(figures.accuracy(run))} right, "
        f"n = {items}{repeats} (measured · {run.info.id} · 95 % Wilson interval)"
    )
    click.echo(printable(sentence))
    for line in _lines(run, price):
        click.echo(printable(line))
    _print_failed(run)
    _print_wrong(run)


def _lines(run: EvalRun, price: Price | None) -> list[str]:
    lines = []
    if any(item.group for item in run.items):
        lines.append("The interval counts groups of items, not items, as what stands on its own.")
    if run.repeats > 1:
        parts = [
            f"pass@{k} {100 * figures.pass_at(run, k):.1f} %"
            for k in figures.powers_up_to(run.repeats)
        ]
        lines.append(", ".join(parts))
    if abs(run.mean_score - run.accuracy) > 1e-9:
        lines.append(
            f"Mean score {100 * run.mean_score:.1f} %: partly right answers count in part."
        )
    told = figures.notes(run.items)
    if "inconsistent" in told:
        lines.append(
            f"The judge contradicted itself on {100 * told['inconsistent']:.1f} % of "
            f"{told['judged']} answers when the texts changed places; these count as ties."
        )
    if told.get("wrong"):
        parts = [f"{name} {count}" for name, count in list(told["wrong"].items())[:8]]
        lines.append(f"Wrong most often: {', '.join(parts)}.")
    cut = sum(item.finish_reason == "length" for item in run.items)
    if cut:
        lines.append(f"{cut} answers were cut at max_tokens; a longer limit might save some.")
    if price is not None:
        lines.append(f"Cost at these prices: ${figures.cost_usd(run.items, price):.4f}.")
    return lines


def _print_failed(run: EvalRun) -> None:
    failed = [item for item in run.items if item.error]
    if not failed:
        return
    more = len(failed) - _FAILED_SHOWN
    print_table(
        f"Failed, counted as wrong: {len(failed)}",
        ["<item", "<error", "<why"],
        [[item.id, item.error or "", _cut(item.detail)] for item in failed[:_FAILED_SHOWN]],
        caption=f"and {more} more; --json lists all" if more > 0 else "",
    )


def _print_wrong(run: EvalRun) -> None:
    wrong = [item for item in run.items if not item.correct and not item.error][:_WRONG_SHOWN]
    if wrong:
        print_table(
            "First wrong answers",
            ["<item", "<prompt", "<expected", "<answer", "<why"],
            [
                [i.id, _cut(i.prompt), _cut(str(i.expected)), _cut(i.answer), _cut(i.detail)]
                for i in wrong
            ],
        )


def show_dry_run(told: DryRun) -> None:
    """Prompts, and how much would be asked."""
    for number, prompt in enumerate(told.prompts, start=1):
        click.echo(f"--- prompt {number} of {told.items}")
        for role, text in prompt:
            shown = text if len(text) <= _PROMPT_WIDTH else text[:_PROMPT_WIDTH] + "…"
            click.echo(printable(f"[{role}]\n{shown}"))
    low, high = told.prompt_tokens
    click.echo(
        f"\n{told.samples} answers to {told.items} items: about {low:,} to {high:,} prompt tokens "
        f"(by the length of the texts), at most {told.most_output_tokens:,} output tokens."
    )
    if told.most_cost_usd is not None:
        click.echo(f"At these prices at most ${told.most_cost_usd:.2f}.")
    click.echo("Nothing was sent.")


def _cut(text: str, width: int = 60) -> str:
    line = printable(" ".join(text.split()))
    return line if len(line) <= width else line[: width - 1] + "…"
