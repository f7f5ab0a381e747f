"""``weigh prices``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli import diagnostics
from weighbridge.cli.diagnostics import printable, say
from weighbridge.cli.options import json_option, print_json, workspace_option
from weighbridge.cli.unwritten import Unwritten, Worded
from weighbridge.core.prices import STALE_DAYS, TERMS, ApiPrice, GpuPrice, Terms, is_stale
from weighbridge.core.units import plural

if TYPE_CHECKING:
    from weighbridge.facts.prices import Prices
    from weighbridge.verbs.prices import Sort

_EXAMPLES = """\b
Example:
  weigh prices opus
  weigh prices --provider openai --max-output 5 --sort output
  weigh prices --gpu H100
  weigh prices --model qwen3 --csv > prices.csv
  weigh prices update"""
_MOST_CHANGES = 10


class _Prices(Worded):
    unwritten = "list"


@click.group(cls=_Prices)
def command() -> None:
    """List what tokens cost at hosted APIs, and GPUs by the hour."""


@command.command("list", cls=Unwritten, epilog=_EXAMPLES)
@click.argument("words", metavar="[FILTER]...", nargs=-1)
@click.option("--provider", default="", help="Only one provider, e.g. anthropic.")
@click.option("--model", default="", help="Only models with this in their name.")
@click.option(
    "--max-output",
    type=click.FloatRange(min=0, min_open=True),
    metavar="USD",
    help="Most that a million generated tokens may cost.",
)
@click.option(
    "--sort",
    type=click.Choice(["name", "model", "input", "output", "context", "date"]),
    help="Cheapest, longest or newest first; names from A to Z.",
)
@click.option(
    "--gpu",
    is_flag=False,
    flag_value="",
    default=None,
    metavar="[NAME]",
    help="Instead: what GPUs cost by the hour, all or one.",
)
@click.option("--terms", type=click.Choice(TERMS), help="With --gpu: only these.")
@click.option(
    "--prices",
    "book",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Your price book; else $WEIGHBRIDGE_PRICES, else prices.toml in the workspace.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print a table with commas on stdout.")
@json_option
@workspace_option
def list_command(
    *,
    words: tuple[str, ...],
    provider: str,
    model: str,
    max_output: float | None,
    sort: Sort | None,
    gpu: str | None,
    terms: Terms | None,
    book: Path | None,
    as_csv: bool,
    as_json: bool,
    workspace: Path,
) -> int:
    """List what tokens cost at hosted APIs, and GPUs by the hour.

    Prices come with weighbridge and work offline; your price book wins over them. USD per million
    tokens; each has a source and a date, and is marked when older than 60 days.
    """
    from weighbridge.verbs import effects  # noqa: PLC0415 -- not needed for --help
    from weighbridge.verbs import prices as verb  # noqa: PLC0415

    _refuse_mixed(gpu, terms, apis_only=bool(provider or model or sort or max_output))
    prices = verb.read(effects.SystemClock(), book=book, workspace=workspace)
    for note in prices.notes:
        say(note)
    if gpu is not None:
        return _list_gpus(
            prices, " ".join((gpu, *words)).strip(), terms, as_json=as_json, as_csv=as_csv
        )
    wanted = verb.Wanted(words, provider, model, max_output, sort)
    found = verb.select(prices, wanted)
    if as_json:
        print_json(verb.to_json(prices, found))
    elif as_csv:
        click.echo(verb.to_csv(prices, found), nl=False)
    elif found:
        _print_api(prices, found)
    if not found:
        say(verb.none_words(prices, wanted))
        return diagnostics.NO
    return diagnostics.OK


@command.command("update", epilog="Example: weigh prices update")
@click.option("--url", help="Fetch from this address, for example a mirror.")
@json_option
def update_command(url: str | None, *, as_json: bool) -> None:
    """Fetch the newest API prices and keep them for later runs.

    They come from the genai-prices project. Your own price book is not touched, and what is known
    stays known if anything goes wrong.
    """
    from weighbridge.verbs import effects  # noqa: PLC0415 -- not needed for --help
    from weighbridge.verbs import prices as verb  # noqa: PLC0415

    done = verb.update(effects.SystemClock(), url=url)
    if as_json:
        print_json(verb.update_to_json(done))
        return
    click.echo(f"{plural(done.models, 'price')} of {done.date} from {done.url} are in {done.path}.")
    for what, names in (("new", done.new), ("gone", done.gone), ("changed", done.changed)):
        if names:
            more = " …" if len(names) > _MOST_CHANGES else ""
            listed = printable(", ".join(names[:_MOST_CHANGES]))
            click.echo(f"{len(names)} {what}: {listed}{more}")
    if done.skipped:
        say(f"{plural(done.skipped, 'model')} could not be read and are left out.")


def _refuse_mixed(gpu: str | None, terms: Terms | None, *, apis_only: bool) -> None:
    """Refuse options that would be passed over."""
    if gpu is not None and apis_only:
        raise click.UsageError("--provider, --model, --max-output and --sort do not go with --gpu.")
    if gpu is None and terms is not None:
        raise click.UsageError("--terms goes with --gpu only.")


def _list_gpus(
    prices: Prices, device: str, terms: Terms | None, *, as_json: bool, as_csv: bool
) -> int:
    from weighbridge.verbs import prices as verb  # noqa: PLC0415 -- not needed for --help

    found = verb.select_gpus(prices, device, terms)
    if as_json:
        print_json(verb.gpus_to_json(prices, found))
    elif as_csv:
        click.echo(verb.gpus_to_csv(prices, found), nl=False)
    elif found:
        _print_gpus(prices, found)
    if not found:
        say("No price of it is known; put yours into prices.toml (docs/prices.md).")
        return diagnostics.NO
    return diagnostics.OK


def _print_api(prices: Prices, found: Sequence[ApiPrice]) -> None:
    from weighbridge.cli.tables import print_table  # noqa: PLC0415 -- heavy, only for people

    figures = ["in", "out", "cached", "batch", "context", "<date"]
    rows = [_row(price, prices.today) for price in found]
    also = [_also(price, prices) for price in found]
    both = list(zip(found, rows, also, strict=True))
    # The narrower, the more stands below the name.
    below = [["\n  ".join((price.name, *more)), *row] for price, row, more in both]
    lines = [
        ["\n  ".join((f"{price.provider}/", price.model, f"context {row[4]}", *more)), *row[:4]]
        for price, row, more in both
    ]
    print_table(
        plural(len(found), "price"),
        ["<provider", "<model", *figures, "<also"],
        [[price.provider, price.model, *row, "; ".join(more)] for price, row, more in both],
        shorter=[
            (["<model", *figures], below),
            (
                ["<model", *figures[:4], "<date"],
                [
                    [*line, _date(price, prices.today)]
                    for line, price in zip(lines, found, strict=True)
                ],
            ),
        ],
        caption=f"USD per million tokens; – is unknown. Stale: older than {STALE_DAYS} days. "
        f"{len(prices.unknown)} more models have no price in their list, or 0, which is unknown. "
        f"Sources: {', '.join(dict.fromkeys(price.provenance.source for price in found))}.",
    )


def _row(price: ApiPrice, today: str) -> list[str]:
    return [
        f"{price.price.input:.4g}",
        f"{price.price.output:.4g}",
        "–" if price.price.cached is None else f"{price.price.cached:.4g}",
        f"{price.batch.input:.4g}/{price.batch.output:.4g}" if price.batch else "–",
        "–" if price.context is None else f"{price.context:,}",
        _date(price, today),
    ]


def _print_gpus(prices: Prices, found: Sequence[GpuPrice]) -> None:
    from weighbridge.cli.tables import print_table  # noqa: PLC0415 -- heavy, only for people

    names = ["<GPU", "<terms", "min", "median", "max", "offers", "<date"]
    rows = [
        [
            price.device,
            price.terms,
            f"{price.low:.2f}",
            f"{price.median:.2f}",
            f"{price.high:.2f}",
            str(price.offers),
            _date(price, prices.today),
        ]
        for price in found
    ]
    print_table(
        "USD per GPU and hour",
        [*names, "<source"],
        [[*row, price.provenance.source] for row, price in zip(rows, found, strict=True)],
        shorter=[(names, rows)],
        caption="Offers of single providers, seen once: ask for a quote before you decide. Costs "
        "reckon with more than the spread of one or two. "
        f"Stale: older than {STALE_DAYS} days, or undated. --csv names the sources.",
    )


def _date(price: ApiPrice | GpuPrice, today: str) -> str:
    said = price.provenance.date or "undated"
    return f"{said} stale" if is_stale(price.provenance, today) else said


def _also(price: ApiPrice, prices: Prices) -> list[str]:
    """What the columns do not say: long prompts, hours, and an end."""
    said = ["yours"] if price.name in prices.own else []
    said += [
        f"over {tier.from_prompt_tokens - 1:,}: {tier.price.input:.4g}/{tier.price.output:.4g}"
        for tier in price.tiers[1:]
    ]
    said += [
        f"{_clock(each.from_hour)}–{_clock(each.to_hour)} UTC: "
        f"{each.price.input:.4g}/{each.price.output:.4g}"
        for each in price.hours
    ]
    if price.retires:
        said.append(f"{'ended' if price.has_ended(prices.today) else 'ends'} {price.retires}")
    return said


def _clock(hour: float) -> str:
    return f"{int(hour):02d}:{round(hour % 1 * 60):02d}"
