"""Quality against what it costs: one drawing per respect, of the ways that a plan ranks.

Places are percentages of the drawing, so that it fills any width while its writing keeps its size.
Qualities of different sources do not compare, so that each source has a panel of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from markupsafe import Markup

from weighbridge.core.candidate import Estimate, Quality
from weighbridge.core.provenance import Interval
from weighbridge.core.units import GIB
from weighbridge.predict.search.quality_order import rank
from weighbridge.report.numbers import number, size
from weighbridge.report.pareto_scale import Scale, linear, logarithmic
from weighbridge.report.plan_words import cost, milliseconds, needs, short_name
from weighbridge.report.svg import tag

Respect = Literal["tpot", "ttft", "throughput", "memory", "cost"]

_FACTORS: Final = 10.0
_GAP: Final = 6.0
_BOTTOM: Final = 14.0
_LEFT, _RIGHT = 8.0, 97.0
# What of a chart's width a character of a label takes, and of its height a line: for a chart that
# is 900 pixels wide, as the text does not shrink with it.
_CHARACTER, _LINE = 0.85, 5.2
# Likewise of numbers in a chart that is 300 pixels wide; with them, how far they stand off.
_DIGIT, _NUMBER_LINE, _NUMBER_GAP = 2.5, 4.2, 3.0


class Axis(NamedTuple):
    """A respect in which ways differ.

    Attributes:
        title: what the switch says.
        label: what the axis says, with its unit.
        value: of a way, with its interval; None where it is not known.
        words: how a value is written.
        tick: how a round value is written at the axis.
        more: whether more is better.
    """

    title: str
    label: str
    value: Callable[[Estimate], Interval | None]
    words: Callable[[float], str]
    tick: Callable[[float], str]
    more: bool = False


def _ms(value: float) -> str:
    return (
        f"{value:,g}\N{NO-BREAK SPACE}ms"
        if value < 10_000
        else f"{value / 1e3:,g}\N{NO-BREAK SPACE}s"
    )


def _plain(value: float) -> str:
    return f"{value:,g}"


def _gib(one: Estimate) -> Interval | None:
    need = needs(one)
    if need is None:
        return None
    return Interval(need.value / GIB, need.low / GIB, need.high / GIB, need.level)


def _gib_text(value: float) -> str:
    return size(value * GIB)


AXES: Final[dict[Respect, Axis]] = {
    "tpot": Axis(
        "Time per token", "time per output token", lambda one: one.tpot_ms, milliseconds, _ms
    ),
    "ttft": Axis(
        "Time to first token", "time to first token", lambda one: one.ttft_ms, milliseconds, _ms
    ),
    "throughput": Axis(
        "Throughput",
        "output tokens per second, whole machine",
        lambda one: one.tokens_per_s,
        lambda value: f"{number(value)}\N{NO-BREAK SPACE}tokens/s",
        _plain,
        more=True,
    ),
    "memory": Axis("Memory", "memory needed on all devices, GiB", _gib, _gib_text, _plain),
    "cost": Axis(
        "Cost", "€ per million output tokens", cost, lambda value: f"€{number(value)}", _plain
    ),
}


@dataclass(frozen=True, slots=True)
class ParetoView:
    """Quality against one respect.

    Attributes:
        key: of the respect.
        title: what the switch says.
        drawing: the SVG.
        missing: how many ways are not drawn, because quality or value is not known.
    """

    key: Respect
    title: str
    drawing: Markup
    missing: int


@dataclass(frozen=True, slots=True)
class Mark:
    """One way in a drawing.

    Attributes:
        place: in the ranking, from 0.
        label: of the way.
        name: short, for the drawing itself.
        x: its value with interval.
        y: its quality.
        overall: whether nothing surpasses it in every respect of the plan.
    """

    place: int
    label: str
    name: str
    x: Interval
    y: float
    overall: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """The marks of one source of quality, with the frame they lie in."""

    source: str
    marks: tuple[Mark, ...]
    leading: tuple[Mark, ...]
    across: Scale
    up: Scale
    top: float


def pareto_views(ranked: Sequence[Estimate], front: Sequence[int]) -> tuple[ParetoView, ...]:
    """A drawing for every respect in which anything is known."""
    views = []
    for key, axis in AXES.items():
        panels = _panels(ranked, frozenset(front), axis)
        shown = sum(len(panel.marks) for panel in panels)
        if shown:
            drawing = _drawing(key, axis, panels)
            views.append(ParetoView(key, axis.title, drawing, len(ranked) - shown))
    return tuple(views)


def leading(marks: Sequence[Mark], *, more: bool) -> tuple[Mark, ...]:
    """Marks that none surpasses in quality and the respect together, from the best quality down."""
    sign = -1.0 if more else 1.0
    found: list[Mark] = []
    for mark in sorted(marks, key=lambda one: (-one.y, sign * one.x.value, one.place)):
        if not found or sign * mark.x.value < sign * found[-1].x.value:
            found.append(mark)
    return tuple(found)


def _panels(ranked: Sequence[Estimate], front: frozenset[int], axis: Axis) -> list[Panel]:
    by_source: dict[tuple[int, str], list[Mark]] = {}
    for place, one in enumerate(ranked):
        value = axis.value(one)
        if one.quality is None or value is None or value.value <= 0:
            continue
        # Evaluated qualities stand above assumed ones; each single source keeps its own scale.
        group = rank(one.quality)[0], _source(one.quality)
        mark = Mark(
            place, one.candidate.label, short_name(one.candidate), value, one.quality.value,
            place in front,
        )  # fmt: skip
        by_source.setdefault(group, []).append(mark)
    values = [mark.x for marks in by_source.values() for mark in marks]
    if not values:
        return []
    leaders = {group: leading(marks, more=axis.more) for group, marks in by_source.items()}
    ends = [mark.x for marks in leaders.values() for mark in marks]
    low = min([one.value for one in values] + [one.low for one in ends if one.low > 0])
    high = max([one.value for one in values] + [one.high for one in ends])
    across = logarithmic(low, high, _LEFT, _RIGHT)
    room = (100 - _BOTTOM - _GAP * (len(by_source) - 1)) / len(by_source)
    panels = []
    for number_, group in enumerate(sorted(by_source)):
        marks = by_source[group]
        top = number_ * (room + _GAP)
        up = _up([mark.y for mark in marks], top + room - 3, top + 8)
        panels.append(Panel(group[1], tuple(marks), leaders[group], across, up, top))
    return panels


def _up(qualities: Sequence[float], floor: float, top: float) -> Scale:
    """Qualities; those that differ by factors, as sizes do, in steps of factors."""
    least, most = min(qualities), max(qualities)
    if least > 0 and most / least > _FACTORS:
        return logarithmic(least, most, floor, top)
    return linear(least, most, floor, top)


def _source(quality: Quality) -> str:
    """Where it is from, in few words: the user's own evaluations of one task share a scale."""
    provenance = quality.provenance
    if provenance.kind in ("measured", "assumed"):
        return provenance.kind
    return f"{provenance.kind}, {provenance.source}"


