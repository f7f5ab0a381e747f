"""The tornado: how far each driver moves the difference between self-hosting and an API. Own SVG.

Bars are drawn in attributes, not styles, and need no script: they print as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from weighbridge.core.cost_comparison import Comparison, Swing
from weighbridge.predict.cost.labels import money, value_text
from weighbridge.report.svg import tag

SHOWN: Final = 5
_WIDTH: Final = 430.0
_PLOT: Final = (6.0, 424.0)
_TOP, _ROW, _BAR = 20.0, 31.0, 11.0
_NAME = 11.0
# Letters of a driver's name, and of its values beside it, that go into a line.
_LETTERS: Final = 36


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float

    def at(self, usd: float) -> float:
        left, right = _PLOT
        width = self.high - self.low
        return left + (right - left) * (usd - self.low) / width


def tornado(comparison: Comparison, volume_unit: str) -> Markup:
    """The five longest bars of a comparison, about its base; the line at 0 is break-even."""
    swings = [one for one in comparison.swings if one.usd > 0][:SHOWN]
    if not swings:
        return Markup("")
    scale = _scale(swings, comparison.difference.value)
    height = _TOP + _ROW * len(swings) + 20
    title = f"How far each driver moves {comparison.option} minus {comparison.against}"
    base = comparison.difference.value
    parts = [tag("title", {}, title), *_axis(scale, base, height)]
    for number, one in enumerate(swings):
        parts += _bar(one, scale, base, _TOP + _ROW * number, volume_unit)
    view = {
        "class": "tornado",
        "viewBox": f"0 0 {_WIDTH:.0f} {height:.0f}",
        "preserveAspectRatio": "xMinYMid",
        "role": "img",
        "aria-label": f"{title}. {_said(swings, volume_unit)}",
    }
    return tag("svg", view, *parts)


def swing_words(one: Swing, volume_unit: str) -> str:
    """One bar in words: ``operations 20 to 150 USD a month: $21.74 to $152``."""
    low, high = (
        value_text(one.driver, end, volume_unit=volume_unit) for end in (one.low, one.high)
    )
    said = f"{one.label} {low} to {high}: {money(one.at_low)} to {money(one.at_high)}"
    return f"{said} (a fifth up and down, as no range was given)" if one.assumed_range else said


def _without_unit(text: str, beside: str) -> str:
    """A value without the unit that the one beside it has as well."""
    figure, _, unit = text.partition(" ")
    return figure if unit and beside.endswith(f" {unit}") else text


def _said(swings: Sequence[Swing], volume_unit: str) -> str:
    return "; ".join(swing_words(one, volume_unit) for one in swings)


def _scale(swings: Sequence[Swing], base: float) -> _Scale:
    ends = [end for one in swings for end in (one.at_low, one.at_high)]
    low, high = min(*ends, base), max(*ends, base)
    reach = (high - low) or 1.0
    # Zero is shown where it is near, because that is where the decision turns.
    if 0 < low < 1.5 * reach:
        low = 0.0
    if 0 > high > -1.5 * reach:
        high = 0.0
    room = 0.04 * (high - low or 1.0)
    return _Scale(low - room, high + room)


def _axis(scale: _Scale, base: float, height: float) -> list[Markup]:
    parts = [_label(scale.at(base), 10, f"now {money(base)}", "middle")]
    if scale.low <= 0 <= scale.high:
        parts.append(_label(scale.at(0), height - 4, "break-even $0", "middle"))
    return parts


def _rules(scale: _Scale, base: float, y: float) -> list[Markup]:
    """The lines of the base and of break-even beside a bar; names between the bars stay clear."""
    places = [("base", base), *([("zero", 0.0)] if scale.low <= 0 <= scale.high else [])]
    ends = {"y1": f"{y - 2:.1f}", "y2": f"{y + _BAR + 2:.1f}"}
    return [
        tag(
            "line",
            {"class": kind, "x1": f"{scale.at(usd):.1f}", "x2": f"{scale.at(usd):.1f}"} | ends,
        )
        for kind, usd in places
    ]


def _label(x: float, y: float, text: str, anchor: str, kind: str = "label") -> Markup:
    left, right = _PLOT
    # Words of about six units a letter stay inside the drawing.
    half = 3.1 * len(text) if anchor == "middle" else 0
    x = min(max(x, left + half), right - half) if half else x
    place = {"class": kind, "x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor}
    return tag("text", place, text)


def _bar(one: Swing, scale: _Scale, base: float, y: float, volume_unit: str) -> list[Markup]:
    left, right = sorted((scale.at(one.at_low), scale.at(one.at_high)))
    box = {
        "class": "swing assumed" if one.assumed_range else "swing",
        "x": f"{left:.1f}",
        "y": f"{y + _NAME + 4:.1f}",
        "width": f"{max(1.0, right - left):.1f}",
        "height": f"{_BAR:.0f}",
    }
    low, high = (
        value_text(one.driver, end, volume_unit=volume_unit) for end in (one.low, one.high)
    )
    at_left, at_right = (low, high) if one.at_low <= one.at_high else (high, low)
    said = f"{_without_unit(at_left, at_right)} \N{RIGHTWARDS ARROW} {at_right}"
    short = len(one.label) <= _LETTERS
    name = one.label if short else f"{one.label[: _LETTERS - 1]}\N{HORIZONTAL ELLIPSIS}"
    bar = tag("rect", box, tag("title", {}, swing_words(one, volume_unit)))
    return [
        bar,
        *_rules(scale, base, y + _NAME + 4),
        _label(_PLOT[0], y + _NAME, name, "start", "driver"),
        _label(_PLOT[1], y + _NAME, said, "end"),
    ]
