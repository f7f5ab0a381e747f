"""``weigh tokens``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import printable, run_async
from weighbridge.cli.options import json_option, key_option, print_json

if TYPE_CHECKING:
    from weighbridge.measure.tokens.figures import Rate
    from weighbridge.verbs.tokens import TokenReport

_EXAMPLES = """\b
Example:
  weigh tokens texts/ qwen/tokenizer.json llama/tokenizer.json
  weigh tokens requests.jsonl a.gguf b.gguf --price a=0.15 --price b=0.40
  weigh tokens texts/ small=http://127.0.0.1:8000/v1 large=http://127.0.0.1:8001/v1
  weigh tokens requests.jsonl a.gguf b.gguf --context 32768 --json"""


@click.command(epilog=_EXAMPLES)
@click.argument("corpus", type=click.Path(path_type=Path))
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@click.option(
    "--price",
    "prices",
    multiple=True,
    metavar="[NAME=]USD",
    help="US dollars per million prompt tokens, of one model or of all; may repeat.",
)
@click.option(
    "--request-characters",
    type=click.IntRange(1),
    help="Length of a request for the cost  [default: the mean JSONL entry, or 4000]",
)
@click.option(
    "--context",
    type=click.IntRange(1),
    default=8192,
    show_default=True,
    help="Tokens of context to turn into words and characters.",
)
@key_option
@json_option
def command(
    *,
    corpus: Path,
    models: tuple[str, ...],
    prices: tuple[str, ...],
    request_characters: int | None,
    context: int,
    key: str | None,
    as_json: bool,
) -> None:
    """Tell what your own texts cost in each model's tokens.

    CORPUS is a text file, a JSONL file (text, prompt or messages), or a folder of them. A MODEL is
    a tokenizer.json or a folder that has one, a GGUF file, or the address of a server that
    tokenizes (llama.cpp, vLLM, SGLang); NAME=MODEL names it. Ratios are to the first one.
    """
    from weighbridge.cli.progress import progress_display  # noqa: PLC0415 -- not for --help
    from weighbridge.engines.llamacpp_embedded import EmbeddedLlamaCpp  # noqa: PLC0415
    from weighbridge.verbs import tokens as verb  # noqa: PLC0415
    from weighbridge.verbs.model_sources import source_of  # noqa: PLC0415
    from weighbridge.wire.client import Client  # noqa: PLC0415

    settings = verb.TokenSettings(request_characters, context, _prices(prices), key)
    sources = [source_of(model) for model in models]

    async def work() -> TokenReport:
        with progress_display() as progress:
            async with Client() as client:
                return await verb.count_tokens(
                    corpus,
                    sources,
                    settings,
                    client=client,
                    launcher=EmbeddedLlamaCpp(client),
                    progress=progress,
                )

    report = run_async(work(), interrupted="Interrupted.")
    if as_json:
        print_json(verb.to_json(report))
    else:
        _show(report)


def _prices(texts: tuple[str, ...]) -> dict[str, float]:
    from weighbridge.core.errors import InputError  # noqa: PLC0415

    prices = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        try:
            price = float(number)
        except ValueError:
            price = math.nan
        if not (math.isfinite(price) and price >= 0):
            raise InputError(
                f"--price {text!r} is no price.", fix="Write for example --price 0.15 or a=0.15."
            )
        prices[name] = price
    return prices


def _show(report: TokenReport) -> None:
    from weighbridge.cli.tables import print_table  # noqa: PLC0415

    corpus, asked = report.corpus, report.asked
    priced = any(model.cost_usd for model in report.models)
    counts_words = any(model.per_word for model in report.models)
    print_table(
        f"{corpus.name}: {len(corpus.pieces):,} {'entries' if corpus.are_requests else 'lines'}, "
        f"{sum(map(len, corpus.pieces)):,} characters",
        [
            "<model",
            "tokens",
            "per byte [95 %]",
            *(["per word [95 %]"] if counts_words else []),
            "to the first [95 %]",
            *(["1,000 requests"] if priced else []),
            f"{asked.context:,} tokens hold",
        ],
        [
            [
                model.model,
                f"{model.tokens:,}",
                _rate(model.per_byte),
                *([_rate(model.per_word)] if counts_words else []),
                _rate(model.ratio) if model.ratio else "1",
                *([_money(model.cost_usd)] if priced else []),
                _held(model.context_words, model.context_characters),
            ]
            for model in report.models
        ],
    )
    if priced:
        click.echo(
            f"Costs are of prompts of {asked.request_characters:,.0f} characters, without what a "
            "chat template adds and without answers."
        )
    for note in report.notes:
        click.echo(printable(note))


def _rate(rate: Rate | None) -> str:
    if rate is None:
        return "–"
    if rate.interval is None:
        return f"{rate.value:.3f}"
    return f"{rate.value:.3f} [{rate.interval.low:.3f}, {rate.interval.high:.3f}]"


def _money(rate: Rate | None) -> str:
    return "–" if rate is None else f"${rate.value:.4g}"


def _held(words: Rate | None, characters: Rate) -> str:
    return f"{words.value:,.0f} words" if words else f"{characters.value:,.0f} characters"
