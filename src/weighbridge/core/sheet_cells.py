"""Texts in a CSV file that a spreadsheet must not take for formulas.

Spreadsheets compute a cell that begins with one of a few signs, and such formulas can read other
cells and send them away. A quote in front makes it a text. Who reads the file back takes it off.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

CellT = TypeVar("CellT")
# Wide forms of the signs are formulas in some languages. Quotes before a sign are written with one
# more, so that reading gives back whatever was there.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\Z")


def guarded(cell: CellT) -> CellT | str:
    """A cell as it is written; numbers stay numbers."""
    if not isinstance(cell, str) or not _FORMULA.match(cell) or _NUMBER.match(cell):
        return cell
    return f"'{cell}"


def guarded_row(row: Mapping[str, CellT]) -> dict[str, CellT | str]:
    """The cells of a row by column."""
    return {name: guarded(cell) for name, cell in row.items()}


def unguarded(cell: str) -> str:
    """What :func:`guarded` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
