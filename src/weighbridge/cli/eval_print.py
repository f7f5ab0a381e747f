"""An evaluation on the terminal: the result, what failed, and the first wrong answers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from weighbridge.cli.diagnostics import printable
from weighbridge.cli.tables import percent, print_table
from weighbridge.core.counting import counted
from weighbridge.predict.cost.labels import money

if TYPE_CHECKING:
    from weighbridge.core.routing import Price
    from weighbridge.core.runs import EvalRun, ItemResult
    from weighbridge.verbs.eval_dry_run import DryRun
    from weighbridge.verbs.eval_figures import Failure, Figures

_WRONG_SHOWN = 5
_FAILED_SHOWN = 10
_PROMPT_WIDTH = 2000
_WHY_WIDTH = 100
# What messages of the client begin with: `http://… answered with status 500: …`, `http://…: …`.
_ASKED = re.compile(r"^https?://\S+\s(?:answered with (?=status ))?")


def show(run: EvalRun, told: Figures, price: Price | None = None) -> None:
    """The result, failures and the first wrong answers on standard output."""
    repeats = f" × {run.repeats} answers" if run.repeats > 1 else ""
    # Of an imported run nothing was measured here: its own tool and file are its provenance.
    kind = f"imported · {run.origin}" if run.origin else "measured"
    sentence = (
        f"{run.info.model} on {run.suite}: {percent(told.accuracy)} right, "
        f"n = {told.items}{repeats} ({kind} · {run.info.id} · 95 % interval)"
    )
    click.echo(printable(sentence))
    for line in _lines(told, price):
        click.echo(printable(line))
    _print_failed(told.failed)
    _print_wrong(run)


def _lines(told: Figures, price: Price | None) -> list[str]:
    lines = []
    if told.by_groups:
        lines.append("The interval counts groups of items, not items, as what stands on its own.")
    if told.pass_at:
        parts = [f"pass@{k} {100 * chance:.1f} %" for k, chance in told.pass_at.items()]
        lines.append(", ".join(parts))
    if abs(told.mean_score - told.share) > 1e-9:
        lines.append(
            f"Mean score {100 * told.mean_score:.1f} %: partly right answers count in part."
        )
    lines.extend(_noted(told.notes))
    if told.cut:
        cut = f"{counted(told.cut, 'answer')} {'was' if told.cut == 1 else 'were'} cut"
        lines.append(f"{cut} at max_tokens; a longer limit might save some.")
    if price is not None:
        lines.append(f"Cost at these prices: {money(told.cost_usd(price))}.")
    return lines


def _noted(notes: Mapping[str, Any]) -> list[str]:
    lines = []
    if "inconsistent" in notes:
        lines.append(
            f"The judge contradicted itself on {100 * notes['inconsistent']:.1f} % of "
            f"{counted(notes['judged'], 'answer')} when the texts changed places: such are ties."
        )
    if notes.get("wrong"):
        parts = [f"{name} {count}" for name, count in list(notes["wrong"].items())[:8]]
        lines.append(f"Wrong most often: {', '.join(parts)}.")
    if given_up := notes.get("given_up"):
        named = ", ".join(one["id"] for one in given_up[:_FAILED_SHOWN])
        more = f" and {len(given_up) - _FAILED_SHOWN} more" * (len(given_up) > _FAILED_SHOWN)
        lines.append(
            f"The search for a pattern took too long and was ended, which counts as wrong, in "
            f"{counted(len(given_up), 'answer')}: {named}{more}."
        )
    return lines


def _print_failed(failed: Sequence[Failure]) -> None:
    if not failed:
        return
    more = len(failed) - _FAILED_SHOWN
    print_table(
        f"Failed, counted as wrong: {len(failed)}",
        ["<item", "<error", "<why"],
        [[one.id, one.error, _cut(_why(one.detail), _WHY_WIDTH)] for one in failed[:_FAILED_SHOWN]],
        caption=f"and {more} more; --json lists all" if more > 0 else "",
    )


def _why(detail: str) -> str:
    """A failure without the address, which is the one of the command."""
    return _ASKED.sub("", detail)


def _print_wrong(run: EvalRun) -> None:
    every = (item for item in run.items if not item.correct and not item.error)
    wrong = list(islice(every, _WRONG_SHOWN))
    if not wrong:
        return
    # Programs are judged by tests: no answer is the expected one.
    has_gold = any(item.expected is not None for item in wrong)
    print_table(
        "First wrong answers",
        ["<item", "<prompt", *["<expected"] * has_gold, "<answer", "<why"],
        [[i.id, _cut(i.prompt), *_gold(i)[:has_gold], _cut(i.answer), _cut(i.detail)]
         for i in wrong],
    )  # fmt: skip


def _gold(item: ItemResult) -> list[str]:
    return ["" if item.expected is None else _cut(str(item.expected))]


def show_dry_run(told: DryRun) -> None:
    """Prompts, and how much would be asked."""
    for number, prompt in enumerate(told.prompts, start=1):
        click.echo(f"--- prompt {number} of {told.items}")
        for role, text in prompt:
            shown = text if len(text) <= _PROMPT_WIDTH else text[:_PROMPT_WIDTH] + "…"
            click.echo(printable(f"[{role}]\n{shown}"))
    low, high = told.prompt_tokens
    click.echo(
        f"\n{counted(told.samples, 'answer')} to {counted(told.items, 'item')}: about "
        f"{f'{low:,} to {high:,}' if low < high else f'{high:,}'} prompt tokens (by the length of "
        f"the texts), at most {told.most_output_tokens:,} output tokens."
    )
    if told.most_cost_usd is not None:
        click.echo(f"At these prices at most {money(_rounded_up(told.most_cost_usd))}.")
    click.echo("Nothing was sent.")


def _rounded_up(usd: float) -> float:
    """The next amount that is shown as it is: a bound must not be rounded below itself."""
    if usd <= 0:
        return usd
    places = 0 if usd > 99.99 else 2 if usd > 0.099 else min(9, 2 - math.floor(math.log10(usd)))
    unit = 10.0**-places
    up: float = math.ceil(round(usd / unit, 6)) * unit
    return up


def _cut(text: str, width: int = 60) -> str:
    line = printable(" ".join(text.split()))
    return line if len(line) <= width else line[: width - 1] + "…"
