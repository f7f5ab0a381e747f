"""Tables of scenarios, as people and public measurements write them: a CSV file, a row each."""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from weighbridge.core.errors import FormatError, InputError
from weighbridge.core.sheet_cells import unguarded
from weighbridge.core.units import parse_tokens
from weighbridge.predict.table import Scenario

NEEDED: Final = ("model_path", "system", "isl", "osl")
OPTIONAL: Final = (
    "backend", "backend_version", "precision", "tp_size", "moe_ep_size", "attention_dp_size",
    "concurrency",
)  # fmt: skip
# What a row has that says nothing.
_EMPTY: Final = frozenset({"", "nan", "none", "null", "na", "n/a", "-"})
_DELIMITERS: Final = ",;\t"
_MOST_TOKENS: Final = 100_000_000
_MOST_DEVICES: Final = 1024
_MOST_USERS: Final = 10_000_000
_GGUF_PREFIXES: Final = ("q2_", "q3_", "q4_", "q5_", "q6_", "q8_", "iq")
_EXAMPLE: Final = f"It needs the columns {', '.join(NEEDED)}; docs/predict.md says what they mean."

Cells = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Table:
    """A file of scenarios.

    Attributes:
        columns: in the file's order.
        rows: cells by column; cells beyond the last column are under "".
    """

    columns: tuple[str, ...]
    rows: tuple[Cells, ...]


def read_table(path: Path) -> Table:
    """The rows of a CSV file (``-`` for standard input, gzipped by its ending).

    Raises:
        InputError: it cannot be read, is no table, or lacks columns; says which are nearest.
    """
    text = _text(path)
    first = text.lstrip("\n").partition("\n")[0]
    if not first.strip() or "\0" in text or first.lstrip().startswith(("{", "[", "<")):
        raise FormatError(f"{path} is not a CSV table.", fix=_EXAMPLE)
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, restkey="", restval="")
    try:
        columns = tuple(unguarded(name.strip()) for name in reader.fieldnames or ())
        reader.fieldnames = columns
        _check(path, columns)
        rows = tuple({key: _cell(value) for key, value in row.items()} for row in reader)
    except csv.Error as error:
        raise FormatError(f"{path}, line {reader.line_num}: {error}.", fix=_EXAMPLE) from None
    if not rows:
        raise InputError(f"{path} has no rows.", fix="Write one scenario a line.")
    return Table(columns, rows)


def scenario(row: Cells) -> tuple[Scenario, tuple[str, ...]]:
    """The scenario of a row, and what was assumed of it.

    Raises:
        InputError: a cell says nothing that can be predicted.
    """
    if "" in row:
        raise InputError("The row has more cells than the header.", fix="Quote cells with commas.")
    for column in ("model_path", "system"):
        if _said(row, column) == "":
            raise InputError(f"{column} is empty.", fix="Fill it in.")
    _require_one_kind_of_worker(row)
    backend, notes = _backend(row)
    users, assumed = _users(row)
    notes = (*notes, *assumed)
    return Scenario(
        model=row["model_path"].strip(),
        system=row["system"].strip(),
        backend=backend,
        backend_version=_said(row, "backend_version"),
        precision=_said(row, "precision"),
        isl=_needed(row, "isl"),
        osl=_needed(row, "osl"),
        # 0 devices for "not used" is how some tables write it; 0 here is for the system to say.
        tp_size=_whole(row, "tp_size", 0),
        moe_ep_size=_whole(row, "moe_ep_size", 1),
        attention_dp_size=_whole(row, "attention_dp_size", 1),
        concurrency=users,
    ), notes


def _require_one_kind_of_worker(row: Cells) -> None:
    disaggregated = _said(row, "mode").lower().startswith("disagg")
    sizes = _said(row, "decode_tp_size") and not _said(row, "tp_size")
    if disaggregated or sizes:
        raise InputError(
            "Some workers read prompts and others decode here (disaggregated), which is not "
            "modelled: as one worker that does both, its times would be wrong.",
            fix='Give the sizes of workers that do both, and "agg" as their mode.',
        )


