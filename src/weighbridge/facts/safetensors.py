"""Headers of safetensors files: the tensor table, without reading the weights.

Format: https://huggingface.co/docs/safetensors, "Format": eight bytes of length, little endian, a
JSON object of that length, then the weights without a gap. Every length is checked against what
the file can hold before anything is kept for it.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable, Sequence
from math import prod
from pathlib import Path
from typing import Annotated, Final

import msgspec

from weighbridge.core.architecture import TensorInfo, WeightFile
from weighbridge.core.errors import FormatError, InputError
from weighbridge.facts.header_bytes import DAMAGED, FETCH_AGAIN, Source
from weighbridge.facts.lookalikes import recognise

# The reference reader refuses longer headers (MAX_HEADER_SIZE in safetensors/src/tensor.rs).
MAX_HEADER_BYTES: Final = 100_000_000
# The most tensors seen in one file are 47 000; each costs about 500 bytes of memory.
MAX_TENSORS: Final = 262_144
MAX_DIMENSIONS: Final = 32

# Bits per value: `enum Dtype` in safetensors/src/tensor.rs, 0.7.
DTYPE_BITS: Final[dict[str, int]] = {
    "F64": 64,
    "I64": 64,
    "U64": 64,
    "C64": 64,
    "F32": 32,
    "I32": 32,
    "U32": 32,
    "F16": 16,
    "BF16": 16,
    "I16": 16,
    "U16": 16,
    "F8_E4M3": 8,
    "F8_E5M2": 8,
    "F8_E4M3FNUZ": 8,
    "F8_E5M2FNUZ": 8,
    "F8_E8M0": 8,
    "I8": 8,
    "U8": 8,
    "BOOL": 8,
    "F6_E2M3": 6,
    "F6_E3M2": 6,
    "F4": 4,
}

_METADATA: Final = "__metadata__"
_LENGTH_BYTES: Final = 8
_Size = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Entry(msgspec.Struct):
    """One tensor as the header spells it."""

    dtype: str
    shape: list[_Size]
    data_offsets: tuple[_Size, _Size]


def read_safetensors(path: Path) -> WeightFile:
    """The tensors of one safetensors file.

    Raises:
        InputError: there is no such file, or it cannot be read.
        FormatError: it is not safetensors, incomplete or damaged.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path} is not a regular file.", fix="Give a .safetensors file.")
        with path.open("rb") as source:
            tensors = parse_safetensors(source, status.st_size, str(path))
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.", fix="Check the path.") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be read: {reason}.", fix="Check the path.") from error
    return weight_file(tensors, status.st_size)


def weight_file(tensors: Iterable[TensorInfo], file_bytes: int) -> WeightFile:
    """Tensors of one or more safetensors files, named after the type that takes most bytes."""
    kept = tuple(tensors)
    unnamed = WeightFile("safetensors", "", kept, file_bytes)
    main = next(iter(unnamed.bytes_by_dtype), "empty")
    return WeightFile("safetensors", main, kept, file_bytes)


def parse_safetensors(source: Source, file_bytes: int, name: str) -> tuple[TensorInfo, ...]:
    """The tensors of a safetensors file of ``file_bytes`` bytes, in the order of their weights.

    Args:
        source: yields the file's bytes from its first one.
        file_bytes: size of the whole file.
        name: how errors call the file.

    Raises:
        FormatError: it is not safetensors, incomplete or damaged; says ``name``.
    """
    length = _header_length(_take(source, _LENGTH_BYTES, name), source, file_bytes, name)
    header = _take(source, length, name)
    placed = [_tensor(key, entry, name) for key, entry in _entries(header, name).items()]
    placed.sort(key=lambda pair: (pair[0], pair[0] + pair[1].bytes))
    _check_placement(placed, file_bytes - _LENGTH_BYTES - length, name)
    return tuple(tensor for _, tensor in placed)


