"""JSON lines of published suites, compressed or not, in a file or found in a folder."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from weighbridge.core.errors import FormatError, InputError

RowT = TypeVar("RowT", bound=msgspec.Struct)
_WHICH = "Is it the published file of this suite?"


@dataclass(frozen=True, slots=True)
class Published:
    """A published suite in our format.

    Attributes:
        settings: what goes into suite.yaml.
        items: the lines of items.jsonl.
        places: of each item the file and line that it is from, where it is from any.
    """

    settings: dict[str, Any]
    items: Sequence[dict[str, Any]]
    places: Sequence[str] = ()


def find(path: Path, names: Sequence[str]) -> Path:
    """``path`` if it is a file, else the first of ``names`` in it.

    Raises:
        InputError: there is none.
    """
    if path.is_file():
        return path
    for name in names:
        found = sorted(path.glob(name)) if path.is_dir() else []
        if found:
            return found[0]
    raise InputError(
        f"{path} is neither a file nor a folder with {' or '.join(names)}.", fix="Check the path."
    )


def rows(
    path: Path,
    kind: type[RowT],
    refuse: Callable[[Path, dict[str, Any]], None] = lambda _, __: None,
) -> list[tuple[str, RowT]]:
    """The objects of a file of JSON lines, each with its file and line.

    ``refuse`` raises for rows of another file, which it knows.

    Raises:
        InputError: it cannot be read.
        FormatError: it is not such a file; names the line.
    """
    needed = [one.encode_name for one in msgspec.structs.fields(kind) if one.required]
    found = []
    for where, row in objects(path, needed, refuse):
        try:
            found.append((where, msgspec.convert(row, kind)))
        except msgspec.ValidationError as error:
            raise FormatError(f"{where}: {error}.", fix=_WHICH) from None
    return found


def objects(
    path: Path,
    needed: Sequence[str],
    refuse: Callable[[Path, dict[str, Any]], None] = lambda _, __: None,
) -> list[tuple[str, dict[str, Any]]]:
    """As :func:`rows`, with all keys, of which each object must have the ``needed`` ones.

    Raises:
        InputError: it cannot be read.
        FormatError: it is not such a file; names the line.
    """
    found = []
    for number, line in enumerate(_data(path).split(b"\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        try:
            row = msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise FormatError(f"{where}: {error}.") from None
        refuse(path, row)
        missing = [key for key in needed if key not in row]
        if missing:
            raise FormatError(f"{where}: there is no `{missing[0]}`.", fix=_WHICH)
        found.append((where, row))
    if not found:
        raise FormatError(f"{path} is empty.")
    return found


def _data(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"Cannot read {path}: {error}.", fix="Check the path.") from None
