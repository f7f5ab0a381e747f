"""``weigh calibrate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weighbridge.cli.diagnostics import printable, say
from weighbridge.cli.models import catalog_option, own_file
from weighbridge.cli.options import (
    CommandT,
    json_option,
    open_workspace,
    print_json,
    workspace_option,
)

if TYPE_CHECKING:
    from weighbridge.core.calibration import MeasuredPoint
    from weighbridge.core.effects import Store
    from weighbridge.predict.calibration import Calibration

_WORDS = {
    "reading": "reading weights and cache",
    "launching": "launching",
    "prefill": "reading prompts",
}


def _setup_options(command: CommandT) -> CommandT:
    """What a load run does not record; handed on under the names of ``Setup``."""
    for option in reversed(
        [
            click.option("--device", "system", help="What it ran on; by default this machine."),
            click.option("--engine", help="What served: vllm, sglang, trtllm, llama.cpp, ollama."),
            click.option("--engine-version", default="", help="Its version: 0.19.0, b6100."),
            click.option("--model", default="", help="Its catalogue name, if it served another."),
            click.option("--precision", default="", help="Of its weights; default: as published."),
            click.option(
                "--tp", "tensor", type=click.IntRange(1), default=1, help="Devices of a layer."
            ),
            click.option(
                "--ep", "expert", type=click.IntRange(1), default=1, help="Expert groups."
            ),
            click.option(
                "--attention-dp",
                "attention_data",
                type=click.IntRange(1),
                default=1,
                help="Copies of attention.",
            ),
            click.option(
                "--prompt-tokens",
                type=click.FloatRange(1),
                help="Of a typical prompt, where the server gave no counts.",
            ),
        ]
    ):
        command = option(command)
    return command


@click.command()
@click.argument("runs", nargs=-1, metavar="RUN…")
@_setup_options
@click.option("--list", "listing", is_flag=True, help="Show what is known, change nothing.")
@click.option("--forget", is_flag=True, help="Drop the points of these runs, or of all.")
@json_option
@catalog_option
@workspace_option
def command(
    *,
    runs: tuple[str, ...],
    listing: bool,
    forget: bool,
    as_json: bool,
    catalog: Path | None,
    workspace: Path,
    **said: Any,  # noqa: ANN401 -- the options of _setup_options, which click has checked
) -> None:
    """Correct predictions for your machine by your own load runs.

    RUN is a run of `weigh bench`; each of its levels is a point. From then on, predictions for that
    device and engine start from what was measured: three points on one model narrow the intervals
    of all others. Points that contradict each other leave them wide.

    \b
    Example:
      weigh calibrate load-1a2b3c --device "RTX 4090" --engine vllm --model Qwen/Qwen3-8B
      weigh calibrate --list
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.facts.catalog.catalogue import load  # noqa: PLC0415 -- not for --help
    from weighbridge.verbs import calibrate as verb  # noqa: PLC0415
    from weighbridge.verbs.effects import SystemClock  # noqa: PLC0415
    from weighbridge.workspace.calibration import read_points  # noqa: PLC0415

    if listing and (forget or runs):
        raise click.UsageError("--list takes no RUN and no --forget.")
    if forget:
        _forget(workspace, runs, as_json=as_json)
        return
    catalogue, clock = load(own_file(catalog)), SystemClock()
    if not listing:
        store = open_workspace(workspace)
        said["engine"] = _engine(store, runs, said["engine"])
        said["system"] = said["system"] or _this_machine()
        setup = verb.Setup(**said)
        verb.add(store, workspace, runs, setup, catalogue=catalogue, clock=clock)
    points = read_points(workspace)
    known = verb.load(workspace, catalogue, clock)
    if as_json:
        print_json(verb.to_json(points, known))
    else:
        _show(points, known, verb.notes(known))


def _forget(workspace: Path, runs: tuple[str, ...], *, as_json: bool) -> None:
    from weighbridge.verbs import calibrate as verb  # noqa: PLC0415 -- not for --help

    count = verb.forget(workspace, runs)
    say(f"Forgot {count} point{'' if count == 1 else 's'}.")
    if as_json:
        print_json({"forgotten": count})


def _engine(store: Store, runs: tuple[str, ...], engine: str | None) -> str:
    if not runs:
        raise click.UsageError("Name a RUN of `weigh bench`; `weigh runs --kind load` lists them.")
    if engine is None:
        for name in runs:
            store.find(name, "load")  # that there is no such run comes first
        raise click.UsageError("A load run does not say which engine served: give --engine.")
    return engine


def _this_machine() -> str:
    from weighbridge.facts.devices.detect import detect  # noqa: PLC0415 -- starts programs

    machine = detect().machine
    if machine is None:
        raise click.UsageError("No device was found here: name it, e.g. --device 'RTX 4090'.")
    return machine.device.name


def _show(
    points: tuple[MeasuredPoint, ...], known: tuple[Calibration, ...], notes: tuple[str, ...]
) -> None:
    from weighbridge.cli.tables import print_table  # noqa: PLC0415 -- heavy, only for people
    from weighbridge.predict.slowdown import FACTORS  # noqa: PLC0415

    if not points:
        say("Nothing is calibrated yet. Start with `weigh bench`, then `weigh calibrate RUN`.")
        return
    print_table(
        f"{len(points)} points",
        ["<run", "<model", "<precision", "<device", "<engine", "users", "TTFT ms", "TPOT ms"],
        [
            [
                point.run,
                point.model,
                point.precision or "published",
                point.system,
                f"{point.engine} {point.engine_version}".strip(),
                str(point.concurrency),
                "–" if point.ttft_ms is None else f"{point.ttft_ms:.1f}",
                "–" if point.tpot_ms is None else f"{point.tpot_ms:.2f}",
            ]
            for point in points
        ],
        caption="measured; medians of each level",
    )
    for one in known:
        click.echo(printable(f"{one.device} under {one.engine}, against predictions:"))
        for factor, part in zip(FACTORS, one.slower, strict=True):
            times = f"takes {part.value:.2f}× as long [{part.low:.2f}, {part.high:.2f}]"
            click.echo(f"  {_WORDS[factor]} {times}")
    for note in notes:
        say(f"Note: {note}")
