"""Weights in several safetensors files, and the index that says which tensor lies where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from weighbridge.core.architecture import TensorInfo, WeightFile
from weighbridge.core.errors import FormatError
from weighbridge.facts.header_bytes import DAMAGED
from weighbridge.facts.safetensors import weight_file
from weighbridge.facts.sources.material import MAX_INDEX_BYTES, parse_object

INDEX: Final = "model.safetensors.index.json"
SINGLE: Final = "model.safetensors"
MAX_SHARDS: Final = 4096


@dataclass(frozen=True, slots=True)
class Index:
    """Where the tensors of a model lie.

    Attributes:
        files: the shards, sorted.
        file_of: tensor name to shard.
        total_bytes: what the index states for all weights, or None.
    """

    files: tuple[str, ...]
    file_of: Mapping[str, str]
    total_bytes: int | None


def parse_index(raw: bytes, name: str) -> Index:
    """A ``model.safetensors.index.json``.

    Raises:
        FormatError: it is not such an index, or names files outside its folder.
    """
    document = parse_object(raw, name, at_most=MAX_INDEX_BYTES)
    file_of = document.get("weight_map")
    if not isinstance(file_of, dict) or not file_of:
        raise FormatError(f"{name} has no weight_map, so it is no index.", fix="Check the file.")
    for file in file_of.values():
        named = isinstance(file, str) and file and "\\" not in file
        if not named or PurePosixPath(file).name != file:
            raise FormatError(f"{name} names {str(file)[:80]!r}, which is no shard.", fix=DAMAGED)
    files = tuple(sorted(set(file_of.values())))
    if len(files) > MAX_SHARDS:
        raise FormatError(f"{name} names {len(files)} shards: too many.", fix=DAMAGED)
    metadata = document.get("metadata")
    total = metadata.get("total_size") if isinstance(metadata, dict) else None
    return Index(files, file_of, int(total) if isinstance(total, int | float) else None)


def join(
    index: Index, shards: Mapping[str, Sequence[TensorInfo]], file_bytes: int, name: str
) -> tuple[WeightFile, tuple[str, ...]]:
    """All shards as one, and sentences about where they and the index disagree.

    Args:
        index: of the model.
        shards: file to its tensors, for every file of the index.
        file_bytes: size of all shards.
        name: how errors call the index.

    Raises:
        FormatError: a tensor is not where the index says.
    """
    held = {file: {tensor.name for tensor in tensors} for file, tensors in shards.items()}
    for tensor, file in index.file_of.items():
        if tensor not in held[file]:
            raise FormatError(
                f"{name} says that {file} holds {tensor[:100]!r}, but it does not.",
                fix="Fetch the index and the shards again, from one revision.",
            )
    weights = weight_file((tensor for file in index.files for tensor in shards[file]), file_bytes)
    notes = []
    unlisted = sum(len(names) for names in held.values()) - len(index.file_of)
    if unlisted:
        notes.append(f"The shards hold {unlisted} tensors that their index does not list.")
    if index.total_bytes is not None and index.total_bytes != weights.weight_bytes:
        notes.append(
            f"The index states {index.total_bytes} bytes of weights;"
            f" the shards' headers say {weights.weight_bytes}."
        )
    return weights, tuple(notes)
