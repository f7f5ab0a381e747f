"""A tiny GGUF writer: real headers for tests, right or deliberately wrong."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from weighbridge.facts.ggml_types import GGML_TYPES

_TYPE_IDS = {ggml.name: number for number, ggml in GGML_TYPES.items()}


@dataclass(frozen=True)
class Array:
    """An array of one GGUF element type: 4 uint32, 6 float32, 7 bool, 8 string …"""

    type_id: int
    items: Sequence[int | float | str]


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def _packed(type_id: int, value: object) -> bytes:
    if type_id == 8:
        return text(str(value))
    layout = {0: "B", 1: "b", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 12: "d"}[type_id]
    return struct.pack(f"<{layout}", value)


def value_bytes(value: object) -> bytes:
    if isinstance(value, Array):
        head = struct.pack("<IIQ", 9, value.type_id, len(value.items))
        return head + b"".join(_packed(value.type_id, item) for item in value.items)
    type_id = {str: 8, bool: 7, int: 4, float: 6}[type(value)]
    return struct.pack("<I", type_id) + _packed(type_id, value)


def stored_bytes(shape: Sequence[int], dtype: str) -> int:
    ggml = GGML_TYPES[_TYPE_IDS[dtype]]
    return prod(shape) // ggml.block * ggml.block_bytes


def gguf_bytes(
    metadata: Mapping[str, object],
    tensors: Mapping[str, tuple[Sequence[int], str]],
    *,
    version: int = 3,
    alignment: int = 32,
) -> bytes:
    """A whole file; weights are zeros."""
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata))
    for key, value in metadata.items():
        head += text(key) + value_bytes(value)
    offset = 0
    for name, (shape, dtype) in tensors.items():
        dims = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        head += text(name) + dims + struct.pack("<IQ", _TYPE_IDS[dtype], offset)
        offset += -(-stored_bytes(shape, dtype) // alignment) * alignment
    return head + b"\0" * (-len(head) % alignment + offset)


def write_gguf(
    path: Path,
    metadata: Mapping[str, object],
    tensors: Mapping[str, tuple[Sequence[int], str]],
) -> Path:
    path.write_bytes(gguf_bytes(metadata, tensors))
    return path
