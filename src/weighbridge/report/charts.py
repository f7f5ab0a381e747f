"""Records to Plotly figures, as plain dictionaries: pure functions, no plotly imported.

Colours are written as CSS variables (``var(--series-1)``); ``static/page.js`` puts in what the
reader's theme makes of them. Each model keeps its colour and marker in every chart of a page:
its place in ``models`` decides. Shape and dash repeat what colour says.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, Literal

from weighbridge.core.load import Distribution, LoadLevel, LoadRun
from weighbridge.core.provenance import Interval
from weighbridge.core.study import ModelSheet, TrafficShare
from weighbridge.core.verdict import Comparison, TaskVerdict
from weighbridge.report import words

Figure = dict[str, Any]
Metric = Literal["ttft_ms", "tpot_ms"]
Point = tuple[str, Interval]

AUTO = "auto"
_SERIES = 8
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon")
_INK = "var(--ink)"
_ROW_PX = 26
_FRAME_PX = 104


def accuracy(tasks: Sequence[TaskVerdict], models: Sequence[str]) -> Figure:
    """Accuracy of each model on each task, with its interval."""
    standings = [evidence for task in tasks for evidence in task.standings]
    points = {
        model: [(item.task, item.accuracy) for item in standings if item.model == model]
        for model in models
    }
    return _grouped_dots(points, models, [task.task for task in tasks])


def routed(shares: Sequence[TrafficShare], models: Sequence[str]) -> Figure:
    """Accuracy of the routed traffic against each single model, per task and over all."""
    points = {
        who: [(share.task, share.accuracy) for share in shares if share.who == who]
        for who in (AUTO, *models)
    }
    return _grouped_dots(points, models, words.unique(share.task for share in shares))


def differences(comparisons: Sequence[Comparison]) -> Figure:
    """Forest plot of paired differences: a dot, its interval, and the line of no difference."""
    rows = [f"{item.b} \N{MINUS SIGN} {item.a}, {item.subject}" for item in comparisons]
    points = list(zip(rows, [item.difference for item in comparisons], strict=True))
    trace = {
        **_dots(points, _INK, "circle"),
        "name": "difference",
        "hovertemplate": "%{y}<br>%{x:+.1f} points (%{customdata})<extra></extra>",
    }
    zero = {"type": "line", "xref": "x", "yref": "paper", "x0": 0, "x1": 0, "y0": 0, "y1": 1}
    layout = {
        **_layout(rows=len(rows)),
        "showlegend": False,
        "xaxis": {"title": {"text": "difference, points"}, "zeroline": False},
        "yaxis": _rows(len(rows)),
        "shapes": [{**zero, "line": {"color": "var(--muted)", "width": 1, "dash": "dash"}}],
    }
    return {"data": [trace], "layout": layout}


def latency(loads: Sequence[LoadRun], metric: Metric, models: Sequence[str]) -> Figure:
    """Median (solid) and 95th percentile (dashed) of a latency against concurrency."""
    traces = []
    for load in loads:
        levels = [(level, _distribution(level, metric)) for level in load.levels]
        known = [(level.users, sample) for level, sample in levels if sample]
        name = load.info.model
        xs = [concurrency for concurrency, _ in known]
        for label, dash in (("p50", "solid"), ("p95", "dash")):
            values = [getattr(sample, label) for _, sample in known]
            traces.append(_line(f"{name} {label}", xs, values, _style(name, models), dash))
    title = {"ttft_ms": "time to first token, ms", "tpot_ms": "time per output token, ms"}[metric]
    return {"data": traces, "layout": _against_concurrency(loads, title)}


def throughput(loads: Sequence[LoadRun], models: Sequence[str]) -> Figure:
    """Output tokens per second against concurrency."""
    traces = [
        _line(
            load.info.model,
            [level.users for level in load.levels],
            [level.output_tokens_per_s for level in load.levels],
            _style(load.info.model, models),
            "solid",
        )
        for load in loads
    ]
    return {"data": traces, "layout": _against_concurrency(loads, "output tokens per second")}


def parameters(sheets: Sequence[ModelSheet]) -> Figure:
    """Weights by component, one stacked bar per model."""
    components = words.components(sheets)
    counts = [sheet.architecture.by_component for sheet in sheets]
    names = [_text(name) for name in words.sheet_names(sheets)]
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": component.replace("_", " "),
            "y": names,
            "x": [count.get(component, 0) for count in counts],
            "marker": {
                "color": _series(index),
                "line": {"color": "var(--paper)", "width": 1},
            },
            # Written inside the bars as well, so that nobody must tell colours apart.
            "text": component.replace("_", " "),
            "textposition": "inside",
            "insidetextanchor": "middle",
            "textangle": 0,
            "constraintext": "inside",
            "textfont": {"color": "var(--paper)"},
            "hovertemplate": "%{y}: %{x:,} weights<extra>%{fullData.name}</extra>",
        }
        for index, component in enumerate(components)
    ]
    layout = {
        **_layout(rows=len(sheets)),
        "barmode": "stack",
        "bargap": 0.25,
        "uniformtext": {"mode": "hide", "minsize": 10},
        "xaxis": {"title": {"text": "weights"}, "tickformat": "~s"},
        "yaxis": _rows(len(sheets)),
    }
    return {"data": traces, "layout": layout}


def _grouped_dots(
    points: dict[str, list[Point]], models: Sequence[str], groups: Sequence[str]
) -> Figure:
    """One row of dots per group, the series beside each other, on a scale from 0 to 100 %."""
    series = {name: values for name, values in points.items() if values}
    traces = [
        {
            **_dots(values, *_style(name, models)),
            "name": _text(name),
            "orientation": "h",
            "hovertemplate": "%{y}: %{x:.1f} % (%{customdata})<extra>%{fullData.name}</extra>",
        }
        for name, values in series.items()
    ]
    layout = {
        **_layout(rows=len(groups) * max(1, len(series)) * 0.8),
        "scattermode": "group",
        "scattergap": 0.35,
        "xaxis": {"title": {"text": "accuracy, %"}, "range": [-2, 102]},
        "yaxis": _rows(len(groups)),
        "shapes": [_rule_below(row) for row in range(len(groups) - 1)],
    }
    return {"data": traces, "layout": layout}


def _rows(count: int) -> Figure:
    """An axis of named rows, the first on top."""
    ends = [count - 0.5, -0.5]
    return {"type": "category", "range": ends, "automargin": True, "showgrid": False}


def _rule_below(row: int) -> Figure:
    """A line between two groups of rows."""
    place = {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": row + 0.5, "y1": row + 0.5}
    return {**place, "line": {"color": "var(--line)", "width": 1}}


def _dots(points: Sequence[Point], color: str, symbol: str) -> Figure:
    """A trace of horizontal intervals with their estimates, in percent or points."""
    intervals = [interval for _, interval in points]
    return {
        "type": "scatter",
        "mode": "markers",
        "y": [_text(row) for row, _ in points],
        "x": [100 * item.value for item in intervals],
        "customdata": [f"{100 * item.low:.1f} to {100 * item.high:.1f}" for item in intervals],
        "marker": {"color": color, "symbol": symbol, "size": 9},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": [100 * (item.high - item.value) for item in intervals],
            "arrayminus": [100 * (item.value - item.low) for item in intervals],
            "color": color,
            "thickness": 1.6,
            "width": 3,
        },
    }


def _line(
    name: str, xs: Sequence[float], ys: Sequence[float], style: tuple[str, str], dash: str
) -> Figure:
    color, symbol = style
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": _text(name),
        "x": list(xs),
        "y": list(ys),
        "line": {"color": color, "dash": dash, "width": 2},
        "marker": {"color": color, "symbol": symbol, "size": 8},
        "hovertemplate": "concurrency %{x}: %{y:,.4~g}<extra>%{fullData.name}</extra>",
    }


def _against_concurrency(loads: Sequence[LoadRun], title: str) -> Figure:
    levels = sorted({level.users for load in loads for level in load.levels})
    return {
        **_layout(rows=9),
        "xaxis": {
            "title": {"text": "concurrency"},
            "type": "log",
            "tickvals": levels,
            "ticktext": [f"{level:g}" for level in levels],
        },
        "yaxis": {"title": {"text": title}, "rangemode": "tozero", "automargin": True},
    }


def _layout(*, rows: float) -> Figure:
    """What all charts share; ``rows`` sets the height, so that rows keep their distance."""
    return {
        "height": round(_FRAME_PX + _ROW_PX * rows),
        "margin": {"l": 8, "r": 12, "t": 8, "b": 48},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        "dragmode": False,
        "hovermode": "closest",
    }


def _distribution(level: LoadLevel, metric: Metric) -> Distribution | None:
    return level.ttft_ms if metric == "ttft_ms" else level.tpot_ms


def _style(name: str, models: Sequence[str]) -> tuple[str, str]:
    """Colour and marker of a model, or of the gateway's routing."""
    if name == AUTO:
        return _INK, "star"
    index = list(models).index(name) if name in models else len(models)
    return _series(index), _SYMBOLS[index % len(_SYMBOLS)]


def _series(index: int) -> str:
    return f"var(--series-{index % _SERIES + 1})"


def _text(name: str) -> str:
    """A name from outside, so that Plotly takes none of it for its own markup."""
    return escape(name, quote=False)
