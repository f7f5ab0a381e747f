from __future__ import annotations

import contextlib
import io
import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.facts import gguf_models
from tests.facts.gguf_writer import Array, gguf_bytes, stored_bytes, text, value_bytes
from weighbridge.core.errors import FormatError, InputError
from weighbridge.facts.gguf import MAX_ARRAY_ELEMENTS, GgufHeader, Skipped, parse_gguf, read_gguf
from weighbridge.facts.gguf_architecture import describe

ONE_TENSOR = {"token_embd.weight": ((32, 4), "Q8_0")}


def parse(raw: bytes) -> GgufHeader:
    return parse_gguf(io.BytesIO(raw), len(raw), "model.gguf")


def refusal(raw: bytes) -> str:
    with pytest.raises(FormatError) as caught:
        parse(raw)
    assert caught.value.fix
    return str(caught.value)


def header(*, tensors: int = 0, keys: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, keys)


def tensor_entry(
    *, name: str = "t", shape: tuple[int, ...] = (32,), type_id: int = 0, offset: int = 0
) -> bytes:
    dims = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + dims + struct.pack("<IQ", type_id, offset)


def with_tensors(*entries: bytes, weights: int = 4096) -> bytes:
    return header(tensors=len(entries)) + b"".join(entries) + bytes(weights)


@pytest.mark.parametrize("version", [2, 3])
def test_reads_metadata_and_tensors(version: int) -> None:
    metadata = {
        "general.architecture": "llama",
        "a.number": 7,
        "a.flag": True,
        "a.real": 0.5,
        "a.heads": Array(4, [8, 4, 0]),
        "a.flags": Array(7, [1, 0]),
        "a.words": Array(8, ["x", "yz"]),
    }
    raw = gguf_bytes(metadata, ONE_TENSOR, version=version)
    result = parse(raw)
    assert result.version == version
    assert result.metadata == {
        "general.architecture": "llama",
        "a.number": 7,
        "a.flag": True,
        "a.real": 0.5,
        "a.heads": (8, 4, 0),
        "a.flags": (True, False),
        "a.words": Skipped("string", 2),
    }
    (tensor,) = result.tensors
    assert (tensor.name, tensor.shape, tensor.dtype) == ("token_embd.weight", (32, 4), "Q8_0")
    assert tensor.bytes == 4 * 34
    assert result.file_bytes == len(raw)
    assert result.data_offset % result.alignment == 0
    assert len(raw) - result.data_offset == 160  # 136 bytes of weights, padded to 32


def test_keeps_numbers_up_to_a_limit_and_skips_longer_arrays() -> None:
    kept, skipped = Array(4, [1] * MAX_ARRAY_ELEMENTS), Array(4, [1] * (MAX_ARRAY_ELEMENTS + 1))
    result = parse(gguf_bytes({"kept": kept, "skipped": skipped, "after": 3}, ONE_TENSOR))
    assert result.metadata["kept"] == (1,) * MAX_ARRAY_ELEMENTS
    assert result.metadata["skipped"] == Skipped("uint32", MAX_ARRAY_ELEMENTS + 1)
    assert result.metadata["after"] == 3


def test_keeps_chat_templates_and_skips_longer_texts() -> None:
    result = parse(gguf_bytes({"template": "x" * 2**20, "json": "x" * (2**20 + 1)}, ONE_TENSOR))
    assert result.metadata["template"] == "x" * 2**20
    assert result.metadata["json"] == Skipped("text", 2**20 + 1)


def test_a_large_vocabulary_costs_little_memory() -> None:
    words = [f"token-{n}" * (1 + n % 40) for n in range(60_000)]  # strings across chunk borders
    raw = gguf_bytes({"tokens": Array(8, words), "scores": Array(6, [0.0] * 60_000)}, ONE_TENSOR)
    tracemalloc.start()
    result = parse(raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.metadata == {
        "tokens": Skipped("string", 60_000),
        "scores": Skipped("float32", 60_000),
    }
    assert peak < 4 * 2**20


def test_reads_sources_that_yield_few_bytes_at_a_time() -> None:
    class Dribble(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 1, 3))

    raw = gguf_bytes(*gguf_models.llama())
    assert parse_gguf(Dribble(raw), len(raw), "m") == parse(raw)


def test_a_file_that_shrinks_while_it_is_read_is_incomplete() -> None:
    raw = gguf_bytes(*gguf_models.llama())
    with pytest.raises(FormatError, match="ended early"):
        parse_gguf(io.BytesIO(raw[:300]), len(raw), "m")


