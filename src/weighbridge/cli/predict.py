"""``weigh predict``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weighbridge.cli.diagnostics import say
from weighbridge.cli.models import catalog_option, own_file
from weighbridge.cli.options import json_option, print_json, workspace_option
from weighbridge.core.units import plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weighbridge.predict.calibration import Calibration
    from weighbridge.verbs.predict import Predicted

_SHOWN = 50


@click.command()
@click.argument("table", type=click.Path(path_type=Path, dir_okay=False), metavar="ROWS.CSV")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print the table with its new columns.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to a file instead: JSON if it is called so, else CSV.",
)
@catalog_option
@workspace_option
def command(
    *,
    table: Path,
    as_json: bool,
    as_csv: bool,
    out: Path | None,
    catalog: Path | None,
    workspace: Path,
) -> None:
    """Predict latency and memory for a table of scenarios.

    Every row names a model (of the catalogue, or the path of its files), a system, and the lengths
    of prompts and answers (model_path, system, isl, osl); backend, backend_version, precision,
    tp_size, moe_ep_size, attention_dp_size and concurrency may follow, other columns are kept. Each
    row gets ttft_ms and tpot_ms with 80 % intervals, kv_gib, kv_tokens and fits, or an error of its
    own. What `weigh calibrate` has learnt of a machine is taken into account.

    \b
    Example:
      weigh predict rows.csv
      weigh predict rows.csv --out predicted.csv
    """  # noqa: D301 -- \b is click's mark, not an escape
    from weighbridge.facts.catalog.catalogue import load  # noqa: PLC0415 -- not for --help
    from weighbridge.verbs import calibrate, predict  # noqa: PLC0415
    from weighbridge.verbs.effects import SystemClock  # noqa: PLC0415

    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other.")
    catalogue, clock = load(own_file(catalog)), SystemClock()
    known = calibrate.load(workspace, catalogue, clock)
    found = predict.predict_file(table, catalogue, clock, known)
    if out is not None:
        _write(found, out, as_json=as_json or (out.suffix == ".json" and not as_csv))
    elif as_json:
        print_json(predict.to_json(found))
    elif as_csv:
        click.echo(predict.to_csv(found), nl=False)
    else:
        _show(found, known)
    predict.require_some(found)
    if found.failed:
        say(f"{len(found.failed)} of {len(found.rows)} rows have an error; the others stand.")


def _write(found: Predicted, path: Path, *, as_json: bool) -> None:
    import json  # noqa: PLC0415 -- not for --help

    from weighbridge.verbs import predict  # noqa: PLC0415
    from weighbridge.verbs.effects import writing  # noqa: PLC0415

    if as_json:
        text = json.dumps(predict.to_json(found), indent=2, ensure_ascii=False) + "\n"
    else:
        text = predict.to_csv(found)
    with writing(path) as draft:
        draft.write_text(text, encoding="utf-8")
    say(f"Wrote {path}.")


def _show(found: Predicted, known: Sequence[Calibration]) -> None:
    from weighbridge.cli.tables import print_table  # noqa: PLC0415 -- heavy, only for people
    from weighbridge.verbs.predict import corrected, figures  # noqa: PLC0415

    rows, problems = [], []
    for number, row in enumerate(found.rows[:_SHOWN], 1):
        cells, added = row.cells, figures(row)
        rows.append(
            [
                str(number),
                cells["model_path"],
                cells["system"],
                cells.get("backend", ""),
                cells["isl"],
                cells["osl"],
                cells.get("concurrency", ""),
                _range(added, "ttft_ms"),
                _range(added, "tpot_ms"),
                "–" if added["kv_gib"] is None else f"{added['kv_gib']:.1f}",
                {True: "yes", False: "no", None: "–"}[added["fits"]],
            ]
        )
        if row.error:
            problems.append(f"Row {number}: {row.error}")
    more = len(found.rows) - len(rows)
    columns = ["row", "<model", "<system", "<engine", "isl", "osl", "users", "TTFT ms", "TPOT ms"]
    print_table(
        f"{len(found.rows)} scenarios",
        [*columns, "KV GiB", "fits"],
        rows,
        caption="predicted, with 80 % intervals"
        + (f"; {more} more rows with --csv, --json or --out" if more else ""),
    )
    for problem in problems:
        say(problem)
    count = corrected(found, known)
    if count:
        say(
            f"{plural(count, 'row')} corrected by your own measurements "
            "(`weigh calibrate --list` shows them)."
        )


def _range(added: dict[str, float | None], name: str) -> str:
    value, low, high = (added[f"{name}{end}"] for end in ("", "_low", "_high"))
    if value is None or low is None or high is None:
        return "–"
    return f"{_short(value)} [{_short(low)}, {_short(high)}]"


def _short(value: float) -> str:
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"
