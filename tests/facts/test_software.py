from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.facts.devices.programs import program
from weighbridge.facts.software import Kind, installed, package_version, stated_version


def test_engines_on_the_path_say_their_version(tmp_path: Path) -> None:
    program(tmp_path, "llama-server", "echo 'version: 6111 (ae532eac)' >&2")
    program(
        tmp_path, "ollama", "echo 'Warning: could not connect'; echo 'client version is 0.12.3'"
    )
    found = {one.name: one for one in installed(path=str(tmp_path))}
    assert found["llama.cpp"].version == "6111"
    assert found["Ollama"].version == "0.12.3"
    assert found["Ollama"].path == str(tmp_path / "ollama")
    assert set(found) == {"llama.cpp", "Ollama"}


def test_a_python_engine_is_not_started_for_its_version(tmp_path: Path) -> None:
    script = tmp_path / "pip"
    script.write_text(f"#!{sys.executable}\nopen({str(tmp_path / 'ran')!r}, 'w')\n")
    script.chmod(0o755)
    (one,) = installed([Kind("click", "pip", "click")], path=str(tmp_path))
    assert one.version == metadata.version("click")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("script", ["exit 1", "true", "kill -9 $$", "echo no numbers"])
def test_one_that_does_not_say_is_there_all_the_same(tmp_path: Path, script: str) -> None:
    program(tmp_path, "ollama", script)
    (one,) = installed(path=str(tmp_path))
    assert (one.name, one.version) == ("Ollama", "")


def test_a_package_that_is_not_there(tmp_path: Path) -> None:
    script = tmp_path / "vllm"
    script.write_text(f"#!{sys.executable}\n")
    script.chmod(0o755)
    (one,) = installed([Kind("vLLM", "vllm", "no-such-package-here")], path=str(tmp_path))
    assert one.version == ""
    assert package_version("no-such-package-here") is None
    assert package_version("click") == metadata.version("click")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("version: 6111 (ae532eac)\nbuilt with gcc 13.2", "6111"),
        ("ollama version is 0.12.3", "0.12.3"),
        ("v1.2.3-rc1", "1.2.3-rc1"),
        ("0.19.0", "0.19.0"),
        ("", ""),
    ],
)
def test_versions_are_read_from_what_programs_print(text: str, version: str) -> None:
    assert stated_version(text) == version


def test_nothing_on_the_path(tmp_path: Path) -> None:
    assert installed(path=str(tmp_path)) == ()
