"""The diagram's drawing: rows of blocks in, one SVG per model out. Lengths are in SVG units.

Coordinates are arithmetic: blocks are stacked, and a block that is unfolded grows by what is
inside. The drawing is folded; ``static/diagram.js`` unfolds it by the same arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from weighbridge.report.diagram_block import Block, Kind
from weighbridge.report.diagram_colour import HUES, MIXERS, MLPS
from weighbridge.report.diagram_face import (
    BAR,
    INDENT,
    LINE,
    TEXT_X,
    TITLE_LINE,
    WIDE,
    Face,
    Measures,
    Whole,
    row_faces,
    row_height,
    row_width,
)
from weighbridge.report.diagram_rows import Row
from weighbridge.report.svg import tag

GAP = 18  # between blocks of the column: room for an arrow
INNER_GAP = 6
UNITS_PER_REM = 15.5
STRIP_HEIGHT = 40

MARGIN = 3  # outlines are drawn half outside
_BAND = 9
_TEXTURES = (
    '<path d="M-1 1l2-2M0 4l4-4M3 5l2-2"/>',
    '<circle cx="2" cy="2" r="1"/>',
    '<path d="M0 1h4M0 3h4"/>',
)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One model's drawing.

    Attributes:
        column: number of the model.
        wholes: totals of every model.
        measures: how it is laid out.
    """

    column: int
    wholes: tuple[Whole, ...]
    measures: Measures


def drawing(
    rows: Sequence[Row],
    column: int,
    wholes: tuple[Whole, ...],
    label: str,
    measures: Measures = WIDE,
) -> Markup:
    """One model as an SVG, folded; ``label`` says what it is to those who do not see it."""
    sheet = Sheet(column, wholes, measures)
    places = folded(rows, wholes, measures)
    height = max((y + row_height(row, wholes, 0, measures) for row, y in places), default=0)
    parts = [_group(row, sheet, 0, y) for row, y in places]
    width = measures.width
    box = f"{-MARGIN} {-MARGIN} {width + 2 * MARGIN} {height + 2 * MARGIN:g}"
    frame = {
        "class": "diagram",
        "data-column": column,
        "viewBox": box,
        "width": f"{(width + 2 * MARGIN) / UNITS_PER_REM:.3f}rem",
        "role": "img",
        "aria-label": label,
    }
    blocks = tag("g", {"class": "blocks"}, *parts)
    return tag("svg", frame, _patterns(str(column)), blocks)


def strip(kinds: Sequence[Kind], label: str, measures: Measures = WIDE) -> Markup:
    """One cell per layer: how it mixes tokens above, its feed-forward part below."""
    whole = measures.width
    cell = measures.width / max(1, len(kinds))
    width = cell - min(1.0, cell * 0.15)
    high, low = 25.0, 9.0
    cells = []
    for index, kind in enumerate(kinds):
        series, _, share = MIXERS[kind.mixer]
        x = index * cell
        cells.append(_rect(x, high * (1 - share), width, high * share, f"hue h{series}"))
        if kind.mlp != "none":
            cells.append(_rect(x, high + 3, width, low, f"hue h{MLPS[kind.mlp][0]}"))
    frame = {
        "class": "strip",
        "viewBox": f"{-MARGIN} 0 {whole + 2 * MARGIN} {STRIP_HEIGHT}",
        "width": f"{(whole + 2 * MARGIN) / UNITS_PER_REM:.3f}rem",
        "role": "img",
        "aria-label": label,
    }
    return tag("svg", frame, *cells)


def swatch(series: int, texture: int, name: str, share: float = 1.0) -> Markup:
    """A colour with its texture, for legends; ``name`` keeps its ids apart from others'."""
    tall = 14 * share
    parts = [_rect(0, 14 - tall, 14, tall, f"hue h{series}")]
    if texture:
        parts += [_patterns(name), _texture((0, 14 - tall, 14, tall), texture, name)]
    frame = {"class": "swatch", "viewBox": "0 0 14 14", "aria-hidden": "true"}
    return tag("svg", frame, *parts)


def folded(
    rows: Sequence[Row], wholes: tuple[Whole, ...], measures: Measures = WIDE
) -> list[tuple[Row, float]]:
    """Every outermost row with its top edge, nothing unfolded."""
    places = []
    top = 0.0
    for row in rows:
        places.append((row, top))
        top += row_height(row, wholes, 0, measures) + GAP
    return places


def _group(row: Row, sheet: Sheet, depth: int, y: float) -> Markup:
    """A block with everything inside it; what is inside is hidden until it is unfolded."""
    block = row.cells[sheet.column]
    measures = sheet.measures
    width, height = row_width(depth, measures), row_height(row, sheet.wholes, depth, measures)
    link = _link(y, measures.width / 2) if depth == 0 else Markup("")
    x = INDENT if depth else 0
    place = {"transform": f"translate({x} {y:g})", "data-row": row.key}
    if block is None:
        return tag("g", {"class": "ghost", **place}, *_ghost(width, height, depth, y))
    written = row_faces(row, sheet.wholes, depth, measures)[sheet.column]
    bases = list(written.changes) if written else []
    frame = {"class": "block changed" if 0 in bases else "block"}
    if bases:
        frame["data-changed"] = " ".join(map(str, bases))
    inside = [_group(inner, sheet, depth + 1, 0) for inner in row.rows]
    folds = bool(row.rows) or block.role == "each"
    parts = [link, _rect(0, 0, width, height, "frame", rounded=3), _band(block, height, sheet)]
    parts += _writing(written, width, measures.right) if written else []
    if folds:
        mark = f"M{width - 19:g} 11l5 5 5-5"
        parts.append(tag("path", {"class": "chevron", "d": mark}))
    content = [tag("g", frame, *parts)]
    if folds:
        content.append(tag("g", {"class": "inside", "hidden": ""}, *inside))
    return tag("g", {"class": "node", **place}, *content)