def test_every_truncation_is_refused_as_incomplete() -> None:
    raw = gguf_bytes({"general.architecture": "llama", "heads": Array(4, [1, 2])}, ONE_TENSOR)
    whole = parse(raw)
    needed = whole.data_offset + whole.tensors[0].bytes
    for length in range(4, needed):
        assert "The download is probably incomplete: fetch it again." in refusal(raw[:length])
    assert parse(raw[:needed]).tensors == whole.tensors  # only padding is missing


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "git lfs pull"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (struct.pack("<Q", 90) + b'{"__metadata__":{}', "is a safetensors file"),
        (b"PK\x03\x04rest", "is a zip archive"),
        (b"tjgg\x01\0\0\0", "before GGUF"),
        (b'{"error":"Entry not found"}', "is a JSON file"),
        (b"\x7fELF anything", "does not begin with the letters GGUF"),
        (header(version=1), "version 1, which no current engine reads"),
        (header(version=4), "version 4; versions 2 and 3 are known"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
        (header(tensors=2**60), "tensor count of 1152921504606846976"),
        (header(keys=2**60), "metadata entry count of 1152921504606846976"),
        (header(tensors=1000), "cannot fit the 8 bytes that follow"),
        (header(keys=1) + struct.pack("<Q", 2**62) + bytes(99), "claims to be"),
        (header(keys=1) + struct.pack("<Q", 2) + b"\xff\xff" + bytes(99), "not UTF-8"),
        (header(keys=1) + text("k") + struct.pack("<I", 13) + bytes(99), "unknown type 13"),
        (header(keys=1) + text("k") + struct.pack("<IQ", 8, 2**63), "needs 9223372036854775808"),
        (header(keys=1) + text("k") + struct.pack("<IIQ", 9, 4, 2**61), "array 'k' of 23058"),
        (header(keys=1) + text("k") + struct.pack("<IIQ", 9, 8, 2**61), "array 'k' of 23058"),
        (header(keys=1) + text("k") + struct.pack("<IIQ", 9, 9, 1) + bytes(9), "an array inside"),
        (header(keys=1) + text("k") + struct.pack("<IIQ", 9, 77, 1) + bytes(9), "type 77"),
        (header(keys=2) + 2 * (text("k") + value_bytes(1)), "'k' appears twice"),
        (gguf_bytes({"general.alignment": 24}, {}), "alignment is '24'"),
        (gguf_bytes({"general.alignment": 0}, {}), "alignment is '0'"),
        (gguf_bytes({"general.alignment": "x"}, {}), "alignment is 'x'"),
        (with_tensors(tensor_entry(shape=())), "0 dimensions"),
        (with_tensors(tensor_entry(shape=(1,) * 5)), "5 dimensions"),
        (with_tensors(tensor_entry(shape=(32, 0))), "impossible shape [32, 0]"),
        (with_tensors(tensor_entry(shape=(2**40, 2**40))), "impossible shape"),
        (with_tensors(tensor_entry(type_id=4)), "unknown GGML type 4"),
        (with_tensors(tensor_entry(type_id=999)), "unknown GGML type 999"),
        (with_tensors(tensor_entry(shape=(33,), type_id=8)), "blocks of 32"),
        (with_tensors(tensor_entry(offset=8)), "not aligned to 32 bytes"),
        (with_tensors(tensor_entry(offset=2**40)), "but its header places tensor 't'"),
        (with_tensors(tensor_entry(shape=(2**40,))), "but its header places tensor 't'"),
        (with_tensors(tensor_entry(), tensor_entry(offset=128)), "tensor 't' appears twice"),
        (with_tensors(tensor_entry(), tensor_entry(name="u", offset=32)), "overlaps"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_refuses_what_is_no_sound_gguf(raw: bytes, says: str) -> None:
    message = refusal(raw)
    assert message.startswith("model.gguf")
    assert says in message


def test_a_lying_count_inside_a_huge_file_stops_at_the_header_limit() -> None:
    raw = header(keys=1) + text("k") + struct.pack("<IIQ", 9, 4, 2**30) + bytes(512)
    with pytest.raises(FormatError, match=r"longer than 128\.00 MiB"):
        parse_gguf(io.BytesIO(raw), 2**40, "m")


def test_names_what_is_wrong_with_the_path(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        read_gguf(tmp_path / "absent.gguf")
    with pytest.raises(InputError, match="is a folder"):
        read_gguf(tmp_path)
    with pytest.raises(InputError, match="not a regular file"):
        read_gguf(Path("/dev/null"))
    with pytest.raises(InputError, match="cannot be read"):
        read_gguf(tmp_path / ("x" * 300))
    with pytest.raises(InputError, match="cannot be read"):
        read_gguf(Path("a\0b"))


def test_weight_bytes_are_exact_for_each_format() -> None:
    tensors = {f"t.{dtype}": ((256, 3), dtype) for dtype in ("F32", "Q4_K", "IQ4_NL", "MXFP4")}
    result = parse(gguf_bytes({}, tensors))
    sizes = {tensor.dtype: tensor.bytes for tensor in result.tensors}
    assert sizes == {"F32": 3072, "Q4_K": 432, "IQ4_NL": 432, "MXFP4": 408}
    assert sizes == {dtype: stored_bytes((256, 3), dtype) for dtype in sizes}


SOUND = [gguf_bytes(*model()) for model in gguf_models.ALL]
HUGE = st.sampled_from([2**31, 2**32 - 1, 2**60, 2**63, 2**64 - 1])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    raw = bytearray(draw(st.sampled_from(SOUND)))
    header_end = parse(bytes(raw)).data_offset
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, header_end - 8))
        if draw(st.booleans()):
            raw[at] = draw(st.integers(0, 255))
        else:
            raw[at : at + 8] = struct.pack("<Q", draw(HUGE))
    if draw(st.booleans()):
        del raw[draw(st.integers(0, len(raw))) :]
    return bytes(raw)


@settings(max_examples=400, deadline=None)
@given(raw=damaged())
def test_damage_is_refused_or_harmless(raw: bytes) -> None:
    tracemalloc.start()
    with contextlib.suppress(FormatError):
        result = parse(raw)
        architecture, weights = describe(result, name="model.gguf", stem="model")
        assert architecture.parameters == sum(tensor.parameters for tensor in result.tensors)
        assert 0 <= architecture.active <= architecture.parameters
        assert weights.weight_bytes <= len(raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 * 2**20


@settings(max_examples=200, deadline=None)
@given(tail=st.binary(max_size=300))
def test_noise_behind_a_right_beginning_is_refused_or_harmless(tail: bytes) -> None:
    for start in (b"", b"GGUF\x03\0\0\0", header(tensors=1), header(keys=1)):
        with contextlib.suppress(FormatError):
            parse(start + tail)
