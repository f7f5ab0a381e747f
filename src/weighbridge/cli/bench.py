"""``weigh bench``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import run_async, say
from weighbridge.cli.options import (
    Integers,
    json_option,
    key_option,
    open_workspace,
    print_json,
    timeout_option,
    workspace_option,
)

if TYPE_CHECKING:
    from weighbridge.core.load import LoadLevel, LoadRun


@click.command()
@click.argument("url")
@click.option("--model", required=True, help="The model's name at the endpoint.")
@click.option(
    "--concurrency",
    type=Integers(),
    default="1,4,8",
    show_default=True,
    help="Users that send at once; one level each.",
)
@click.option(
    "--requests",
    type=click.IntRange(1),
    default=60,
    show_default=True,
    help="Requests per level; at least as many as users.",
)
@click.option(
    "--max-tokens",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="Longest answer asked for.",
)
@click.option(
    "--prompts",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="File with a prompt a line, or JSON lines with a prompt. Default: synthetic.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the synthetic prompts.")
@timeout_option
@key_option
@json_option
@workspace_option
def command(
    *,
    url: str,
    model: str,
    concurrency: tuple[int, ...],
    requests: int,
    max_tokens: int,
    prompts: Path | None,
    seed: int,
    timeout: float,
    key: str | None,
    as_json: bool,
    workspace: Path,
) -> None:
    """Measure an OpenAI-compatible endpoint under load.

    Streams requests in a closed loop and reports time to first token (TTFT), gaps between tokens
    (ITL), time per output token (TPOT) and end-to-end time (E2E), with throughput and errors.

    \b
    Example:
      weigh bench http://127.0.0.1:8000/v1 --model tally --concurrency 1,4,8 --requests 60
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.cli.progress import progress_display  # noqa: PLC0415 -- not for --help
    from weighbridge.core.endpoint import endpoint_at  # noqa: PLC0415
    from weighbridge.verbs import bench  # noqa: PLC0415
    from weighbridge.verbs.effects import SystemClock  # noqa: PLC0415
    from weighbridge.wire.client import Client  # noqa: PLC0415

    _check_requests(requests, max(concurrency))
    endpoint = endpoint_at(url, model, key)
    settings = bench.BenchSettings(
        concurrency, requests, max_tokens, bench.prompts_from(prompts), seed, timeout
    )
    store = open_workspace(workspace)

    async def work() -> LoadRun:
        with progress_display() as progress:
            async with Client() as client:
                return await bench.bench(
                    store, client, SystemClock(), endpoint, settings, progress=progress
                )

    run = run_async(work(), interrupted="Interrupted; nothing was kept.")
    if as_json:
        print_json(bench.to_json(run))
    else:
        show(run)
    _warn(run)


def _check_requests(requests: int, users: int) -> None:
    if requests < users:
        raise click.BadParameter(
            f"{requests} requests do not occupy {users} users: the level would measure fewer. "
            f"Give at least --requests {users}.",
            param_hint="'--requests'",
        )


def show(run: LoadRun) -> None:
    """The levels as a table on standard output."""
    from weighbridge.cli.tables import print_table  # noqa: PLC0415

    columns = [
        *("users", "requests", "errors"),
        *("TTFT p50", "TTFT p95", "TTFT p99"),
        *("ITL p50", "ITL p99"),
        *("TPOT p50", "TPOT p95"),
        *("E2E p50", "E2E p95", "E2E p99"),
        *("req/s", "tokens/s"),
    ]
    print_table(
        f"{run.info.model} at {run.url}, up to {run.max_tokens} tokens, times in ms",
        columns,
        [_row(level) for level in run.levels],
        caption=f"measured · {run.info.id} · {run.info.created} · {run.info.machine}",
    )


def _row(level: LoadLevel) -> list[str]:
    from weighbridge.cli.tables import ms  # noqa: PLC0415

    return [
        str(level.concurrency),
        str(level.requests),
        str(level.errors),
        *(ms(level.ttft_ms, name) for name in ("p50", "p95", "p99")),
        *(ms(level.itl_ms, name) for name in ("p50", "p99")),
        *(ms(level.tpot_ms, name) for name in ("p50", "p95")),
        *(ms(level.e2e_ms, name) for name in ("p50", "p95", "p99")),
        f"{level.requests_per_s:.1f}",
        f"{level.output_tokens_per_s:.0f}",
    ]


def _warn(run: LoadRun) -> None:
    for level in run.levels:
        if level.errors:
            kinds = ", ".join(f"{count} × {kind}" for kind, count in level.error_kinds)
            say(
                f"Warning: {level.errors} of {level.requests} requests failed at "
                f"{level.shape} ({kinds}). First: {level.first_error}"
            )
        if not level.tokens_from_usage:
            say("Warning: the server gave no token counts; tokens are counted by arrivals.")
