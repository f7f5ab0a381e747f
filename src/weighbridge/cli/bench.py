"""``weigh bench``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from weighbridge.cli.bench_compare import compare
from weighbridge.cli.bench_options import BenchOptions, load_options, settings_of
from weighbridge.cli.diagnostics import EXTERNAL, NO, OK, UNDECIDED, run_async, say
from weighbridge.cli.options import (
    json_option,
    key_option,
    open_workspace,
    print_json,
    workspace_option,
)
from weighbridge.core.errors import WeighbridgeError

if TYPE_CHECKING:
    from weighbridge.core.load import LoadRun

_TARGET = click.Path(path_type=Path, dir_okay=False)
_COMPARE = "compare"

_EXAMPLES = """\b
Example:
  weigh bench http://127.0.0.1:8000/v1 --model tally
  weigh bench URL --model M --concurrency 1,8,64 --workload chat
  weigh bench URL --model M --rate 2,4,8 --duration 60 --slo 'ttft_p95<500ms'
  weigh bench URL --model M --find-limit --slo 'ttft_p95<500ms,tpot_p95<40ms'
  weigh bench URL --model M --trace mooncake.jsonl --speed 2
  weigh bench compare load-1a2b3c load-4d5e6f
  weigh bench --self-test

`weigh bench compare --help` tells about comparing two runs or two servers."""


class _Unnamed(click.Context):
    """The context of a command whose word nobody writes."""

    @property
    def command_path(self) -> str:
        """As a user writes it."""
        return self.parent.command_path if self.parent else super().command_path


class _Measure(click.Command):
    context_class = _Unnamed


class Bench(click.Group):
    """``compare`` is a word of its own; everything else measures."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put in the word that nobody needs to write."""
        if ctx.resilient_parsing and not args:
            return super().parse_args(ctx, args)
        word = "compare" if args[:1] == [_COMPARE] else "measure"
        rest = args[1:] if word == _COMPARE else args
        return super().parse_args(ctx, [word, *rest])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What may follow ``bench``: what may follow the unwritten word, and ``compare``."""
        inner = measure.make_context("measure", [], parent=ctx, resilient_parsing=True)
        own = [CompletionItem(_COMPARE)] if _COMPARE.startswith(incomplete) else []
        return own + measure.shell_complete(inner, incomplete)


@click.command(cls=_Measure, epilog=_EXAMPLES)
@click.argument("url", required=False)
@click.option("--model", help="The model's name at the endpoint.")
@load_options
@click.option("--find-limit", is_flag=True, help="Search the highest rate that holds --slo.")
@click.option("--self-test", is_flag=True, help="Measure this client's own error only.")
@key_option
@json_option
@click.option(
    "--compat",
    type=click.Choice(["vllm", "aiperf", "guidellm"]),
    help="Print JSON with the names and definitions of another tool.",
)
@click.option("--html", type=_TARGET, help="Write the report as one file.")
@click.option("--raw", type=_TARGET, help="Write every request: .jsonl or .parquet.")
@workspace_option
def measure(
    *,
    url: str | None,
    model: str | None,
    find_limit: bool,
    self_test: bool,
    key: str | None,
    as_json: bool,
    compat: str | None,
    html: Path | None,
    raw: Path | None,
    workspace: Path,
    **options: Any,  # noqa: ANN401 -- they become BenchOptions
) -> int | None:
    """Measure an OpenAI-compatible endpoint under load.

    Streams requests and reports what users would feel: time to first token (TTFT), gaps between
    tokens (ITL), time per output token (TPOT) and end-to-end time (E2E), with throughput, errors,
    stalls and the client's own health. Definitions: docs/metrics.md.
    """
    if self_test:
        from weighbridge.cli.bench_self_test import show_self_test  # noqa: PLC0415

        return show_self_test(as_json=as_json)
    if url is None:
        raise click.UsageError("Missing argument 'URL', for example http://127.0.0.1:8000/v1.")
    if model is None:
        raise click.UsageError("Missing option '--model': the model's name at the endpoint.")
    if raw is not None:
        from weighbridge.verbs.load_files import check_requests_file  # noqa: PLC0415

        check_requests_file(raw)
    run = _run(url, model, key, BenchOptions(**options), workspace, find_limit=find_limit)
    _print(run, compat, as_json=as_json)
    _write(run, html, raw)
    return _exit_code(run)


command = Bench(
    "bench", commands={"measure": measure, _COMPARE: compare}, help=measure.help, epilog=_EXAMPLES
)


def _run(
    url: str,
    model: str,
    key: str | None,
    options: BenchOptions,
    workspace: Path,
    *,
    find_limit: bool,
) -> LoadRun:
    from weighbridge.cli.bench_line import LoadLine  # noqa: PLC0415 -- not for --help
    from weighbridge.core.endpoint import endpoint_at  # noqa: PLC0415
    from weighbridge.verbs import bench, bench_limit  # noqa: PLC0415
    from weighbridge.verbs.effects import SystemClock  # noqa: PLC0415
    from weighbridge.verbs.live import show_live  # noqa: PLC0415
    from weighbridge.wire.client import Client  # noqa: PLC0415

    settings = settings_of(options, find_limit=find_limit)
    endpoint = endpoint_at(url, model, key)
    store = open_workspace(workspace)
    line = LoadLine()

    async def work() -> LoadRun:
        with show_live(workspace, line.live) as live:
            async with Client() as client:
                verb = bench_limit.find_limit if find_limit else bench.bench
                return await verb(
                    store, client, SystemClock(), endpoint, settings, progress=line, on_live=live
                )

    before = {info.id for info in store.runs("load")}

    def left() -> str:
        kept = [info.id for info in store.runs("load") if info.id not in before]
        return f"what was measured is kept as {kept[0]} (`weigh runs`)." if kept else ""

    try:
        return run_async(
            work(), interrupted=lambda: f"Interrupted; {left() or 'nothing was kept.'}"
        )
    except WeighbridgeError:
        line.close()
        if kept := left():
            say(f"Not finished; {kept}")
        raise
    finally:
        line.close()


def _exit_code(run: LoadRun) -> int:
    """Whether there is a result, and of a search, whether its answer is yes."""
    if run.requests and all(request.error for request in run.requests):
        return EXTERNAL
    if run.limit is None or run.limit.rate is not None:
        return OK
    return UNDECIDED if run.is_client_limited else NO


def _write(run: LoadRun, html: Path | None, raw: Path | None) -> None:
    from weighbridge.verbs import load_files  # noqa: PLC0415

    if html is not None:
        load_files.write_page(run, html)
        say(f"Report: {html}")
    if raw is not None:
        load_files.write_requests(run, raw)
        say(f"Requests: {raw}")


def _print(run: LoadRun, compat: str | None, *, as_json: bool) -> None:
    from weighbridge.cli import bench_table  # noqa: PLC0415
    from weighbridge.verbs import load_json  # noqa: PLC0415

    if compat is not None:
        print_json(load_json.compat_json(run, compat))
    elif as_json:
        print_json(load_json.run_json(run))
    else:
        bench_table.show(run)
    if as_json or compat:
        for sentence in bench_table.headline(run):
            say(sentence)
    bench_table.notes(run)
