"""Line charts of load runs as SVG of our own, with what hovering needs beside them.

Places are percentages, so that a drawing fills any width while its writing keeps its size; lines
lie in a coordinate system of their own that is stretched over it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from markupsafe import Markup

from weighbridge.report.pareto_scale import Scale, linear, logarithmic
from weighbridge.report.svg import tag

Reading = Literal["nearest", "share"]

_LEFT, _RIGHT, _TOP, _BOTTOM = 10.0, 98.0, 4.0, 84.0
_COLOURS: Final = 8
# Percentages of the drawing within which two labels collide, and beyond which they turn leftward.
_LABEL_WIDE, _LABEL_HIGH, _LABEL_TURNS = 6.0, 7.0, 85.0
_FACTORS: Final = 8.0
_UNITS: Final = ((1e9, "B"), (1e6, "M"), (1e3, "k"))
# Units of the stretched coordinate system per percent of the drawing.
_FINE: Final = 10


class Point(NamedTuple):
    """A value, with its interval where there is one."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One line.

    Attributes:
        name: what legend and hovering call it.
        points: in order of x.
        colour: number of its colour, from 0.
        dash: number of its pattern, from 0, which is solid.
        marked: whether its points are drawn as dots.
        labels: written beside the points; empty for none.
        joined: whether a line leads from point to point.
    """

    name: str
    points: tuple[Point, ...]
    colour: int
    dash: int = 0
    marked: bool = False
    labels: tuple[str, ...] = ()
    joined: bool = True

    @property
    def classes(self) -> str:
        """Colour and pattern."""
        return f"series-{self.colour % _COLOURS + 1} dash-{self.dash % 4}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A value marked across the drawing, with its interval where there is one."""

    value: float
    label: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of a chart.

    Attributes:
        label: with its unit.
        unit: as written after a value.
        kind: ``auto`` is logarithmic for positive values that differ by large factors.
        ticks: values to mark; empty for round ones.
        within: values that must lie inside.
        as_percent: whether values are shares, written as percentages.
        from_zero: whether a linear axis shows where zero is.
        is_short: whether thousands and millions are written as ``k`` and ``M`` at the axis.
    """

    label: str
    unit: str = ""
    kind: Literal["linear", "log", "auto"] = "auto"
    ticks: tuple[float, ...] = ()
    within: tuple[float, ...] = ()
    as_percent: bool = False
    from_zero: bool = True
    is_short: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn.

    Attributes:
        title: for people.
        reading: what hovering reads: the nearest points, or the share of a CDF at a value.
        across: rules at values of x; ``along`` at values of y.
    """

    title: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    reading: Reading = "nearest"
    across: tuple[Rule, ...] = ()
    along: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Graph:
    """A chart as drawn: its SVG, its legend, and the data that hovering reads."""

    title: str
    unit: str
    drawing: Markup
    legend: tuple[tuple[Markup, str], ...]
    data: dict[str, Any]


def graph(chart: Chart) -> Graph | None:
    """The chart as drawn; None when it has nothing to show."""
    drawn = tuple(series for series in chart.series if series.points)
    if not drawn:
        return None
    points = [point for series in drawn for point in series.points]
    across = _scale(chart.x, [p.x for p in points], chart.across, _LEFT, _RIGHT)
    up = _scale(chart.y, _with_ends(points), chart.along, _BOTTOM, _TOP)
    unit_box = f"0 0 {100 * _FINE} {100 * _FINE}"
    stretched = tag(
        "svg",
        {"viewBox": unit_box, "preserveAspectRatio": "none", "aria-hidden": "true"},
        *(_band(series, across, up) for series in drawn),
        *(_line(series, across, up) for series in drawn),
    )
    frame = {
        "class": "graph",
        "role": "img",
        "aria-label": f"{chart.title}: {chart.y.label} by {chart.x.label}. "
        "The figures are in the tables of this page.",
    }
    drawing = tag(
        "svg",
        frame,
        *_grid(chart, across, up),
        *_rules(chart, across, up),
        stretched,
        *(mark for series in drawn for mark in _marks(series, across, up)),
    )
    legend = tuple((swatch(series), series.name) for series in drawn) if len(drawn) > 1 else ()
    return Graph(chart.title, chart.y.label, drawing, legend, _data(chart, drawn, across, up))


def swatch(series: Series) -> Markup:
    """The line of a series, for a legend."""
    line = tag("path", {"d": "M1 5h26" if series.joined else "M1 5"})
    dot = [tag("circle", {"cx": 14, "cy": 5, "r": 3.4})] if series.marked else []
    frame = {"class": f"swatch wide line {series.classes}", "viewBox": "0 0 28 10"}
    return tag("svg", {**frame, "aria-hidden": "true"}, line, *dot)


def written(value: float) -> str:
    """A round value at an axis: ``0.5``, ``200``, ``12,000``."""
    return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"


