"""``weigh plan``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weighbridge.cli import diagnostics
from weighbridge.cli.models import catalog_option, own_file
from weighbridge.cli.options import json_option, open_workspace, print_json, workspace_option

if TYPE_CHECKING:
    from weighbridge.core.machine import Machine
    from weighbridge.core.plan import Plan, Requirements

_TOKENS = re.compile(r"(\d{1,9})\s*([kKmM]?)")
_TOKEN_UNITS = {"": 1, "k": 1024, "m": 1024**2}
_KV_BYTES = {"auto": None, "16bit": 2.0, "fp8": 1.0, "q8_0": 34 / 32}
_ORDERS = ["quality", "tpot", "ttft", "throughput", "memory", "users", "cost"]
_ROWS = 15


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
  weigh plan Qwen3-8B --device 'RTX 4090' --quantization native --command > start.sh"""


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
@click.option(
    "--engine",
    "engines",
    multiple=True,
    help="Only this engine, e.g. vllm@0.19.0; ollama is llama.cpp, started by Ollama.",
)
@click.option(
    "--quantization", "formats", multiple=True, help="Only this format, e.g. fp8, q4_k_m."
)
@click.option(
    "--kv-dtype",
    type=click.Choice(list(_KV_BYTES)),
    default="auto",
    show_default=True,
    help="Number format of the KV cache; auto tries fp8 (llama.cpp: q8_0) where 16 bits hold "
    "too little.",
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
    type=click.Choice(_ORDERS),
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
    help="Print one shell script that starts the winner, or that row, and nothing else; "
    "for Ollama with --engine ollama.",
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

    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other.")
    ollama = any(name.strip().lower() == "ollama" for name in asked["engines"])
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
        _print_command(found, row, ollama=ollama)
    else:
        _show(found, max_rows, as_json=as_json, as_csv=as_csv, ollama=ollama)
    if not found.ranked:
        diagnostics.say(verb.verdict_sentence(found))
        return diagnostics.NO
    return diagnostics.OK


def _show(found: Plan, rows: int | None, *, as_json: bool, as_csv: bool, ollama: bool) -> None:
    from weighbridge.verbs import plan as verb  # noqa: PLC0415 -- imported already

    if as_json:
        print_json(verb.to_json(verb.shortened(found, rows)))
    elif as_csv:
        click.echo(verb.to_csv(verb.shortened(found, rows)), nl=False)
    else:
        from weighbridge.cli.plan_print import print_plan  # noqa: PLC0415 -- only for people

        print_plan(verb.shortened(found, rows or _ROWS), len(found.ranked), ollama=ollama)


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


def _print_command(found: Plan, row: int, *, ollama: bool) -> None:
    from weighbridge.core.errors import InputError  # noqa: PLC0415 -- not needed for --help
    from weighbridge.engines.scripts import script  # noqa: PLC0415
    from weighbridge.verbs.plan import start  # noqa: PLC0415

    if not found.ranked:
        return
    if not 1 <= row <= len(found.ranked):
        raise InputError(
            f"There is no row {row}.", fix=f"The ranking has 1 to {len(found.ranked)}."
        )
    click.echo(script(start(found, found.ranked[row - 1], ollama=ollama)), nl=False)
