"""``weigh bench``."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from weighbridge.cli.bench_compare import compare
from weighbridge.cli.bench_options import BenchOptions, load_options, settings_of
from weighbridge.cli.bench_output import Outputs, deliver, exit_code, output_options
from weighbridge.cli.bench_show import show
from weighbridge.cli.diagnostics import Interrupted, run_async, say
from weighbridge.cli.options import key_option, open_workspace, workspace_option
from weighbridge.core.errors import InputError, WeighbridgeError

if TYPE_CHECKING:
    from weighbridge.cli.bench_line import LoadLine
    from weighbridge.core.endpoint import Endpoint
    from weighbridge.core.http import HttpClient
    from weighbridge.core.load import LoadRun
    from weighbridge.verbs.bench import BenchSettings
    from weighbridge.workspace.folder import Workspace

_OUTPUTS = ("as_json", "compat", "html", "raw", "fail_on_slo")
_WORDS = {"compare": compare, "show": show}

_EXAMPLES = """\b
Example:
  weigh bench http://127.0.0.1:8000/v1 --model tally
  weigh bench URL --model M --concurrency 1,8,64 --workload chat
  weigh bench URL --model M --rate 2,4,8 --duration 60 --slo 'ttft_p95<500ms'
  weigh bench URL --model M --find-limit --slo 'ttft_p95<500ms,tpot_p95<40ms'
  weigh bench URL --model M --trace mooncake.jsonl --speed 2
  weigh bench show load-1a2b3c --html report.html
  weigh bench compare load-1a2b3c load-4d5e6f
  weigh bench --self-test

