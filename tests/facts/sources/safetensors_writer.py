"""A tiny safetensors writer: real headers for tests, right or deliberately wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import prod

from tests.fakes.hub import Huge
from weighbridge.facts.safetensors import DTYPE_BITS

Tensors = Mapping[str, tuple[str, Sequence[int]]]


def header_of(tensors: Tensors, metadata: Mapping[str, str] | None = None) -> dict[str, object]:
    """The header's JSON, tensors one behind the other."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    at = 0
    for name, (dtype, shape) in tensors.items():
        size = prod(shape) * DTYPE_BITS[dtype] // 8
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    return header


def data_bytes(tensors: Tensors) -> int:
    return sum(prod(shape) * DTYPE_BITS[dtype] // 8 for dtype, shape in tensors.values())


def framed(header: object) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text


def safetensors_bytes(tensors: Tensors, metadata: Mapping[str, str] | None = None) -> bytes:
    """A whole file; weights are zeros."""
    return framed(header_of(tensors, metadata)) + bytes(data_bytes(tensors))


def huge_safetensors(tensors: Tensors) -> Huge:
    """A file whose weights are not stored anywhere."""
    head = framed(header_of(tensors))
    return Huge(head, len(head) + data_bytes(tensors))