def _header_length(first: bytes, source: Source, file_bytes: int, name: str) -> int:
    """The length that the first eight bytes state, if such a header can be there."""
    length = int.from_bytes(first, "little")
    if length <= min(MAX_HEADER_BYTES, file_bytes - _LENGTH_BYTES) and length >= 2:
        return length
    other = recognise(first + source.read(504))
    if first.startswith(b"GGUF"):
        raise FormatError(f"{name} is a GGUF file, not safetensors.", fix="Name it .gguf.")
    if other is not None and not _says_safetensors(other.what):
        raise FormatError(f"{name} is {other.what}.", fix=other.fix)
    if length > MAX_HEADER_BYTES:
        raise FormatError(
            f"{name} is no safetensors file: its first bytes state a header of {length} bytes,"
            f" over the limit of {MAX_HEADER_BYTES}.",
            fix="Give the model's .safetensors file.",
        )
    if length < 2:
        raise FormatError(f"{name}: the header of {length} bytes is empty (byte 0).", fix=DAMAGED)
    raise FormatError(
        f"{name} ends after {file_bytes} bytes, inside its header of {length} bytes.",
        fix=FETCH_AGAIN,
    )


def _says_safetensors(what: str) -> bool:
    """Whether a look-alike is this very format."""
    return what.startswith("a safetensors file")


def _take(source: Source, count: int, name: str) -> bytes:
    """Exactly ``count`` bytes, however many reads that takes."""
    parts, missing = [], count
    while missing > 0:
        part = source.read(missing)
        if not part:
            raise FormatError(
                f"{name} ended after {count - missing} of {count} bytes of its header.",
                fix=FETCH_AGAIN,
            )
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _entries(header: bytes, name: str) -> dict[str, _Entry]:
    """The JSON object, without its free texts."""
    claimed = header.count(b'"data_offsets"')
    if claimed > MAX_TENSORS:
        raise FormatError(f"{name} lists {claimed} tensors, more than any model has.", fix=DAMAGED)
    try:
        texts = msgspec.json.decode(header, type=dict[str, msgspec.Raw])
        texts.pop(_METADATA, None)
        if len(texts) > MAX_TENSORS:
            raise FormatError(f"{name} lists {len(texts)} tensors: too many.", fix=DAMAGED)
        decode = msgspec.json.Decoder(_Entry).decode
        return {key: decode(text) for key, text in texts.items()}
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise FormatError(
            f"{name}: the header is not a table of tensors: {reason} (bytes 8 to"
            f" {_LENGTH_BYTES + len(header)}).",
            fix=DAMAGED,
        ) from error


def _tensor(key: str, entry: _Entry, name: str) -> tuple[int, TensorInfo]:
    """A tensor and where its weights begin; its type and shape explain its length exactly."""
    shown = repr(key if len(key) <= 100 else key[:100] + "…")
    bits = DTYPE_BITS.get(entry.dtype)
    if bits is None:
        raise FormatError(
            f"{name}: tensor {shown} has the unknown type {entry.dtype[:40]!r}.",
            fix="Update Weighbridge, or fetch the file again.",
        )
    if len(entry.shape) > MAX_DIMENSIONS:
        raise FormatError(f"{name}: tensor {shown} has {len(entry.shape)} dimensions.", fix=DAMAGED)
    start, stop = entry.data_offsets
    if prod(entry.shape) * bits != (stop - start) * 8:
        raise FormatError(
            f"{name}: tensor {shown} is {entry.dtype} of shape {entry.shape}"
            f" but has {stop - start} bytes ({start} to {stop}).",
            fix=DAMAGED,
        )
    return start, TensorInfo(key, tuple(entry.shape), entry.dtype, stop - start)


def _check_placement(placed: Sequence[tuple[int, TensorInfo]], data_bytes: int, name: str) -> None:
    """The tensors cover what follows the header, each byte once; the reference demands it too."""
    end = 0
    for start, tensor in placed:
        if start != end:
            what = "overlaps the one before it" if start < end else "leaves a gap before it"
            raise FormatError(
                f"{name}: tensor {tensor.name[:100]!r} {what} (byte {start} of the weights).",
                fix=DAMAGED,
            )
        end = start + tensor.bytes
    if end > data_bytes:
        raise FormatError(
            f"{name} has {data_bytes} bytes of weights, but its header places {end}.",
            fix=FETCH_AGAIN,
        )
    if end < data_bytes:
        raise FormatError(
            f"{name} has {data_bytes - end} bytes behind its last tensor.", fix=DAMAGED
        )
