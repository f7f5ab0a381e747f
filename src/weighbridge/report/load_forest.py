"""Differences of two load runs as a forest plot: a ratio per metric, its interval, and 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from weighbridge.core.load_comparison import LoadDifference
from weighbridge.report.pareto_scale import Scale
from weighbridge.report.svg import tag

_ROW_REM: Final = 1.9
_FRAME_REM: Final = 2.6
_LEFT, _RIGHT = 28.0, 97.0
_TICKS: Final = (
    0.1,
    0.2,
    0.25,
    0.33,
    0.5,
    0.67,
    0.8,
    0.9,
    0.95,
    1.0,
    1.05,
    1.1,
    1.25,
    1.5,
    2.0,
    3.0,
    4.0,
    5.0,
    10.0,
)
_ROOM: Final = 6.5
_WIDEST: Final = math.log(20)


def forest(differences: Sequence[LoadDifference]) -> Markup:
    """The drawing; ratios lie as far from 1 as their inverse does."""
    scale = _scale(differences)
    height = _FRAME_REM + _ROW_REM * len(differences)
    frame = {
        "class": "forest",
        "role": "img",
        "height": f"{height:.1f}rem",
        "aria-label": "B divided by A for every metric, with 95 % intervals. "
        "The same numbers are in the table.",
    }
    floor = 100 * (1 - _FRAME_REM / height)
    parts = [*_grid(scale, floor)]
    for number, one in enumerate(differences):
        parts += _row(one, scale, f"{100 * (number + 0.5) * _ROW_REM / height:.2f}%")
    return tag("svg", frame, *parts)


def metric_words(metric: str) -> str:
    """``ttft_ms_p95`` as people read it: ``TTFT p95``."""
    known = {
        "requests_per_s": "requests/s",
        "output_tokens_per_s": "output tokens/s",
        "goodput": "goodput",
    }
    if metric in known:
        return known[metric]
    name, found, percentile = metric.partition("_ms_")
    if found:
        return f"{name.upper()} {percentile}"
    return metric.replace("_", " ")


def change_words(one: LoadDifference) -> str:
    """The change in percent with its interval: ``-18 % (-26 to -9)``."""
    return f"{_percent(one.ratio)}\N{NO-BREAK SPACE}% ({_percent(one.low)} to {_percent(one.high)})"


def verdict_words(one: LoadDifference) -> str:
    """Whether the data can tell, and in whose favour."""
    if not one.is_real:
        return "cannot tell"
    return "B is better" if one.is_better else "B is worse"


def _percent(ratio: float) -> str:
    if not math.isfinite(ratio):
        return "\N{INFINITY}"
    return f"{100 * (ratio - 1):+.1f}".replace("-", "\N{MINUS SIGN}")


def _scale(differences: Sequence[LoadDifference]) -> Scale:
    ends = [end for one in differences for end in (one.low, one.high, one.ratio)]
    logs = [abs(math.log(end)) for end in ends if end > 0 and math.isfinite(end)]
    reach = min(max([*logs, math.log(1.1)]) * 1.08, _WIDEST) / math.log(10)
    bare = Scale(-reach, reach, _LEFT, _RIGHT, True, ())
    ticks: list[float] = [1.0]
    # From 1 outwards, so that it is always marked.
    for value in sorted(_TICKS, key=lambda tick: abs(math.log(tick))):
        if abs(math.log10(value)) > reach:
            continue
        if all(abs(bare.place(value) - bare.place(other)) >= _ROOM for other in ticks):
            ticks.append(value)
    return Scale(-reach, reach, _LEFT, _RIGHT, True, tuple(sorted(ticks)))


def _grid(scale: Scale, floor: float) -> list[Markup]:
    parts = []
    for value in scale.ticks:
        x = scale.at(value)
        kind = "rule" if value == 1 else "grid"
        line = {"class": kind, "x1": x, "x2": x, "y1": "0", "y2": f"{floor:.2f}%"}
        parts.append(tag("line", line))
        place = {"x": x, "y": f"{floor:.2f}%", "dy": "1.3em", "text-anchor": "middle"}
        parts.append(tag("text", place, f"×{value:g}"))
    place = {"x": f"{_RIGHT}%", "y": "100%", "dy": "-0.3em", "text-anchor": "end"}
    parts.append(tag("text", place, "B ÷ A"))
    return parts


def _row(one: LoadDifference, scale: Scale, y: str) -> list[Markup]:
    kind = "open" if not one.is_real else "better" if one.is_better else "worse"
    name = {"class": "metric", "x": "0", "y": y, "dy": "0.35em"}
    parts = [tag("text", name, metric_words(one.metric))]
    left, right = _clamped(scale, one.low), _clamped(scale, one.high)
    line = {"class": "spread", "x1": f"{left:.2f}%", "x2": f"{right:.2f}%", "y1": y, "y2": y}
    dot = {"class": "dot", "cx": f"{_clamped(scale, one.ratio):.2f}%", "cy": y, "r": 4.5}
    title = tag(
        "title", {}, f"{metric_words(one.metric)}: {change_words(one)}, {verdict_words(one)}"
    )
    parts.append(tag("g", {"class": kind}, title, tag("line", line), tag("circle", dot)))
    return parts


def _clamped(scale: Scale, ratio: float) -> float:
    """Its place, or the drawing's edge beyond which it lies."""
    if ratio <= 0:
        return scale.start
    if not math.isfinite(ratio):
        return scale.end
    return min(scale.end, max(scale.start, scale.place(ratio)))
