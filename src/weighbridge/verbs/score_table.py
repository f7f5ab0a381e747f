"""Leaderboards in files: a score per model, from CSV of any dialect or JSON."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from weighbridge.core.errors import FormatError, InputError

Pairs = list[tuple[str, float]]
_FORM: Final = "Give a CSV file with a column for the model and one for the score, and a header."
_EMPTY: Final = frozenset({"", "na", "n/a", "nan", "none", "null", "-"})
# Columns that count places, of which the first is the best.
_PLACES: Final = frozenset({"rank", "ranking", "place", "position", "#"})
_NAMES: Final = ("model", "name", "model_name", "key")
_MOST_NAMED: Final = 40
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")
_COMMA: Final = re.compile(r"[+-]?\d+,\d+")
_SPREAD: Final = re.compile(r"\s*(±|\+/-|\+-).*$")


def smaller_is_better(column: str) -> bool:
    """Whether a column says by its name that it counts places."""
    return column.strip().casefold() in _PLACES


def read_scores(path: Path, column: str | None = None) -> tuple[str, Pairs]:
    """The column's name, then model and score of each row: the named column, or the only one.

    Rows without a score are left out, since leaderboards are sparse.

    Raises:
        InputError: the file cannot be read, or has no such column.
        FormatError: it is no such table.
    """
    text = _text(path)
    if text.lstrip().startswith(("{", "[")):
        return _from_json(path, text, column)
    with _rows(path, text) as (rows, delimiter):
        header = [" ".join(name.split()) for name in next(rows, [])]
        if len(header) < 2:
            raise FormatError(f"{path} is no table of scores.", fix=_FORM)
        named = [row for row in rows if any(cell.strip() for cell in row)]
    # A header may break its lines; whoever names a column on a command line will not.
    wanted = None if column is None else " ".join(column.split())
    if wanted is not None and wanted not in header[1:] and wanted not in header:
        raise InputError(f"{path} has no column {column!r}.", fix=f"It has: {', '.join(header)}.")
    model = next((i for i, name in enumerate(header) if name.casefold() == "model"), 0)
    place = header.index(wanted) if wanted else _score_place(path, header, named, model)
    cells = [
        (row[model].strip(), line, row[place])
        for line, row in enumerate(named, start=2)
        if len(row) > max(model, place)
    ]
    is_decimal = delimiter != "," and _is_decimal(path, [cell for _, _, cell in cells])
    scores = [
        (name, number)
        for name, line, cell in cells
        if (number := _number(path, line, cell, decimal_comma=is_decimal)) is not None
    ]
    if not scores:
        raise InputError(f"{path} has no scores.", fix=_FORM)
    return header[place], scores


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is no CSV table in UTF-8: {error}.", fix=_FORM) from None
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.", fix="Check the path.") from None


@contextmanager
def _rows(path: Path, text: str) -> Iterator[tuple[Iterator[list[str]], str]]:
    lines = text.splitlines(keepends=True)
    delimiter = max(",;\t|", key=(lines or [""])[0].count)
    try:
        yield csv.reader(lines, delimiter=delimiter), delimiter
    except csv.Error as error:
        raise FormatError(f"{path} is no CSV table in UTF-8: {error}.", fix=_FORM) from None


def _score_place(
    path: Path, header: Sequence[str], rows: Sequence[Sequence[str]], model: int
) -> int:
    """The column called score, or the only other one."""
    for place, name in enumerate(header):
        if name.casefold() == "score":
            return place
    if len(header) == 2:
        return 1 - model
    numeric = [
        name
        for place, name in enumerate(header)
        if place != model and any(_is_number(row[place]) for row in rows if len(row) > place)
    ]
    raise InputError(
        f"{path} has several columns, and none is called score.",
        fix=f"Name one with --column: {', '.join(numeric) or ', '.join(header)}.",
    )


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _bare(cell: str) -> str:
    """A cell without a percent sign and without the spread that follows ±."""
    return _SPREAD.sub("", cell.strip()).removesuffix("%").strip()


def _is_decimal(path: Path, cells: Sequence[str]) -> bool:
    """Whether commas in cells mark decimals, where no comma separates the cells.

    Raises:
        FormatError: each could as well mark thousands.
    """
    found = [text for cell in cells if "," in (text := _bare(cell))]
    if found and all(_GROUPED.fullmatch(text) for text in found):
        if any(text.count(",") > 1 or "." in text for text in found):
            return False
        raise FormatError(
            f"{path}: {found[0]!r} may be {found[0].replace(',', '')} or "
            f"{found[0].replace(',', '.')}.",
            fix="Write numbers without commas.",
        )
    return True


def _number(path: Path, line: int, cell: str, *, decimal_comma: bool) -> float | None:
    """The number in a cell; None where it is empty."""
    text = _bare(cell)
    if text.lower() in _EMPTY:
        return None
    if decimal_comma and _COMMA.fullmatch(text):
        text = text.replace(",", ".")
    elif _GROUPED.fullmatch(text):
        text = text.replace(",", "")
    if not _is_number(text):
        raise FormatError(f"{path}, row {line}: {cell.strip()[:40]!r} is no number.", fix=_FORM)
    return float(text)


# ---- JSON ----


def _from_json(path: Path, text: str, column: str | None) -> tuple[str, Pairs]:
    """Scores of an object by model, of such objects by category, or of a list of rows."""
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise FormatError(f"{path} is no JSON: {error}.", fix=_FORM) from None
    entries = _entries(document)
    if not entries:
        raise FormatError(f"{path} has no scores by model.", fix=_FORM)
    if column is None:
        column = _only_column(path, document, entries)
    parts = column.split(".")
    scores = _found(entries, parts)
    if not scores and isinstance(document, dict) and isinstance(document.get(parts[0]), dict):
        # One board by category, each a leaderboard of its own: CATEGORY.COLUMN.
        scores = _found(document[parts[0]], parts[1:])
    if not scores:
        raise InputError(
            f"{path} has no scores {column!r}.",
            fix=_naming(document, entries),
        )
    return parts[-1], scores


def _entries(document: Any) -> dict[str, Any]:  # noqa: ANN401 -- whatever the file holds
    if isinstance(document, dict):
        return document
    rows = [row for row in document if isinstance(row, dict)] if isinstance(document, list) else []
    found = {}
    for row in rows:
        name = next((key for key in row if key.casefold() in _NAMES), None)
        if name is not None:
            found[str(row[name])] = {key: value for key, value in row.items() if key != name}
    return found


def _only_column(path: Path, document: Any, entries: dict[str, Any]) -> str:  # noqa: ANN401
    columns = _columns(entries)
    if _boards(document):
        raise InputError(f"{path} has a leaderboard per category.", fix=_naming(document, entries))
    if len(columns) == 1 or "score" in columns:
        return "score" if "score" in columns else columns[0]
    raise InputError(
        f"{path} has several scores per model, and none is called score.",
        fix=_naming(document, entries),
    )


def _naming(document: Any, entries: dict[str, Any]) -> str:  # noqa: ANN401
    """How to name scores, be they by model or by category and model."""
    boards = _boards(document)
    if not boards:
        return f"Name one with --column: {', '.join(_columns(entries)[:8]) or 'CATEGORY.COLUMN'}."
    columns = dict.fromkeys(column for board in boards.values() for column in _columns(board))
    names = list(boards)
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return (
        f"Name one with --column CATEGORY.COLUMN, such as {names[0]}.{next(iter(columns))}. "
        f"Categories: {', '.join(names[:_MOST_NAMED])}{more}; columns: "
        f"{', '.join(list(columns)[:8])}."
    )


def _boards(document: Any) -> dict[str, Any]:  # noqa: ANN401
    """The leaderboards of a file that has one per category; none where it has one by model.

    Both are objects of objects. Models are many and the scores of each are called the same.
    """
    if not isinstance(document, dict) or not document:
        return {}
    for board in document.values():
        if not isinstance(board, dict) or not all(isinstance(one, dict) for one in board.values()):
            return {}
    scores = {key for board in document.values() for one in board.values() for key in one}
    models = {model for board in document.values() for model in board}
    return document if 0 < len(scores) < len(models) else {}


def _columns(entries: dict[str, Any]) -> list[str]:
    """The dotted paths to numbers, of the first few models."""
    found: dict[str, None] = {}
    for entry in list(entries.values())[:20]:
        found.update(dict.fromkeys(_paths(entry)))
    return list(found)


def _paths(value: Any, above: str = "") -> Iterator[str]:  # noqa: ANN401 -- any JSON
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, f"{above}.{key}" if above else str(key))
    elif _json_number(value) is not None:
        yield above


def _found(entries: dict[str, Any], parts: Sequence[str]) -> Pairs:
    scores = []
    for model, entry in entries.items():
        value = entry
        for part in parts if isinstance(entry, dict) else ():
            value = value.get(part) if isinstance(value, dict) else None
        number = _json_number(value)
        if number is not None:
            scores.append((model, number))
    return scores


def _json_number(value: Any) -> float | None:  # noqa: ANN401 -- any JSON
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
