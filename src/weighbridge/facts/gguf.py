"""Headers of GGUF model files: metadata and tensor table, without reading the weights.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3, little endian.
Every count and length is checked against what the file can hold before anything is kept for it, so
a damaged or hostile header costs neither memory nor time.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from weighbridge.core.architecture import TensorInfo
from weighbridge.core.errors import FormatError, InputError
from weighbridge.core.units import KIB, MIB
from weighbridge.facts.ggml_types import GGML_TYPES, GgmlType
from weighbridge.facts.header_bytes import DAMAGED, FETCH_AGAIN, HeaderReader, Source
from weighbridge.facts.lookalikes import recognise

# Limits no real model comes near (largest seen: 60 keys, 2 000 tensors, names of 60 bytes).
MAX_KEYS: Final = 4096
MAX_TENSORS: Final = 16_384
MAX_KEY_BYTES: Final = 1024
MAX_TENSOR_NAME_BYTES: Final = 127

# What is kept of the values: long texts and arrays are only worth their length here.
MAX_TEXT_BYTES: Final = MIB
MAX_ARRAY_ELEMENTS: Final = 4096
KEPT_BYTES: Final = 8 * MIB

_DEFAULT_ALIGNMENT: Final = 32
_MAX_ALIGNMENT: Final = 64 * KIB
_MAX_DIMENSIONS: Final = 4
_STRING: Final = 8
_ARRAY: Final = 9
_PYTHON_NUMBER_BYTES: Final = 32  # what a kept element costs, roughly

# `enum gguf_type` of the specification; 8 is a string, 9 an array.
_NUMBERS: Final[dict[int, tuple[str, struct.Struct]]] = {
    0: ("uint8", struct.Struct("<B")),
    1: ("int8", struct.Struct("<b")),
    2: ("uint16", struct.Struct("<H")),
    3: ("int16", struct.Struct("<h")),
    4: ("uint32", struct.Struct("<I")),
    5: ("int32", struct.Struct("<i")),
    6: ("float32", struct.Struct("<f")),
    7: ("bool", struct.Struct("<?")),
    10: ("uint64", struct.Struct("<Q")),
    11: ("int64", struct.Struct("<q")),
    12: ("float64", struct.Struct("<d")),
}


@dataclass(frozen=True, slots=True)
class Skipped:
    """A value too long to keep.

    Attributes:
        type: type of the elements (``string``, ``float32`` …), or ``text`` for one long string.
        length: number of elements, or of bytes for a text.
    """

    type: str
    length: int


Number = int | float | bool
Value = Number | str | tuple[Number, ...] | Skipped


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """Everything before the weights.

    Attributes:
        version: 2 or 3.
        metadata: key to value; long arrays and texts as :class:`Skipped`.
        tensors: in the file's order; shapes as the file writes them, fastest dimension first.
        data_offset: where the weights begin, in bytes from the start of the file.
        alignment: every tensor begins at a multiple of this many bytes after ``data_offset``.
        file_bytes: size of the whole file.
    """

    version: int
    metadata: dict[str, Value]
    tensors: tuple[TensorInfo, ...]
    data_offset: int
    alignment: int
    file_bytes: int


def read_gguf(path: Path) -> GgufHeader:
    """The header of the GGUF file at ``path``.

    Raises:
        InputError: there is no such file, or it cannot be read.
        FormatError: it is not GGUF, of another version, incomplete or damaged.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{path} is a folder.", fix="Give the .gguf file inside it.")
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path} is not a regular file.", fix="Give a .gguf file.")
        with path.open("rb") as source:
            return parse_gguf(source, status.st_size, str(path))
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.", fix="Check the path.") from error
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} cannot be read: {reason}.", fix="Check the path.") from error


