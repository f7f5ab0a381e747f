"""The interactive diagram of one to four models: drawings, and the data that unfolds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from weighbridge.core.architecture import COMPONENTS
from weighbridge.core.inspection import Inspection
from weighbridge.core.units import format_count
from weighbridge.core.wording import stack_text
from weighbridge.report import diagram_colour as colour
from weighbridge.report.diagram_block import Block, Kind
from weighbridge.report.diagram_face import INDENT, Measures, Whole, measures_for, row_height
from weighbridge.report.diagram_gather import gathered
from weighbridge.report.diagram_rows import Change, Row, align, changes, compared, flat
from weighbridge.report.diagram_svg import GAP, INNER_GAP, MARGIN, drawing, strip, swatch
from weighbridge.report.diagram_tree import blocks_of, has_mixed_run, layer_kinds
from weighbridge.report.diagram_words import component_name
from weighbridge.report.numbers import percent, size

MOST_MODELS = 4


@dataclass(frozen=True, slots=True)
class Column:
    """One model of the diagram: its name, its layers as a strip, its blocks; SVG as markup."""

    name: str
    strip: Markup
    drawing: Markup


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """What a colour stands for."""

    swatch: Markup
    text: str


@dataclass(frozen=True, slots=True)
class Diagram:
    """Everything that a page shows of the diagram.

    Attributes:
        columns: the models.
        legend: colours of the components, in the order of the diagram.
        strip_legend: colours and heights of the strips.
        rows: the blocks for tables, with their depth, in reading order.
        wholes: totals of each model.
        data: what ``static/diagram.js`` needs, as JSON can hold it.
    """

    columns: tuple[Column, ...]
    legend: tuple[LegendEntry, ...]
    strip_legend: tuple[LegendEntry, ...]
    rows: tuple[tuple[int, Row], ...]
    wholes: tuple[Whole, ...]
    data: dict[str, Any]


def diagram(
    inspections: Sequence[Inspection], names: Sequence[str], kv_bytes_per_value: float = 2.0
) -> Diagram:
    """The diagram of some models.

    Args:
        inspections: the models, at most :data:`MOST_MODELS`.
        names: what each is called, all different.
        kv_bytes_per_value: bytes of one number in their caches.
    """
    by_layer = any(has_mixed_run(item) for item in inspections)
    trees = [
        gathered(blocks_of(item, kv_bytes_per_value, by_layer=by_layer), several=len(names) > 1)
        for item in inspections
    ]
    rows = align(trees)
    wholes = tuple(_whole(item, tree) for item, tree in zip(inspections, trees, strict=True))
    measures = measures_for(len(names))
    columns = []
    for index, (item, name) in enumerate(zip(inspections, names, strict=True)):
        text = f"Layers of {name}: {stack_text(item.architecture)}"
        picture = drawing(rows, index, wholes, f"Architecture of {name}", measures)
        layers = strip(layer_kinds(item), text, measures)
        columns.append(Column(name, layers, picture))
    everything = flat(rows)
    return Diagram(
        columns=tuple(columns),
        legend=_legend(everything),
        strip_legend=_strip_legend(inspections),
        rows=tuple(pair for pair in everything if pair[1].any.role != "each"),
        wholes=wholes,
        data={
            "names": list(names),
            "measures": {"gap": GAP, "inner": INNER_GAP, "indent": INDENT, "margin": MARGIN},
            "rows": [_row_data(row, wholes, 0, measures) for row in rows],
            "blocks": [_column_data(everything, index, wholes) for index in range(len(names))],
        },
    )


def differing(
    rows: Sequence[tuple[int, Row]], first: int, second: int
) -> list[tuple[Row, tuple[Change, ...]]]:
    """The rows in which two models differ, and in what.

    Of a block that only one of the two has, what is inside is not told again.
    """
    found: list[tuple[Row, tuple[Change, ...]]] = []
    alone: set[str] = set()
    for _, row in rows:
        one, other = row.cells[first], row.cells[second]
        if (one is None) != (other is None):
            alone.add(row.key)
        if row.key.rpartition(".")[0] in alone:
            alone.add(row.key)
            continue
        told = changes(one, other)
        if told:
            found.append((row, told))
    return found


@dataclass(frozen=True, slots=True)
class Differences:
    """What sets two models apart, in two helpings.

    Attributes:
        leading: the outermost blocks that differ, the largest effect first, told briefly.
        rest: every block that differs, with all that differs, in reading order; empty where
            ``leading`` says it all.
    """

    leading: list[tuple[Row, tuple[Change, ...]]]
    rest: list[tuple[Row, tuple[Change, ...]]]


# Tables shorter than this need not be folded.
_SHORT = 14
_LEADING_ROWS = 5
_LEADING_CHANGES = 4


def parted(drawn: Diagram, first: int, second: int) -> Differences:
    """The differences of two models: what matters most, and the rest."""
    found = differing(drawn.rows, first, second)
    if sum(len(told) for _, told in found) <= _SHORT:
        return Differences(found, [])
    pair = (first, second)
    outer = [(row, told) for row, told in found if "." not in row.key]
    outer.sort(key=lambda entry: -_effect(entry[0], pair, drawn.wholes))
    leading = [(row, _briefly(row, told, pair)) for row, told in outer[:_LEADING_ROWS]]
    return Differences(leading, found)


def _effect(row: Row, pair: tuple[int, int], wholes: tuple[Whole, ...]) -> float:
    """How much of a model's weights, or of what it reads, the difference is."""
    blocks = [row.cells[index] for index in pair]
    weights = [block.parameters if block else 0 for block in blocks]
    reads = [block.read if block else 0.0 for block in blocks]
    most = max(1, *(wholes[index].parameters for index in pair))
    most_read = max(1.0, *(wholes[index].read for index in pair))
    return max(abs(weights[0] - weights[1]) / most, abs(reads[0] - reads[1]) / most_read)


