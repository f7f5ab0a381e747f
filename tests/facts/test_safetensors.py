"""Headers of safetensors files: real ones, wrong ones, mutated ones."""

from __future__ import annotations

import io
import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.facts.sources.safetensors_writer import (
    Tensors,
    data_bytes,
    framed,
    header_of,
    safetensors_bytes,
)
from weighbridge.core.architecture import TensorInfo
from weighbridge.core.errors import FormatError, InputError
from weighbridge.facts.safetensors import (
    DTYPE_BITS,
    MAX_HEADER_BYTES,
    parse_safetensors,
    read_safetensors,
)

HF = Path(__file__).parents[1] / "data/hf"
SMALL: Tensors = {
    "b": ("BF16", (4, 8)),
    "a": ("F32", (3,)),
    "s": ("F8_E8M0", ()),
    "z": ("U8", (0,)),
}


def parse(raw: bytes, size: int | None = None) -> tuple[TensorInfo, ...]:
    return parse_safetensors(io.BytesIO(raw), len(raw) if size is None else size, "m.safetensors")


def changed(**changes: Any) -> bytes:
    """A file of one BF16 tensor of 2 × 2 whose entry has been tampered with."""
    entry: dict[str, Any] = {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]} | changes
    return framed({"w": {key: value for key, value in entry.items() if value is not None}}) + bytes(
        8
    )


@pytest.mark.parametrize(
    ("name", "tensors", "weight_bytes"),
    [("clerk", 20, 787_712), ("porter", 29, 1_607_424), ("tally", 20, 984_320)],
)
def test_real_files_are_read_to_the_byte(name: str, tensors: int, weight_bytes: int) -> None:
    weights = read_safetensors(HF / name / "model.safetensors")
    assert len(weights.tensors) == tensors
    assert weights.weight_bytes == weight_bytes
    assert weights.bytes_by_dtype == {"BF16": weight_bytes}
    assert weights.quantization == "BF16"
    assert weights.file_bytes == (HF / name / "model.safetensors").stat().st_size
    embedding = next(each for each in weights.tensors if "embed_tokens" in each.name)
    assert embedding.shape[0] == 512  # rows first, as the file writes them


def test_every_type_has_its_size() -> None:
    every: Tensors = {dtype: (dtype, (8, 3)) for dtype in DTYPE_BITS}
    tensors = parse(safetensors_bytes(every))
    assert {each.dtype: each.bytes for each in tensors} == {
        dtype: 3 * bits for dtype, bits in DTYPE_BITS.items()
    }


