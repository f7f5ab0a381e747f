"""``weigh tune-estimate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weighbridge.cli.diagnostics import NO, OK, printable, say
from weighbridge.cli.models import catalog_option, own_file
from weighbridge.cli.options import json_option, print_json, workspace_option
from weighbridge.cli.tune_options import data_options, method_options, saving_options
from weighbridge.core.tuning import RANK, TuningRun
from weighbridge.core.units import GIB, format_bytes, format_count, format_figure

if TYPE_CHECKING:
    from weighbridge.core.provenance import Interval
    from weighbridge.core.tuning import Verdict
    from weighbridge.verbs.tune_estimate import Fit, TuningEstimate

_LISTED = 4
_WIDTH = 90


@click.command()
@click.argument("model", metavar="MODEL")
@method_options
@saving_options
@data_options
@json_option
@catalog_option
@workspace_option
def command(
    *,
    model: str,
    tokens: float | None,
    examples: float | None,
    tokens_per_example: int | None,
    epochs: float | None,
    device: str | None,
    count: int | None,
    packed: bool,
    gpu_price: float | None,
    labour_hours: float | None,
    labour_rate: float | None,
    as_json: bool,
    catalog: Path | None,
    workspace: Path,
    **settings: Any,  # noqa: ANN401 -- those of tune_options
) -> int:
    """Predict what fine-tuning takes: memory by part, hours, cost.

    MODEL is a name of `weigh models`, a Hub id, a folder, a config.json or a .gguf file. Every
    figure has an interval. Exits with 1 when the device has no room; says then what would give it.

    \b
    Example:
      weigh tune-estimate Qwen3-8B --method qlora --device 'RTX 4090' \\
        --examples 10k --tokens-per-example 800 --epochs 3
      weigh tune-estimate Llama-3.1-8B --method full --precision bf16 --tokens 1B \\
        --device '8x H100 SXM' --gpu-price 2.29
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.facts.catalog.catalogue import load  # noqa: PLC0415 -- not for --help
    from weighbridge.facts.devices.described import read_machine  # noqa: PLC0415
    from weighbridge.verbs import tune_estimate  # noqa: PLC0415
    from weighbridge.verbs import tune_question as asked  # noqa: PLC0415
    from weighbridge.verbs.effects import SystemClock  # noqa: PLC0415
    from weighbridge.verbs.tune_json import to_json  # noqa: PLC0415

    clock = SystemClock()
    machine = None if device is None else read_machine(device)
    question = asked.Question(
        machine=machine,
        tokens=asked.total_tokens(tokens, examples, tokens_per_example, epochs),
        example_tokens=tokens_per_example,
        packed=packed,
        gpu_price=gpu_price,
        labour=asked.labour_cost(labour_hours, labour_rate),
    )
    run = _run(settings, asked.counted(machine, count))
    prices = _prices(clock.now_iso(), workspace) if machine is not None else None
    found = tune_estimate.estimate(
        model, run, question, load(own_file(catalog)), clock, prices=prices
    )
    if as_json:
        print_json(to_json(found))
    else:
        _show(found)
    return NO if found.fits == "no" else OK


def _run(settings: dict[str, Any], devices: int) -> TuningRun:
    if settings["method"] == "full" and settings["rank"]:
        raise click.UsageError("--rank is of adapters, and --method full has none.")
    return TuningRun(
        method=settings["method"],
        rank=settings["rank"] or RANK,
        sequence=settings["seq"],
        batch=settings["batch"],
        optimizer=settings["optimizer"],
        optimizer_in_backward=settings["optimizer_in_backward"],
        precision=settings["precision"],
        loss=settings["loss"],
        checkpointing=not settings["no_checkpointing"],
        activation_offload=settings["activation_offload"],
        weights_offload=settings["weights_offload"],
        compiled=not settings["no_compile"],
        expert_adapters=settings["expert_adapters"],
        devices=devices,
    )


def _prices(today: str, workspace: Path) -> Any:  # noqa: ANN401 -- imported late
    from weighbridge.facts.prices import load  # noqa: PLC0415 -- only with a device

    return load(today=today, workspace=workspace)


