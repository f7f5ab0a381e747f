"""The charts of a load run: latency against load, the trade-off, and whole distributions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal

from weighbridge.core.load import Distribution, LoadLevel, LoadRun
from weighbridge.core.workload import Slo
from weighbridge.report.load_knee import Knee, knee
from weighbridge.report.load_plot import Axis, Chart, Graph, Point, Rule, Series, graph
from weighbridge.report.load_samples import (
    METRICS,
    TITLES,
    Metric,
    counted,
    distribution,
    is_scheduled,
    sample,
)
from weighbridge.report.load_words import limit_words, number_of, shape_words

Percentile = Literal["p50", "p95", "p99"]
_PERCENTILES: Final[tuple[Percentile, ...]] = ("p50", "p95", "p99")
# As many as there are colours.
_MOST_LEVELS: Final = 8
SERVICE_LEVELS: Final = 4


def by_load(run: LoadRun) -> list[LoadLevel]:
    """The levels that share an axis, in order of load: of a search its rates, else the most."""
    closed = [level for level in run.levels if level.concurrency is not None]
    timed = [level for level in run.levels if level.concurrency is None]
    alike = timed if (run.limit and len(timed) > 1) or len(timed) > len(closed) else closed
    return sorted(alike, key=load_of)


def load_of(level: LoadLevel) -> float:
    """Users of a closed loop, requests per second of an open one."""
    return float(level.concurrency if level.concurrency is not None else level.rate or 0.0)


def latency_charts(run: LoadRun) -> list[Graph]:
    """TTFT, TPOT and E2E against load, with p50, p95 and p99 and their intervals."""
    levels = by_load(run)
    if len(levels) < 2:
        return []
    found = knee(levels) if not run.is_client_limited else None
    slo = slo_of(run)
    charts = [
        Chart(
            TITLES[metric],
            load_axis(levels),
            Axis("ms", "ms"),
            tuple(
                _percentile(levels, metric, name, index) for index, name in enumerate(_PERCENTILES)
            ),
            across=_marks(run, found),
            along=_limits(slo, metric),
        )
        for metric in METRICS
    ]
    return [drawn for chart in charts if (drawn := graph(chart))]


def throughput_charts(run: LoadRun) -> list[Graph]:
    """Throughput against load, and what it costs in latency."""
    levels = by_load(run)
    if len(levels) < 2:
        return []
    found = knee(levels) if not run.is_client_limited else None
    tokens = tuple(Point(load_of(level), level.output_tokens_per_s) for level in levels)
    against_load = Chart(
        "Throughput",
        load_axis(levels),
        Axis("output tokens/s", "tokens/s"),
        (Series("output tokens/s", tokens, 0, marked=True),),
        across=_marks(run, found),
    )
    lines = tuple(
        _against_throughput(levels, name, index) for index, name in enumerate(("p50", "p95"))
    )
    trade_off = Chart(
        "Throughput against latency, one dot per level",
        Axis("output tokens/s", "tokens/s"),
        Axis("E2E, ms", "ms"),
        lines,
    )
    return [drawn for chart in (against_load, trade_off) if (drawn := graph(chart))]


def cdf_charts(run: LoadRun) -> list[Graph]:
    """Per metric the whole distribution of every level."""
    numbers = shown_levels(run.levels)
    records = {number: counted(run, number) for number in numbers}
    slo = slo_of(run)
    charts = []
    for metric in METRICS:
        series = tuple(
            Series(
                shape_words(run.levels[number]),
                _steps(sample(records[number], metric, scheduled=is_scheduled(run.levels[number]))),
                place,
                dash=place,
            )
            for place, number in enumerate(numbers)
        )
        charts.append(cdf(TITLES[metric], series, _limits(slo, metric)))
    return [drawn for chart in charts if (drawn := graph(chart))]


def service_charts(run: LoadRun) -> list[Graph]:
    """TTFT and E2E of the highest open loops, from when requests were due and from sending."""
    shown: tuple[Metric, ...] = ("ttft", "e2e")
    numbers = [n for n in shown_levels(run.levels) if is_scheduled(run.levels[n])]
    numbers = numbers[-SERVICE_LEVELS:]
    charts = []
    for metric in shown:
        series = []
        for place, number in enumerate(numbers):
            records = counted(run, number)
            name = shape_words(run.levels[number])
            for dash, (words, scheduled) in enumerate(
                (("from schedule", True), ("service", False))
            ):
                values = sample(records, metric, scheduled=scheduled)
                series.append(Series(f"{name}, {words}", _steps(values), place, dash=dash))
        charts.append(cdf(f"{TITLES[metric]}, from schedule and service", tuple(series), ()))
    return [drawn for chart in charts if (drawn := graph(chart))]


def cdf(title: str, series: tuple[Series, ...], limits: tuple[Rule, ...]) -> Chart:
    """A chart of distributions."""
    return Chart(
        title,
        Axis("ms", "ms", from_zero=False),
        Axis(
            "share of the sample",
            kind="linear",
            ticks=(0, 0.25, 0.5, 0.75, 0.95, 1),
            as_percent=True,
        ),
        series,
        reading="share",
        across=limits,
    )


def shown_levels(levels: Sequence[LoadLevel]) -> list[int]:
    """Numbers of the levels drawn over each other: all, or some spread over them."""

    def place(number: int) -> tuple[bool, float]:
        return levels[number].concurrency is None, load_of(levels[number])

    order = sorted(range(len(levels)), key=place)
    if len(order) <= _MOST_LEVELS:
        return order
    step = (len(order) - 1) / (_MOST_LEVELS - 1)
    return [order[round(count * step)] for count in range(_MOST_LEVELS)]


def slo_of(run: LoadRun) -> Slo:
    """The conditions that the run was held to, if any."""
    if run.limit is not None:
        return run.limit.slo
    return next((level.goodput.slo for level in run.levels if level.goodput), Slo())


def distribution_of(level: LoadLevel, metric: Metric) -> Distribution | None:
    """A level's summary of a metric."""
    pick: dict[Metric, Callable[[LoadLevel], Distribution | None]] = {
        "ttft": lambda one: one.ttft_ms,
        "tpot": lambda one: one.tpot_ms,
        "e2e": lambda one: one.e2e_ms,
        "itl": lambda one: one.itl_ms,
    }
    return pick[metric](level)