`weigh bench compare --help` tells about comparing two runs or two servers, and
`weigh bench show --help` about printing a run again."""


class _Unnamed(click.Context):
    """The context of a command whose word nobody writes."""

    @property
    def command_path(self) -> str:
        """As a user writes it."""
        return self.parent.command_path if self.parent else super().command_path


class _Measure(click.Command):
    context_class = _Unnamed


class Bench(click.Group):
    """``compare`` and ``show`` are words of their own; everything else measures."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put in the word that nobody needs to write."""
        if ctx.resilient_parsing and not args:
            return super().parse_args(ctx, args)
        is_word = args[:1] and args[0] in _WORDS
        return super().parse_args(ctx, args if is_word else ["measure", *args])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """What may follow ``bench``: what may follow the unwritten word, and the others."""
        inner = measure.make_context("measure", [], parent=ctx, resilient_parsing=True)
        own = [CompletionItem(word) for word in _WORDS if word.startswith(incomplete)]
        return own + measure.shell_complete(inner, incomplete)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whom to measure and how, by the command line."""

    url: str
    model: str | None
    key: str | None
    settings: BenchSettings
    workspace: Path
    find_limit: bool


@click.command(cls=_Measure, epilog=_EXAMPLES)
@click.argument("url", required=False)
@click.option(
    "--model", help="The model's name at the endpoint; not needed where that has only one."
)
@load_options
@click.option("--find-limit", is_flag=True, help="Search the highest rate that holds --slo.")
@click.option("--self-test", is_flag=True, help="Measure this client's own error only.")
@key_option
@output_options
@workspace_option
def measure(
    *,
    url: str | None,
    model: str | None,
    find_limit: bool,
    self_test: bool,
    key: str | None,
    workspace: Path,
    **options: Any,  # noqa: ANN401 -- they become Outputs and BenchOptions
) -> int | None:
    """Measure an OpenAI-compatible endpoint under load.

    Streams requests and reports what users would feel: time to first token (TTFT), gaps between
    tokens (ITL), time per output token (TPOT) and end-to-end time (E2E), with throughput, errors,
    stalls and the client's own health. Definitions: docs/metrics.md.
    """
    outputs = Outputs(**{name: options.pop(name) for name in _OUTPUTS})
    if self_test:
        from weighbridge.cli.bench_self_test import show_self_test  # noqa: PLC0415

        return show_self_test(as_json=outputs.as_json)
    if url is None:
        raise click.UsageError("Missing argument 'URL', for example http://127.0.0.1:8000/v1.")
    wanted = BenchOptions(**options)
    _refuse_gate(wanted, outputs, find_limit=find_limit)
    outputs.check()
    settings = settings_of(wanted, find_limit=find_limit)
    run = _run(_Asked(url, model, key, settings, workspace, find_limit), outputs)
    deliver(run, outputs)
    return exit_code(run, outputs)


command = Bench(
    "bench", commands={"measure": measure, **_WORDS}, help=measure.help, epilog=_EXAMPLES
)


def _refuse_gate(options: BenchOptions, outputs: Outputs, *, find_limit: bool) -> None:
    if not outputs.fail_on_slo:
        return
    if find_limit:
        raise InputError(
            "--find-limit tells by itself whether any rate holds: it exits with 1 when none does.",
            fix="Leave --fail-on-slo out.",
        )
    if not options.slo:
        raise InputError("--fail-on-slo needs --slo.", fix="Give --slo 'ttft_p95<500ms'.")


def _run(asked: _Asked, outputs: Outputs) -> LoadRun:
    """Measure; what there is when it ends early is printed and written all the same."""
    from weighbridge.cli.bench_line import LoadLine  # noqa: PLC0415 -- not for --help

    store, line = open_workspace(asked.workspace), LoadLine()
    before = {info.id for info in store.runs("load")}

    def left() -> str:
        """Give what was measured, and say where it is kept."""
        line.close()
        run = _kept(store, before, asked.settings.command)
        if run is None:
            return ""
        # Ctrl-C has ended our reader as well; rich says so by an exit.
        with suppress(BrokenPipeError, SystemExit):
            deliver(run, outputs)
        name = run.info.id
        return f"what was measured is kept as {name} (`weigh bench show {name}`)."

    try:
        return run_async(_work(asked, store, line))
    except Interrupted:
        raise Interrupted(f"Interrupted; {left() or 'nothing was kept.'}") from None
    except WeighbridgeError:
        if kept := left():
            say(f"Not finished; {kept}")
        raise
    finally:
        line.close()


async def _work(asked: _Asked, store: Workspace, line: LoadLine) -> LoadRun:
    from weighbridge.verbs import bench, bench_limit  # noqa: PLC0415 -- not for --help
    from weighbridge.verbs.effects import SystemClock  # noqa: PLC0415
    from weighbridge.verbs.live import show_live  # noqa: PLC0415
    from weighbridge.wire.client import Client  # noqa: PLC0415

    verb = bench_limit.find_limit if asked.find_limit else bench.bench
    async with Client() as client:
        endpoint = await _endpoint(client, asked)
        with show_live(asked.workspace, line.live) as live:
            return await verb(
                store, client, SystemClock(), endpoint, asked.settings, progress=line, on_live=live
            )


def _kept(store: Workspace, before: Collection[str], command: str) -> LoadRun | None:
    """What was saved of the run that ended early; others may use the workspace meanwhile."""
    from weighbridge.core.load import LoadRun  # noqa: PLC0415 -- not for --help

    for info in store.runs("load"):
        if info.id not in before:
            run = store.load(info.id, LoadRun)
            if run.is_partial and run.command == command:
                return run
    return None


async def _endpoint(client: HttpClient, asked: _Asked) -> Endpoint:
    """The endpoint; of a model that nobody named, the one that the server has."""
    from weighbridge.core.endpoint import endpoint_at  # noqa: PLC0415 -- not for --help

    if asked.model is not None:
        return endpoint_at(asked.url, asked.model, asked.key)
    from weighbridge.verbs.load_model import only_model  # noqa: PLC0415 -- mostly not needed

    model = await only_model(client, endpoint_at(asked.url, "", asked.key))
    say(f"Model: {model}, the only one that the server lists.")
    return endpoint_at(asked.url, model, asked.key)
