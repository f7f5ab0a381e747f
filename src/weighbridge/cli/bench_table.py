"""A load run on the terminal: a table of its levels, and what one must know before reading it."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.cli.diagnostics import printable, say
from weighbridge.cli.tables import ms, print_table
from weighbridge.core.load import Distribution, Limit, LoadLevel, LoadRun

# Beyond this share of errors, the latencies of the rest are of another load than was asked for.
MANY_ERRORS = 0.01

_COLUMNS = [
    *("<load", "requests", "errors"),
    *("TTFT p50", "TTFT p95", "TTFT p99"),
    *("ITL p50", "ITL p99"),
    *("TPOT p50", "TPOT p95"),
    *("E2E p50", "E2E p95"),
    *("req/s", "tokens/s"),
]
# Of these columns, those that a terminal of 80 still has room for.
_SHORT = (0, 2, 3, 4, 8, 9, 12, 13)


def show(run: LoadRun) -> None:
    """The levels as a table on standard output, and the headline before it."""
    import click  # noqa: PLC0415 -- as everywhere, only for people

    for sentence in headline(run):
        click.echo(printable(sentence))
    columns, rows = list(_COLUMNS), [_row(level) for level in run.levels]
    if any(level.goodput for level in run.levels):
        columns.append("good")
        for row, level in zip(rows, run.levels, strict=True):
            row.append(f"{100 * level.goodput.share:.0f} %" if level.goodput else "–")
    shown = [*_SHORT, *range(len(_COLUMNS), len(columns))]
    short = [[row[index] for index in shown] for row in rows]
    print_table(
        f"{run.info.model} at {run.url}: {run.workload}",
        columns,
        rows,
        caption=(
            f"ms; 95 % intervals in --json and in `weigh ui`. "
            f"measured · {run.info.id} · {run.info.created} · {run.info.machine}"
        ),
        shorter=[([columns[index] for index in shown], short)],
    )


def headline(run: LoadRun) -> list[str]:
    """What comes before any figure: doubts first, then the limit that was looked for."""
    lines = []
    if run.is_partial:
        lines.append("INTERRUPTED: these are the requests that had ended by then.")
    if run.is_client_limited:
        lines.append("CLIENT-LIMITED: the client was the bottleneck, so there is no verdict:")
        for level in run.levels:
            reasons = level.client.limited if level.client else ()
            lines += [f"  {level.shape}: {why}" for why in reasons]
    lines += [_errors(level) for level in run.levels if level.errors > MANY_ERRORS * level.requests]
    lines += [
        f"{level.shape}: no answer had any content, so there is nothing to time. Look at what the "
        "model answers to such prompts."
        for level in run.levels
        if level.ttft_ms is None and level.e2e_ms is not None
    ]
    if run.limit is not None:
        lines.append(limit_sentence(run.limit, is_known=not run.is_client_limited))
    return lines


def limit_sentence(limit: Limit, *, is_known: bool = True) -> str:
    """The result of a search in words; without a rate it may also be that nothing is known."""
    if limit.rate is None and not is_known:
        return f"The highest rate that holds {limit.slo} is not known. {limit.reason}"
    if limit.rate is None:
        return f"No rate tried holds {limit.slo}. {limit.reason}"
    upper = "at least" if limit.high is None else f"{limit.low:.3g}–{limit.high:.3g}, 95 %"
    return f"Holds {limit.slo} up to {limit.rate:.3g} requests/s ({upper}). {limit.reason}"


def notes(run: LoadRun) -> None:
    """What else should be known, on standard error."""
    for level in run.levels:
        if 0 < level.errors <= MANY_ERRORS * level.requests:
            say(_errors(level))
        if level.tokens_from == "arrivals" and level.output_tokens:
            say(
                f"{level.shape}: the server gave no token counts; tokens are counted by arrivals. "
                "--tokenizer counts them exactly."
            )
        for note in level.server.notes if level.server is not None else ():
            say(f"{level.shape}: {note}")
        if level.server is not None and (level.server.requests or 0) > level.requests:
            say(
                f"{level.shape}: the server finished {level.server.requests} requests, of which "
                f"at most {level.requests} were ours: somebody else uses it too."
            )
        if level.steady is not None and not level.steady.is_stationary:
            say(f"{level.shape}: its two halves differ; measure longer before you trust it.")
        if level.stalls is not None and level.stalls.count:
            stalls = level.stalls
            say(
                f"{level.shape}: {stalls.count} gaps of more than {stalls.threshold_ms:.0f} ms in "
                f"{stalls.requests} answers, {stalls.frozen_s:.1f} s frozen in all; the largest "
                f"{stalls.largest_ms:.0f} ms."
            )


def _errors(level: LoadLevel) -> str:
    kinds = ", ".join(f"{count} × {kind}" for kind, count in level.error_kinds)
    return (
        f"{level.shape}: {level.errors} of {level.requests} requests failed ({kinds}). "
        f"First: {level.first_error}"
    )


def _row(level: LoadLevel) -> list[str]:
    figures: Sequence[tuple[Distribution | None, str]] = (
        *((level.ttft_ms, name) for name in ("p50", "p95", "p99")),
        *((level.itl_ms, name) for name in ("p50", "p99")),
        *((level.tpot_ms, name) for name in ("p50", "p95")),
        *((level.e2e_ms, name) for name in ("p50", "p95")),
    )
    return [
        str(level.shape),
        str(level.requests),
        str(level.errors),
        *(ms(sample, name) for sample, name in figures),
        f"{level.requests_per_s:.1f}",
        f"{level.output_tokens_per_s:.0f}",
    ]
