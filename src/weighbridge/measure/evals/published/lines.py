"""JSON lines of published suites, compressed or not, in a file or found in a folder."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.core.errors import FormatError, InputError


@dataclass(frozen=True, slots=True)
class Published:
    """A published suite in our format: what goes into suite.yaml, and the lines of items.jsonl."""

    settings: dict[str, Any]
    items: Sequence[dict[str, Any]]


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
    needed: Sequence[str],
    refuse: Callable[[Path, dict[str, Any]], None] = lambda _, __: None,
) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines, each of which must have the ``needed`` keys.

    ``refuse`` raises for rows of another file, which it knows.

    Raises:
        InputError: it cannot be read.
        FormatError: it is not such a file; names the line.
    """
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"Cannot read {path}: {error}.", fix="Check the path.") from None
    found = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise FormatError(f"{path}, line {number}: {error}.") from None
        refuse(path, row)
        missing = [key for key in needed if key not in row]
        if missing:
            raise FormatError(
                f"{path}, line {number}: there is no `{missing[0]}`.",
                fix="Is it the published file of this suite?",
            )
        found.append(row)
    if not found:
        raise FormatError(f"{path} is empty.")
    return found