def load_axis(levels: Sequence[LoadLevel]) -> Axis:
    """The axis of the load: users, or requests per second."""
    ticks = tuple(sorted({load_of(level) for level in levels}))
    if levels[0].concurrency is not None:
        return Axis("users", "users", ticks=ticks, from_zero=False)
    few = ticks if len(ticks) <= 6 else ()
    return Axis("requests/s asked for", "requests/s", ticks=few, from_zero=False)


def _percentile(
    levels: Sequence[LoadLevel], metric: Metric, name: Percentile, index: int
) -> Series:
    points = []
    for level in levels:
        found = distribution_of(level, metric)
        if found is not None:
            low, high = found.intervals.get(name, (None, None))
            points.append(Point(load_of(level), getattr(found, name), low, high))
    return Series(name, tuple(points), index, dash=index, marked=True)


def _against_throughput(levels: Sequence[LoadLevel], name: str, index: int) -> Series:
    known = [(level, level.e2e_ms) for level in levels if level.e2e_ms is not None]
    points, labels = [], []
    for level, found in known:
        low, high = found.intervals.get(name, (None, None))
        points.append(Point(level.output_tokens_per_s, getattr(found, name), low, high))
        labels.append(number_of(level) if index == 0 else "")
    return Series(f"E2E {name}", tuple(points), index, index, marked=True, labels=tuple(labels))


def _marks(run: LoadRun, found: Knee | None) -> tuple[Rule, ...]:
    rules = []
    if found is not None:
        low, high = load_of(found.low), load_of(found.high)
        rules.append(Rule(load_of(found.best), "knee", low, high))
    if run.limit is not None and run.limit.rate is not None and not run.is_client_limited:
        rules.append(Rule(run.limit.rate, "limit", run.limit.low, run.limit.high))
    return tuple(rules)


def _limits(slo: Slo, metric: Metric) -> tuple[Rule, ...]:
    return tuple(
        Rule(bound.limit_ms, f"{bound.percentile} < {limit_words(bound.limit_ms)}")
        for bound in slo.bounds
        if bound.metric == metric
    )


def _steps(values: Sequence[float]) -> tuple[Point, ...]:
    return tuple(Point(x, y) for x, y in distribution(values))