def _briefly(row: Row, told: tuple[Change, ...], pair: tuple[int, int]) -> tuple[Change, ...]:
    """The changes of a block without those that follow from others."""
    blocks = [row.cells[index] for index in pair]
    if None in blocks:
        counts = (format_count(block.parameters) if block else "none" for block in blocks)
        return (*told, Change("weights", *counts))
    own = tuple(change for change in told if change.name not in ("size", "read per token"))
    return (own or told)[:_LEADING_CHANGES]


def _whole(inspection: Inspection, tree: Sequence[Block]) -> Whole:
    return Whole(inspection.architecture.parameters, sum(block.read for block in tree))


def _row_data(
    row: Row, wholes: tuple[Whole, ...], depth: int, measures: Measures
) -> dict[str, Any]:
    """Where a row is, for the arithmetic of unfolding."""
    return {
        "key": row.key,
        "heights": [row_height(row, wholes, depth, measures, base) for base in range(len(wholes))],
        "rows": [_row_data(inner, wholes, depth + 1, measures) for inner in row.rows],
    }


def _column_data(
    rows: Sequence[tuple[int, Row]], column: int, wholes: tuple[Whole, ...]
) -> dict[str, Any]:
    """What the panel and the search know of one model's blocks, by row."""
    found = {}
    for _, row in rows:
        block = row.cells[column]
        if block is None:
            continue
        found[row.key] = _block_data(block, wholes[column])
        if block.role == "each":
            found[row.key] |= {
                "first": block.first,
                "sequence": list(block.sequence),
                "kinds": [_kind_data(child, wholes[column]) for child in block.children],
            }
    return found


def _block_data(block: Block, whole: Whole) -> dict[str, Any]:
    component = component_name(block.component) if block.component else "layers"
    return {
        "title": block.title,
        "component": component,
        "numbers": [] if block.role == "each" else numbers_of(block, whole),
        "facts": [list(pair) for pair in block.facts],
        "formulas": [list(pair) for pair in block.formulas],
        "compared": []
        if block.role == "each"
        else [list(pair) for pair in compared(block).items()],
    }


def numbers_of(block: Block, whole: Whole) -> list[list[str]]:
    """The four numbers of a block, each with its name."""
    share = block.parameters / whole.parameters if whole.parameters else 0.0
    share_read = percent(block.read / whole.read if whole.read else 0.0)
    reading = f"{size(block.read)}, {share_read} of all" if block.read else block.read_text
    return [
        ["weights", f"{format_count(block.parameters)}, {percent(share)} of the model"],
        ["size", block.size_text],
        ["read per token", reading.removesuffix("/token")],
        ["cache", block.growth.text or "none"],
    ]


def _kind_data(block: Block, whole: Whole) -> dict[str, Any]:
    """One kind of layer in the list of every layer."""
    (kind,) = block.kinds
    return {
        **_block_data(block, whole),
        "compared": [],
        "weights": format_count(block.parameters),
        "mixer": colour.MIXERS[kind.mixer][0],
        "mlp": None if kind.mlp == "none" else colour.MLPS[kind.mlp][0],
    }


def _legend(rows: Sequence[tuple[int, Row]]) -> tuple[LegendEntry, ...]:
    present = {cell.component for _, row in rows for cell in row.cells if cell is not None}
    return tuple(
        LegendEntry(swatch(*colour.HUES[name], f"c-{name}"), component_name(name))
        for name in COMPONENTS
        if name in present
    )


def _strip_legend(inspections: Sequence[Inspection]) -> tuple[LegendEntry, ...]:
    kinds: list[Kind] = [kind for item in inspections for kind in layer_kinds(item)]
    mixers = {kind.mixer for kind in kinds}
    mlps = {kind.mlp for kind in kinds} - {"none"}
    above = [
        LegendEntry(swatch(series, 0, "", share), colour.MIXER_WORDS[name])
        for name, (series, _, share) in colour.MIXERS.items()
        if name in mixers
    ]
    below = [
        LegendEntry(swatch(series, 0, ""), f"{colour.MLP_WORDS[name]} (lower row)")
        for name, (series, _) in colour.MLPS.items()
        if name in mlps
    ]
    return (*above, *below)
