"""What the first page of a study's report is made of: lines and tables whose figures know whence.

HTML and Markdown are both written from these, so that they say the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from weighbridge.core.prices import is_stale
from weighbridge.core.provenance import Kind, Provenance

LETTERS: Final[dict[Kind, str]] = {
    "measured": "m",
    "predicted": "p",
    "catalogue": "c",
    "vendor": "v",
    "assumed": "a",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure or words of a table, or of a line.

    Attributes:
        text: as people read it.
        range: the interval beside it; empty where there is none.
        origin: where it comes from; None for names and words.
        is_stale: whether it rests on a price older than 60 days.
        is_best: whether it is the one chosen.
    """

    text: str
    range: str = ""
    origin: Provenance | None = None
    is_stale: bool = False
    is_best: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A fact with its name; ``name`` is empty for a sentence that needs none."""

    name: str
    said: Cell


@dataclass(frozen=True, slots=True)
class Grid:
    """A table.

    Attributes:
        title: what it shows, in a few words.
        heads: of its columns.
        rows: a cell for each.
        numeric: columns of figures, from 0.
        note: what a reader needs to understand it, or nothing.
    """

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int] = frozenset()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """A part of the first page.

    Attributes:
        key: its id in the page.
        title: its heading.
        grid: a table, or None.
        lines: facts or sentences.
        is_list: whether the lines stand alone, as points of a list.
        absent: why there is nothing to show, in one sentence; else nothing.
    """

    key: str
    title: str
    grid: Grid | None = None
    lines: tuple[Line, ...] = ()
    is_list: bool = False
    absent: str = ""

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All of them, in reading order."""
        rows = () if self.grid is None else self.grid.rows
        return (*(cell for row in rows for cell in row), *(line.said for line in self.lines))


def sentences(texts: Iterable[str]) -> tuple[Line, ...]:
    """Lines that need no name."""
    return tuple(Line("", Cell(text)) for text in texts)


def words(text: str, *, is_best: bool = False) -> Cell:
    """A cell that is no figure."""
    return Cell(text, is_best=is_best)


def of_day(origin: Provenance) -> Provenance:
    """The same, its time shortened to the day, so that one source is one source."""
    return Provenance(origin.kind, origin.source, origin.date[:10])


def marks_of(cells: Iterable[Cell]) -> dict[Provenance, str]:
    """A mark for each source, its kind's letter and a number: ``m1``; in reading order."""
    found: dict[Provenance, str] = {}
    numbers: dict[Kind, int] = {}
    for cell in cells:
        if cell.origin is None or of_day(cell.origin) in found:
            continue
        kind = cell.origin.kind
        numbers[kind] = numbers.get(kind, 0) + 1
        found[of_day(cell.origin)] = f"{LETTERS[kind]}{numbers[kind]}"
    return found


def is_old(origin: Provenance, today: str) -> bool:
    """Whether a price is more than 60 days old. What the user just says has no age."""
    if origin.kind == "assumed" and not origin.date:
        return False
    return is_stale(origin, today)
