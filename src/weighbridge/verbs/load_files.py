"""A load run as files for other tools: its page, and its raw requests."""

from __future__ import annotations

from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.core.errors import InputError
from weighbridge.core.load import LoadRun, RequestRecord
from weighbridge.verbs.effects import writing

_PARQUET = "Install it: pip install 'weighbridge[parquet]', or write a .jsonl file."
_LINES = (".jsonl", ".ndjson")
_TABLE = ".parquet"


def write_page(run: LoadRun, path: Path) -> None:
    """The report as one self-contained file.

    Raises:
        WorkspaceError: it cannot be written.
    """
    from weighbridge.report.run_page import run_page  # noqa: PLC0415 -- only when asked for

    with writing(path) as draft:
        draft.write_text(run_page(run, standalone=True), encoding="utf-8")


def check_folder(path: Path) -> None:
    """Find out before measuring whether there is a folder for such a file: none is made up.

    Raises:
        InputError: there is none.
    """
    if not path.parent.is_dir():
        raise InputError(
            f"{path} cannot be written: there is no folder {path.parent}.",
            fix="Make it, or name another.",
        )


def check_requests_file(path: Path) -> None:
    """Find out before measuring whether requests can be written to such a file.

    Raises:
        InputError: its name ends in neither .jsonl nor .parquet, its folder is not there, or
            pyarrow is missing.
    """
    check_folder(path)
    if path.suffix not in (*_LINES, _TABLE):
        raise InputError(f"{path.name} is neither .jsonl nor .parquet.", fix="Name the file so.")
    if path.suffix == _TABLE and find_spec("pyarrow") is None:
        raise InputError("Writing Parquet needs the library pyarrow.", fix=_PARQUET)


def write_requests(run: LoadRun, path: Path) -> None:
    """Every request, one a line (``.jsonl``) or a row (``.parquet``).

    Raises:
        InputError: the name ends in neither, or the library that writes Parquet is missing.
        WorkspaceError: it cannot be written.
    """
    check_requests_file(path)
    with writing(path) as draft:
        if path.suffix == _TABLE:
            _write_parquet(run, draft)
            return
        with draft.open("wb") as file:
            file.writelines(msgspec.json.encode(record) + b"\n" for record in run.requests)


def _write_parquet(run: LoadRun, path: Path) -> None:
    from pyarrow import Table, parquet  # noqa: PLC0415 -- an extra, and slow to load

    rows = [msgspec.to_builtins(record) for record in run.requests]
    parquet.write_table(Table.from_pylist(rows, schema=_schema()), path)


def _schema() -> Any:  # noqa: ANN401 -- pyarrow has no types, and is not always there
    """The same for every run: a column where nothing is known has its type all the same."""
    import pyarrow as pa  # noqa: PLC0415

    kinds = {
        "int": pa.int64(),
        "float": pa.float64(),
        "str": pa.string(),
        "TokenSource": pa.string(),
        "tuple[float, ...]": pa.list_(pa.float64()),
    }
    return pa.schema(
        [(one.name, kinds[str(one.type).removesuffix(" | None")]) for one in fields(RequestRecord)]
    )
