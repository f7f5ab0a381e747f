"""The tables of a plan in fewer columns, for terminals that are not wide enough for all of it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final

from weighbridge.cli.diagnostics import printable

Table = tuple[list[str], list[list[str]]]

_UNDER_NAME: Final = ("<format", "<KV", "<engine", "<verdict")
_FURTHER: Final = ("quality", "users", "most req/s")
_MORE: Final = ("GiB", "tokens/s")
# Widths of the reasons and of the changes beside each other; then of one below the other.
_BESIDE: Final = ((60, 40), (44, 30), (32, 24))
_BELOW: Final = (100, 72, 56, 44, 32)
_COST: Final = "EUR/M tokens"


def shorter(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[Table, ...]:
    """The same table, ever narrower: shorter names, then more and more lines per row.

    No figure is left out. Names are shortened only as long as they still tell the rows apart.
    """
    brief = _brief(list(columns), [[printable(cell) for cell in row] for row in rows])
    spans = brief[0], [[cell.replace(" [", "\n[") for cell in row] for row in brief[1]]
    two = _under_name(_kv_named(spans), _UNDER_NAME, "{}")
    three = _under_name(two, _FURTHER, "{} {name}")
    four = _under_name(three, _MORE, "{} {name}")
    found = brief, _kind_below(two), three, four
    return (*found, _under_name(four, [_COST], "{} {name}")) if _COST in columns else found


def shorter_near(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[Table, ...]:
    """Near misses, ever narrower: names as in the ranking, sentences over several lines."""
    safe = [[printable(cell) for cell in row] for row in rows]
    names = _brief_names(list(columns), safe)
    below = _under_name(_kv_named(names), ("<format", "<KV", "<engine"), "{}")
    beside = [_wrapped(table, *widths) for widths in _BESIDE for table in (names, below)]
    return (names, *beside, *(_stacked(below, width) for width in _BELOW))


def _wrapped(table: Table, reasons: int, changes: int) -> Table:
    """With the last two columns over several lines."""
    columns, rows = table
    folded = [[*row[:-2], _folded(row[-2], reasons), _folded(row[-1], changes)] for row in rows]
    return columns, folded


def _stacked(table: Table, width: int) -> Table:
    """With the sentences below the name, so that one column is left."""
    columns, rows = table
    stacked = []
    for row in rows:
        said = [
            textwrap.indent(_folded(f"{name.lstrip('<')} {cell}", width), "  ")
            for name, cell in zip(columns[1:], row[1:], strict=True)
        ]
        stacked.append(["\n".join([row[0], *said])])
    return columns[:1], stacked


def _folded(text: str, width: int) -> str:
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines)


def _kv_named(table: Table) -> Table:
    """The cache's format, to be read without its header."""
    columns, rows = table
    at = columns.index("<KV")
    return columns, [[*row[:at], f"{row[at]} KV", *row[at + 1 :]] for row in rows]


def _brief(columns: list[str], rows: list[list[str]]) -> Table:
    return _brief_names(*_without_ones((columns, rows)))


def _brief_names(columns: list[str], rows: list[list[str]]) -> Table:
    for column, short in (("<model", _without_owner), ("<format", _without_details)):
        at = columns.index(column)
        names = {row[at]: short(row[at]) for row in rows}
        if len(set(names.values())) == len(names):
            rows = [[*row[:at], names[row[at]], *row[at + 1 :]] for row in rows]
    return columns, rows


def _without_ones(table: Table) -> Table:
    """Where every way takes one device, that needs no column."""
    columns, rows = table
    at = columns.index("devices")
    return _dropped(table, {at}) if all(row[at] == "1" for row in rows) else table


def _without_owner(name: str) -> str:
    return name.rpartition("/")[2] or name


def _without_details(form: str) -> str:
    """``AWQ int4 g128`` as ``AWQ int4``, ``mxfp4 (experts)`` as ``mxfp4``."""
    words = form.split()
    kept = [word for word in words if not (word[:1] == "g" and word[1:].isdigit())]
    return " ".join(kept).partition(" (")[0] or form


def _under_name(table: Table, names: Sequence[str], form: str) -> Table:
    """With some columns as one more line below the name."""
    columns, rows = table
    at = [columns.index(name) for name in names if name in columns]
    below = [
        [
            row[0]
            + "\n  "
            + ", ".join(
                form.format(row[place].replace("\n", " "), name=columns[place].lstrip("<"))
                for place in at
            ),
            *row[1:],
        ]
        for row in rows
    ]
    return _dropped((columns, below), set(at))


def _kind_below(table: Table) -> Table:
    """The kind of each quality below its value."""
    columns, rows = table
    at = columns.index("quality")
    return columns, [[*row[:at], row[at].replace(" ", "\n", 1), *row[at + 1 :]] for row in rows]


def _dropped(table: Table, places: set[int]) -> Table:
    columns, rows = table
    keep = [place for place in range(len(columns)) if place not in places]
    return [columns[place] for place in keep], [[row[place] for place in keep] for row in rows]