def _with_ends(points: Sequence[Point]) -> list[float]:
    ends = [end for point in points for end in (point.low, point.high) if end is not None]
    return [point.y for point in points] + ends


def _scale(
    axis: Axis, values: list[float], rules: tuple[Rule, ...], start: float, end: float
) -> Scale:
    marked = [
        value for rule in rules for value in (rule.value, rule.low, rule.high) if value is not None
    ]
    inside = [*values, *axis.within, *marked]
    least, most = min(inside), max(inside)
    positive = [value for value in inside if value > 0]
    wide = bool(positive) and most / min(positive) > _FACTORS
    if axis.kind == "log" or (axis.kind == "auto" and wide and least > 0):
        scale = logarithmic(min(positive), most, start, end) if positive else None
    else:
        scale = None
    if scale is None:
        close = not axis.from_zero and least > 0
        scale = (linear if close else _from_zero)(least, most, start, end)
    if axis.ticks:
        low = scale.low if not scale.log else 10**scale.low
        high = scale.high if not scale.log else 10**scale.high
        ticks = tuple(value for value in axis.ticks if low <= value <= high)
        return Scale(scale.low, scale.high, start, end, scale.log, _apart(ticks, scale))
    return scale


def _from_zero(least: float, most: float, start: float, end: float) -> Scale:
    """An axis that shows where zero is, which small differences would hide otherwise."""
    rough = linear(min(0.0, least), most or 1.0, start, end)
    if least >= 0:
        return Scale(0.0, rough.high, start, end, False, tuple(x for x in rough.ticks if x >= 0))
    return rough


def _apart(ticks: tuple[float, ...], scale: Scale) -> tuple[float, ...]:
    """Those that leave room for their writing."""
    kept: list[float] = []
    for value in ticks:
        if not kept or abs(scale.place(value) - scale.place(kept[-1])) >= 5.5:
            kept.append(value)
    return tuple(kept)


def _grid(chart: Chart, across: Scale, up: Scale) -> list[Markup]:
    parts = []
    for value in across.ticks:
        x = across.at(value)
        line = {"class": "grid", "x1": x, "x2": x, "y1": f"{_TOP}%", "y2": f"{_BOTTOM}%"}
        parts.append(tag("line", line))
        place = {"x": x, "y": f"{_BOTTOM}%", "dy": "1.35em", "text-anchor": "middle"}
        parts.append(tag("text", place, _tick(chart.x, value)))
    for value in up.ticks:
        y = up.at(value)
        line = {"class": "grid", "x1": f"{_LEFT}%", "x2": f"{_RIGHT}%", "y1": y, "y2": y}
        parts.append(tag("line", line))
        place = {"x": f"{_LEFT}%", "dx": "-0.5em", "y": y, "dy": "0.35em", "text-anchor": "end"}
        parts.append(tag("text", place, _tick(chart.y, value)))
    place = {"x": f"{_RIGHT}%", "y": "100%", "dy": "-0.3em", "text-anchor": "end"}
    scale = " (logarithmic)" if across.log else ""
    parts.append(tag("text", place, f"{chart.x.label}{scale}"))
    return parts


def _tick(axis: Axis, value: float) -> str:
    if axis.is_short:
        size, unit = next((one for one in _UNITS if value >= one[0]), (1.0, ""))
        return f"{value / size:g}{unit}"
    return f"{100 * value:g}%" if axis.as_percent else written(value)


def _rules(chart: Chart, across: Scale, up: Scale) -> list[Markup]:
    parts = []
    height = _BOTTOM - _TOP
    for number, rule in enumerate(chart.across):
        if rule.low is not None and rule.high is not None:
            left, right = across.place(rule.low), across.place(rule.high)
            box = {"x": f"{left:.2f}%", "width": f"{max(0.0, right - left):.2f}%"}
            box |= {"class": "within", "y": f"{_TOP}%", "height": f"{height}%"}
            parts.append(tag("rect", box))
        x = across.at(rule.value)
        line = {"class": "rule", "x1": x, "x2": x, "y1": f"{_TOP}%", "y2": f"{_BOTTOM}%"}
        parts.append(tag("line", line))
        leftward = across.place(rule.value) > (_LEFT + _RIGHT) / 2
        place = {
            "class": "rule-label", "x": x, "dx": "-0.4em" if leftward else "0.4em",
            "y": f"{_TOP}%", "dy": f"{0.9 + 1.2 * number:.1f}em",
            "text-anchor": "end" if leftward else "start",
        }  # fmt: skip
        parts.append(tag("text", place, rule.label))
    for rule in chart.along:
        y = up.at(rule.value)
        line = {"class": "rule", "x1": f"{_LEFT}%", "x2": f"{_RIGHT}%", "y1": y, "y2": y}
        parts.append(tag("line", line))
        place = {"class": "rule-label", "x": f"{_LEFT}%", "dx": "0.4em", "y": y, "dy": "-0.35em"}
        parts.append(tag("text", place, rule.label))
    return parts


