from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.facts.devices.programs import nvidia_smi, program
from tests.fakes.clock import FakeClock
from weighbridge.verbs import doctor


def checked(tmp_path: Path, *, probe: bool = False) -> doctor.Checkup:
    path = f"{tmp_path / 'bin'}:/nowhere"
    return doctor.check(tmp_path / "ws", FakeClock(), probe=probe, path=path)


def whats(checkup: doctor.Checkup) -> str:
    return " ".join(gap.what for gap in checkup.gaps)


def test_a_bare_machine_is_told_what_it_lacks(tmp_path: Path) -> None:
    checkup = checked(tmp_path)
    assert checkup.engines == ()
    assert checkup.sandbox is None
    assert checkup.writable
    assert not (tmp_path / "ws").exists()
    for words in ("Which engine", "without bubblewrap"):
        assert words in whats(checkup)
    assert "cannot be written" not in whats(checkup)
    assert all(gap.fix for gap in checkup.gaps)


def test_what_is_there_is_not_missed(tmp_path: Path) -> None:
    bin_folder = tmp_path / "bin"
    nvidia_smi(bin_folder, "NVIDIA L40S, 550.1, 46068, 580")
    program(bin_folder, "bwrap", "exit 0")
    program(bin_folder, "llama-server", "echo 'version: 6111 (ae)'")
    checkup = checked(tmp_path)
    assert [(one.name, one.version) for one in checkup.engines] == [("llama.cpp", "6111")]
    assert checkup.sandbox == str(bin_folder / "bwrap")
    for words in ("Which engine", "without bubblewrap", "Whether there is a GPU"):
        assert words not in whats(checkup)
    document = doctor.to_json(checkup)
    device = document["machine"]["device"]
    assert device["name"] == "L40S"
    assert device["memory_bytes"] == (46068 - 580) * 2**20
    assert device["rates"]["bf16"] == {"flops": 362e12, "status": "published"}
    assert device["link"]["kind"] == "pcie"
    assert device["provenance"]["kind"] == "catalogue"
    assert document["accelerators"][0]["driver"] == "NVIDIA 550.1"
    assert document["engines"][0]["version"] == "6111"
    json.dumps(document)


def test_a_bubblewrap_that_does_not_work_is_told(tmp_path: Path) -> None:
    program(tmp_path / "bin", "bwrap", "echo 'setting up uid map: Permission denied' >&2; exit 1")
    checkup = checked(tmp_path)
    assert "The sandbox did not start: setting up uid map" in whats(checkup)
    assert "AppArmor" in checkup.gaps[-1].fix
    assert doctor.to_json(checkup)["sandbox"] == {"works": False, "tried": []}


def test_a_working_sandbox_is_told_limit_by_limit(tmp_path: Path) -> None:
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        pytest.skip("bubblewrap is not installed: the sandbox cannot be tried")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/bwrap").symlink_to(bwrap)
    document = doctor.to_json(checked(tmp_path))["sandbox"]
    assert document["works"]
    limits = {one["limit"]: one["held"] for one in document["tried"]}
    assert set(limits) >= {"network", "files", "memory", "processes", "disk", "output"}
    assert all(limits.values())


def test_a_workspace_that_cannot_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "ws").touch()
    checkup = checked(tmp_path)
    assert not checkup.writable
    assert "cannot be written" in whats(checkup)
    (tmp_path / "ws").unlink()
    (tmp_path / "ws").mkdir()
    assert checked(tmp_path).writable


def test_the_probe_fills_in_the_processors_bandwidth(tmp_path: Path) -> None:
    checkup = checked(tmp_path, probe=True)
    document = doctor.to_json(checkup)
    assert document["memory_bandwidth_bytes_per_s"] > 1e8
    device = checkup.detection.processor.device
    assert device is not None
    assert device.bandwidth_bytes_per_s == document["memory_bandwidth_bytes_per_s"]
    assert device.provenance.date == checkup.date
