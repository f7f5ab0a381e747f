from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.runner import weigh
from tests.facts.devices.programs import nvidia_smi, program


@pytest.fixture
def _two_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = "NVIDIA GeForce RTX 4090, 570.86, 24564, 467"
    nvidia_smi(tmp_path / "bin", card, card)
    program(tmp_path / "bin", "ollama", "echo 'ollama version is 0.12.3'")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")


@pytest.mark.usefixtures("_two_cards")
def test_it_prints_the_machine_and_the_engines(tmp_path: Path) -> None:
    done = weigh("doctor", cwd=tmp_path)
    assert done.code == 0
    assert done.err == ""
    for words in ("2 × RTX 4090", "23.53 GiB", "1008 GB/s", "published", "570.86", "0.12.3"):
        assert words in done.out
    assert not (tmp_path / ".weighbridge").exists()


@pytest.mark.usefixtures("_two_cards")
def test_json_has_the_same(tmp_path: Path) -> None:
    done = weigh("doctor", "--json", cwd=tmp_path)
    document = json.loads(done.out)
    assert document["machine"]["label"] == "2 × RTX 4090"
    assert document["machine"]["detected"]
    assert {
        "name": "Ollama",
        "version": "0.12.3",
        "path": str(tmp_path / "bin/ollama"),
    } in document["engines"]
    assert all(gap["what"] and gap["fix"] for gap in document["unknown"])


def test_the_probe_measures_and_what_is_unknown_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "bin", "nvidia-smi", "echo 'GPU is lost'; exit 15")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    done = weigh("doctor", "--probe", cwd=tmp_path)
    assert done.code == 0
    assert "GB/s, read and written by copying; measured" in done.out
    assert "Not found out" in done.out
    assert "GPU is lost" in done.out


def test_a_workspace_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = weigh("doctor", "--workspace", "file/x", cwd=tmp_path)
    assert done.code == 0
    assert "not writable" in done.out
    assert "--workspace" in done.out
