"""Cache against context: what a sequence takes as it grows, as an SVG of our own.

Places are percentages of the drawing, so that it fills any width while its writing keeps its size.
Both axes are logarithmic: a window shows as a kink, and a state as a level beginning.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from weighbridge.core.architecture import ModelArchitecture
from weighbridge.core.inspection import Inspection
from weighbridge.core.units import format_tokens
from weighbridge.core.wording import beyond_context, reach, trained_text
from weighbridge.report.numbers import size
from weighbridge.report.svg import tag

_SHORTEST = 256
_LONGEST = 131_072
_COLOURS = 8
# Circle, square, diamond, triangle: the shape repeats what the colour says.
_SYMBOLS = (
    "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z",
    "M-3.6 -3.6h7.2v7.2h-7.2z",
    "M0 -5l5 5l-5 5l-5 -5z",
    "M0 -5l4.8 8.6h-9.6z",
)
_LEFT, _RIGHT, _TOP, _BOTTOM = 14.0, 96.0, 5.0, 87.0
_MOST_TICKS = 7
_UNITS = (("B", 1), ("KiB", 1024), ("MiB", 1024**2), ("GiB", 1024**3), ("TiB", 1024**4))


@dataclass(frozen=True, slots=True)
class Series:
    """One line: bytes of a sequence by its length.

    Attributes:
        model: name of the model.
        index: number of the model; decides colour and shape.
        full_length: False for the least that the architecture allows, True for an engine that
            keeps windowed layers at full length.
        architecture: the model.
        points: pairs of tokens and bytes.
    """

    model: str
    index: int
    full_length: bool
    architecture: ModelArchitecture
    points: tuple[tuple[int, int], ...]

    @property
    def name(self) -> str:
        """What legend and table call it."""
        return f"{self.model}, windows at full length" if self.full_length else self.model


@dataclass(frozen=True, slots=True)
class KvChart:
    """The drawing, its legend, and the same numbers as a table.

    Attributes:
        drawing: the SVG.
        legend: a line with its symbol, and what it stands for.
        series: the lines; every one has the same lengths.
        table: a length, and the bytes of every line at it.
        trained: how long each model's texts of training were.
    """

    drawing: Markup
    legend: tuple[tuple[Markup, str], ...]
    series: tuple[Series, ...]
    table: tuple[tuple[str, tuple[str, ...]], ...]
    trained: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Scale:
    """From tokens and bytes, as powers of two, to percentages of the drawing."""

    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, tokens: int, count: int) -> tuple[str, str]:
        return self.across(tokens), self.up(count)

    def across(self, tokens: int) -> str:
        share = (math.log2(tokens) - self.x[0]) / (self.x[1] - self.x[0])
        return f"{_LEFT + share * (_RIGHT - _LEFT):.2f}%"

    def up(self, count: float) -> str:
        share = (math.log2(count) - self.y[0]) / (self.y[1] - self.y[0])
        return f"{_BOTTOM - share * (_BOTTOM - _TOP):.2f}%"


def kv_growth(
    inspections: Sequence[Inspection], names: Sequence[str], kv_bytes_per_value: float = 2.0
) -> KvChart | None:
    """Bytes of one sequence against its length; None when no model's cache is known.

    Solid: the least that the architecture allows. Dashed, where it differs: an engine that keeps
    windowed layers at full length.
    """
    series = _series(inspections, names, kv_bytes_per_value)
    if not series:
        return None
    longest = series[0].points[-1][0]
    counts = [count for line in series for _, count in line.points if count]
    ticks = _ticks(min(counts), max(counts))
    scale = _Scale((math.log2(_SHORTEST), math.log2(longest)), (ticks[0], ticks[-1]))
    frame = {"class": "kv", "role": "group", "aria-label": "Cache by context, one line per model"}
    drawing = tag(
        "svg", frame, *_grid(scale, ticks, longest), *(_curve(line, scale) for line in series)
    )
    trained = {line.index: f"{line.model}: {trained_text(line.architecture)}" for line in series}
    return KvChart(
        drawing=drawing,
        legend=tuple((_swatch(line), line.name) for line in series),
        series=series,
        table=_table(series),
        trained=tuple(trained.values()),
    )


def context_lengths(architecture: ModelArchitecture, longest: int) -> list[int]:
    """Lengths at which to draw: powers of two, every window, and the native context."""
    powers = {2**power for power in range(8, 31) if 2**power <= longest}
    windows = {
        most
        for run in architecture.runs
        for layer in run.layers
        if layer.mixer.cache
        for _, most in layer.mixer.cache.windows
    }
    own = {architecture.context, architecture.context_extended, longest} - {None}
    found = powers | windows | {length for length in own if length is not None}
    return sorted(length for length in found if _SHORTEST <= length <= longest)


def _series(
    inspections: Sequence[Inspection], names: Sequence[str], kv_bytes_per_value: float
) -> tuple[Series, ...]:
    known = [
        (index, item.architecture, name)
        for index, (item, name) in enumerate(zip(inspections, names, strict=True))
        if item.architecture.kv_known and item.architecture.kv_bytes(_LONGEST)
    ]
    longest = max((_longest(architecture) for _, architecture, _ in known), default=_LONGEST)
    found = []
    for index, architecture, name in known:
        lengths = context_lengths(architecture, longest)
        least = [architecture.kv_bytes(n, kv_bytes_per_value) or 0 for n in lengths]
        full = [architecture.kv_full_length_bytes(n, kv_bytes_per_value) or 0 for n in lengths]
        pairs = tuple(zip(lengths, least, strict=True))
        found.append(Series(name, index, False, architecture, pairs))
        if full != least:
            pairs = tuple(zip(lengths, full, strict=True))
            found.append(Series(name, index, True, architecture, pairs))
    return tuple(found)


def _longest(architecture: ModelArchitecture) -> int:
    return max(architecture.context or 0, architecture.context_extended or 0, _LONGEST)


def _ticks(least: int, most: int) -> list[int]:
    """Powers of two around all values, at most :data:`_MOST_TICKS` of them."""
    low, high = math.floor(math.log2(least)), math.ceil(math.log2(most))
    step = next(
        step for step in (1, 2, 3, 5, 10, 20) if -(-high // step) - low // step < _MOST_TICKS
    )
    first, last = low // step, max(-(-high // step), low // step + 1)
    return [step * number for number in range(first, last + 1)]


def _grid(scale: _Scale, ticks: Sequence[int], longest: int) -> list[Markup]:
    parts = []
    for power in ticks:
        y = scale.up(2.0**power)
        parts.append(tag("line", {"class": "grid", "x1": 0, "x2": "100%", "y1": y, "y2": y}))
        parts.append(tag("text", {"x": 0, "y": y, "dy": "-0.35em"}, _power(power)))
    for power in range(int(math.log2(_SHORTEST)), 31, 2):
        if 2**power <= longest:
            x = scale.across(2**power)
            line = {"class": "grid", "x1": x, "x2": x, "y1": f"{_TOP}%", "y2": f"{_BOTTOM}%"}
            parts.append(tag("line", line))
            place = {"x": x, "y": f"{_BOTTOM}%", "dy": "1.4em", "text-anchor": "middle"}
            parts.append(tag("text", place, format_tokens(2**power)))
    title = {"x": f"{_RIGHT}%", "y": "100%", "dy": "-0.3em", "text-anchor": "end"}
    return [*parts, tag("text", title, "context, tokens")]


def _curve(line: Series, scale: _Scale) -> Markup:
    """One line with its points; the focus can stand on it, and it says all its numbers."""
    points = [(tokens, count) for tokens, count in line.points if count]
    parts = []
    for before, after in pairwise(points):
        (x1, y1), (x2, y2) = scale.at(*before), scale.at(*after)
        beyond = beyond_context(line.architecture, after[0])
        kind = {"class": "beyond"} if beyond else {}
        parts.append(tag("line", {**kind, "x1": x1, "y1": y1, "x2": x2, "y2": y2}))
    parts += [_point(line, tokens, count, scale) for tokens, count in points]
    told = ", ".join(f"{size(count)} at {tokens:,}" for tokens, count in points)
    classes = f"curve {_colour(line)}" + (" dashed" if line.full_length else "")
    label = f"{line.name}; bytes by tokens: {told}"
    return tag("g", {"class": classes, "role": "img", "tabindex": 0, "aria-label": label}, *parts)


def _point(line: Series, tokens: int, count: int, scale: _Scale) -> Markup:
    x, y = scale.at(tokens, count)
    beyond = beyond_context(line.architecture, tokens)
    words = f"{line.name}: {size(count)} at {tokens:,} tokens"
    words += ", beyond its context" if beyond else ""
    parts = [tag("title", {}, words), tag("circle", {"class": "reach", "r": 11})]
    parts.append(tag("path", {"d": _SYMBOLS[line.index % len(_SYMBOLS)]}))
    if tokens == reach(line.architecture):
        parts.append(tag("path", {"class": "trained", "d": "M0 -11v22"}))
    # An SVG within the SVG: the one element that takes percentages and holds a path.
    return tag("svg", {"x": x, "y": y, "overflow": "visible"}, tag("g", {}, *parts))


def _swatch(line: Series) -> Markup:
    """The line with its symbol, for the legend."""
    classes = f"curve {_colour(line)}" + (" dashed" if line.full_length else "")
    drawn = tag("line", {"x1": -16, "x2": 16, "y1": 0, "y2": 0})
    symbol = tag("path", {"d": _SYMBOLS[line.index % len(_SYMBOLS)]})
    frame = {"class": "swatch wide", "viewBox": "-16 -7 32 14", "aria-hidden": "true"}
    return tag("svg", frame, tag("g", {"class": classes}, drawn, symbol))


def _table(series: Sequence[Series]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The lengths that every line has, and the bytes at each."""
    at = [dict(line.points) for line in series]
    shared = sorted(set.intersection(*(set(found) for found in at)))
    return tuple(
        (
            f"{length:,}",
            tuple(
                size(found[length]) + ("*" if beyond_context(line.architecture, length) else "")
                for line, found in zip(series, at, strict=True)
            ),
        )
        for length in shared
    )


def _colour(line: Series) -> str:
    return f"series-{line.index % _COLOURS + 1}"


def _power(power: int) -> str:
    """A power of two in its largest unit, without decimals."""
    unit, scale = next((pair for pair in reversed(_UNITS) if 2**power >= pair[1]), _UNITS[0])
    return f"{2**power // scale}\N{NO-BREAK SPACE}{unit}"