def _band(series: Series, across: Scale, up: Scale) -> Markup:
    """The area between the ends of the intervals, where both are known."""
    known = [
        (p.x, p.low, p.high) for p in series.points if p.low is not None and p.high is not None
    ]
    if len(known) < 2:
        return Markup("")
    there = [_fine(across, up, x, high) for x, _, high in known]
    back = [_fine(across, up, x, low) for x, low, _ in reversed(known)]
    return tag("path", {"class": f"band {series.classes}", "d": f"M{'L'.join(there + back)}z"})


def _line(series: Series, across: Scale, up: Scale) -> Markup:
    if len(series.points) < 2 or not series.joined:
        return Markup("")
    places = "L".join(_fine(across, up, point.x, point.y) for point in series.points)
    return tag("path", {"class": f"line {series.classes}", "d": f"M{places}"})


def _fine(across: Scale, up: Scale, x: float, y: float) -> str:
    return f"{_FINE * _place(across, x):.4g} {_FINE * _place(up, y):.4g}"


def _place(scale: Scale, value: float) -> float:
    """Percentage; what a logarithmic axis cannot show lies at its beginning."""
    if scale.log and value <= 0:
        return scale.start
    return scale.place(value)


def _marks(series: Series, across: Scale, up: Scale) -> list[Markup]:
    """Dots with their intervals as whiskers, and labels."""
    if not series.marked:
        return []
    parts = []
    for point in series.points:
        x, y = f"{_place(across, point.x):.2f}%", f"{_place(up, point.y):.2f}%"
        if point.low is not None and point.high is not None:
            ends = {"y1": f"{_place(up, point.low):.2f}%", "y2": f"{_place(up, point.high):.2f}%"}
            line = {"class": f"whisker {series.classes}", "x1": x, "x2": x, **ends}
            parts.append(tag("line", line))
        parts.append(tag("circle", {"class": f"dot {series.classes}", "cx": x, "cy": y, "r": 3.6}))
    return parts + _labels(series, across, up)


def _labels(series: Series, across: Scale, up: Scale) -> list[Markup]:
    """Labels beside the points; of those that would lie on each other, the first."""
    taken: list[tuple[float, float]] = []
    parts = []
    for point, text in zip(series.points, series.labels, strict=False):
        x, y = _place(across, point.x), _place(up, point.y)
        near = any(
            abs(x - left) < _LABEL_WIDE and abs(y - top) < _LABEL_HIGH for left, top in taken
        )
        if near or not text:
            continue
        taken.append((x, y))
        place = {"class": "point-label", "x": f"{x:.2f}%", "y": f"{y:.2f}%", "dy": "1.2em"}
        turned = {"dx": "-0.5em", "text-anchor": "end"} if x > _LABEL_TURNS else {"dx": "0.5em"}
        parts.append(tag("text", {**place, **turned}, text))
    return parts


def _data(chart: Chart, drawn: Sequence[Series], across: Scale, up: Scale) -> dict[str, Any]:
    """What ``static/load.js`` needs to say what lies under the pointer."""
    return {
        "reading": chart.reading,
        "x": _axis_data(chart.x, across),
        "y": _axis_data(chart.y, up),
        "series": [
            {
                "name": series.name,
                "x": [_short(point.x) for point in series.points],
                "y": [_short(point.y) for point in series.points],
                **_ends_data(series),
            }
            for series in drawn
        ],
    }


def _ends_data(series: Series) -> dict[str, Any]:
    if all(point.low is None and point.high is None for point in series.points):
        return {}
    return {
        "low": [_short(point.low) for point in series.points],
        "high": [_short(point.high) for point in series.points],
    }


def _axis_data(axis: Axis, scale: Scale) -> dict[str, Any]:
    return {
        "label": axis.label,
        "unit": axis.unit,
        "percent": axis.as_percent,
        "low": scale.low,
        "high": scale.high,
        "start": scale.start,
        "end": scale.end,
        "log": scale.log,
    }


def _short(value: float | None) -> float | None:
    """Four digits, which is more than a drawing shows."""
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.4g}")


def sparkline(values: Sequence[float | None], label: str, words: Callable[[float], str]) -> Markup:
    """A small line without axes; gaps where nothing is known."""
    known = [value for value in values if value is not None]
    most = max(known, default=0.0) or 1.0
    step = 100 / max(1, len(values) - 1)
    pieces, pen = [], "M"
    for number, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        pieces.append(f"{pen}{number * step:.1f} {29 - 27 * value / most:.1f}")
        pen = "L"
    text = f"{label}, from 0 to {words(most)}" if known else f"{label}: nothing yet"
    frame = {"class": "spark", "viewBox": "0 0 100 30", "preserveAspectRatio": "none"}
    floor = tag("path", {"class": "floor", "d": "M0 29.5H100"})
    line = tag("path", {"class": "line series-1", "d": "".join(pieces)})
    return tag("svg", {**frame, "role": "img", "aria-label": text}, floor, line)