def parse_gguf(source: Source, file_bytes: int, name: str) -> GgufHeader:
    """The header of a GGUF file of ``file_bytes`` bytes whose first bytes ``source`` yields.

    Raises:
        FormatError: it is not GGUF, of another version, incomplete or damaged; says ``name``.
    """
    reader = HeaderReader(source, file_bytes, name)
    version = _version(reader)
    tensor_count = _count(reader, "tensor", at_most=MAX_TENSORS, least_bytes=32)
    key_count = _count(reader, "metadata entry", at_most=MAX_KEYS, least_bytes=13)
    metadata = _MetadataReader(reader).entries(key_count)
    alignment = _alignment(reader, metadata)
    placed = _tensor_table(reader, tensor_count)
    data_offset = -(-reader.offset // alignment) * alignment
    _check_placement(reader, placed, data_offset, alignment)
    tensors = tuple(tensor for _, tensor in placed)
    return GgufHeader(version, metadata, tensors, data_offset, alignment, file_bytes)


def _version(reader: HeaderReader) -> int:
    """Check the magic number and the version, in that order."""
    if reader.size == 0:
        raise FormatError(f"{reader.name} is empty.", fix=FETCH_AGAIN)
    head = reader.peek(512)
    if not head.startswith(b"GGUF"):
        other = recognise(head)
        if other is not None:
            raise FormatError(f"{reader.name} is {other.what}.", fix=other.fix)
        raise FormatError(
            f"{reader.name} is not a GGUF file: it does not begin with the letters GGUF.",
            fix="Give the model's .gguf file.",
        )
    reader.skip(4, "the magic number")
    version = reader.u32("the version")
    if version in {2, 3}:
        return version
    if version == 1:
        what, fix = "version 1, which no current engine reads", "Fetch a newer GGUF of this model."
    elif version and version & 0xFFFF == 0:
        what, fix = "big-endian, which is not supported", "Fetch the usual little-endian file."
    else:
        what, fix = f"version {version}; versions 2 and 3 are known", "Update Weighbridge."
    raise FormatError(f"{reader.name} is GGUF {what} (byte 4).", fix=fix)


def _count(reader: HeaderReader, what: str, *, at_most: int, least_bytes: int) -> int:
    """A number of things of which each takes at least ``least_bytes``."""
    at = reader.offset
    count = reader.u64(f"the {what} count")
    if count > at_most:
        raise reader.error(f"a {what} count of {count} is more than any model has", at=at)
    if count * least_bytes > reader.remaining:
        impossible = (
            f"a {what} count of {count} cannot fit the {reader.remaining} bytes that follow"
        )
        raise reader.error(impossible, at=at, fix=FETCH_AGAIN)
    return count


def _name(reader: HeaderReader, what: str, at_most: int) -> str:
    """A short text that must be readable: a key or a tensor's name."""
    at = reader.offset
    length = reader.u64(f"the length of {what}")
    if length > at_most:
        raise reader.error(
            f"{what} claims to be {length} bytes long, over the limit of {at_most}", at=at
        )
    raw = reader.take(length, what)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise reader.error(f"{what} is not UTF-8 text", at=at) from error


class _MetadataReader:
    """Reads key-value pairs and keeps what is small, within one budget of memory."""

    def __init__(self, reader: HeaderReader) -> None:
        self._reader = reader
        self._budget = KEPT_BYTES

    def entries(self, count: int) -> dict[str, Value]:
        """The next ``count`` pairs."""
        metadata: dict[str, Value] = {}
        for position in range(count):
            at = self._reader.offset
            key = _name(self._reader, f"metadata key {position + 1}", MAX_KEY_BYTES)
            if key in metadata:
                raise self._reader.error(f"the metadata key {key!r} appears twice", at=at)
            metadata[key] = self._value(key)
        return metadata

    def _value(self, key: str) -> Value:
        at = self._reader.offset
        type_id = self._reader.u32(f"the type of {key!r}")
        if type_id in _NUMBERS:
            return self._reader.unpack(_NUMBERS[type_id][1], f"the value of {key!r}")[0]
        if type_id == _STRING:
            return self._text(key)
        if type_id == _ARRAY:
            return self._array(key)
        raise self._reader.error(f"the value of {key!r} has the unknown type {type_id}", at=at)

    def _text(self, key: str) -> str | Skipped:
        length = self._reader.u64(f"the length of {key!r}")
        what = f"the text of {key!r}"
        if length > MAX_TEXT_BYTES or not self._afford(length):
            self._reader.skip(length, what)
            return Skipped("text", length)
        return self._reader.take(length, what).decode("utf-8", errors="replace")

    def _array(self, key: str) -> tuple[Number, ...] | Skipped:
        at = self._reader.offset
        type_id = self._reader.u32(f"the element type of {key!r}")
        length = self._reader.u64(f"the length of {key!r}")
        what = f"the array {key!r} of {length} elements"
        if type_id == _STRING:
            self._reader.skip_strings(length, what)
            return Skipped("string", length)
        if type_id not in _NUMBERS:
            kind = "an array inside" if type_id == _ARRAY else f"the unknown type {type_id} in"
            raise self._reader.error(f"{kind} the array {key!r}", at=at)
        type_name, layout = _NUMBERS[type_id]
        if length > MAX_ARRAY_ELEMENTS or not self._afford(length * _PYTHON_NUMBER_BYTES):
            self._reader.skip(length * layout.size, what)
            return Skipped(type_name, length)
        whole = struct.Struct(f"<{length}{layout.format[1:]}")
        return self._reader.unpack(whole, what)

    def _afford(self, cost: int) -> bool:
        """Whether ``cost`` bytes of memory are left; spends them if so."""
        if cost > self._budget:
            return False
        self._budget -= cost
        return True


def _alignment(reader: HeaderReader, metadata: dict[str, Value]) -> int:
    """``general.alignment``, a power of two as llama.cpp demands."""
    value = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    usable = isinstance(value, int) and 0 < value <= _MAX_ALIGNMENT and not value & (value - 1)
    if not usable or not isinstance(value, int):
        raise reader.error(
            f"general.alignment is {str(value)[:40]!r}, which is not a usable power of two"
        )
    return int(value)


def _tensor_table(reader: HeaderReader, count: int) -> list[tuple[int, TensorInfo]]:
    """The next ``count`` tensors, each with its offset into the weights."""
    placed: list[tuple[int, TensorInfo]] = []
    names: set[str] = set()
    for position in range(count):
        at = reader.offset
        name = _name(reader, f"the name of tensor {position + 1}", MAX_TENSOR_NAME_BYTES)
        if name in names:
            raise reader.error(f"the tensor {name!r} appears twice", at=at)
        names.add(name)
        shape = _shape(reader, name)
        ggml_type = _ggml_type(reader, name, shape)
        elements = _product(shape)
        stored = elements // ggml_type.block * ggml_type.block_bytes
        offset = reader.u64(f"the offset of tensor {name!r}")
        placed.append((offset, TensorInfo(name, shape, ggml_type.name, stored)))
    return placed


def _shape(reader: HeaderReader, name: str) -> tuple[int, ...]:
    """A tensor's dimensions: one to four of them, none zero, their product below 2**63."""
    at = reader.offset
    dimensions = reader.u32(f"the number of dimensions of tensor {name!r}")
    if not 1 <= dimensions <= _MAX_DIMENSIONS:
        raise reader.error(f"tensor {name!r} has {dimensions} dimensions instead of 1 to 4", at=at)
    shape = tuple(reader.u64(f"the shape of tensor {name!r}") for _ in range(dimensions))
    if 0 in shape or _product(shape) >= 2**63:
        raise reader.error(f"tensor {name!r} has the impossible shape {list(shape)}", at=at)
    return shape


def _ggml_type(reader: HeaderReader, name: str, shape: tuple[int, ...]) -> GgmlType:
    """A tensor's number format, into whose blocks its rows must divide."""
    at = reader.offset
    type_id = reader.u32(f"the type of tensor {name!r}")
    ggml_type = GGML_TYPES.get(type_id)
    if ggml_type is None:
        unknown = f"tensor {name!r} has the unknown GGML type {type_id}"
        raise reader.error(
            unknown, at=at, fix="Fetch the file again, or another quantization of it."
        )
    if shape[0] % ggml_type.block:
        uneven = f"rows of {shape[0]} weights do not divide into blocks of {ggml_type.block}"
        raise reader.error(f"tensor {name!r} is {ggml_type.name}, but its {uneven}", at=at)
    return ggml_type


def _check_placement(
    reader: HeaderReader,
    placed: Sequence[tuple[int, TensorInfo]],
    data_offset: int,
    alignment: int,
) -> None:
    """Every tensor lies aligned, inside the file and on no other tensor."""
    end = 0
    for offset, tensor in sorted(placed, key=lambda pair: pair[0]):
        start, stop = data_offset + offset, data_offset + offset + tensor.bytes
        if offset % alignment:
            raise reader.error(
                f"tensor {tensor.name!r} is not aligned to {alignment} bytes", at=start
            )
        if offset < end:
            raise reader.error(f"tensor {tensor.name!r} overlaps the one before it", at=start)
        if stop > reader.size:
            raise FormatError(
                f"{reader.name} has {reader.size} bytes, but its header places tensor"
                f" {tensor.name!r} at bytes {start} to {stop}.",
                fix=FETCH_AGAIN if start <= 2**50 else DAMAGED,
            )
        end = offset + tensor.bytes


def _product(shape: tuple[int, ...]) -> int:
    product = 1
    for dimension in shape:
        product *= dimension
    return product
