"""Charts of a cost report: bills over volume with their crossings, and the difference's spread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from markupsafe import Markup

from weighbridge.core.cost import CostReport
from weighbridge.core.cost_comparison import Comparison
from weighbridge.predict.cost.curves import Bar, Curve, curves, per_accepted, spread
from weighbridge.predict.cost.labels import money, short
from weighbridge.report.load_plot import Axis, Chart, Graph, Point, Rule, Series, graph
from weighbridge.report.pareto_scale import Scale, linear
from weighbridge.report.svg import tag

_MILLION: Final = 1e6
_PER_ACCEPTED: Final = "for as many accepted answers as requests "
_SHOWN_CROSSINGS: Final = 12
_LEFT, _RIGHT, _TOP, _FLOOR = 1.0, 99.0, 22.0, 82.0


def volume_graph(report: CostReport) -> Graph | None:
    """What every option costs over the volume: own stairs solid, APIs dashed."""
    drawn = curves(report)
    own = len(report.question.selfhosted)
    lines = [
        _series(one, place, 0 if place < own else 1 + (place - own) % 3)
        for place, one in enumerate(drawn)
    ]
    chart = Chart(
        title=f"Cost a month {_PER_ACCEPTED if per_accepted(report) else ''}over volume",
        x=Axis("million tokens a day", "M tokens/day", "log"),
        y=Axis("USD a month", "USD/month", "log", is_short=True),
        series=(*lines, *_crossings(report, drawn)),
        across=(_now(report), *_capacities(report)),
    )
    return graph(chart)


def _series(one: Curve, colour: int, dash: int) -> Series:
    points = tuple(Point(at / _MILLION, usd) for at, usd in one.points if usd > 0)
    return Series(one.name, points, colour, dash)


def _crossings(report: CostReport, drawn: Sequence[Curve]) -> Iterator[Series]:
    bills = {one.name: dict(one.points) for one in drawn}
    accepted = per_accepted(report)
    for place, one in enumerate(report.comparisons):
        # A crossing of accepted answers is none of bills.
        if one.per_accepted != accepted:
            continue
        points, labels = [], []
        for each in one.break_even.crossings[:_SHOWN_CROSSINGS]:
            usd = bills[one.against].get(each.tokens_per_day)
            if usd is not None and usd > 0:
                points.append(Point(each.tokens_per_day / _MILLION, usd))
                for_good = each.tokens_per_day == one.break_even.tokens_per_day
                labels.append(short(each.tokens_per_day) if for_good else "")
        colour = len(report.question.selfhosted) + place % max(1, len(report.question.hosted))
        name = f"{one.option} crosses {one.against}"
        yield Series(name, tuple(points), colour, marked=True, labels=tuple(labels), joined=False)


def _now(report: CostReport) -> Rule:
    at = report.question.demand.tokens_per_day
    return Rule(at / _MILLION, f"asked: {short(at)}")


def _capacities(report: CostReport) -> Iterator[Rule]:
    ends = {one.option: one.break_even.capacity_tokens_per_day for one in report.comparisons}
    now = report.question.demand.tokens_per_day
    for own in report.question.selfhosted:
        end = ends.get(own.name, 0.0)
        if own.max_gpus is not None and now / 1000 <= end <= now * 1000:
            yield Rule(end / _MILLION, f"most of {own.max_gpus} GPUs: {short(end)}")


def spread_drawing(report: CostReport, comparison: Comparison) -> Markup:
    """Draws of self-hosted minus API as bars; nothing where there is no chance in it."""
    bars = spread(report, comparison)
    if not bars:
        return Markup("")
    scale = _scale(bars, comparison.difference.value)
    tallest = max(bar.share for bar in bars)
    return tag(
        "svg",
        {"class": "graph cost-spread", "role": "img", "aria-label": _said(report, comparison)},
        *(_bar(bar, scale, tallest) for bar in bars if bar.share > 0),
        tag("line", _level(_FLOOR) | {"class": "grid"}),
        *_ticks(scale),
        *_rules(scale, comparison),
    )


def _scale(bars: Sequence[Bar], base: float) -> Scale:
    low, high = min(bars[0].low, base), max(bars[-1].high, base)
    reach = high - low
    # Where both cost the same is shown if it is near.
    low, high = (0.0 if 0 < low < reach else low), (0.0 if -reach < high < 0 else high)
    return linear(low, high, _LEFT, _RIGHT)


def _bar(bar: Bar, scale: Scale, tallest: float) -> Markup:
    left, right = scale.place(bar.low), scale.place(bar.high)
    height = (_FLOOR - _TOP) * bar.share / tallest
    middle = (bar.low + bar.high) / 2
    box = {
        "class": "self-less" if middle < 0 else "self-more",
        "x": f"{left:.2f}%",
        "y": f"{_FLOOR - height:.2f}%",
        "width": f"{max(0.2, right - left - 0.15):.2f}%",
        "height": f"{height:.2f}%",
    }
    said = f"{money(bar.low)} to {money(bar.high)}: {100 * bar.share:.1f} % of the draws"
    return tag("rect", box, tag("title", {}, said))


def _ticks(scale: Scale) -> Iterator[Markup]:
    ticks = scale.ticks
    if len(ticks) > 6:
        ticks = ticks[::2]
    for value in ticks:
        place = scale.place(value)
        anchor = "start" if place < 8 else "end" if place > 92 else "middle"
        at = {"x": f"{place:.2f}%", "y": f"{_FLOOR}%", "dy": "1.35em", "text-anchor": anchor}
        yield tag("text", at, money(value))


def _rules(scale: Scale, comparison: Comparison) -> Iterator[Markup]:
    value = comparison.difference.value
    low, high = scale.low, scale.high
    marks = [(value, f"base {money(value)}", 1.0)]
    if low <= 0 <= high:
        marks.append((0.0, "both cost the same", 2.2))
    for at, _, _ in marks:
        ends = {"x1": scale.at(at), "x2": scale.at(at), "y1": "0%", "y2": f"{_FLOOR}%"}
        yield tag("line", {"class": "rule"} | ends)
    for at, words, down in marks:
        x = scale.place(at)
        leftward = x > (_LEFT + _RIGHT) / 2
        place = {
            "class": "rule-label", "x": f"{x:.2f}%", "y": "0%", "dy": f"{down}em",
            "dx": "-0.4em" if leftward else "0.4em", "text-anchor": "end" if leftward else "start",
        }  # fmt: skip
        yield tag("text", place, words)


def _level(y: float) -> dict[str, str]:
    return {"x1": f"{_LEFT}%", "x2": f"{_RIGHT}%", "y1": f"{y}%", "y2": f"{y}%"}


def _said(report: CostReport, comparison: Comparison) -> str:
    one = comparison.difference
    return (
        f"{comparison.option} minus {comparison.against}, USD a month, in {report.draws:,} draws: "
        f"8 of 10 lie between {money(one.low)} and {money(one.high)}, half of them below "
        f"{money(comparison.median_difference)}."
    )
