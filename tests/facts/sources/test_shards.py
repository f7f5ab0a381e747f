"""The index of a model's shards."""

from __future__ import annotations

import json

import pytest

from weighbridge.core.architecture import TensorInfo
from weighbridge.core.errors import FormatError
from weighbridge.facts.sources.shards import Index, join, parse_index


def raw(**places: object) -> bytes:
    return json.dumps({"weight_map": places}).encode()


def tensor(name: str) -> TensorInfo:
    return TensorInfo(name, (4,), "BF16", 8)


def test_files_are_listed_once_and_sorted() -> None:
    index = parse_index(raw(b="two.safetensors", a="one.safetensors", c="two.safetensors"), "i")
    assert index.files == ("one.safetensors", "two.safetensors")
    assert index.total_bytes is None


@pytest.mark.parametrize("file", ["../x", "/etc/passwd", "a/b", "a\\b", "", 3, None, [1]])
def test_files_outside_the_folder_are_refused(file: object) -> None:
    with pytest.raises(FormatError, match="which is no shard"):
        parse_index(raw(a=file), "i")


@pytest.mark.parametrize("text", [b"{}", b'{"weight_map": []}', b'{"weight_map": {}}'])
def test_what_is_no_index_is_refused(text: bytes) -> None:
    with pytest.raises(FormatError, match="no weight_map"):
        parse_index(text, "i")


def test_too_many_shards_are_refused() -> None:
    with pytest.raises(FormatError, match="names 5000 shards"):
        parse_index(raw(**{f"t{n}": f"{n}.safetensors" for n in range(5000)}), "i")


def test_contradictions_are_refused_or_said() -> None:
    index = Index(("one",), {"a": "one"}, None)
    with pytest.raises(FormatError, match="one holds 'a', but it does not"):
        join(index, {"one": [tensor("b")]}, 8, "i")
    weights, notes = join(index, {"one": [tensor("a"), tensor("b")]}, 20, "i")
    assert weights.weight_bytes == 16
    assert weights.file_bytes == 20
    assert notes == ("The shards hold 1 tensors that their index does not list.",)
