"""Per-item results of any origin: a CSV file with a row per item and a column per model."""

from __future__ import annotations

import csv
import math
import re
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

from weighbridge.core.errors import FormatError, InputError
from weighbridge.core.outcomes import Outcomes

# Cells that say that there is no answer.
_EMPTY: Final = frozenset({"", "na", "n/a", "nan", "none", "null", "-"})
_WORDS: Final = {"true": 1.0, "false": 0.0}
_MOST_NAMED: Final = 8
_DESCRIPTION: Final = re.compile(
    r"(?:is|has|was|n|num|no|count|frac|share)[_ -]|.*(?:length|difficulty|weight|level|_id)$",
    re.IGNORECASE,
)
_DELIMITERS: Final = ",;\t|"
_FORM: Final = (
    "The first column names the item; then one column per model with 1 for right, 0 for wrong, or "
    "a score in between."
)


@dataclass(frozen=True, slots=True)
class TableChoice:
    """Which columns of a table mean what.

    Attributes:
        models: the columns to read as models, in this order; empty for all that hold scores.
        task: the column that tells tasks apart, each of which is compared by itself.
        group: the column that tells which items belong together.
        average: whether an item may have several rows, of which the mean counts.
    """

    models: tuple[str, ...] = ()
    task: str | None = None
    group: str | None = None
    average: bool = False


@dataclass(slots=True)
class _Column:
    """A column while it is read: its scores, or the first cell that is none."""

    name: str
    scores: array[float] = field(default_factory=lambda: array("d"))
    numbers: int = 0
    first_text: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class _Rows:
    """What the rows are of; no groups where none were asked for."""

    items: Sequence[str]
    tasks: Sequence[str]
    groups: Sequence[str]


def read_outcomes(
    path: Path, choice: TableChoice | None = None
) -> tuple[tuple[Outcomes, ...], tuple[str, ...]]:
    """The outcomes in a file, one record per task, and notes on what was left out.

    Raises:
        InputError: it cannot be read, or its rows do not fit together.
        FormatError: it is no table of scores; names line and column.
    """
    choice = choice or TableChoice()
    with _opened(path) as file:
        first = file.readline()
        if not first.strip() or "\0" in first or first.lstrip().startswith(("{", "[{", "<")):
            raise FormatError(f"{path} is no CSV table.", fix=_FORM)
        delimiter = _delimiter(first)
        file.seek(0)
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            return _read(path, reader, choice, decimal_comma=delimiter != ",")
        except csv.Error as error:
            raise FormatError(f"{path}, line {reader.line_num}: {error}.", fix=_FORM) from None


def _delimiter(header: str) -> str:
    """The separator by which the header has most cells."""

    def cells(mark: str) -> int:
        try:
            return len(next(csv.reader([header], delimiter=mark)))
        except csv.Error:
            return 0

    return max(_DELIMITERS, key=cells)


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield file
    except UnicodeDecodeError:
        raise FormatError(f"{path} is not UTF-8 text.", fix="Save it as CSV in UTF-8.") from None
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.", fix="Check the path.") from None


def _read(
    path: Path,
    reader: Iterator[list[str]],  # what csv.reader gives
    choice: TableChoice,
    *,
    decimal_comma: bool,
) -> tuple[tuple[Outcomes, ...], tuple[str, ...]]:
    header = _header(path, reader, choice)
    special = {name: header.index(name) for name in (choice.task, choice.group) if name}
    columns = {
        index: _Column(name)
        for index, name in enumerate(header)
        if index and index not in special.values() and name in (choice.models or (name,))
    }
    items: list[str] = []
    tasks: list[str] = []
    groups: list[str] = []
    known: dict[str, float | None] = {}
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        line = getattr(reader, "line_num", 0)
        if len(row) != len(header):
            raise FormatError(
                f"{path}, line {line}: {len(row)} cells, where the header has {len(header)}.",
                fix="Give every row the same number of cells; quote cells that hold the separator.",
            )
        items.append(_filled(path, line, header[0] or "item", row[0]))
        if choice.task:
            tasks.append(_filled(path, line, choice.task, row[special[choice.task]]))
        if choice.group:
            groups.append(_filled(path, line, choice.group, row[special[choice.group]]))
        for index, column in columns.items():
            cell = row[index]
            if cell not in known:
                known[cell] = _score(cell, decimal_comma=decimal_comma)
            _take(column, cell, known[cell], line)
    if not items:
        raise InputError(f"{path} has a header and no items.", fix=_FORM)
    models, notes = _models(path, list(columns.values()), choice)
    names = tasks or [path.stem] * len(items)
    return _by_task(path, _Rows(items, names, groups), models, choice), notes


def _header(path: Path, reader: Iterator[list[str]], choice: TableChoice) -> list[str]:
    header = [name.strip() for name in next(reader)]
    if len(header) < 2:
        raise FormatError(f"{path} has one column only.", fix=_FORM)
    twice = {name for name in header if header.count(name) > 1}
    if twice:
        raise InputError(
            f"{path} has two columns called {min(twice)!r}.", fix="Give each model its own name."
        )
    for name in (choice.task, choice.group, *choice.models):
        if name is not None and name not in header[1:]:
            raise InputError(
                f"{path} has no column {name!r}.", fix=f"It has: {', '.join(header[1:])}."
            )
    return header