def _users(row: Cells) -> tuple[float, tuple[str, ...]]:
    """Requests in flight on one replica.

    Where a table has both, ``concurrency`` is of the whole deployment and ``batch_size`` of one
    worker, or of one copy of its attention: what is left between them are replicas.
    """
    users = _number(row, "concurrency", least=1e-9, most=_MOST_USERS)
    if users is None:
        users = _number(row, "batch_size", least=1, most=_MOST_USERS) or 1.0
        return users, (f"concurrency is not given: {users:g} is assumed",)
    if users != int(users):
        return users, (f"concurrency {users:g} is read as that many in flight on average",)
    each = _worker_users(row)
    if each is None or users < 2 * each or users % each:
        return users, ()
    replicas = users / each
    said = f"concurrency {users:g} at batch_size {_said(row, 'batch_size')}"
    return each, (f"{said} is read as {replicas:g} replicas of {each:g} requests each",)


def _worker_users(row: Cells) -> float | None:
    try:
        batch = _number(row, "batch_size", least=1, most=_MOST_USERS)
    except InputError:  # a column of somebody's own: with a concurrency nobody asks for it
        return None
    return None if batch is None else batch * _whole(row, "attention_dp_size", 1)


def _text(path: Path) -> str:
    import sys  # noqa: PLC0415 -- for "-" alone

    try:
        raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FormatError(f"{path} is not a UTF-8 text file.", fix=_EXAMPLE) from None
    except (OSError, EOFError) as error:
        said = getattr(error, "strerror", None) or error
        raise InputError(f"Cannot read {path}: {said}.", fix="Check the path.") from None


def _check(path: Path, columns: Sequence[str]) -> None:
    twice = {name for name in columns if columns.count(name) > 1}
    if twice & {*NEEDED, *OPTIONAL}:
        raise InputError(f"{path} has the column {min(twice)!r} twice.", fix="Keep one of them.")
    missing = [name for name in NEEDED if name not in columns]
    if not missing:
        return
    hints = []
    for name in missing:
        near = difflib.get_close_matches(name, set(columns) - {*NEEDED, *OPTIONAL}, 1, 0.5)
        hints += [f"{near[0]!r} is nearest to {name}"] if near else []
    raise InputError(
        f"{path} has no column {', '.join(missing)}.",
        fix=f"{'; '.join(hints)}: rename it." if hints else _EXAMPLE,
    )


def _cell(value: str | list[str] | None) -> str:
    return unguarded(value) if isinstance(value, str) else ",".join(value or ())


def _said(row: Cells, column: str) -> str:
    text = (row.get(column) or "").strip()
    return "" if text.lower() in _EMPTY else text


def _backend(row: Cells) -> tuple[str, tuple[str, ...]]:
    said = _said(row, "backend")
    if said:
        return said, ()
    quant = _said(row, "precision").lower()
    gguf = quant.startswith(_GGUF_PREFIXES) or "gguf" in row["model_path"].lower()
    chosen = "llama.cpp" if gguf else "vllm"
    return chosen, (f"backend is not given: {chosen} is assumed",)


def _needed(row: Cells, column: str) -> float:
    said = _said(row, column)
    if not said:
        raise InputError(f"{column} is empty.", fix="Give a number of tokens.")
    if said[-1] in "kKmM":  # as on the command line: 16k is 16384
        try:
            row = {**row, column: str(parse_tokens(said))}
        except InputError as error:
            raise InputError(f"{column}: {error.message}", fix=error.fix) from None
    value = _number(row, column, least=1, most=_MOST_TOKENS)
    return 1.0 if value is None else value


def _whole(row: Cells, column: str, otherwise: int) -> int:
    value = _number(row, column, least=0, most=_MOST_DEVICES)
    if value is not None and value != int(value):
        raise InputError(f"{column} is {value:g}.", fix="Give a whole number.")
    return int(value) if value else otherwise


def _number(row: Cells, column: str, *, least: float, most: float) -> float | None:
    said = _said(row, column)
    if not said:
        return None
    try:
        value = float(said)
    except ValueError:
        raise InputError(
            f"{column} {said!r} is not a number.", fix="Write for example 8."
        ) from None
    if not math.isfinite(value) or value < least:
        wanted = "1 or more" if least > 0 else "0 or more"
        raise InputError(f"{column} is {said}.", fix=f"Give {wanted}.")
    if value > most:
        raise InputError(f"{column} is {said}.", fix=f"Give at most {most:g}.")
    return value
