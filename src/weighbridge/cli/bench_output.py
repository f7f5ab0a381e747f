"""What `weigh bench` gives of a run, measured or kept: a table or JSON, files, and an exit code."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from weighbridge.cli.diagnostics import EXTERNAL, NO, OK, UNDECIDED, say
from weighbridge.cli.options import json_option, print_json
from weighbridge.core.errors import InputError

if TYPE_CHECKING:
    from weighbridge.core.load import LoadRun

CommandT = TypeVar("CommandT", bound=Callable[..., Any])
_TARGET = click.Path(path_type=Path, dir_okay=False)

_OPTIONS = [
    json_option,
    click.option(
        "--compat",
        type=click.Choice(["vllm", "aiperf", "guidellm"]),
        help="Print JSON with the names and definitions of another tool.",
    ),
    click.option("--html", type=_TARGET, help="Write the report as one file."),
    click.option("--raw", type=_TARGET, help="Write every request: .jsonl or .parquet."),
    click.option(
        "--fail-on-slo",
        is_flag=True,
        help="Exit with 1 when a level misses the SLO, with 4 when that is in doubt.",
    ),
]


@dataclass(frozen=True, slots=True)
class Outputs:
    """The options as the command line gives them; their help texts say what they mean."""

    as_json: bool
    compat: str | None
    html: Path | None
    raw: Path | None
    fail_on_slo: bool

    def check(self) -> None:
        """Find out before measuring whether the files can be written.

        Raises:
            InputError: one cannot.
        """
        if self.html is None and self.raw is None:
            return
        from weighbridge.verbs import load_files  # noqa: PLC0415 -- not for --help

        if self.html is not None:
            load_files.check_folder(self.html)
        if self.raw is not None:
            load_files.check_requests_file(self.raw)


def output_options(command: CommandT) -> CommandT:
    """``--json``, ``--compat``, ``--html``, ``--raw`` and ``--fail-on-slo``."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def deliver(run: LoadRun, outputs: Outputs) -> None:
    """Print the run and write its files; each file even where something before it failed.

    Raises:
        WorkspaceError: a file cannot be written.
    """
    with ExitStack() as last:
        last.callback(_write, run, outputs)
        _print(run, outputs)


def exit_code(run: LoadRun, outputs: Outputs) -> int:
    """Whether there is a result, and of a question, whether its answer is yes.

    Raises:
        InputError: the question is about an SLO, and there is none.
    """
    if run.requests and all(request.error for request in run.requests):
        return EXTERNAL
    if outputs.fail_on_slo:
        return _slo_code(run)
    if run.limit is None or run.limit.rate is not None:
        return OK
    return UNDECIDED if run.is_client_limited else NO


def _slo_code(run: LoadRun) -> int:
    """1 where a level surely misses the SLO, 4 where one may; an interrupted run may as well."""
    from weighbridge.report.load_verdicts import level_verdict  # noqa: PLC0415 -- not for --help

    judged = [level for level in run.levels if level.goodput is not None]
    if not judged:
        raise InputError(
            f"{run.info.id} was measured without an SLO.", fix="Measure with --slo CONDITIONS."
        )
    verdicts = {level_verdict(level) for level in judged}
    if "not held" in verdicts:
        return NO
    return OK if verdicts == {"held"} and not run.is_partial else UNDECIDED


def _print(run: LoadRun, outputs: Outputs) -> None:
    from weighbridge.cli import bench_table  # noqa: PLC0415
    from weighbridge.verbs import load_json  # noqa: PLC0415

    if outputs.compat is not None:
        print_json(load_json.compat_json(run, outputs.compat))
    elif outputs.as_json:
        print_json(load_json.run_json(run))
    else:
        bench_table.show(run)
    if outputs.as_json or outputs.compat:
        for sentence in bench_table.headline(run):
            say(sentence)
    bench_table.notes(run)


def _write(run: LoadRun, outputs: Outputs) -> None:
    from weighbridge.verbs import load_files  # noqa: PLC0415

    if outputs.html is not None:
        load_files.write_page(run, outputs.html)
        say(f"Report: {outputs.html}")
    if outputs.raw is not None:
        load_files.write_requests(run, outputs.raw)
        say(f"Requests: {outputs.raw}")
