"""Ollama's store, as Ollama lays it out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.facts.gguf_models import llama
from tests.facts.gguf_writer import gguf_bytes
from weighbridge.core.errors import FormatError, InputError
from weighbridge.facts.sources.local import LocalFile
from weighbridge.facts.sources.ollama import OllamaModel, store_folder

DIGEST = "a" * 64
MODEL = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{DIGEST}"}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path))
    (tmp_path / "blobs").mkdir()
    (tmp_path / f"blobs/sha256-{DIGEST}").write_bytes(gguf_bytes(*llama()))
    return tmp_path


def manifest(store: Path, name: str, *layers: object) -> None:
    path = store / "manifests/registry.ollama.ai" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"schemaVersion": 2, "layers": layers}))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("llama3.2:1b", "library/llama3.2/1b"),
        ("llama3.2", "library/llama3.2/latest"),
        ("someone/model:q4", "someone/model/q4"),
        ("registry.ollama.ai/library/llama3.2:1b", "library/llama3.2/1b"),
    ],
)
def test_names_lead_to_blobs(store: Path, name: str, path: str) -> None:
    licence = {"mediaType": "application/vnd.ollama.image.license", "digest": "sha256:" + "b" * 64}
    manifest(store, path, licence, MODEL)
    material = OllamaModel(name).read()
    assert material.gguf is not None
    assert material.name == name
    assert material.revision == f"sha256-{DIGEST}"


def test_a_bare_blob_is_a_file(store: Path) -> None:
    assert LocalFile(store / f"blobs/sha256-{DIGEST}").read().gguf is not None


def test_a_missing_model_names_what_there_is(store: Path) -> None:
    with pytest.raises(InputError, match="holds no models"):
        OllamaModel("llama3.2:1b").read()
    manifest(store, "library/llama3.2/1b", MODEL)
    manifest(store, "someone/model/q4", MODEL)
    with pytest.raises(InputError, match=r"It holds for example llama3\.2:1b"):
        OllamaModel("llama3.2:3b").read()


@pytest.mark.parametrize("name", ["", "a/b/c/d:e", "../x", "a b", "a/..:b", "."])
def test_names_that_ollama_does_not_give(store: Path, name: str) -> None:
    assert store.is_dir()
    with pytest.raises(InputError):
        OllamaModel(name).read()


def test_damaged_stores(store: Path) -> None:
    manifest(store, "library/m/tensors", {"mediaType": "application/vnd.ollama.image.tensor"})
    with pytest.raises(FormatError, match="kept in another form"):
        OllamaModel("m:tensors").read()
    manifest(store, "library/m/evil", {**MODEL, "digest": "sha256:../../etc/passwd"})
    with pytest.raises(FormatError, match="kept in another form"):
        OllamaModel("m:evil").read()
    manifest(store, "library/m/gone", {**MODEL, "digest": "sha256:" + "c" * 64})
    with pytest.raises(InputError, match="ollama pull m:gone"):
        OllamaModel("m:gone").read()


def test_the_store_is_where_ollama_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ollama/models").mkdir(parents=True)
    assert store_folder() == tmp_path / ".ollama/models"
