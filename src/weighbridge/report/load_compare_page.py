"""Two load runs side by side as a page: the plain verdict, ratios with intervals, distributions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from markupsafe import Markup

from weighbridge.core.load import LoadLevel, LoadRun
from weighbridge.core.load_comparison import LoadComparison, LoadDifference
from weighbridge.core.runs import RunInfo
from weighbridge.report.load_charts import cdf
from weighbridge.report.load_forest import change_words, forest, metric_words, verdict_words
from weighbridge.report.load_page import COLUMNS, words_for_templates
from weighbridge.report.load_plot import Graph, Point, Series, graph
from weighbridge.report.load_samples import (
    METRICS,
    TITLES,
    Metric,
    counted,
    distribution,
    is_scheduled,
    sample,
)
from weighbridge.report.load_words import shape_text
from weighbridge.report.page import render

_IN_HEADLINE: Final = 3


@dataclass(frozen=True, slots=True)
class ComparedView:
    """One load at which both runs were measured, with all that the page shows of it."""

    comparison: LoadComparison
    words: str
    forest: Markup
    cdfs: tuple[Graph, ...]
    levels: tuple[tuple[str, LoadLevel], ...]


def comparison_page(
    comparisons: Sequence[LoadComparison],
    a_runs: Sequence[LoadRun],
    b_runs: Sequence[LoadRun],
    *,
    standalone: bool,
) -> str:
    """The page of a comparison, level by level of equal shape.

    Args:
        comparisons: one per shape.
        a_runs: the first side; several where runs were interleaved.
        b_runs: the second.
        standalone: whether as a file that is complete in itself.
    """
    return render(
        "load_compare.html",
        standalone=standalone,
        charts=False,
        here="runs",
        headline=summary(comparisons) if comparisons else "",
        views=[_view(one, a_runs, b_runs) for one in comparisons],
        a_infos=[run.info for run in a_runs],
        b_infos=[run.info for run in b_runs],
        limited=[run.info for run in (*a_runs, *b_runs) if run.is_client_limited],
        columns=COLUMNS,
        metric_words=metric_words,
        change_words=change_words,
        verdict_words=verdict_words,
        **words_for_templates(),
    )


def summary(comparisons: Sequence[LoadComparison]) -> str:
    """What came of all loads, short enough for a headline."""
    a, b = comparisons[0].a, comparisons[0].b
    differing = [one for one in comparisons if any(d.is_real for d in one.differences)]
    if len(comparisons) == 1:
        where = f"at {_load(comparisons[0])}"
    else:
        where = f"at any of {len(comparisons)} loads"
    if not differing:
        return f"No detectable difference between {a} and {b} {where}."
    if len(comparisons) > 1:
        return f"{a} and {b} differ at {len(differing)} of {len(comparisons)} loads."
    real = [d for d in comparisons[0].differences if d.is_real]
    words = [f"{metric_words(d.metric)} {_change(d)}" for d in real[:_IN_HEADLINE]]
    more = f" and {len(real) - _IN_HEADLINE} more" if len(real) > _IN_HEADLINE else ""
    return f"{b} against {a} {where}: {', '.join(words)}{more}."


def choose_page(infos: Sequence[RunInfo], a: str, b: str, problem: str = "", fix: str = "") -> str:
    """The form that picks two runs, with why those picked cannot be compared, if they cannot."""
    return render(
        "load_choose.html",
        standalone=False,
        charts=False,
        here="runs",
        infos=infos,
        a=a,
        b=b,
        problem=problem,
        fix=fix,
    )


def _view(
    one: LoadComparison, a_runs: Sequence[LoadRun], b_runs: Sequence[LoadRun]
) -> ComparedView:
    a_levels, b_levels = _alike(one, a_runs), _alike(one, b_runs)
    levels = [(f"A, {run.info.id}", run.levels[number]) for run, number in a_levels]
    levels += [(f"B, {run.info.id}", run.levels[number]) for run, number in b_levels]
    charts = [
        cdf(
            TITLES[metric],
            (
                Series(f"A: {one.a}", _steps(a_levels, metric), 0),
                Series(f"B: {one.b}", _steps(b_levels, metric), 1, dash=1),
            ),
            (),
        )
        for metric in METRICS
    ]
    limited = any(run.is_client_limited for run in (*a_runs, *b_runs))
    # What a slow client measured says nothing of who is better.
    differences = [replace(d, is_real=d.is_real and not limited) for d in one.differences]
    return ComparedView(
        one,
        _load(one),
        forest(differences),
        tuple(drawn for chart in charts if (drawn := graph(chart))),
        tuple(levels),
    )


def _load(one: LoadComparison) -> str:
    return shape_text(one.shape.kind, one.shape.concurrency, one.shape.rate)


def _change(one: LoadDifference) -> str:
    """``18 % lower``."""
    way = "higher" if one.ratio > 1 else "lower"
    return f"{100 * abs(one.ratio - 1):.2g}\N{NO-BREAK SPACE}% {way}"


def _alike(one: LoadComparison, runs: Sequence[LoadRun]) -> list[tuple[LoadRun, int]]:
    """The levels of the runs that have the comparison's shape."""
    return [
        (run, number)
        for run in runs
        for number, level in enumerate(run.levels)
        if level.shape == one.shape
    ]


def _steps(levels: Sequence[tuple[LoadRun, int]], metric: Metric) -> tuple[Point, ...]:
    """The distribution of a metric over the requests of all these levels together."""
    values = [
        value
        for run, number in levels
        for value in sample(
            counted(run, number), metric, scheduled=is_scheduled(run.levels[number])
        )
    ]
    return tuple(Point(x, y) for x, y in distribution(sorted(values)))
