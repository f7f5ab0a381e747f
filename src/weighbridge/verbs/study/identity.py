"""What tells one model from another of the same name: its weights, or where it answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from weighbridge.core.routing import ModelEntry
from weighbridge.core.runs import content_hash
from weighbridge.core.units import MIB
from weighbridge.verbs.study.entries import settings_of

# Larger files are sampled: reading hundreds of gigabytes takes longer than what rests on it, and
# other weights differ everywhere.
_WHOLE = 64 * MIB
_SAMPLES = 64
_SAMPLE = MIB // 4


def identity_of(entry: ModelEntry) -> str:
    """Hash of the weights where they are files here, else of the name under which they are had."""
    if entry.source is None:
        return content_hash("address", entry.urls, entry.model, entry.cmd)
    path = Path(entry.source)
    if not path.is_absolute() or not path.exists():
        return content_hash("name", entry.engine, entry.source)
    files = [path] if path.is_file() else sorted(_weights_in(path))
    return content_hash("weights", [(_name(file, path), digest_of(file)) for file in files])


def configuration_of(where: str) -> str:
    """Hash of a model's configuration, where it lies here, else of the name by which it is had."""
    path = Path(where)
    if not path.exists():
        return content_hash("name", where)
    files = [path] if path.is_file() else sorted(_weights_in(path))
    return content_hash("files", [(_name(file, path), digest_of(file)) for file in files])


def setup_of(entry: ModelEntry) -> str:
    """Hash of the weights and of everything that may change an answer or its speed."""
    return content_hash("setup", identity_of(entry), settings_of(entry))


def digest_of(path: Path) -> str:
    """SHA-256 of a file; of a large one of its size and of samples from all over it."""
    with path.open("rb") as file:
        size = path.stat().st_size
        if size <= _WHOLE:
            return hashlib.file_digest(file, "sha256").hexdigest()
        sha256 = hashlib.sha256(size.to_bytes(8, "big"))
        for sample in _samples(file, size):
            sha256.update(sample)
        return f"sampled:{sha256.hexdigest()}"


def _samples(file: IO[bytes], size: int) -> Iterator[bytes]:
    """The beginning, the end, and as much from places in between, evenly spaced."""
    for number in range(_SAMPLES):
        file.seek((size - _SAMPLE) * number // (_SAMPLES - 1))
        yield file.read(_SAMPLE)


def _weights_in(folder: Path) -> Iterator[Path]:
    """What of a folder makes the model: weights, configuration and tokenizer."""
    return (
        path
        for path in folder.iterdir()
        if path.is_file() and path.suffix in (".safetensors", ".gguf", ".bin", ".json", ".model")
    )


def _name(file: Path, path: Path) -> str:
    """The name of a file in a folder; of a single file none, so that it may be moved."""
    return "" if file == path else file.name
