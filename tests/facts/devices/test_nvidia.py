from __future__ import annotations

from pathlib import Path

import pytest

from tests.facts.devices.programs import nvidia_smi, program
from weighbridge.core.units import MIB
from weighbridge.facts.devices import commands, nvidia
from weighbridge.facts.devices.found import Probe


def probed(folder: Path) -> Probe:
    return nvidia.probe(path=str(folder), loaded=folder / "version")


def test_equal_cards_are_one_find_with_the_memory_that_programs_can_have(tmp_path: Path) -> None:
    card = "NVIDIA GeForce RTX 4090, 570.86.10, 24564, 467"
    nvidia_smi(tmp_path, card, card)
    (found,) = probed(tmp_path).found
    assert (found.name, found.count) == ("NVIDIA GeForce RTX 4090", 2)
    assert found.driver == "NVIDIA 570.86.10"
    assert found.device is not None
    assert found.device.name == "RTX 4090"
    assert found.device.memory_bytes == found.memory_bytes == (24564 - 467) * MIB
    assert "as the driver reports it here" in found.device.provenance.source


def test_memory_tells_cards_of_one_name_apart(tmp_path: Path) -> None:
    nvidia_smi(tmp_path, "NVIDIA GeForce RTX 3080, 550.1, 12288, 300")
    (found,) = probed(tmp_path).found
    assert found.device is not None
    assert found.device.name == "RTX 3080 12GB"


def test_unlike_cards_are_found_apart(tmp_path: Path) -> None:
    nvidia_smi(
        tmp_path,
        "NVIDIA H100 80GB HBM3, 550.1, 81559, 551",
        "NVIDIA H100 80GB HBM3, 550.1, 81559, 551",
        "Tesla T4, 550.1, 15360, 450",
    )
    found = probed(tmp_path).found
    assert [(one.device.name, one.count) for one in found if one.device] == [
        ("H100 SXM", 2),
        ("T4", 1),
    ]


def test_a_laptops_card_is_found_but_not_taken_for_the_desktops(tmp_path: Path) -> None:
    nvidia_smi(tmp_path, "NVIDIA GeForce RTX 4090 Laptop GPU, 550.1, 16376, 300")
    outcome = probed(tmp_path)
    (found,) = outcome.found
    assert found.device is None
    assert found.memory_bytes == (16376 - 300) * MIB
    assert "RTX 4090 Laptop GPU" in outcome.gaps[0].what
    assert 'machine: {device: "NVIDIA GeForce RTX 4090 Laptop GPU"' in outcome.gaps[0].fix
    assert "memory: 15.70GiB" in outcome.gaps[0].fix


def test_shared_memory_that_the_driver_does_not_state_is_the_catalogues(tmp_path: Path) -> None:
    nvidia_smi(tmp_path, "NVIDIA GB10, 580.95, [N/A], [N/A]")
    (found,) = probed(tmp_path).found
    assert found.device is not None
    assert found.memory_bytes == found.device.memory_bytes > 100 * 2**30


def test_an_old_driver_without_reserved_memory_is_asked_again(tmp_path: Path) -> None:
    script = (
        'case "$1" in *reserved*) echo \'Field "memory.reserved" is not a valid field to query.\';'
        " exit 2;; esac; echo 'Tesla P40, 470.1, 23040'"
    )
    program(tmp_path, "nvidia-smi", script)
    (found,) = probed(tmp_path).found
    assert found.device is not None
    assert found.device.name == "P40"
    assert found.memory_bytes == 23040 * MIB


def test_a_driver_without_a_card_finds_nothing(tmp_path: Path) -> None:
    program(tmp_path, "nvidia-smi", "echo 'No devices were found'; exit 6")
    assert probed(tmp_path) == Probe()


def test_no_driver_is_no_gap(tmp_path: Path) -> None:
    assert nvidia.probe(path=str(tmp_path), loaded=tmp_path / "version") == Probe()


def test_a_loaded_driver_without_its_tools_is_a_gap(tmp_path: Path) -> None:
    (tmp_path / "version").touch()
    outcome = nvidia.probe(path=str(tmp_path), loaded=tmp_path / "version")
    assert "nvidia-smi is not on the PATH" in outcome.gaps[0].what


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'Unable to determine the device handle: GPU is lost.'; exit 15", "GPU is lost"),
        ("exit 9", "nvidia-smi failed."),
        ("kill -9 $$", "nvidia-smi failed"),
        ("printf '\\377\\376 garbage\\n'", "another form"),
        ("echo 'a,b'", "another form"),
    ],
)
def test_a_driver_in_trouble_is_a_gap_with_a_fix(tmp_path: Path, script: str, said: str) -> None:
    program(tmp_path, "nvidia-smi", script)
    outcome = probed(tmp_path)
    assert outcome.found == ()
    assert said in outcome.gaps[0].what
    assert outcome.gaps[0].fix


def test_a_driver_that_hangs_is_given_up_on(tmp_path: Path) -> None:
    place = program(tmp_path, "hang", "exec sleep 60")
    answer = commands.ask([str(place)], timeout_s=0.2)
    assert answer.code is None
    assert "0.2 s" in answer.err


def test_what_cannot_be_started_is_no_error(tmp_path: Path) -> None:
    assert commands.ask([str(tmp_path / "none")]).code is None