def _drawing(key: Respect, axis: Axis, panels: Sequence[Panel]) -> Markup:
    better = "more is better" if axis.more else "less is better"
    label = f"Quality against {axis.label}: {better}. One link per way to serve, to its row."
    frame = {
        "class": f"pareto panels-{min(len(panels), 3)}",
        "role": "group",
        "aria-label": label,
        "data-view": key,
    }
    parts = _grid(axis, panels[0].across, panels)
    for panel in panels:
        parts += _front(panel)
        parts += _marks(axis, panel)
    return tag("svg", frame, *parts)


def _grid(axis: Axis, across: Scale, panels: Sequence[Panel]) -> list[Markup]:
    floor = 100 - _BOTTOM
    parts = []
    for value in across.ticks:
        x = across.at(value)
        line = {"class": "grid", "x1": x, "x2": x, "y1": "0", "y2": f"{floor}%"}
        parts.append(tag("line", line))
        place = {"x": x, "y": f"{floor}%", "dy": "1.3em", "text-anchor": "middle"}
        parts.append(tag("text", place, axis.tick(value)))
    for panel in panels:
        for value in panel.up.ticks:
            y = panel.up.at(value)
            line = {"class": "grid", "x1": f"{_LEFT}%", "x2": f"{_RIGHT}%", "y1": y, "y2": y}
            parts.append(tag("line", line))
            place = {"x": f"{_LEFT}%", "dx": "-0.6em", "y": y, "dy": "0.35em"}
            parts.append(tag("text", {**place, "text-anchor": "end"}, f"{value:g}"))
    arrow = "better \N{RIGHTWARDS ARROW}" if axis.more else "\N{LEFTWARDS ARROW} better"
    place = {"x": f"{_RIGHT}%", "y": "100%", "dy": "-0.3em", "text-anchor": "end"}
    parts.append(tag("text", place, f"{axis.label} ({arrow})"))
    for panel in panels:
        place = {"x": "0", "y": f"{panel.top:.2f}%", "dy": "0.9em"}
        scale = ", logarithmic" if panel.up.log else ""
        title = f"quality \N{UPWARDS ARROW} ({panel.source}{scale})"
        parts.append(tag("text", place, title))
    return parts


