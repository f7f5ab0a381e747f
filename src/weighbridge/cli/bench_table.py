"""A load run on the terminal: a table of its levels, and what one must know before reading it."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.cli.bench_ramp import show_ramp
from weighbridge.cli.diagnostics import printable, say
from weighbridge.cli.tables import bracketed, figure, ms, print_table
from weighbridge.core.load import Bounds, Distribution, Limit, LoadLevel, LoadRun
from weighbridge.report.load_words import level_notes, overloads, ramp_sentence

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
_TTFT_P50, _TTFT_P95, _RATE = (_COLUMNS.index(name) for name in ("TTFT p50", "TTFT p95", "req/s"))
# So near must users and latency come to the rate before the one's interval tells the other's.
_LITTLE = 0.1
# Of these columns, those that a terminal of 80 still has room for.
_SHORT = (0, 2, 3, 4, 8, 9, 12, 13)


def show(run: LoadRun) -> None:
    """The levels as a table on standard output, and the headline before it."""
    import click  # noqa: PLC0415 -- as everywhere, only for people

    for sentence in headline(run):
        click.echo(printable(sentence))
    columns, rows = list(_COLUMNS), [_row(level) for level in run.levels]
    roomy = [_spread(level, row) for level, row in zip(run.levels, rows, strict=True)]
    if any(level.goodput for level in run.levels):
        columns.append("good")
        for level, *both in zip(run.levels, rows, roomy, strict=True):
            for row in both:
                row.append(f"{100 * level.goodput.share:.0f} %" if level.goodput else "–")
    shown = [*_SHORT, *range(len(_COLUMNS), len(columns))]
    short = [[row[index] for index in shown] for row in rows]
    print_table(
        f"{run.info.model} at {run.url}: {run.workload}",
        columns,
        rows,
        caption=(
            f"ms; {_brackets(run)}. "
            f"measured · {run.info.id} · {run.info.created} · {run.info.machine}"
        ),
        roomy=(columns, roomy) if roomy != rows else None,
        shorter=[([columns[index] for index in shown], short)],
    )
    for level in run.levels:
        if level.ramp:
            show_ramp(level)


def _brackets(run: LoadRun) -> str:
    repeats = max((len(level.repeats) for level in run.levels), default=0)
    if repeats > 1:
        return (
            f"in brackets, where there is room, the lowest and highest of {repeats} repeats; "
            "95 % intervals in --json and in `weigh ui`"
        )
    return "in brackets, where there is room, 95 % intervals; all in --json and in `weigh ui`"


def headline(run: LoadRun) -> list[str]:
    """What comes before any figure: doubts first, then the limit that was looked for."""
    lines: list[str] = []
    if run.is_partial:
        lines.append("INTERRUPTED: these are the requests that had ended by then.")
    if run.is_client_limited:
        lines.append("CLIENT-LIMITED: the client was the bottleneck, so there is no verdict:")
        for level in run.levels:
            reasons = level.client.limited if level.client else ()
            lines += [f"  {_named(level)}: {why}" for why in reasons]
    lines += [_errors(level) for level in run.levels if level.errors > MANY_ERRORS * level.requests]
    lines += [
        f"{_named(level)}: no answer had any content, so there is nothing to time. Look at what "
        "the model answers to such prompts."
        for level in run.levels
        if level.ttft_ms is None and level.e2e_ms is not None
    ]
    lines += overloads(run)
    lines += [ramp_sentence(level) for level in run.levels if level.ramp]
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
    for number, level in enumerate(run.levels):
        if again := sent_again(run, number):
            say(f"{_named(level)}: {again}")
        if 0 < level.errors <= MANY_ERRORS * level.requests:
            say(_errors(level))
        if level.tokens_from == "arrivals" and level.output_tokens:
            say(
                f"{_named(level)}: the server gave no token counts; tokens are counted by "
                "arrivals. --tokenizer counts them exactly."
            )
        for note in level.server.notes if level.server is not None else ():
            say(f"{_named(level)}: {note}")
        if level.server is not None and (level.server.requests or 0) > level.requests:
            say(
                f"{_named(level)}: the server finished {level.server.requests} requests, of which "
                f"at most {level.requests} were ours: somebody else uses it too."
            )
        for note in level_notes(level):
            say(f"{_named(level)}: {note}")
        if level.stalls is not None and level.stalls.count:
            stalls = level.stalls
            say(
                f"{_named(level)}: {stalls.count} gaps of more than {stalls.threshold_ms:.0f} ms "
                f"in {stalls.requests} answers, {stalls.frozen_s:.1f} s frozen in all; the "
                f"largest {stalls.largest_ms:.0f} ms."
            )


def sent_again(run: LoadRun, level: int) -> str:
    """How many requests of a level were sent again, in a sentence; nothing where nobody asked to.

    Without ``--retries`` it is only a connection that the server had closed, which costs nothing.
    """
    again = [one.attempts - 1 for one in run.requests if one.level == level and one.attempts > 1]
    if not again or "--retries" not in run.command:
        return ""
    one = len(again) == 1
    times = f", {sum(again)} times in all," if sum(again) > len(again) else ""
    return (
        f"{len(again)} request{'' if one else 's'} {'was' if one else 'were'} sent again{times} "
        "after 429 or 503, or over a new connection; their latencies include the wait."
    )


def _named(level: LoadLevel) -> str:
    """The level at the beginning of a sentence."""
    words = str(level.shape)
    return words[:1].upper() + words[1:]


def _errors(level: LoadLevel) -> str:
    kinds = ", ".join(f"{count} × {kind}" for kind, count in level.error_kinds)
    return (
        f"{_named(level)}: {level.errors} of {level.requests} requests failed ({kinds}). "
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
        figure(level.requests_per_s),
        f"{level.output_tokens_per_s:.0f}",
    ]


def _spread(level: LoadLevel, row: Sequence[str]) -> list[str]:
    """The row with the intervals of its main figures; of repeats, how far those lie apart."""
    cells = list(row)
    bounds: tuple[tuple[int, Bounds], ...]
    if len(level.repeats) > 1:
        bounds = (
            (_TTFT_P50, _range([one.ttft_ms_p50 for one in level.repeats])),
            (_TTFT_P95, _range([one.ttft_ms_p95 for one in level.repeats])),
            (_RATE, _range([one.requests_per_s for one in level.repeats])),
        )
    else:
        bounds = (
            (_TTFT_P50, _interval(level.ttft_ms, "p50")),
            (_TTFT_P95, _interval(level.ttft_ms, "p95")),
            (_RATE, _rate_interval(level)),
        )
    for column, ends in bounds:
        cells[column] = bracketed(cells[column], *ends)
    return cells


def _range(values: Sequence[float | None]) -> Bounds:
    known = [value for value in values if value is not None]
    return (min(known), max(known)) if known else (None, None)


def _interval(sample: Distribution | None, name: str) -> Bounds:
    return sample.intervals.get(name, (None, None)) if sample is not None else (None, None)


def _rate_interval(level: LoadLevel) -> Bounds:
    """Of a closed loop, from the mean latency by Little's law; of an open one, its arrivals' luck.

    That luck says nothing of the server, so no interval is given there.
    """
    low, high = _interval(level.e2e_ms, "mean")
    if level.concurrency is None or level.e2e_ms is None or low is None or high is None:
        return None, None
    # Users who pause between turns, or wait for what fails, send less than their latency allows.
    busy_ms = level.requests_per_s * level.e2e_ms.mean
    if low <= 0 or abs(busy_ms / 1e3 / level.concurrency - 1) > _LITTLE:
        return None, None
    return busy_ms / high, busy_ms / low
