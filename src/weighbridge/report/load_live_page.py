"""A load run under way as a page: live percentiles, small plots, and the levels that are done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from weighbridge.core.live_load import LiveLoad, LivePoint
from weighbridge.core.runs import RunInfo
from weighbridge.report.load_page import COLUMNS, words_for_templates
from weighbridge.report.load_plot import sparkline
from weighbridge.report.load_words import milliseconds, shape_text
from weighbridge.report.numbers import number
from weighbridge.report.page import render

_Pick = Callable[[LivePoint], float | None]


@dataclass(frozen=True, slots=True)
class LiveFigure:
    """One figure over the last few seconds, and how it went since the level began."""

    name: str
    value: str
    spark: Markup


def live_page(live: LiveLoad) -> str:
    """The page of a run under way."""
    return render(
        "load_live.html",
        standalone=False,
        charts=False,
        here="runs",
        live=live,
        info=live.info,
        state="running",
        figures=live_figures(live.points),
        place=level_words(live),
        load=shape_text(live.shape.kind, live.shape.concurrency, live.shape.rate),
        last=live.points[-1] if live.points else None,
        columns=COLUMNS,
        **words_for_templates(),
    )


def ended_page(run_id: str, info: RunInfo | None) -> str:
    """The page of a run that was under way: it is kept by now, or was given up.

    Args:
        run_id: of the run.
        info: of the run as kept; None where it was not.
    """
    return render(
        "load_live.html",
        standalone=False,
        charts=False,
        here="runs",
        live=None,
        info=info,
        run_id=run_id,
        state="finished" if info else "gone",
    )


def level_words(live: LiveLoad) -> str:
    """Where a run is: ``level 2 of 5``."""
    of = f" of {live.levels}" if live.levels is not None else ""
    return f"level {live.level + 1}{of}"


def live_figures(points: Sequence[LivePoint]) -> list[LiveFigure]:
    """What a reader watches, with a small plot each."""
    figures: tuple[tuple[str, _Pick, Callable[[float], str]], ...] = (
        ("Output tokens/s", lambda one: one.output_tokens_per_s, number),
        ("In flight", lambda one: float(one.in_flight), number),
        ("TTFT p50", lambda one: one.ttft_ms_p50, milliseconds),
        ("TTFT p95", lambda one: one.ttft_ms_p95, milliseconds),
        ("ITL p50", lambda one: one.itl_ms_p50, milliseconds),
        ("ITL p99", lambda one: one.itl_ms_p99, milliseconds),
    )
    return [_figure(points, name, pick, words) for name, pick, words in figures]


def _figure(
    points: Sequence[LivePoint], name: str, pick: _Pick, words: Callable[[float], str]
) -> LiveFigure:
    values = [pick(point) for point in points]
    last = values[-1] if values else None
    now = "\N{EN DASH}" if last is None else words(last)
    return LiveFigure(name, now, sparkline(values, name, words))
