"""``weigh import``: configurations of llama-swap and LiteLLM, turned into ours."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.facts.documents import load_yaml, read_text
from weighbridge.serve.config import check_config, warnings, write_config
from weighbridge.serve.importing.litellm import from_litellm, is_litellm
from weighbridge.serve.importing.llama_swap import from_llama_swap, is_llama_swap


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """What became of a file.

    Attributes:
        kind: whose file it was.
        text: our configuration.
        notes: what was not, or not quite, taken over.
        faults: what has to be mended before it can be served here.
        warnings: what to know before serving it; empty where there are faults.
    """

    kind: str
    text: str
    notes: tuple[str, ...]
    faults: tuple[str, ...]
    warnings: tuple[str, ...]


def import_file(
    path: Path, folder: Path, environment: Mapping[str, str] | None = None
) -> ImportedFile:
    """The file in ``path`` as our configuration, to lie in ``folder``.

    Raises:
        InputError: it cannot be read, or is of neither kind.
    """
    document = load_yaml(read_text(path), origin=str(path)).document
    if is_litellm(document):
        kind, imported = "LiteLLM", from_litellm(document)
    elif is_llama_swap(document):
        kind, imported = "llama-swap", from_llama_swap(document)
    else:
        raise ConfigError(
            f"{path} is a file of neither llama-swap nor LiteLLM.",
            fix="The one has `models` with a `cmd` each, the other a `model_list`.",
        )
    text = write_config(imported.config, f"Imported by `weigh import` from {kind}'s {path.name}.")
    checked = check_config(
        text,
        folder,
        origin="the result",
        environment=os.environ if environment is None else environment,
    )
    return ImportedFile(
        kind=kind,
        text=text,
        notes=imported.notes,
        faults=tuple(str(fault) for fault in checked.faults),
        warnings=() if checked.written is None else warnings(checked.written),
    )


def write_file(imported: ImportedFile, path: Path, *, force: bool) -> None:
    """Write the configuration to ``path``.

    Raises:
        InputError: there is a file already, or it cannot be written.
    """
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(imported.text)
    except FileExistsError:
        raise InputError(f"{path} is there already.", fix="Add --force to replace it.") from None
    except OSError as error:
        raise InputError(f"Cannot write {path}: {error.strerror}.", fix="Check the path.") from None
