"""``weigh cost``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weighbridge.cli import diagnostics
from weighbridge.cli.cost_options import NAMES, question_options
from weighbridge.cli.models import catalog_option, own_file
from weighbridge.cli.options import json_option, open_workspace, print_json, workspace_option

if TYPE_CHECKING:
    from weighbridge.core.prices import Terms
    from weighbridge.verbs.cost_question import Asked

_EXAMPLES = """\b
A quantity is a number, low..high or low..base..high: 0.44, 1.90..2.29..3.99, 30..50%.
\b
Example:
  weigh cost --volume 20M-tokens/day --model Qwen3-8B --device L4 \\
    --slo 'ttft_p95<2s,tpot_p95<100ms' \\
    --api anthropic/claude-sonnet-5-5 --same-model-api host=0.02/0.05 --fte 0.1 --fte-cost 150k
  weigh cost --volume 5..20..80M-tokens/day --from-run load-3fa9c1 --gpu-price 1.90..2.29..3.99 \\
    --api 2/10 --pass-rate 85..88..91% --ha
  weigh cost --volume 100k-requests/day --prompt 1500 --output 300 --tokens-per-s 900 \\
    --owned 4000 --device 'RTX 5090' --kwh 0.30 --ops 1500 --api 5/25 --json"""


@click.command(epilog=_EXAMPLES)
@question_options
@click.option("--csv", "as_csv", is_flag=True, help="Print the bills with commas on stdout.")
@json_option
@catalog_option
@workspace_option
def command(
    *,
    seed: int,
    draws: int,
    book: Path | None,
    as_csv: bool,
    as_json: bool,
    catalog: Path | None,
    workspace: Path,
    **asked: Any,  # noqa: ANN401 -- see _asked
) -> int:
    """Compare what a workload costs a month: on GPUs of your choice, and at an API.

    Replicas follow from the busiest hour, the SLO and waiting; utilisation comes out. Two
    comparisons belong together: --same-model-api and --api, the one that would be displaced. The
    report is kept in the workspace.
    """
    from weighbridge.verbs import cost as verb  # noqa: PLC0415 -- not needed for --help
    from weighbridge.verbs.cost_capacity import NothingServesError  # noqa: PLC0415
    from weighbridge.verbs.cost_question import Sources, question  # noqa: PLC0415
    from weighbridge.verbs.effects import SystemClock  # noqa: PLC0415
    from weighbridge.verbs.prices import read  # noqa: PLC0415

    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other.")
    clock, store = SystemClock(), open_workspace(workspace)
    prices = read(clock, book=book, workspace=workspace)
    sources = Sources(prices, clock, store, own_file(catalog), workspace)
    try:
        wanted, notes = question(_asked(**asked), sources)
    except NothingServesError as error:
        if as_json:
            print_json({"run": None, "verdict": [error.message]})
        diagnostics.say(str(error))
        return diagnostics.NO
    report = verb.cost(wanted, clock, seed=seed, draws=draws, notes=(*notes, *prices.notes))
    run = verb.keep(store, report)
    if as_json:
        print_json({"run": run.info.id, **verb.to_json(report)})
    elif as_csv:
        click.echo(verb.to_csv(report), nl=False)
    else:
        from weighbridge.cli.cost_print import print_report  # noqa: PLC0415 -- only for people

        print_report(report)
    diagnostics.say(f"Kept as {run.info.id}.")
    if verb.is_possible(report):
        return diagnostics.OK
    diagnostics.say(verb.verdict_sentences(report)[0])
    return diagnostics.NO


def _asked(
    *,
    count: int | None,
    spare: bool,
    spot: bool,
    terms: Terms | None,
    slots: int | None,
    cv: float | None,
    rho: float | None,
    max_wait: float,
    slo: str,
    from_run: str,
    quantization: str,
    fixed: tuple[str, ...],
    **texts: Any,  # noqa: ANN401 -- quantities by name, and what is repeated
) -> Asked:
    from weighbridge.verbs.cost_options import HardwareAsked, OperatingAsked  # noqa: PLC0415
    from weighbridge.verbs.cost_question import Asked, CapacityAsked, DemandAsked  # noqa: PLC0415

    def of(group: str) -> dict[str, Any]:
        return {name: texts.pop(name) for name in NAMES[group]}

    return Asked(
        demand=DemandAsked(**of("demand")),
        capacity=CapacityAsked(
            **of("capacity"),
            slots=slots,
            cv=cv,
            rho=rho,
            wait_s=max_wait,
            slo=slo,
            from_run=from_run,
            quantization=quantization,
        ),
        hardware=HardwareAsked(spot=spot, terms=terms or "", **of("hardware")),
        operating=OperatingAsked(fixed=fixed, **of("operating")),
        gpus_per_replica=count,
        spare_replicas=int(spare),
        **texts,
    )