def _front(panel: Panel) -> list[Markup]:
    """Steps between the leading marks, and the interval of each."""
    parts = []
    for before, after in pairwise(panel.leading):
        (x1, y1), (x2, y2) = _at(panel, before), _at(panel, after)
        parts.append(tag("line", {"class": "front", "x1": x1, "x2": x1, "y1": y1, "y2": y2}))
        parts.append(tag("line", {"class": "front", "x1": x1, "x2": x2, "y1": y2, "y2": y2}))
    for mark in panel.leading:
        if mark.x.high > mark.x.low > 0:
            ends = {"x1": panel.across.at(mark.x.low), "x2": panel.across.at(mark.x.high)}
            y = panel.up.at(mark.y)
            line = {"class": "spread", **ends, "y1": y, "y2": y, "data-place": mark.place}
            parts.append(tag("line", line))
    return parts


def _marks(axis: Axis, panel: Panel) -> list[Markup]:
    """Every way as a link to its row; the leading ones with their names, above all others."""
    names = _labels(panel, lambda one: _CHARACTER * len(one.name) + 1.5, _LINE, more=axis.more)
    numbers = _labels(
        panel,
        lambda one: _DIGIT * len(str(one.place + 1)) + _NUMBER_GAP,
        _NUMBER_LINE,
        more=axis.more,
    )
    order = sorted(panel.marks, key=lambda one: (one in panel.leading, one.x.value, one.place))
    return [
        _mark(axis, panel, mark, names.get(mark.place), numbers.get(mark.place)) for mark in order
    ]


def _mark(axis: Axis, panel: Panel, mark: Mark, name: str | None, number_: str | None) -> Markup:
    x, y = _at(panel, mark)
    value, spread = axis.words(mark.x.value), ""
    if mark.x.high > mark.x.low:
        spread = f" ({axis.words(mark.x.low)} to {axis.words(mark.x.high)})"
    words = (
        f"No. {mark.place + 1}: {mark.label}; quality {number(mark.y)} ({panel.source}); "
        f"{value}{spread}"
    )
    lead = mark in panel.leading
    classes = "way" + (" lead" if lead else "") + (" overall" if mark.overall else "")
    parts = [
        tag("circle", {"class": "reach", "cx": x, "cy": y, "r": 12}),
        tag("circle", {"class": "dot", "cx": x, "cy": y, "r": 5}),
    ]
    if lead:
        # On narrow screens there is room for the number of the row only.
        for side, kind, text in (
            (number_, "place", str(mark.place + 1)),
            (name, "name", mark.name),
        ):
            if side:
                dx, anchor = (-9, "end") if side == "left" else (9, "start")
                place = {"x": x, "y": y, "dx": dx, "dy": -7, "text-anchor": anchor}
                parts.append(tag("text", {**place, "class": kind}, text))
    link = {"class": classes, "href": f"#way-{mark.place + 1}", "data-place": mark.place}
    # The title is both what hovering shows and the link's name.
    return tag("a", link, tag("title", {}, words), *parts)


def _labels(
    panel: Panel, width_of: Callable[[Mark], float], line: float, *, more: bool
) -> dict[int, str]:
    """On which side of the leading marks their labels stand; those without room have none.

    Beyond the front, where nothing lies, comes first.
    """
    taken: list[tuple[float, float, float]] = []
    sides: dict[int, str] = {}
    for mark in panel.leading:
        x, y = panel.across.place(mark.x.value), panel.up.place(mark.y)
        width = width_of(mark)
        for side in ("right", "left") if more else ("left", "right"):
            start = x if side == "right" else x - width
            if start < _LEFT or start + width > 100:
                continue
            if all(
                start + width < left or start > right or abs(y - at) >= line
                for left, right, at in taken
            ):
                taken.append((start, start + width, y))
                sides[mark.place] = side
                break
    return sides


def _at(panel: Panel, mark: Mark) -> tuple[str, str]:
    return panel.across.at(mark.x.value), panel.up.at(mark.y)
