"""Votes of any origin: CSV with ``item,rater,a,b,winner``, read and written."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TextIO

from weighbridge.core.ballots import CHOICES, Ballot, Choice
from weighbridge.core.errors import FormatError, InputError
from weighbridge.core.sheet_cells import guarded, unguarded

NEEDED: Final = ("item", "rater", "a", "b", "winner")
OPTIONAL: Final = ("task", "group", "reason", "judge", "inconsistent", "time")
_FORM: Final = (
    "The header is item,rater,a,b,winner; a and b name the models, and winner is a, b, tie or "
    "both_bad."
)
# What else published tables of votes call the winner; sides are the order of the columns there too.
_ALSO: Final[dict[str, Choice]] = {
    "model_a": "a",
    "model_b": "b",
    "tie (bothbad)": "both_bad",
    "bothbad": "both_bad",
}
_TRUE: Final = frozenset({"1", "true", "yes"})
_FALSE: Final = frozenset({"", "0", "false", "no"})


def read_votes(path: Path) -> tuple[tuple[Ballot, ...], tuple[str, ...]]:
    """The votes in a file, and the columns that mean nothing to us.

    Raises:
        InputError: it cannot be read, or has no votes.
        FormatError: it is no table of votes; names line and column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return _read(path, file)
    except UnicodeDecodeError:
        raise FormatError(f"{path} is not UTF-8 text.", fix="Save it as CSV in UTF-8.") from None
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.", fix="Check the path.") from None


def contradictions(ballots: Sequence[Ballot]) -> tuple[int, tuple[Ballot, ...]]:
    """On how many pairs of answers a rater is of two minds, and the first who is, twice.

    Votes without a rater may be of different people.
    """
    said: dict[tuple[str, ...], Ballot] = {}
    torn: dict[tuple[str, ...], tuple[Ballot, Ballot]] = {}
    for one in ballots:
        key = (one.rater, one.task, one.item, *sorted((one.a, one.b)))
        before = said.setdefault(key, one)
        if one.rater and _verdict(before) != _verdict(one):
            torn.setdefault(key, (before, one))
    return len(torn), next(iter(torn.values()), ())


def _verdict(ballot: Ballot) -> str:
    """Whom a vote is for, whichever side it stood on."""
    return {"a": f"={ballot.a}", "b": f"={ballot.b}"}.get(ballot.winner, ballot.winner)


def votes_csv(ballots: Sequence[Ballot]) -> str:
    """Ballots as :func:`read_votes` reads them; no cell is a formula to a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*NEEDED, *OPTIONAL])
    for one in ballots:
        flags = (str(int(one.judge)), str(int(one.inconsistent)))
        writer.writerow(
            map(guarded, [one.item, one.rater, one.a, one.b, one.winner, one.task, one.group,
                          one.reason, *flags, one.time])
        )  # fmt: skip
    return text.getvalue()


def _read(path: Path, file: TextIO) -> tuple[tuple[Ballot, ...], tuple[str, ...]]:
    first = file.readline()
    file.seek(0)
    mark = max(",;\t", key=first.count)
    reader = csv.reader(file, delimiter=mark, strict=True)
    try:
        header = [cell.strip().lower() for cell in next(reader, [])]
        _check(path, header)
        ballots = tuple(_rows(path, header, reader))
    except csv.Error as error:
        raise FormatError(f"{path}, line {reader.line_num}: {error}.", fix=_FORM) from None
    if not ballots:
        raise InputError(f"{path} has a header and no votes.", fix=_FORM)
    unknown = [name for name in header if name not in (*NEEDED, *OPTIONAL)]
    return ballots, tuple(unknown)


def _check(path: Path, header: Sequence[str]) -> None:
    missing = [name for name in NEEDED if name not in header]
    if missing:
        raise FormatError(f"{path} has no column {', '.join(missing)}.", fix=_FORM)
    twice = [name for name in (*NEEDED, *OPTIONAL) if header.count(name) > 1]
    if twice:
        raise FormatError(f"{path} has two columns {twice[0]}.", fix=_FORM)


def _rows(path: Path, header: Sequence[str], reader: Iterator[list[str]]) -> Iterator[Ballot]:
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        where = f"{path}, line {getattr(reader, 'line_num', 0)}"
        if len(row) != len(header):
            raise FormatError(
                f"{where}: {len(row)} cells, where the header has {len(header)}.",
                fix="Give every row the same number of cells; quote cells that hold the separator.",
            )
        cells = (unguarded(cell.strip()) for cell in row)
        yield _ballot(where, dict(zip(header, cells, strict=True)))


def _ballot(where: str, row: dict[str, str]) -> Ballot:
    for name in ("item", "a", "b"):
        if not row[name]:
            raise FormatError(f"{where}: {name} is empty.", fix=_FORM)
    if row["a"] == row["b"]:
        raise FormatError(f"{where}: {row['a']} is compared with itself.", fix="Remove the row.")
    told = row["winner"].lower()
    winner = next((choice for choice in CHOICES if choice == told), _ALSO.get(told))
    if winner is None:
        raise FormatError(f"{where}: the winner is {row['winner']!r}.", fix=_FORM)
    return Ballot(
        row["item"],
        row["rater"],
        row["a"],
        row["b"],
        winner,
        task=row.get("task", ""),
        group=row.get("group", ""),
        reason=row.get("reason", ""),
        judge=_flag(where, "judge", row),
        inconsistent=_flag(where, "inconsistent", row),
        time=row.get("time", ""),
    )


def _flag(where: str, name: str, row: dict[str, str]) -> bool:
    told = row.get(name, "").lower()
    if told in _TRUE or told in _FALSE:
        return told in _TRUE
    raise FormatError(f"{where}: {name} is {row[name]!r}.", fix="Write 1 or 0.")