def test_scalars_empty_tensors_and_free_texts_are_fine() -> None:
    tensors = parse(safetensors_bytes(SMALL, {"format": "pt"}))
    assert {each.name: each.bytes for each in tensors} == {"b": 64, "a": 12, "s": 1, "z": 0}
    assert parse(safetensors_bytes({})) == ()


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (changed(dtype="F3_E1M1"), "tensor 'w' has the unknown type 'F3_E1M1'"),
        (changed(shape=[2, 3]), "is BF16 of shape [2, 3] but has 8 bytes"),
        (changed(shape=[-2, -2]), "not a table of tensors"),
        (changed(shape=[2.0, 2]), "not a table of tensors"),
        (changed(shape=[1] * 40), "40 dimensions"),
        (changed(shape=[2**62, 2**62, 0], data_offsets=[0, 8]), "but has 8 bytes"),
        (changed(data_offsets=[8, 0]), "but has -8 bytes"),
        (changed(data_offsets=[8, 16]), "leaves a gap"),
        (changed(data_offsets=[0, 8, 9]), "not a table of tensors"),
        (changed(dtype=None), "not a table of tensors"),
        (changed(shape=[2**70]), "not a table of tensors"),
        (framed([1, 2]), "not a table of tensors"),
        (framed(b"{" + b'"a":' * 3), "not a table of tensors"),
        (framed(b"[" * 200_000), "not a table of tensors"),
        (framed(b'{"w": ' + b'{"a":' * 100_000), "not a table of tensors"),
        (framed(b'{"\xff": {}}'), "not a table of tensors"),
        (changed() + b"x", "1 bytes behind its last tensor"),
        (changed()[:-1], "has 7 bytes of weights, but its header places 8"),
        (b"", "ended after 0 of 8 bytes"),
        (b"\x05\x00", "ended after 2 of 8 bytes"),
        (bytes(8), "header of 0 bytes is empty"),
        ((10**6).to_bytes(8, "little") + b"{}", "inside its header of 1000000 bytes"),
        ((2**63).to_bytes(8, "little") + b"{}", "over the limit"),
        (b"GGUF" + bytes(40), "is a GGUF file"),
        (b"<!DOCTYPE html><html></html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
    ],
)
def test_wrong_files_are_refused_in_words(raw: bytes, says: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse(raw)
    message = str(caught.value)
    assert says in message
    assert message.startswith("m.safetensors")
    assert len(message) < 600


def test_overlapping_tensors_are_refused() -> None:
    header: dict[str, Any] = header_of({"a": ("U8", (8,)), "b": ("U8", (8,))})
    header["b"]["data_offsets"] = [4, 12]
    with pytest.raises(FormatError, match="'b' overlaps the one before it"):
        parse(framed(header) + bytes(12))


def test_paths_that_hold_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        read_safetensors(tmp_path / "gone")
    with pytest.raises(InputError, match="not a regular file"):
        read_safetensors(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        read_safetensors(Path("a\0b"))


def test_a_lying_header_costs_nothing() -> None:
    """Millions of entries in a header of the greatest length: refused before they are kept."""
    entry = b'"%07d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},'
    text = b"{" + b"".join(entry % number for number in range(400_000)) + b'"x":0}'
    raw = framed(text)
    tracemalloc.start()
    began = time.monotonic()
    with pytest.raises(FormatError, match="400000 tensors, more than any model has"):
        parse(raw)
    assert time.monotonic() - began < 2
    assert tracemalloc.get_traced_memory()[1] < 3 * len(raw)
    tracemalloc.stop()
    claimed = (MAX_HEADER_BYTES + 1).to_bytes(8, "little")
    with pytest.raises(FormatError, match="over the limit"):
        parse(claimed + b"{", size=10**12)


REAL = (HF / "clerk/model.safetensors").read_bytes()
REAL_HEADER = 8 + int.from_bytes(REAL[:8], "little")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, REAL_HEADER - 1), st.integers(0, 255)), max_size=6))
def test_flipped_bytes_are_refused_or_harmless(flips: list[tuple[int, int]]) -> None:
    raw = bytearray(REAL)
    for at, value in flips:
        raw[at] = value
    _refused_or_valid(bytes(raw))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, REAL_HEADER + 64))
def test_a_cut_file_is_refused(length: int) -> None:
    with pytest.raises(FormatError):
        parse(REAL[:length])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
ENTRY = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from([*DTYPE_BITS, "X"]) | JSON,
        "shape": st.lists(st.integers(-2, 2**66), max_size=4) | JSON,
        "data_offsets": st.lists(st.integers(-2, 2**66), min_size=2, max_size=2) | JSON,
    },
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.text(max_size=8), ENTRY | JSON, max_size=4), st.integers(0, 64))
def test_arbitrary_tables_are_refused_or_valid(header: dict[str, Any], behind: int) -> None:
    _refused_or_valid(framed(json.dumps(header).encode()) + bytes(behind))


def _refused_or_valid(raw: bytes) -> None:
    """What is accepted covers the file's bytes exactly once."""
    try:
        tensors = parse(raw)
    except FormatError:
        return
    header = 8 + int.from_bytes(raw[:8], "little")
    assert header + sum(each.bytes for each in tensors) == len(raw)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(
            lambda name: name != "__metadata__"
        ),
        st.tuples(
            st.sampled_from([name for name, bits in DTYPE_BITS.items() if bits >= 8]),
            st.lists(st.integers(0, 5), max_size=3),
        ),
        max_size=8,
    )
)
def test_every_right_file_is_read(tensors: dict[str, tuple[str, list[int]]]) -> None:
    read = parse(safetensors_bytes(tensors))
    assert {each.name: (each.dtype, list(each.shape)) for each in read} == tensors
    assert sum(each.bytes for each in read) == data_bytes(tensors)