def _show(found: TuningEstimate) -> None:
    from weighbridge.cli.tables import print_facts, print_table  # noqa: PLC0415 -- for people only

    memory, run = found.memory, found.run
    rows = [
        [part.name, *_sizes(part.bytes), part.formula]
        for part in sorted(memory.parts, key=lambda part: -part.bytes.value)
    ]
    active = f"{format_bytes(memory.active.value)} of it active in PyTorch"
    rows.append(["total", *_sizes(memory.total), active])
    each = " of each device" if run.devices > 1 else ""
    print_table(
        f"{found.model}, {_described(found)}",
        ["<memory" + each, "size", "low", "high", "<how"],
        rows,
        caption=f"predicted, 80 % intervals; the fullest moment of a step is the {memory.moment}",
    )
    print_facts("What follows", _facts(found))
    for change in found.changes:
        click.echo(
            printable(
                f"· with {change.text}: {_span(change.total, GIB, 'GiB')}, {_room(change.fits)}"
            )
        )
    for one in found.advice:
        click.echo(f"\n{one.title}")
        for sentence in one.sentences:
            click.echo(click.wrap_text(sentence, _WIDTH, "  ", "  "))
        click.echo(f"  ({one.source})")
        for line in one.commands:
            click.echo(f"    {line}")
    for note in found.notes:
        say(f"Note: {note}")


def _described(found: TuningEstimate) -> str:
    run = found.run
    rank = "" if run.method == "full" else f" of rank {run.rank}"
    trained = format_count(found.memory.trained)
    return f"{run.method}{rank} ({trained} weights trained), {run.batch} × {run.sequence:,} tokens"


def _facts(found: TuningEstimate) -> list[tuple[str, str]]:
    machine, time, cost = found.question.machine, found.time, found.cost
    rows = [("licence", found.licence)]
    if machine is not None and found.fits is not None:
        label = machine.device.name if found.run.devices == 1 else f"each {machine.device.name}"
        room = format_bytes(machine.device.memory_bytes)
        rows.append((f"fits {label}", f"{found.fits}: {room}, {_room(found.fits)}"))
    rows += _smallest(found)
    if time is not None:
        rows.append(("speed", _span(time.tokens_per_s, 1, "tokens/s")))
        rows.append(("time", _time(time.hours)))
    if cost.compute is not None and cost.price is not None:
        source = cost.price.provenance
        seen = source.date or "undated"
        rows.append(("compute", _span(cost.compute, 1, "USD")))
        per_hour = _span(cost.price.usd, 1, "USD")
        rows.append(("GPU hour", f"{per_hour} ({source.kind}: {source.source}, {seen})"))
    else:
        rows.append(("compute", "unknown"))
    labour = "unknown" if cost.labour is None else f"{cost.labour:,.0f} USD (assumed)"
    rows.append(("data and evaluation", labour))
    if cost.total is not None:
        rows.append(("total", _span(cost.total, 1, "USD")))
    return rows


def _time(hours: Interval) -> str:
    """In the unit that leaves a number one can read."""
    for unit, name in ((1.0, "hours"), (1 / 60, "minutes")):
        if hours.value >= unit:
            return _span(hours, unit, name)
    second = 1 / 3600
    return "below 1 second" if hours.value < second else _span(hours, second, "seconds")


def _smallest(found: TuningEstimate) -> list[tuple[str, str]]:
    """The smallest devices that have room, and those that may have, by the catalogue."""
    from weighbridge.verbs.tune_estimate import doubtful, smallest  # noqa: PLC0415 -- see --help

    if found.run.devices > 1:
        return []
    rows = []
    verdicts: tuple[tuple[Verdict, str], ...] = (("yes", "has room"), ("perhaps", "may have room"))
    for verdict, words in verdicts:
        fits = smallest(found.devices, verdict)
        rows.append(
            (f"smallest GPU that {words}", _named(fits) if fits else "none of the catalogue")
        )
        rows += [
            (f"{words}, {why}", _names(of)) for why, of in doubtful(found.devices, verdict).items()
        ]
    return rows


def _named(fits: tuple[Fit, ...]) -> str:
    return f"{_names(fits)} ({format_bytes(fits[0].device.memory_bytes)})"


def _names(fits: tuple[Fit, ...]) -> str:
    names = [fit.device.name for fit in fits[:_LISTED]]
    more = f" and {len(fits) - _LISTED} more" if len(fits) > _LISTED else ""
    return f"{', '.join(names)}{more}"


def _room(fits: Verdict) -> str:
    return {
        "yes": "the whole interval fits",
        "perhaps": "part of the interval fits",
        "no": "not even the low end fits",
    }[fits]


def _sizes(figure: Interval) -> list[str]:
    return [format_bytes(value) for value in (figure.value, figure.low, figure.high)]


def _span(figure: Interval, unit: float, name: str) -> str:
    value, low, high = (
        format_figure(each / unit) for each in (figure.value, figure.low, figure.high)
    )
    return f"{value} {name}" if low == high else f"{value} {name} [{low}, {high}]"
