"""How tables look on a terminal. rich is imported when a table is drawn."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from weighbridge.cli.diagnostics import printable
from weighbridge.core.load import Distribution
from weighbridge.core.provenance import Interval

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_FILE_WIDTH = 160
_UNBOUNDED = 1_000_000

Rows = Sequence[Sequence[str]]


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Rows,
    *,
    caption: str = "",
    roomy: tuple[Sequence[str], Rows] | None = None,
    shorter: Sequence[tuple[Sequence[str], Rows]] = (),
) -> None:
    """A table on standard output; columns whose name starts with ``<`` are left-aligned.

    No cell is ever cut or broken. Where there is room, the roomy table comes in its place. What is
    too wide for the terminal gets narrower headers, then the first of the shorter tables that fits,
    whose cells may be several lines; then it stands with one column per row, and at last as a block
    of lines per row.
    """
    from rich.text import Text  # noqa: PLC0415 -- heavy, only for people

    rows = _printable(rows)
    out = stdout_console()
    _print_line(out, Text(printable(title), style="bold"))
    layouts: list[Callable[[], Table]] = [
        *([partial(_upright, roomy[0], _printable(roomy[1]))] if roomy else []),
        lambda: _upright(columns, rows),
        lambda: _upright(_with_narrow_headers(columns, rows), rows),
        *(partial(_shortened, names, cells) for names, cells in shorter),
        lambda: _lying(columns, rows),
    ]
    for layout in layouts:
        drawn = layout()
        width = out.measure(drawn, options=out.options.update(width=_UNBOUNDED)).maximum
        if not out.is_terminal and not _columns():
            out.width = max(out.width, width)
        if width <= out.width:
            out.print(drawn)
            break
    else:
        _print_blocks(out, columns, rows)
    if caption:
        _print_line(out, Text(printable(caption), style="dim italic"))


def print_facts(title: str, facts: Sequence[tuple[str, str]], *, caption: str = "") -> None:
    """One thing's facts, a label and a text each; long texts are wrapped beside their labels."""
    from rich import table  # noqa: PLC0415 -- heavy, only for people
    from rich.text import Text  # noqa: PLC0415

    grid = table.Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    for label, text in facts:
        grid.add_row(Text(printable(label)), Text(printable(text)))
    out = stdout_console()
    _print_line(out, Text(printable(title), style="bold"))
    out.print(grid)
    if caption:
        _print_line(out, Text(printable(caption), style="dim"))


def _printable(rows: Rows) -> list[list[str]]:
    return [[printable(cell) for cell in row] for row in rows]


def stdout_console() -> Console:
    """Where tables go. Into a file or a pipe lines may be long, unless COLUMNS says how long."""
    from rich.console import Console  # noqa: PLC0415

    out = Console()
    return out if out.is_terminal else Console(width=_columns() or _FILE_WIDTH)


def _columns() -> int | None:
    """The width that the environment asks for."""
    said = os.environ.get("COLUMNS", "")
    return int(said) if said.isdecimal() and int(said) > 0 else None


def _print_line(out: Console, text: Text) -> None:
    if out.is_terminal or _columns():
        out.print(text, overflow="fold")
    else:
        out.print(text, soft_wrap=True)


def _table() -> Table:
    from rich import box, table  # noqa: PLC0415

    return table.Table(box=box.SIMPLE_HEAD)


def _upright(columns: Sequence[str], rows: Rows) -> Table:
    from rich.text import Text  # noqa: PLC0415 -- not markup: names come from files and servers

    drawn = _table()
    for column in columns:
        left = column.startswith("<")
        drawn.add_column(
            Text(column.lstrip("<")), justify="left" if left else "right", no_wrap=True
        )
    for row in rows:
        drawn.add_row(*map(Text, row))
    return drawn


def _shortened(columns: Sequence[str], rows: Rows) -> Table:
    """With narrow headers, and cells of several lines."""
    safe = [["\n".join(map(printable, cell.split("\n"))) for cell in row] for row in rows]
    return _upright(_with_narrow_headers(columns, safe), safe)


def _with_narrow_headers(columns: Sequence[str], rows: Rows) -> list[str]:
    """The headers broken between words to the width of their cells."""
    from rich.cells import cell_len  # noqa: PLC0415

    narrow = []
    for number, column in enumerate(columns):
        words = column.lstrip("<")
        width = max((cell_len(line) for row in rows for line in row[number].split("\n")), default=0)
        lines = textwrap.wrap(words, max(width, 1), break_long_words=False, break_on_hyphens=False)
        narrow.append(column[: len(column) - len(words)] + "\n".join(lines))
    return narrow


def _lying(columns: Sequence[str], rows: Rows) -> Table:
    """One column per row; the first cells are the headers."""
    from rich.text import Text  # noqa: PLC0415

    drawn = _table()
    for number, column in enumerate(columns):
        cells = [
            Text(row[number], justify="left" if column.startswith("<") else "right") for row in rows
        ]
        label = Text(column.lstrip("<"))
        if number:
            drawn.add_row(label, *cells)
            continue
        for header in (label, *cells):
            drawn.add_column(header, no_wrap=True)
    return drawn


def _print_blocks(out: Console, columns: Sequence[str], rows: Rows) -> None:
    from rich.text import Text  # noqa: PLC0415

    for row in rows:
        out.print()
        for column, cell in zip(columns, row, strict=True):
            label = column.lstrip("<")
            line = Text.assemble((f"{label}: " if label else "", "bold"), cell)
            out.print(line, soft_wrap=True)  # the terminal breaks the line, so it copies whole
    out.print()


def percent(rate: Interval) -> str:
    """A rate with its interval: ``98.5 % [95.7, 99.5]``."""
    return f"{100 * rate.value:.1f} % [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def ms(figures: Distribution | None, name: str) -> str:
    """One percentile in milliseconds, or a dash."""
    return "–" if figures is None else figure(float(getattr(figures, name)))


def figure(value: float) -> str:
    """Three digits, or as many as stand before the point; the same at 10 as just below it."""
    # 9.996 becomes 10.0, not 10.00.
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{decimals}f}"


def bracketed(value: str, low: float | None, high: float | None) -> str:
    """A figure with its interval: ``200 [199, 203]``; an end that nothing bounds is open."""
    if low is None and high is None:
        return value
    ends = ["…" if end is None else figure(end) for end in (low, high)]
    return f"{value} [{ends[0]}, {ends[1]}]"
