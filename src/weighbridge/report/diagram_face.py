"""What is written on a block, broken into lines that fit, and how high that makes it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from weighbridge.core.units import format_bytes, format_count
from weighbridge.report.diagram_block import Block
from weighbridge.report.diagram_rows import Change, Row, changes
from weighbridge.report.numbers import percent

INDENT = 10
TEXT_X = 18
LINE = 16.0
TITLE_LINE = 18.0
BAR = 4.0

# Widths of an average letter, generous so that wide fonts fit too.
_LETTER = 6.7
_TITLE_LETTER = 8.7
_CHEVRON = 22.0
_SMALL_SHARE = 0.001
_CHANGE_LINES = 3
_SMALL = ("norm", "router")
# What the title says already, or what follows from the weights.
_FOLLOWING = ("kind", "size", "read per token")
_LATER = ("weights", "cache")


@dataclass(frozen=True, slots=True)
class Whole:
    """What the shares of a model's blocks are shares of: all weights, all bytes read per token."""

    parameters: int
    read: float


@dataclass(frozen=True, slots=True)
class Measures:
    """How a drawing is laid out; the more models share a page, the narrower each is.

    Attributes:
        width: of the column of blocks.
        right: where the second half of a line begins.
    """

    width: float = 348
    right: float = 172


WIDE = Measures()
_MANY = Measures(width=264, right=162)


def measures_for(models: int) -> Measures:
    """The layout with which so many models fit beside each other."""
    return WIDE if models <= 2 else _MANY


@dataclass(frozen=True, slots=True)
class Figure:
    """A labelled number on a block; ``right`` puts it into the second half of the line."""

    label: str
    value: str
    line: int
    right: bool = False


@dataclass(frozen=True, slots=True)
class Face:
    """The writing on a block, top to bottom.

    Attributes:
        title: lines of its name.
        figures: numbers, placed on lines.
        lines: how many lines of numbers there are.
        bars: shares of the weights and of the bytes read per token, or None on small blocks.
        changes: lines about the difference from each of the models, by its number; the numbers
            missing are those that it does not differ from.
    """

    title: tuple[str, ...]
    figures: tuple[Figure, ...]
    lines: int
    bars: tuple[float, float] | None
    changes: Mapping[int, tuple[str, ...]]

    def height(self, base: int = 0) -> float:
        """Of the block while it is folded, compared with the model of that number."""
        bars = 2 * BAR + 8 if self.bars else 0
        lines = self.lines + len(self.changes.get(base, ()))
        return 14 + TITLE_LINE * len(self.title) + LINE * lines + bars


def face(
    block: Block,
    whole: Whole,
    width: float,
    differences: Mapping[int, tuple[Change, ...]],
    measures: Measures = WIDE,
) -> Face:
    """The writing on a block of this width; ``differences`` by the model that it differs from."""
    room = width - TEXT_X - _CHEVRON
    title = tuple(textwrap.wrap(block.title, int(room / _TITLE_LETTER))) or ("",)
    letters = int((width - TEXT_X - 8) / _LETTER)
    notes = {base: _change_lines(told, letters) for base, told in differences.items()}
    if block.role == "each":
        return Face(title, (), 0, None, notes)
    share = block.parameters / whole.parameters if whole.parameters else 0.0
    weights = f"{brief_count(block.parameters)} · {percent(share)}"
    told = [("weights", weights), ("size", block.size_words(brief_size))]
    small = block.component in _SMALL and share < _SMALL_SHARE
    if not small:
        told.append(("read", block.read_words(brief_size)))
        growth = block.growth.words(brief_size)
        told += [("cache", growth)] if growth else []
    figures = _placed(told, width, measures)
    lines = figures[-1].line + 1
    if small:
        return Face(title, figures, lines, None, notes)
    read = block.read / whole.read if whole.read else 0.0
    return Face(title, figures, lines, (share, read), notes)


def _placed(
    told: Sequence[tuple[str, str]], width: float, measures: Measures
) -> tuple[Figure, ...]:
    """Numbers on lines: size beside weights and cache beside read, where they fit."""
    placed: list[Figure] = []
    for label, value in told:
        line = placed[-1].line + 1 if placed else 0
        fits = len(f"{label} {value}") <= (width - measures.right - 6) / _LETTER
        if label in ("size", "cache") and fits:
            placed.append(Figure(label, value, line - 1, right=True))
        elif len(f"{label} {value}") > (width - TEXT_X - 6) / _LETTER and ", " in value:
            head, _, rest = value.partition(", ")
            placed += [Figure(label, f"{head},", line), Figure("", rest, line + 1)]
        else:
            placed.append(Figure(label, value, line))
    return tuple(placed)


def row_faces(
    row: Row, wholes: tuple[Whole, ...], depth: int, measures: Measures = WIDE
) -> tuple[Face | None, ...]:
    """The writing on each block of a row."""
    width = row_width(depth, measures)
    return tuple(
        None if cell is None else face(cell, whole, width, _differences(row, index), measures)
        for index, (cell, whole) in enumerate(zip(row.cells, wholes, strict=True))
    )


def _differences(row: Row, column: int) -> dict[int, tuple[Change, ...]]:
    """What a block differs in from its counterpart of every other model, where it does."""
    against = {
        base: changes(cell, row.cells[column])
        for base, cell in enumerate(row.cells)
        if base != column
    }
    return {base: told for base, told in against.items() if told}


def row_width(depth: int, measures: Measures = WIDE) -> float:
    """Width of the blocks of a row."""
    return measures.width - 2 * INDENT * depth


def row_height(
    row: Row, wholes: tuple[Whole, ...], depth: int = 0, measures: Measures = WIDE, base: int = 0
) -> float:
    """Height of a row while it is folded: that of its highest block."""
    faces = row_faces(row, wholes, depth, measures)
    return max(found.height(base) for found in faces if found)


def brief_size(count: float) -> str:
    """Bytes in three digits: ``13.0 GiB``."""
    number, _, unit = format_bytes(count).partition(" ")
    return f"{_brief(float(number))}\N{NO-BREAK SPACE}{unit}"


def brief_count(count: float) -> str:
    """A count in three digits: ``525M``."""
    text = format_count(count)
    unit = text[-1] if text[-1:].isalpha() else ""
    return _brief(float(text.removesuffix(unit) or 0)) + unit


def _brief(number: float) -> str:
    decimals = 0 if number >= 100 or number == int(number) else 1 if number >= 10 else 2
    return f"{number:.{decimals}f}"


def _change_lines(differences: tuple[Change, ...], letters: int) -> tuple[str, ...]:
    """The differences in a few lines, dimensions first; the panel and the table tell all."""
    if any(item.name == "block" for item in differences):
        return ("not in the model compared with",)
    arrow = "\N{RIGHTWARDS ARROW}"
    shown = [item for item in differences if item.name not in _FOLLOWING]
    shown.sort(key=lambda item: item.name in _LATER)
    texts = [f"{item.name} {item.before} {arrow} {item.after}" for item in shown or differences]
    lines = textwrap.wrap("; ".join(texts), letters)
    if len(lines) <= _CHANGE_LINES:
        return tuple(lines)
    kept = lines[:_CHANGE_LINES]
    kept[-1] = textwrap.shorten(" ".join(lines[_CHANGE_LINES - 1 :]), letters, placeholder=" …")
    return tuple(kept)
