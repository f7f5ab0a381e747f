"""Folders and files on this machine."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.facts.gguf_models import llama, parts
from tests.facts.gguf_writer import gguf_bytes
from tests.facts.sources.safetensors_writer import Tensors, safetensors_bytes
from weighbridge.core.errors import FormatError, InputError
from weighbridge.facts.sources.local import LocalFile, LocalFolder, kind_of

HF = Path(__file__).parents[2] / "data/hf"
FIRST: Tensors = {"model.embed_tokens.weight": ("BF16", (8, 4))}
SECOND: Tensors = {"lm_head.weight": ("F32", (8, 4))}
SHARDS = {"model-00001-of-00002.safetensors": FIRST, "model-00002-of-00002.safetensors": SECOND}


def folder(path: Path, **files: bytes) -> LocalFolder:
    for name, content in files.items():
        (path / name.replace("__", ".")).write_bytes(content)
    return LocalFolder(path)


def sharded(path: Path, total: int = 192) -> LocalFolder:
    places = {name: file for file, tensors in SHARDS.items() for name in tensors}
    index = {"metadata": {"total_size": total}, "weight_map": places}
    (path / "model.safetensors.index.json").write_text(json.dumps(index))
    for file, tensors in SHARDS.items():
        (path / file).write_bytes(safetensors_bytes(tensors))
    return folder(path, config__json=b"{}")


@pytest.mark.parametrize("name", ["clerk", "porter", "tally"])
def test_a_real_folder(name: str) -> None:
    material = LocalFolder(HF / name).read()
    assert material.name == name
    assert material.config is not None
    assert material.config["model_type"] == "llama"
    assert material.weights is not None
    assert material.weights.weight_bytes > 700_000
    assert material.notes == ()


def test_a_demo_gguf(models: Path) -> None:
    material = LocalFile(models / "tally-f16.gguf").read()
    assert material.gguf is not None
    assert material.gguf.metadata["general.architecture"] == "llama"
    assert material.name == "tally-f16"


def test_shards_are_added_up(tmp_path: Path) -> None:
    material = sharded(tmp_path).read()
    assert material.weights is not None
    assert material.weights.weight_bytes == 8 * 4 * 2 + 8 * 4 * 4
    assert material.notes == ()
    by_index = LocalFile(tmp_path / "model.safetensors.index.json").read()
    assert by_index.weights == material.weights
    assert by_index.config == {}


def test_a_wrong_total_and_a_missing_shard_are_said(tmp_path: Path) -> None:
    assert (
        "states 7 bytes of weights; the shards' headers say 192"
        in sharded(tmp_path, 7).read().notes[0]
    )
    (tmp_path / "model-00002-of-00002.safetensors").unlink()
    material = LocalFolder(tmp_path).read()
    assert material.weights is None
    assert "1 of 2 files are missing (model-00002-of-00002.safetensors)" in material.notes[0]


def test_a_single_shard_says_that_it_is_one(tmp_path: Path) -> None:
    sharded(tmp_path)
    material = LocalFile(tmp_path / "model-00001-of-00002.safetensors").read()
    assert material.notes == (
        "Only part 1 of 2 of the weights was read: model-00001-of-00002.safetensors.",
    )
    assert material.name == tmp_path.name


def test_files_without_an_index(tmp_path: Path) -> None:
    files = folder(
        tmp_path,
        config__json=b"{}",
        a__safetensors=safetensors_bytes(FIRST),
        b__safetensors=safetensors_bytes(SECOND),
        consolidated__safetensors=safetensors_bytes(FIRST),
    )
    material = files.read()
    assert material.weights is not None
    assert material.weights.weight_bytes == 192
    assert "2 safetensors files were added up" in material.notes[0]


def test_pickles_are_not_read(tmp_path: Path) -> None:
    material = folder(tmp_path, config__json=b"{}", pytorch_model__bin=b"x").read()
    assert material.weights is None
    assert material.notes == ("The weights are PyTorch pickles, whose sizes are not read.",)


def test_the_licence_and_the_side_file_are_read(tmp_path: Path) -> None:
    side = {"quantization": {"quant_algo": "NVFP4"}}
    material = folder(
        tmp_path,
        config__json=b'{"time_step_limit": [0.0, Infinity]}',
        hf_quant_config__json=json.dumps(side).encode(),
        README__md=b"---\nlicense: other\nlicense_name: some-licence\n---\n# M",
    ).read()
    assert material.license == "some-licence"
    assert material.quantization == side
    assert LocalFile(tmp_path / "config.json").read().quantization == side


def test_gguf_files_in_a_folder(tmp_path: Path) -> None:
    content = gguf_bytes(*llama())
    found = folder(tmp_path, m__gguf=content, mmproj__gguf=b"x").read()
    assert found.gguf is not None
    assert folder(tmp_path, config__json=b"{}").read().gguf is not None
    (tmp_path / "n.gguf").write_bytes(content)
    noted = LocalFolder(tmp_path).read()
    assert noted.gguf is None
    assert noted.notes == ("2 GGUF files were not read; name one for its exact size: m.gguf.",)
    (tmp_path / "config.json").unlink()
    with pytest.raises(InputError, match=r"holds 2 GGUF files: m\.gguf, n\.gguf"):
        LocalFolder(tmp_path).read()


def test_parts_of_a_gguf_are_read_together(tmp_path: Path) -> None:
    files = {name: gguf_bytes(*model) for name, model in parts(llama()).items()}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    by_folder = LocalFolder(tmp_path).read()
    by_part = LocalFile(tmp_path / "big-00002-of-00003.gguf").read()
    for found in (by_folder, by_part):
        assert found.gguf is not None
        assert len(found.gguf.tensors) == len(llama()[1])
        assert found.gguf.file_bytes == sum(map(len, files.values()))
        assert found.name == "big"
    (tmp_path / "big-00003-of-00003.gguf").unlink()
    with pytest.raises(
        InputError, match=r"3 parts, of which .*/big-00003-of-00003\.gguf is missing"
    ):
        LocalFolder(tmp_path).read()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "holds no model: neither config.json nor a .gguf file, but no files"),
        ({"adapter_config__json": b"{}"}, "an adapter (LoRA), not a whole model"),
        ({"config__json": b"[]"}, "is JSON, but not an object"),
        ({"config__json": b"{"}, "config.json is not JSON"),
        ({"config__json": b"[" * 100_000}, "config.json is not JSON"),
        ({"config__json": b"<html>"}, "config.json is a web page"),
        ({"config__json": b" " * (16 * 1024**2 + 1)}, "longer than 16.00 MiB"),
        ({"config__json": b"{}", "model__safetensors": b"x" * 100}, "model.safetensors"),
        ({"config__json": b"{}", "model__safetensors__index__json": b"{}"}, "has no weight_map"),
    ],
)
def test_folders_that_hold_no_model(tmp_path: Path, files: dict[str, bytes], says: str) -> None:
    with pytest.raises(InputError) as caught:
        folder(tmp_path, **files).read()
    assert says in str(caught.value)


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        LocalFile(tmp_path / "gone.gguf").read()
    with pytest.raises(InputError, match="is a folder"):
        LocalFile(tmp_path).read()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="not a regular file"):
        LocalFile(tmp_path / "pipe").read()
    (tmp_path / "text.txt").write_text("hello")
    with pytest.raises(FormatError, match="is not a GGUF file"):
        LocalFile(tmp_path / "text.txt").read()


def test_kinds_are_told_by_the_first_bytes() -> None:
    assert kind_of(b"GGUF\x03") == "gguf"
    assert kind_of(safetensors_bytes(FIRST)[:64]) == "safetensors"
    assert kind_of(b' \n{"a": 1}') == "json"
    assert kind_of(b"<html>") == ""
    assert kind_of(b"") == ""


@pytest.mark.parametrize("content", [b"null", b"\x00\x01\xff\xfe\x02", b""])
def test_a_file_is_what_its_ending_says_when_its_bytes_say_nothing(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(FormatError, match="JSON") as caught:
        LocalFile(path).read()
    assert "GGUF" not in caught.value.message


def test_json_in_utf_16_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes('{"model_type": "llama"}'.encode("utf-16"))
    assert LocalFile(path).read().config == {"model_type": "llama"}
