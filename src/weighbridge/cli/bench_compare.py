"""``weigh bench compare``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weighbridge.cli.bench_options import BenchOptions, load_options, settings_of
from weighbridge.cli.diagnostics import OK, UNDECIDED, printable, run_async
from weighbridge.cli.options import json_option, key_option, open_workspace, print_json
from weighbridge.cli.options import workspace_option as in_workspace

if TYPE_CHECKING:
    from weighbridge.core.load_comparison import LoadComparison

_COLUMNS = ["<metric", "A", "B", "B / A", "<95 % interval", "p", "<verdict"]
_EXAMPLES = """\b
Example:
  weigh bench compare load-1a2b3c load-4d5e6f
  weigh bench compare http://127.0.0.1:8000/v1 http://127.0.0.1:8001/v1 \\
    --model M --interleave 5 --concurrency 8 --requests 100

Two runs made one after the other may differ by what the machine did meanwhile; with --interleave
the two servers are measured in turns, which such drift hits alike."""


@click.command(epilog=_EXAMPLES)
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@click.option(
    "--interleave", type=click.IntRange(3, 100), help="Measure both addresses in so many pairs."
)
@click.option("--model", help="With --interleave: the model's name at both.")
@click.option("--model-b", help="Its name at B, where it is another.")
@load_options
@key_option
@json_option
@in_workspace
def compare(
    *,
    a: str,
    b: str,
    interleave: int | None,
    model: str | None,
    model_b: str | None,
    key: str | None,
    as_json: bool,
    workspace: Path,
    **options: Any,  # noqa: ANN401 -- they become BenchOptions
) -> int:
    """Tell which differences between two load runs are real.

    A and B are load runs of the workspace (ids, or several separated by commas), or with
    --interleave the addresses of two servers.

    Exits with 0 when at least one difference is real, with 4 when the data cannot tell any.
    """
    from weighbridge.verbs import bench_compare  # noqa: PLC0415 -- not needed for --help

    if interleave is None:
        found = bench_compare.compare(open_workspace(workspace), a, b)
    else:
        if model is None:
            raise click.UsageError("--interleave needs the model's name: --model M.")
        settings = BenchOptions(**options)
        found = _interleave(
            (a, b), (model, model_b or model), settings, workspace, key=key, pairs=interleave
        )
    if as_json:
        print_json(bench_compare.to_json(found))
    else:
        _show(found)
    return OK if any(one.is_real for pair in found for one in pair.differences) else UNDECIDED


def _interleave(
    urls: tuple[str, str],
    models: tuple[str, str],
    options: BenchOptions,
    workspace: Path,
    *,
    key: str | None,
    pairs: int,
) -> tuple[LoadComparison, ...]:
    from weighbridge.cli.bench_line import LoadLine  # noqa: PLC0415
    from weighbridge.core.endpoint import endpoint_at  # noqa: PLC0415
    from weighbridge.verbs import bench_compare  # noqa: PLC0415
    from weighbridge.verbs.effects import SystemClock  # noqa: PLC0415
    from weighbridge.wire.client import Client  # noqa: PLC0415

    store, line, settings = open_workspace(workspace), LoadLine(), settings_of(options)
    endpoints = (endpoint_at(urls[0], models[0], key), endpoint_at(urls[1], models[1], key))

    async def work() -> tuple[LoadComparison, ...]:
        async with Client() as client:
            return await bench_compare.interleave(
                store,
                client,
                SystemClock(),
                endpoints,
                settings,
                pairs=pairs,
                progress=line,
                on_live=line.live,
            )

    try:
        return run_async(work(), interrupted="Interrupted; finished runs are kept (`weigh runs`).")
    finally:
        line.close()


def _show(comparisons: Sequence[LoadComparison]) -> None:
    from weighbridge.cli.tables import print_table  # noqa: PLC0415

    for comparison in comparisons:
        click.echo(printable(comparison.sentence))
        if not comparison.differences:
            click.echo(printable(" ".join(comparison.caveats)))
            continue
        rows = [
            [
                one.metric,
                f"{one.a:.4g}",
                f"{one.b:.4g}",
                f"{one.ratio:.3f}",
                f"{one.low:.3f} to {one.high:.3f}",
                f"{one.p:.2g}",
                ("better" if one.is_better else "worse") if one.is_real else "cannot tell",
            ]
            for one in comparison.differences
        ]
        print_table(
            f"A: {comparison.a} · B: {comparison.b} · {comparison.shape}",
            _COLUMNS,
            rows,
            caption=" ".join(comparison.caveats),
        )
