"""The catalogue's files: one JSON object a line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from weighbridge.core.errors import FormatError, InputError
from weighbridge.facts.catalog.model import CatalogueModel


def read_lines(path: Path) -> tuple[CatalogueModel, ...]:
    """Every model of a file; empty lines do not count.

    Raises:
        InputError: the file cannot be read.
        FormatError: a line is no model; says which and why.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.", fix="Check the path.") from None
    decoder = msgspec.json.Decoder(CatalogueModel)
    models: list[CatalogueModel] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            models.append(decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise FormatError(
                f"{path}, line {number}: this is no model of a catalogue: {error}.",
                fix="Mend or delete the line; `weigh models add` writes correct ones.",
            ) from None
    return tuple(models)


def write_line(path: Path, model: CatalogueModel) -> None:
    """Add a model to a file, in place of one with the same id; the file is replaced whole.

    Raises:
        InputError: the file cannot be read or written.
        FormatError: it has a line that is no model.
    """
    kept = read_lines(path) if path.exists() else ()
    models = [one for one in kept if one.id.lower() != model.id.lower()] + [model]
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(b"".join(map(line_of, models)))
        draft.replace(path)
    except OSError as error:
        raise InputError(
            f"Cannot write {path}: {error.strerror}.", fix="Give another file with --catalog."
        ) from None


def line_of(model: CatalogueModel) -> bytes:
    """A model as its line."""
    return msgspec.json.encode(model) + b"\n"


def own_path(environment: Mapping[str, str]) -> Path:
    """Where the user's own catalogue is, by the XDG base directory specification."""
    home = environment.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "weighbridge" / "models.jsonl"
