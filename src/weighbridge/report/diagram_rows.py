"""The blocks of several models beside each other: counterparts in one row, and what differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from weighbridge.core.units import format_count
from weighbridge.report.diagram_block import Block
from weighbridge.report.diagram_gather import gather

_NOTHING = Block("", None, "")
Cells = tuple[Block | None, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between a block and its counterpart in another model."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Row:
    """Counterparts of every model, None where one has no such block.

    Attributes:
        key: the place in the tree: ``3.0.1``.
        cells: one per model.
        rows: the rows inside.
    """

    key: str
    cells: Cells
    rows: tuple[Row, ...]

    @property
    def any(self) -> Block:
        """The block of the first model that has one."""
        return next(cell for cell in self.cells if cell is not None)


def align(columns: Sequence[Sequence[Block]], prefix: str = "") -> tuple[Row, ...]:
    """Rows of counterparts: each column keeps its order, and alike blocks meet.

    Args:
        columns: the blocks of each model.
        prefix: key of the row that they are inside of, with a dot.
    """
    lines: list[Cells] = []
    weights = [max(1, sum(block.parameters for block in column)) for column in columns]
    for index, column in enumerate(columns):
        lines = _merge(lines, column, index, weights)
    rows = []
    # Inside, what is gathered would be gathered again.
    for place, cells in enumerate(lines if prefix else _gathered(lines)):
        key = f"{prefix}{place}"
        # The list of every layer makes its rows when it is unfolded.
        inside = [() if cell is None or cell.role == "each" else cell.children for cell in cells]
        rows.append(Row(key, cells, align(inside, f"{key}.") if any(inside) else ()))
    return tuple(rows)


def changes(first: Block | None, other: Block | None) -> tuple[Change, ...]:
    """What a block differs in from its counterpart in the model that it is compared with."""
    if first is None and other is None:
        return ()
    if (first or other or _NOTHING).role == "each":
        return ()  # says nothing that the run does not say
    if first is None or other is None:
        titles = (block.title if block else "none" for block in (first, other))
        return (Change("block", *titles),)
    before, after = compared(first), compared(other)
    names = [*before, *(name for name in after if name not in before)]
    return tuple(
        Change(name, before.get(name, "none"), after.get(name, "none"))
        for name in names
        if before.get(name) != after.get(name)
    )


def flat(rows: Sequence[Row], depth: int = 0) -> list[tuple[int, Row]]:
    """Every row with its depth, in reading order."""
    found: list[tuple[int, Row]] = []
    for row in rows:
        found.append((depth, row))
        found += flat(row.rows, depth + 1)
    return found


def compared(block: Block) -> dict[str, str]:
    """What blocks are compared by, in words."""
    pairs = {
        "kind": block.title,
        **{name: value for name, value in block.facts if name != "numbers"},
    }
    pairs |= {"weights": format_count(block.parameters), "size": block.size_text}
    return pairs | {
        "read per token": block.read_text.removesuffix("/token"),
        "cache": block.growth.text or "none",
    }


def _merge(
    lines: list[Cells], column: Sequence[Block], index: int, weights: Sequence[int]
) -> list[Cells]:
    """The lines of the models so far with one more column, by the alignment that fits best.

    Needleman and Wunsch 1970 (doi:10.1016/0022-2836(70)90057-4) with free gaps.
    """
    height, width = len(lines), len(column)
    likeness = [[_fit(cells, block, weights, index) for block in column] for cells in lines]
    best = [[0.0] * (width + 1) for _ in range(height + 1)]
    for i in range(height - 1, -1, -1):
        for j in range(width - 1, -1, -1):
            skipped = max(best[i + 1][j], best[i][j + 1])
            best[i][j] = (
                max(skipped, likeness[i][j] + best[i + 1][j + 1]) if likeness[i][j] else skipped
            )
    empty: Cells = (None,) * index
    merged: list[Cells] = []
    i = j = 0
    while i < height or j < width:
        if (
            i < height
            and j < width
            and likeness[i][j]
            and best[i][j] == likeness[i][j] + best[i + 1][j + 1]
        ):
            merged.append((*lines[i], column[j]))
            i, j = i + 1, j + 1
        elif j == width or (i < height and best[i + 1][j] >= best[i][j + 1]):
            merged.append((*lines[i], None))
            i += 1
        else:
            merged.append((*empty, column[j]))
            j += 1
    return merged


# Blocks without weights still meet, and never at the cost of blocks that weigh something.
_NO_SHARE = 1e-4


def _fit(cells: Cells, block: Block, weights: Sequence[int], index: int) -> float:
    """How well a block goes with those of a line: how alike they are, by how much both weigh."""
    share = block.parameters / weights[index]
    return max(
        _likeness(cell, block) * (min(share, cell.parameters / weights[place]) + _NO_SHARE)
        for place, cell in enumerate(cells)
        if cell is not None
    )


def _likeness(a: Block, b: Block) -> float:
    """How much two blocks correspond; 0 for different roles."""
    if a.role != b.role:
        return 0.0
    mixers = {kind.mixer for kind in a.kinds} & {kind.mixer for kind in b.kinds}
    mlps = {kind.mlp for kind in a.kinds} & {kind.mlp for kind in b.kinds}
    same = a.component == b.component and a.component is not None
    # A shared mixer decides what is kept: it says more than a shared feed-forward part, and more
    # than the weights of one layer in a unit of many.
    return 0.5 + 0.5 * bool(same) + 6.0 * bool(mixers) + 0.5 * bool(mlps)


def _gathered(lines: Sequence[Cells]) -> list[Cells]:
    """The lines with neighbouring runs that only one model has in one line."""
    found: list[Cells] = []
    for lonely, group in groupby(lines, key=_is_lonely_run):
        if not lonely:
            found += group
            continue
        by_model = sorted(group, key=_owner)  # stable: each model keeps its order
        for place, own in groupby(by_model, key=_owner):
            blocks = [block for cells in own for block in cells if block is not None]
            cells: list[Block | None] = [None] * len(by_model[0])
            cells[place] = blocks[0] if len(blocks) == 1 else gather(blocks)
            found.append(tuple(cells))
    return found


def _is_lonely_run(cells: Cells) -> bool:
    present = [cell for cell in cells if cell is not None]
    return len(cells) > 1 and len(present) == 1 and present[0].role == "run"


def _owner(cells: Cells) -> int:
    return next(place for place, cell in enumerate(cells) if cell is not None)
