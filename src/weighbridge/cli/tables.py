"""How tables look on a terminal. rich is imported when a table is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from weighbridge.core.provenance import Interval
from weighbridge.core.runs import Distribution

if TYPE_CHECKING:
    from rich.console import Console

_FILE_WIDTH = 160


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str = ""
) -> None:
    """A table on standard output; columns whose name starts with ``<`` are left-aligned."""
    from rich import box, table  # noqa: PLC0415 -- heavy, only for people
    from rich.text import Text  # noqa: PLC0415

    drawn = table.Table(
        title=title,
        caption=caption or None,
        box=box.SIMPLE_HEAD,
        title_style="bold",
        title_justify="left",
        caption_justify="left",
    )
    for column in columns:
        left = column.startswith("<")
        drawn.add_column(
            column.lstrip("<"),
            justify="left" if left else "right",
            no_wrap=not left,
            overflow="fold",
            min_width=min(12, max((len(row[len(drawn.columns)]) for row in rows), default=0)),
        )
    for row in rows:
        # Text, not markup: names and messages come from files and servers.
        drawn.add_row(*(Text(cell) for cell in row))
    stdout_console().print(drawn)


def stdout_console() -> Console:
    """Where tables go. Into a file or a pipe there is no width to fit: lines may be long."""
    from rich.console import Console  # noqa: PLC0415

    out = Console()
    return out if out.is_terminal else Console(width=_FILE_WIDTH)


def percent(rate: Interval) -> str:
    """A rate with its interval: ``98.5 % [95.7, 99.5]``."""
    return f"{100 * rate.value:.1f} % [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"


def ms(figures: Distribution | None, name: str) -> str:
    """One percentile in milliseconds, or a dash."""
    if figures is None:
        return "–"
    value = float(getattr(figures, name))
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"
