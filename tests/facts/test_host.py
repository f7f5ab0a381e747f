from __future__ import annotations

import platform
from pathlib import Path
from typing import NoReturn

import psutil
import pytest

from weighbridge.facts import host


def test_says_what_this_machine_is() -> None:
    line = host.host_line()
    assert f"Python {platform.python_version()}" in line
    assert " core" in line
    assert " GiB" in line
    assert "\n" not in line
    assert host.host_memory_bytes() == psutil.virtual_memory().total


def test_leaves_out_what_cannot_be_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> NoReturn:
        raise OSError

    monkeypatch.setattr(psutil, "virtual_memory", refuse)
    monkeypatch.setattr(platform, "system", refuse)
    assert host.host_memory_bytes() is None
    line = host.host_line()
    assert "GiB" not in line
    assert line.endswith(f"Python {platform.python_version()}")


def test_names_the_gpus_that_drivers_show(tmp_path: Path) -> None:
    nvidia, cards = tmp_path / "gpus", tmp_path / "drm"
    for number, model in enumerate(["NVIDIA L4", "NVIDIA L4", "NVIDIA A10"]):
        folder = nvidia / f"0000:0{number}:00.0"
        folder.mkdir(parents=True)
        (folder / "information").write_text(f"Model: \t\t {model}\nIRQ:   \t\t 0\n")

    def card(name: str, **files: str) -> None:
        (cards / name / "device").mkdir(parents=True)
        for key, text in files.items():
            (cards / name / "device" / key).write_text(text + "\n")

    card("card0", vendor="0x1002", device="0x74a1", product_name="AMD Instinct, MI300X OAM")
    card("card1", vendor="0x8086", device="0x4680")  # inside a processor
    card("card2", vendor="0x1002", device="0x0001", mem_info_vram_total=str(16 << 30))
    card("card3", vendor="0x1002", device="0x164e", mem_info_vram_total=str(512 << 20))
    card("card4", vendor="0x1a03", device="0x2000")  # draws a server's console
    card("card0-DP-1", vendor="0x1002", device="0x74a1")
    assert host.gpus(nvidia, cards) == (
        "2 x NVIDIA L4, 1 x NVIDIA A10, 1 x AMD Instinct MI300X OAM, 1 x AMD GPU 1002:0001"
    )
    assert host.gpus(tmp_path / "none", tmp_path / "none") == ""


def test_the_gpus_stand_in_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "gpus", lambda: "1 x NVIDIA L4")
    assert ", 1 x NVIDIA L4, " in host.host_line()
