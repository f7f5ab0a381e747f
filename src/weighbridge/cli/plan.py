"""``weigh plan``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weighbridge.cli import diagnostics
from weighbridge.cli.models import catalog_option, own_file
from weighbridge.cli.options import json_option, open_workspace, print_json, workspace_option
from weighbridge.core.units import GIB

if TYPE_CHECKING:
    from weighbridge.core.candidate import Estimate
    from weighbridge.core.machine import Machine
    from weighbridge.core.plan import Plan, Requirements
    from weighbridge.core.provenance import Interval
    from weighbridge.engines.commands import Launch

_TOKENS = re.compile(r"(\d{1,9})\s*([kKmM]?)")
_TOKEN_UNITS = {"": 1, "k": 1024, "m": 1024**2}
_KV_BYTES = {"auto": None, "16bit": 2.0, "fp8": 1.0, "q8_0": 34 / 32}
_SORTED = {
    "quality": "quality, then by how surely it meets, then tokens/s",
    "tpot": "TPOT",
    "ttft": "TTFT",
    "throughput": "tokens/s",
    "memory": "memory of all devices",
    "users": "users",
    "cost": "cost",
}
_LEGEND = (
    "GiB: on each device, for all users or requests in flight. [ ]: 8 of 10 cases. "
    "Users: who fit into memory. *: on the Pareto front."
)
_ROWS = 15
_COLUMNS = [
    "<model", "<format", "<engine", "devices", "GiB", "TTFT ms", "TPOT ms", "tokens/s", "users",
    "quality", "<verdict",
]  # fmt: skip
_BEFORE_COST = 9


class Tokens(click.ParamType[int]):
    """A number of tokens such as ``16k``; k is 1024."""

    name = "tokens"

    def convert(self, value: Any, param: object, ctx: object) -> int:  # noqa: ANN401, ARG002
        """Parse, or fail with a sentence."""
        if isinstance(value, int):
            return value
        match = _TOKENS.fullmatch(value.strip())
        if match is None:
            self.fail(f"{value!r} is not a number of tokens. Write for example 16k or 4096.")
        return int(match[1]) * _TOKEN_UNITS[match[2].lower()]


_EXAMPLES = """\b
Example:
  weigh plan
  weigh plan --device 'RTX 4090' --context 16k --users 8 \\
    --slo 'ttft_p95<2s,tpot_p95<40ms' --license commercial --task code
  weigh plan Qwen3-8B Qwen3-14B --device '2x RTX 3090' --quantization q4_k_m
  weigh plan --device '8x H100 SXM' --rate 20 --price 18.40 --sort cost
  weigh plan --device 'RTX 4090' --command | sh"""


@click.command(epilog=_EXAMPLES)
@click.argument("models", nargs=-1, metavar="[MODEL…]")
@click.option(
    "--device",
    help="The machine: '2x RTX 4090', or box.yaml with a `machine:` block; by default this one.",
)
@click.option("--context", type=Tokens(), help="Longest sequence, e.g. 16k; by default 8k.")
@click.option("--users", type=int, help="Requests in flight at once; by default 1.")
@click.option("--rate", type=float, help="Requests per second instead of users, at random times.")
@click.option("--prompt", type=Tokens(), help="Tokens of a typical prompt; by default 1024.")
@click.option("--output", type=Tokens(), help="Tokens of a typical answer; by default 256.")
@click.option("--slo", default="", help="Conditions, e.g. 'ttft_p95<500ms,tpot_p95<40ms'.")
@click.option("--license", "licensed", help="What you mean to do: commercial,eu,maas,users=1M …")
@click.option("--modality", default="text", show_default=True, help="What it must take: image …")
@click.option("--task", default="", help="Suites whose evaluations in the workspace decide.")
@click.option("--engine", "engines", multiple=True, help="Only this engine, e.g. vllm@0.19.0.")
@click.option(
    "--quantization", "formats", multiple=True, help="Only this format, e.g. fp8, q4_k_m."
)
@click.option(
    "--kv-dtype",
    type=click.Choice(list(_KV_BYTES)),
    default="auto",
    show_default=True,
    help="Number format of the KV cache.",
)
@click.option("--utilisation", type=click.FloatRange(0.1, 1), help="Memory share for the engine.")
@click.option(
    "--price",
    "eur_per_hour",
    type=click.FloatRange(0, min_open=True),
    metavar="EUR_PER_HOUR",
    help="Of the whole machine; costs come out in the same currency.",
)
@click.option(
    "--sort",
    type=click.Choice(list(_SORTED)),
    default="quality",
    show_default=True,
    help="Best first by.",
)
@click.option(
    "--per-model", type=click.IntRange(1), help="Ways to show of a model; 1, of named ones all."
)
@click.option("--max-rows", type=click.IntRange(1), help="Rows to show; 15 in the table.")
@click.option(
    "--command",
    "row",
    is_flag=False,
    flag_value=1,
    type=int,
    help="Print how to start the winner, or that row, and nothing else.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print a table with commas on stdout.")
@json_option
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the plan as one self-contained page.",
)
@click.option("--keep", is_flag=True, help="Keep the plan in the workspace.")
@catalog_option
@workspace_option
def command(
    *,
    models: tuple[str, ...],
    device: str | None,
    licensed: str | None,
    modality: str,
    task: str,
    sort: Any,  # noqa: ANN401 -- click checked it
    per_model: int | None,
    max_rows: int | None,
    row: int | None,
    as_csv: bool,
    as_json: bool,
    html: Path | None,
    keep: bool,
    catalog: Path | None,
    workspace: Path,
    **asked: Any,  # noqa: ANN401 -- see _requirements
) -> int:
    """Find which models fit a machine, how fast they are there, and for how many users.

    MODEL restricts the choice: catalogue names, Hub ids, folders, configurations, GGUF files.
    Nothing is downloaded or started. All times are predictions with 80 % intervals.
    """
    from weighbridge.facts.catalog.catalogue import load  # noqa: PLC0415 -- not needed for --help
    from weighbridge.facts.licenses.intents import parse_intents  # noqa: PLC0415
    from weighbridge.verbs import plan as verb  # noqa: PLC0415
    from weighbridge.verbs.effects import SystemClock  # noqa: PLC0415

    catalogue, clock = load(own_file(catalog)), SystemClock()
    store = open_workspace(workspace) if task or keep else None
    found = verb.plan(
        _machine(device),
        _requirements(**asked),
        catalogue,
        clock,
        names=models,
        intents=parse_intents(licensed) if licensed else None,
        modality=modality.lower(),
        task=task,
        order=sort,
        per_model=per_model,
        store=store,
        calibrations=verb.calibrations(workspace, catalogue, clock),
    )
    if keep and store is not None:
        diagnostics.say(f"Kept as {verb.keep(store, found).info.id}.")
    _write_page(found, html)
    if row is not None:
        _print_command(found, row)
    elif as_json:
        print_json(verb.to_json(verb.shortened(found, max_rows)))
    elif as_csv:
        click.echo(verb.to_csv(verb.shortened(found, max_rows)), nl=False)
    else:
        _print(verb.shortened(found, max_rows or _ROWS), len(found.ranked))
    if not found.ranked:
        diagnostics.say(verb.verdict_sentence(found))
        return diagnostics.NO
    return diagnostics.OK


def _requirements(
    *,
    slo: str,
    engines: tuple[str, ...],
    formats: tuple[str, ...],
    kv_dtype: str,
    utilisation: float | None,
    eur_per_hour: float | None,
    **load: Any,  # noqa: ANN401 -- context, prompt, output, users, rate
) -> Requirements:
    from weighbridge.core.plan import Requirements  # noqa: PLC0415 -- not needed for --help
    from weighbridge.core.workload import parse_slo  # noqa: PLC0415
    from weighbridge.verbs import plan as verb  # noqa: PLC0415

    return Requirements(
        workload=verb.workload(**load),
        slo=parse_slo(slo),
        engines=tuple(map(verb.parse_engine, engines)),
        formats=tuple(map(verb.parse_format, formats)),
        kv_bytes_per_value=_KV_BYTES[kv_dtype],
        utilisation=utilisation,
        eur_per_hour=eur_per_hour,
    )


def _write_page(found: Plan, path: Path | None) -> None:
    """The page, if one was asked for."""
    if path is None:
        return
    from weighbridge.report.plan_page import plan_page  # noqa: PLC0415 -- only when asked
    from weighbridge.verbs.effects import writing  # noqa: PLC0415

    with writing(path) as draft:
        draft.write_text(plan_page(found, standalone=True), encoding="utf-8")
    diagnostics.say(f"Wrote {path}.")


def _machine(device: str | None) -> Machine:
    from weighbridge.core.errors import InputError  # noqa: PLC0415 -- not needed for --help

    if device is not None:
        from weighbridge.facts.devices import read_machine  # noqa: PLC0415

        return read_machine(device)
    from weighbridge.facts.devices.detect import detect  # noqa: PLC0415 -- asks drivers

    machine = detect().machine
    if machine is None:
        raise InputError(
            "No GPU or other device was found here that a plan could be made for.",
            fix="Name the machine that you mean, whether you have it or not: --device 'RTX 4090' "
            "or --device '8x H100 SXM'. `weigh doctor` says what was looked for here.",
        )
    return machine


def _print(found: Plan, met: int) -> None:
    from weighbridge.cli.plan_rows import shorter  # noqa: PLC0415 -- not needed for --help
    from weighbridge.cli.tables import print_table  # noqa: PLC0415 -- heavy, only for people

    if found.ranked:
        front = set(found.front)
        rows = [_row(one, place in front) for place, one in enumerate(found.ranked)]
        columns = _COLUMNS
        if found.requirements.eur_per_hour is not None:
            columns = [*_COLUMNS[:_BEFORE_COST], "EUR/M tokens", *_COLUMNS[_BEFORE_COST:]]
            costs = [_cost(one) for one in found.ranked]
            rows = [
                [*row[:_BEFORE_COST], cost, *row[_BEFORE_COST:]]
                for row, cost in zip(rows, costs, strict=True)
            ]
        print_table(
            _title(found, met),
            columns,
            rows,
            caption=_caption(found),
            shorter=shorter(columns, rows),
        )
        click.echo(_LEGEND)
    if found.near_misses:
        click.echo()
        print_table(
            "Near misses",
            ["<model", "<format", "<engine", "<fails because", "<would meet with"],
            [
                [
                    near.estimate.candidate.model,
                    near.estimate.candidate.quantization,
                    _engine(near.estimate),
                    "; ".join(near.estimate.reasons),
                    " or ".join(near.changes),
                ]
                for near in found.near_misses
            ],
            caption="Each change was tried by itself.",
        )
    if found.winner is not None:
        from weighbridge.verbs.plan import starting  # noqa: PLC0415

        click.echo()
        for launch in starting(found, found.winner):
            _print_launch(launch, brief=True)
    click.echo()
    for sentence in (*_about_quality(found), *found.notes):
        click.echo(sentence)


def _title(found: Plan, met: int) -> str:
    load = found.requirements.workload
    many = f"{load.users} user{'s' * (load.users > 1)}"
    if load.requests_per_s is not None:
        many = f"{load.requests_per_s:g} requests/s"
    models = {each.candidate.model for each in found.ranked}
    one, several = ("model", "models")
    if len(models) != len(found.ranked):
        one, several = ("way to serve", "ways to serve")
    meeting = f"1 {one} meets" if met == 1 else f"{met} {several} meet"
    shown = "" if len(found.ranked) == met else f", here the first {len(found.ranked)}"
    weighed = "1 model" if found.models == 1 else f"{found.models} models"
    return (
        f"{found.machine.label}: {meeting} all of it{shown}\n"
        f"{many}, prompts of {load.prompt_tokens} and answers of {load.output_tokens} tokens, "
        f"context {_tokens(load.longest)}{_slo(found)}; {found.considered} ways to serve "
        f"{weighed} weighed"
    )


def _slo(found: Plan) -> str:
    text = str(found.requirements.slo)
    return f", {text}" if text else ""


def _tokens(count: int) -> str:
    return f"{count // 1024}k" if count % 1024 == 0 else str(count)


def _caption(found: Plan) -> str:
    return f"Best first by {_SORTED[found.order]}."


def _about_quality(found: Plan) -> list[str]:
    """Where the shown qualities are from, each source once."""
    kinds = {
        (one.quality.provenance.kind, one.quality.provenance.source)
        for one in found.ranked
        if one.quality is not None
    }
    return [f"Quality, {kind}: {source}." for kind, source in sorted(kinds)]


def _row(one: Estimate, on_front: bool) -> list[str]:
    from weighbridge.verbs.plan import memory_needed  # noqa: PLC0415 -- imported already

    of = one.candidate
    needed = memory_needed(one)
    quality = "–"
    if one.quality is not None:
        quality = f"{one.quality.value:.3g} {one.quality.provenance.kind}"
    verdict = "meets" if not one.reasons else "meets, likely"
    return [
        of.model,
        of.quantization,
        _engine(one),
        str(of.devices),
        _span(needed, 1 / GIB, 1),
        _span(one.ttft_ms),
        _span(one.tpot_ms, 1, 1),
        _span(one.tokens_per_s),
        "–" if one.most_users is None else f"{one.most_users:.0f}",
        quality,
        f"{verdict}{' *' * on_front}",
    ]


def _cost(one: Estimate) -> str:
    from weighbridge.verbs.plan import cost  # noqa: PLC0415 -- imported already

    return _span(cost(one), 1, 2)


def _engine(one: Estimate) -> str:
    spread = one.candidate.settings.parallelism
    sizes = (
        ("TP", spread.tensor),
        ("PP", spread.pipeline),
        ("EP", spread.expert),
        ("DP attention ", spread.attention_data),
    )
    parts = [f"{short}{size}" for short, size in sizes if size > 1]
    parts += [f"×{one.candidate.replicas}"] if one.candidate.replicas > 1 else []
    return " ".join([one.candidate.settings.engine.name, *parts])


def _span(span: Interval | None, by: float = 1.0, digits: int = 0) -> str:
    """``412 [192–2115]``."""
    if span is None:
        return "–"
    value, low, high = (f"{end * by:.{digits}f}" for end in (span.value, span.low, span.high))
    return value if low == value == high else f"{value} [{low}–{high}]"


def _print_command(found: Plan, row: int) -> None:
    from weighbridge.core.errors import InputError  # noqa: PLC0415 -- not needed for --help
    from weighbridge.verbs.plan import starting  # noqa: PLC0415

    if not found.ranked:
        return
    if not 1 <= row <= len(found.ranked):
        raise InputError(
            f"There is no row {row}.", fix=f"The ranking has 1 to {len(found.ranked)}."
        )
    for launch in starting(found, found.ranked[row - 1]):
        _print_launch(launch, brief=False)


def _print_launch(launch: Launch, *, brief: bool) -> None:
    """Commands as they can be pasted; what is said about them are comments."""
    if brief and launch.engine == "Ollama":
        return
    click.echo(f"# {launch.engine}")
    for note in launch.notes:
        click.echo(f"# {note}")
    for name, content in launch.files:
        click.echo(f"cat > {name} <<'EOF'\n{content}EOF")
    for line in launch.commands:
        click.echo(line)
