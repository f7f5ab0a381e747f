"""The options of ``weigh cost``: most are quantities, each with or without a range."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from weighbridge.core.prices import TERMS

CommandT = TypeVar("CommandT", bound=Callable[..., Any])

# Flag, name in `Asked`, what stands for its value, help. All are texts that the verb reads.
_DEMAND: Final = (
    ("--volume", "volume", "AMOUNT", "Traffic: 20M-tokens/day, 100k-requests/day."),
    ("--prompt", "prompt", "TOKENS", "Of a request; by default the load run's, or 750."),
    ("--output", "output", "TOKENS", "Of a request; by default the load run's, or 250."),
    ("--reasoning", "reasoning", "TOKENS", "Before the output; APIs bill them as output."),
    ("--cached", "cached", "SHARE", "Of prompt tokens, found in a cache, e.g. 40%."),
    ("--written", "written", "SHARE", "Of prompt tokens, billed as written to a cache."),
    ("--batch", "batch", "SHARE", "Of requests, that may wait for hours."),
)
_CAPACITY: Final = (
    ("--tokens-per-s", "tokens_per_s", "N", "Output tokens/s of a replica at the SLO, if known."),
    ("--prefill-per-s", "prefill_per_s", "N", "Prompt tokens/s, if not within --tokens-per-s."),
    ("--service", "service", "SECONDS", "A request takes, without waiting."),
    ("--min-replicas", "min_replicas", "N", "That run whatever the traffic; by default 1."),
)
_HARDWARE: Final = (
    ("--gpu-price", "gpu_price", "USD", "Of a rented GPU and hour; by default all known offers."),
    ("--on", "on_fraction", "SHARE", "Of the month billed; below 1 with scale-to-zero only."),
    ("--cold-start-hours", "cold_start_hours", "HOURS", "A month and GPU, then."),
    ("--owned", "owned", "USD", "Price of a GPU that is bought."),
    ("--owned-monthly", "owned_monthly", "USD", "Of an own GPU, all in one figure a month."),
    ("--host", "host", "USD", "Its share of the server."),
    ("--years", "years", "YEARS", "Of use; by default 2..3..5."),
    ("--residual", "residual", "SHARE", "Of the price got back; by default 0..15..30%."),
    ("--maintenance", "maintenance", "SHARE", "Of the price a year."),
    ("--watts", "watts", "W", "Of a GPU under load; by default 50..70..100 % of its board."),
    ("--idle-watts", "idle_watts", "W", "Without load."),
    ("--pue", "pue", "RATIO", "Power of the building over that of machines; 1..1.3..1.6."),
    ("--kwh", "kwh", "USD", "Price of power; by default 0.08..0.15..0.35."),
    ("--colocation", "colocation", "USD", "A month and GPU."),
)
_OPERATING: Final = (
    ("--fte", "fte", "N", "Full-time people who look after it."),
    ("--fte-cost", "fte_cost", "USD", "Of one a year, with everything."),
    ("--on-call", "on_call", "USD", "A month."),
    ("--ops", "ops", "USD", "Operations in one figure a month, besides those two."),
)
NAMES: Final = {
    group: tuple(name for _, name, _, _ in options)
    for group, options in (
        ("demand", (*_DEMAND, ("", "profile", "", ""))),
        ("capacity", _CAPACITY[:3]),
        ("hardware", _HARDWARE),
        ("operating", _OPERATING),
    )
}
_REPEATED: Final = (
    ("--api", "apis", "NAME", "An API that would be displaced: a name or IN/OUT; may repeat."),
    ("--same-model-api", "same_model_apis", "NAME", "A host of the same model; may repeat."),
    ("--fixed", "fixed", "NAME=USD", "Another line a month, e.g. audit=200; may repeat."),
    (
        "--pass-rate",
        "pass_rates",
        "[NAME=]SHARE",
        "Accepted, or an eval RUN; yours or an option's.",
    ),
    ("--token-ratio", "token_ratios", "[API=]X", "Tokens that an API counts per own token."),
)


def question_options(command: CommandT) -> CommandT:
    """All that say what is compared."""
    quantities = (*_DEMAND, *_CAPACITY, *_HARDWARE, *_OPERATING)
    options = [
        click.option(flag, name, default="", metavar=metavar, help=text)
        for flag, name, metavar, text in quantities
    ]
    options += [
        click.option(flag, name, multiple=True, metavar=metavar, help=text)
        for flag, name, metavar, text in _REPEATED
    ]
    for option in reversed([*_things(), *options, *_rules()]):
        command = option(command)
    return command


def _once(_: click.Context, option: click.Parameter, values: tuple[str, ...]) -> str:
    """Two values would be two questions: keeping one of them in silence answers neither."""
    if len(values) > 1:
        flag, given = option.opts[0], " and ".join(map(repr, values))
        raise click.UsageError(
            f"{flag} is given {len(values)} times, {given}: ask once for each and compare the "
            "reports."
        )
    return values[0] if values else ""


def _things() -> list[Callable[[Any], Any]]:
    """What is served, and on what."""
    return [
        click.option("--model", multiple=True, callback=_once, metavar="NAME",
                     help="The model that would be served."),
        click.option("--device", multiple=True, callback=_once, metavar="NAME",
                     help="On which GPU: L4, '2x RTX 4090' a replica."),
        click.option("--count", type=click.IntRange(1), help="GPUs of one replica."),
        click.option("--max-gpus", type=click.IntRange(1), help="No more can be had."),
        click.option("--quantization", default="", help="Format of the weights, for a prediction."),
        click.option("--slo", default="", help="Conditions, e.g. 'ttft_p95<2s,tpot_p95<50ms'."),
        click.option("--from-run", default="", metavar="RUN", help="Load run or plan that tells."),
    ]  # fmt: skip


def _rules() -> list[Callable[[Any], Any]]:
    """How much headroom there has to be, and how chance is computed."""
    return [
        click.option("--spot", is_flag=True, help="GPUs that may be taken away."),
        click.option("--terms", type=click.Choice(TERMS), default=None,
                     help="Of known GPU prices, your price book's included; on-demand."),
        click.option("--ha", "spare", is_flag=True, help="One replica more than are needed."),
        click.option("--slots", type=click.IntRange(1), help="Requests at once on a replica."),
        click.option("--cv", type=click.FloatRange(0, 100), help="Spread of request times; 1."),
        click.option("--rho", type=click.FloatRange(0, 1, min_open=True), help="Most that the "
                     "busiest hour may use of a replica."),
        click.option("--max-wait", type=click.FloatRange(0), default=1.0, show_default=True,
                     help="Seconds for a free slot that 99 % of requests wait at most."),
        click.option("--profile", default="day", show_default=True, metavar="day|flat|office|FILE",
                     help="Weights of the 24 hours."),
        click.option("--seed", type=int, default=0, show_default=True, help="Of the draws."),
        click.option("--draws", type=click.IntRange(100, 200_000), default=10_000,
                     show_default=True, help="How many."),
        click.option("--prices", "book", type=click.Path(path_type=Path, dir_okay=False),
                     help="Your price book; else $WEIGHBRIDGE_PRICES, else the workspace's."),
    ]  # fmt: skip