def _filled(path: Path, line: int, column: str, cell: str) -> str:
    text = cell.strip()
    if not text:
        raise FormatError(f"{path}, line {line}: {column} is empty.", fix="Fill it in.")
    return text


def _score(cell: str, *, decimal_comma: bool) -> float | None:
    """A cell as a number, NaN where it says that there is none, None where it is text."""
    text = cell.strip().lower()
    if text in _EMPTY:
        return math.nan
    if text in _WORDS:
        return _WORDS[text]
    try:
        return float(text.replace(",", ".") if decimal_comma else text)
    except ValueError:
        return None


def _take(column: _Column, cell: str, score: float | None, line: int) -> None:
    if score is None or not (0 <= score <= 1 or math.isnan(score)):
        if column.first_text is None:
            column.first_text = (line, cell)
        column.numbers += score is not None
        score = math.nan
    elif not math.isnan(score):
        column.numbers += 1
    column.scores.append(score)


def _models(
    path: Path, columns: Sequence[_Column], choice: TableChoice
) -> tuple[tuple[_Column, ...], tuple[str, ...]]:
    """The columns that hold scores, and a note on those of text, which describe the items."""
    models, described = [], []
    for column in columns:
        if column.first_text is not None and (column.numbers or choice.models):
            raise _no_score(path, column)
        if column.first_text is not None:
            described.append(column)
        elif not column.numbers:
            raise InputError(
                f"{path}: the column {column.name!r} is empty.",
                fix="Leave the model out, or give 0 for each item that it got wrong.",
            )
        else:
            models.append(column)
    if described and len(models) < 2:
        raise _no_score(path, described[0])
    if choice.models:
        models.sort(key=lambda column: choice.models.index(column.name))
    names = ", ".join(column.name for column in described)
    notes = []
    if described:
        notes.append(
            f"Left out, because they hold text instead of scores: {names}; --group takes one whose "
            "items belong together, --task one of tasks."
        )
    if not choice.models and (described or any(map(_may_describe, models))):
        notes.append(_taken(models))
    return tuple(models), tuple(notes)


def _may_describe(column: _Column) -> bool:
    """Whether a column of scores looks like one that describes the items."""
    return _DESCRIPTION.match(column.name) is not None or len(set(column.scores)) == 1


def _taken(models: Sequence[_Column]) -> str:
    """That every column of scores counts as a model, for one that describes items may too."""
    names = [column.name for column in models]
    rest = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return (
        f"Taken for models: {', '.join(names[:_MOST_NAMED])}{rest}. If one of them describes the "
        "items, name the models with --models."
    )


def _no_score(path: Path, column: _Column) -> FormatError:
    line, cell = column.first_text or (0, "")
    return FormatError(
        f"{path}, line {line}: {cell.strip()[:40]!r} in the column {column.name!r} is no score "
        "between 0 and 1.",
        fix="Write 1 for right and 0 for wrong, divide percentages by 100, or name the columns to "
        "read with --models.",
    )


def _by_task(
    path: Path,
    labels: _Rows,
    models: Sequence[_Column],
    choice: TableChoice,
) -> tuple[Outcomes, ...]:
    rows: dict[str, dict[str, list[int]]] = {}
    for index, (item, task) in enumerate(zip(labels.items, labels.tasks, strict=True)):
        rows.setdefault(task, {}).setdefault(item, []).append(index)
    return tuple(
        Outcomes(
            subject=task,
            items=tuple(of_task),
            models=tuple(column.name for column in models),
            scores=tuple(_means(column, list(of_task.values())) for column in models),
            groups=_groups(path, of_task, labels.groups) if labels.groups else None,
        )
        for task, of_task in rows.items()
        if _unique(path, of_task, choice)
    )


def _unique(path: Path, rows: dict[str, list[int]], choice: TableChoice) -> bool:
    """Whether each item stands once, or may stand several times.

    Raises:
        InputError: an item stands twice.
    """
    for item, indices in () if choice.average else rows.items():
        if len(indices) > 1:
            raise InputError(
                f"{path}: the item {item!r} stands {len(indices)} times.",
                fix="Name each item once; for repeated answers to an item add --average, for "
                "several tasks name their column with --task.",
            )
    return True


def _means(column: _Column, rows: Sequence[Sequence[int]]) -> array[float]:
    """One score per item: of repeats the mean, where a missing one is wrong."""
    return array("d", (_mean([column.scores[index] for index in indices]) for indices in rows))


def _mean(scores: Sequence[float]) -> float:
    if len(scores) == 1 or all(math.isnan(score) for score in scores):
        return scores[0]
    return sum(0.0 if math.isnan(score) else score for score in scores) / len(scores)


def _groups(path: Path, rows: dict[str, list[int]], groups: Sequence[str]) -> tuple[str, ...]:
    for item, indices in rows.items():
        if len({groups[index] for index in indices}) > 1:
            raise InputError(
                f"{path}: the item {item!r} is in two groups.", fix="Give it one group."
            )
    return tuple(groups[indices[0]] for indices in rows.values())
