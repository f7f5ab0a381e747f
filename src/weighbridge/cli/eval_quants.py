"""``weigh eval compare-quants``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import printable, run_async
from weighbridge.cli.options import (
    answer_timeout_option,
    json_option,
    key_option,
    open_workspace,
    print_json,
    workspace_option,
)
from weighbridge.core.counting import counted

if TYPE_CHECKING:
    from weighbridge.core.model_comparison import PairDifference
    from weighbridge.verbs.eval_quants import Quant, QuantReport, QuantSettings

_EXAMPLES = """\b
Example:
  weigh eval compare-quants gsm8k m-f16.gguf m-q8_0.gguf m-q4_k_m.gguf --limit 300
  weigh eval compare-quants suites/mine bf16=http://a:8000/v1 fp8=http://b:8000/v1"""


@click.command("compare-quants", epilog=_EXAMPLES)
@click.argument("suite", type=click.Path(path_type=Path))
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@click.option("--limit", type=click.IntRange(1), help="Ask only so many items, the first.")
@click.option("--shuffle", type=int, metavar="SEED", help="With --limit: a random sample.")
@click.option(
    "--concurrency",
    type=click.IntRange(1),
    default=4,
    show_default=True,
    help="Items asked at once, and slots of an engine that is started.",
)
@click.option(
    "--context",
    type=click.IntRange(16),
    default=4096,
    show_default=True,
    help="Tokens per slot of an engine that is started.",
)
@click.option(
    "--kl-items",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="Items whose token probabilities are compared; 0 for none.",
)
@answer_timeout_option
@key_option
@json_option
@workspace_option
def compare_quants(
    *,
    suite: Path,
    models: tuple[str, ...],
    limit: int | None,
    shuffle: int | None,
    concurrency: int,
    context: int,
    kl_items: int,
    timeout: float,
    key: str | None,
    as_json: bool,
    workspace: Path,
) -> None:
    """Tell what lower precision costs a model on the same items.

    A MODEL is a GGUF file, or the address of a server; NAME=MODEL names it. The first is the
    reference. Each is started, evaluated and stopped in turn.
    """
    from weighbridge.measure.evals.scoring import Means  # noqa: PLC0415 -- not for --help
    from weighbridge.verbs.eval import EvalSettings  # noqa: PLC0415
    from weighbridge.verbs.eval_quants import QuantSettings, to_json  # noqa: PLC0415
    from weighbridge.verbs.suites import suite_folder  # noqa: PLC0415

    folder = suite_folder(suite)
    means = Means(judge=None, folder=folder, workers=2, trusted=frozenset())
    evaluation = EvalSettings(concurrency, timeout, order_seed=shuffle, means=means)
    settings = QuantSettings(evaluation, context, kl_items, key=key)
    report = _measured(folder, models, (limit, shuffle), settings, workspace)
    if as_json:
        print_json(to_json(report))
    else:
        _show(report)


def _measured(
    folder: Path,
    models: tuple[str, ...],
    part: tuple[int | None, int | None],
    settings: QuantSettings,
    workspace: Path,
) -> QuantReport:
    from weighbridge.cli.progress import progress_display  # noqa: PLC0415 -- not for --help
    from weighbridge.engines.llamacpp_embedded import EmbeddedLlamaCpp  # noqa: PLC0415
    from weighbridge.measure.evals.subset import chosen  # noqa: PLC0415
    from weighbridge.measure.evals.suite import load_suite  # noqa: PLC0415
    from weighbridge.verbs.effects import SystemClock  # noqa: PLC0415
    from weighbridge.verbs.eval_quants import Effects, compare_quants  # noqa: PLC0415
    from weighbridge.verbs.model_sources import source_of  # noqa: PLC0415
    from weighbridge.wire.client import Client  # noqa: PLC0415

    asked = chosen(load_suite(folder), *part)
    store = open_workspace(workspace)

    async def work() -> QuantReport:
        with progress_display() as progress:
            async with Client() as client:
                effects = Effects(store, client, SystemClock(), EmbeddedLlamaCpp(client), progress)
                return await compare_quants(effects, asked, list(map(source_of, models)), settings)

    return run_async(
        work(),
        interrupted="Interrupted. The answers so far are kept; "
        "the same command goes on from there.",
    )


def _show(report: QuantReport) -> None:
    from weighbridge.cli.tables import percent, print_table  # noqa: PLC0415

    subject = report.comparison.subjects[0]
    accuracy = {one.model: percent(one.accuracy) for one in subject.standings}
    reference = report.quants[0].name
    differences = {pair.b: pair for pair in report.comparison.pairs if pair.a == reference}
    print_table(
        f"{subject.subject}: {counted(subject.n, 'item')}, compared with {reference}",
        [
            "<model", "accuracy [95 %]", "points [95 %]", "flips", "<verdict",
            "KL at least, nats [95 %]", "same top token", "file", "tokens/s [95 %]",
        ],
        [
            [
                quant.name,
                accuracy[quant.name],
                *_difference(differences.get(quant.name)),
                *_tokens(quant),
                "–" if quant.file_bytes is None else f"{quant.file_bytes / 1e6:,.1f} MB",
                _speed(quant),
            ]
            for quant in report.quants
        ],
        caption=" ".join(report.comparison.notes),
    )  # fmt: skip
    for note in report.notes:
        click.echo(printable(note))
    for pair in differences.values():
        click.echo(printable(pair.sentence))
    click.echo(
        "tokens/s is of one request among --concurrency, its prompt included, and one model was "
        "asked after the other: `weigh bench compare` tells which is faster. Few flips and a small "
        "divergence are no proof of equal accuracy: only the interval of the points is."
    )


def _difference(pair: PairDifference | None) -> list[str]:
    if pair is None:
        return ["–", "–", "reference"]
    ends = pair.difference
    points = f"{100 * ends.value:+.1f} [{100 * ends.low:+.1f}, {100 * ends.high:+.1f}]"
    verdict = "cannot tell" if not pair.real else "better" if ends.value > 0 else "worse"
    return [points, f"+{pair.flips_up} −{pair.flips_down}", verdict]


def _tokens(quant: Quant) -> list[str]:
    if quant.kl_nats is None or quant.same_top is None:
        return ["–", "–"]
    ends = quant.kl_nats.interval
    told = f"{quant.kl_nats.value:.4f}"
    if ends is not None:
        told += f" [{ends.low:.4f}, {ends.high:.4f}]"
    return [told, f"{100 * quant.same_top.value:.1f} %"]


def _speed(quant: Quant) -> str:
    speed = quant.tokens_per_s
    if speed is None:
        return "–"
    ends = speed.interval
    told = f"{speed.value:,.0f}"
    return told if ends is None else f"{told} [{ends.low:,.0f}, {ends.high:,.0f}]"
