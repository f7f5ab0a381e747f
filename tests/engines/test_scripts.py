from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.engines.test_commands import candidate
from weighbridge.core.estimate import Parallelism
from weighbridge.engines.commands import launches
from weighbridge.engines.scripts import script
from weighbridge.facts.devices import parse_machine


def run(text: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run with engines that print what they are told and end."""
    for name in ("vllm", "llama-server", "ollama"):
        tool = folder / name
        tool.write_text('#!/bin/sh\necho "$(basename "$0") $* [$CUDA_VISIBLE_DEVICES]"\n')
        tool.chmod(0o755)
    path = {"PATH": f"{folder}:/usr/bin:/bin", **variables}
    return subprocess.run(
        ["sh"], input=text, env=path, cwd=folder, capture_output=True, text=True, check=False
    )


def test_what_is_not_known_has_to_be_set(tmp_path: Path) -> None:
    of = candidate("vllm", quantization="AWQ int4 g128", published=False)
    text = script(launches(of, parse_machine("RTX 4090"))[0])
    failed = run(text, tmp_path)
    assert failed.returncode != 0
    assert "set CHECKPOINT" in failed.stderr
    assert not failed.stdout
    ran = run(text, tmp_path, CHECKPOINT="/weights/a b")
    assert ran.stdout.startswith("vllm serve /weights/a b --max-model-len")


def test_ollama_gets_the_file_and_is_asked_once_it_answers(tmp_path: Path) -> None:
    of = candidate("llama.cpp", quantization="Q4_K_M", published=False, replicas=2)
    text = script(launches(of, parse_machine("2x RTX 4090"))[1])
    ran = run(text, tmp_path, GGUF="/files/one.gguf")
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "Modelfile").read_text().startswith("FROM /files/one.gguf\n")
    assert sorted(line for line in ran.stdout.splitlines() if "serve" in line) == [
        "ollama serve [0]", "ollama serve [1]",
    ]  # fmt: skip
    assert "OLLAMA_HOST=127.0.0.1:11435" in text
    assert ran.stdout.count("ollama create") == 1


def test_every_computer_runs_its_own_part(tmp_path: Path) -> None:
    of = candidate("vllm", spread=Parallelism(4), replicas=3)
    text = script(launches(of, parse_machine("12x H100 SXM"))[0])
    assert run(text, tmp_path).returncode != 0
    first = run(text, tmp_path, COMPUTER="1").stdout.splitlines()
    assert sorted(line[line.index("[") :] for line in first) == ["[0,1,2,3]", "[4,5,6,7]"]
    (second,) = run(text, tmp_path, COMPUTER="2").stdout.splitlines()
    assert second.endswith("[0,1,2,3]")
    assert run(text, tmp_path, COMPUTER="3").returncode != 0


def test_a_server_across_computers_has_no_command(tmp_path: Path) -> None:
    of = candidate("vllm", spread=Parallelism(16))
    (launch,) = launches(of, parse_machine("16x GB200"))
    assert not launch.commands
    failed = run(script(launch), tmp_path)
    assert failed.returncode == 1
    assert "spans 4 computers" in failed.stderr


@pytest.mark.parametrize("count", [1, 8])
def test_a_host_needs_no_number(count: int) -> None:
    of = replace(candidate("vllm"), replicas=count)
    assert "COMPUTER" not in script(launches(of, parse_machine(f"{count}x H100 SXM"))[0])