def _link(y: float, middle: float) -> Markup:
    """The arrow to a block from the one above."""
    if y == 0:
        return Markup("")
    return tag("path", {"class": "link", "d": f"M{middle:g} {-GAP}v{GAP - 1}m-4 -5l4 5l4 -5"})


def _ghost(width: float, height: float, depth: int, y: float) -> list[Markup]:
    """The place of a block that other models have: the flow passes it by."""
    x = f"{width / 2:g}"
    above = -GAP if depth == 0 and y else 0
    line = {"class": "absent", "x1": x, "x2": x, "y1": above, "y2": f"{height:g}"}
    words = _text(width / 2 + 8, 20, "not in this model", "none")
    return [tag("line", line), words]


def _band(block: Block, height: float, sheet: Sheet) -> Markup:
    """The colour at a block's left edge: its component, or the layers that it repeats."""
    name = str(sheet.column)
    if block.component is not None:
        series, texture = HUES[block.component]
        parts = [_rect(0, 0, _BAND, height, f"hue h{series} edge")]
        if texture:
            parts.append(_texture((0, 0, _BAND, height), texture, name))
        return tag("g", {"class": "band"}, *parts)
    each = height / max(1, len(block.kinds))
    parts = []
    for index, kind in enumerate(block.kinds):
        mixer, mlp = MIXERS[kind.mixer], MLPS[kind.mlp]
        top, tall = index * each, each - (1 if len(block.kinds) > 1 else 0)
        half = _BAND / 2
        parts.append(_rect(0, top, half, tall, f"hue h{mixer[0]}"))
        if kind.mlp != "none":
            parts.append(_rect(half, top, half, tall, f"hue h{mlp[0]}"))
    return tag("g", {"class": "band"}, *parts)


def _writing(written: Face, width: float, right: float) -> list[Markup]:
    """Title, numbers, bars and differences of a block."""
    parts, y = [], 6.0
    for line in written.title:
        y += TITLE_LINE
        parts.append(_text(TEXT_X, y - 4, line, "title"))
    for figure in written.figures:
        x = right if figure.right else TEXT_X
        label = (
            Markup('<tspan class="label">{} </tspan>').format(figure.label) if figure.label else ""
        )
        base = y + LINE * (figure.line + 1) - 4
        parts.append(_text(x, base, Markup("{}{}").format(label, figure.value), "figure"))
    y += LINE * written.lines
    if written.bars:
        room = width - TEXT_X - 12
        for index, (share, name) in enumerate(zip(written.bars, ("weights", "read"), strict=True)):
            top = y + 4 + index * (BAR + 3)
            parts.append(_rect(TEXT_X, top, room, BAR, "rail"))
            parts.append(_rect(TEXT_X, top, room * min(1.0, share), BAR, f"amount {name}"))
        y += 2 * BAR + 8
    return [*parts, *(_change(base, lines, y) for base, lines in written.changes.items())]


def _change(base: int, lines: Sequence[str], y: float) -> Markup:
    """What differs from the model of that number; shown while it is the one compared with."""
    written = [
        _text(TEXT_X, y + LINE * number - 3, line, "change")
        for number, line in enumerate(lines, start=1)
    ]
    hidden = {"hidden": ""} if base else {}
    return tag("g", {"class": "told", "data-base": base, **hidden}, *written)


def _patterns(name: str) -> Markup:
    """Textures in the colour of the paper, to be laid over a colour."""
    patterns = [
        tag(
            "pattern",
            {"id": f"texture-{name}-{number}", "width": 4, "height": 4}
            | {"patternUnits": "userSpaceOnUse", "class": "texture"},
            Markup(shape),  # noqa: S704 -- the constants above
        )
        for number, shape in enumerate(_TEXTURES, start=1)
    ]
    return tag("defs", {}, *patterns)


def _texture(place: tuple[float, float, float, float], number: int, name: str) -> Markup:
    sides = zip(("x", "y", "width", "height"), (f"{value:g}" for value in place), strict=True)
    return tag("rect", {**dict(sides), "class": "edge", "fill": f"url(#texture-{name}-{number})"})


def _rect(
    x: float, y: float, width: float, height: float, classes: str, *, rounded: float = 0
) -> Markup:
    place: dict[str, object] = {"class": classes, "x": f"{x:.5g}", "y": f"{y:.5g}"}
    place |= {"width": f"{width:.5g}", "height": f"{height:.5g}"}
    return tag("rect", place | ({"rx": rounded} if rounded else {}))


def _text(x: float, y: float, content: str, classes: str, *, anchor: str = "") -> Markup:
    place = {"class": classes, "x": f"{x:g}", "y": f"{y:g}"}
    # The space keeps words of two lines apart for those who hear them, or copy them.
    return tag("text", place | ({"text-anchor": anchor} if anchor else {}), content, " ")
