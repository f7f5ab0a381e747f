"""What users type, and which place it means."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from weighbridge.core.errors import InputError
from weighbridge.facts.sources.hub import HubModel
from weighbridge.facts.sources.local import LocalFile, LocalFolder
from weighbridge.facts.sources.ollama import OllamaModel
from weighbridge.facts.sources.remote import RemoteModel
from weighbridge.facts.sources.resolve import resolve


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("Qwen/Qwen3-8B", HubModel("Qwen/Qwen3-8B")),
        (" hf://Qwen/Qwen3-8B@v1.0 ", HubModel("Qwen/Qwen3-8B", "v1.0")),
        ("Qwen/Qwen3-8B@refs/pr/4", HubModel("Qwen/Qwen3-8B", "refs/pr/4")),
        ("gpt2", HubModel("gpt2")),
        ("org/repo:q4/m.gguf", HubModel("org/repo", None, "q4/m.gguf")),
        ("org/repo@v2:m.gguf", HubModel("org/repo", "v2", "m.gguf")),
        ("org/repo/q4/m.gguf", HubModel("org/repo", None, "q4/m.gguf")),
        ("hf://org/repo@v2/m.gguf", HubModel("org/repo", "v2", "m.gguf")),
        ("https://huggingface.co/org/repo", HubModel("org/repo")),
        ("https://huggingface.co/org/repo/tree/v2", HubModel("org/repo", "v2")),
        ("https://hf.co/org/repo/blob/main/m.gguf", HubModel("org/repo", "main", "m.gguf")),
        (
            "https://huggingface.co/org/repo/resolve/refs%2Fpr%2F4/m.gguf?download=true",
            HubModel("org/repo", "refs/pr/4", "m.gguf"),
        ),
        ("https://example.org/org/repo", RemoteModel("https://example.org/org/repo")),
        ("http://127.0.0.1/m.gguf", RemoteModel("http://127.0.0.1/m.gguf")),
        ("ollama:llama3.2:1b", OllamaModel("llama3.2:1b")),
    ],
)
def test_texts_name_places(text: str, means: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert resolve(text) == means


def test_a_path_that_exists_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "org/repo").mkdir(parents=True)
    (tmp_path / "m.gguf").touch()
    monkeypatch.chdir(tmp_path)
    assert resolve("org/repo") == LocalFolder(Path("org/repo"))
    assert resolve("m.gguf") == LocalFile(Path("m.gguf"))


def test_a_mirror_is_known_by_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example:8443")
    assert resolve("https://mirror.example:8443/org/repo") == HubModel("org/repo")


def test_a_revision_is_given_once() -> None:
    assert resolve("org/repo", revision="v1") == HubModel("org/repo", "v1")
    assert resolve("org/repo@v1", revision="v1") == HubModel("org/repo", "v1")
    with pytest.raises(InputError, match="Two revisions are named: v1 and v2"):
        resolve("org/repo@v1", revision="v2")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "No model was named"),
        ("a\0b", "No model was named"),
        ("./gone", "There is no file or folder ./gone"),
        ("/gone/model", "There is no file or folder"),
        ("gone.gguf", "There is no file or folder gone.gguf"),
        ("models/gone.gguf", "There is no file or folder"),
        ("llama3.2:1b", "Write ollama:llama3.2:1b"),
        ("org/repo:README.md", "is no file that holds a model"),
        ("two words", "names no model"),
        ("x" * 5000, "names no model"),
        ("http://[::1/m.gguf", "is not a URL"),
    ],
)
def test_what_names_nothing_is_refused(text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve(text)
    assert says in str(caught.value)


def test_local_files_need_no_network_code() -> None:
    code = (
        "import sys; from weighbridge.facts.sources.resolve import resolve;"
        "resolve('.'); print('huggingface_hub' in sys.modules, 'http.client' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
