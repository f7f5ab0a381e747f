from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.facts.devices.programs import drm_card, program
from weighbridge.core.units import GIB, MIB
from weighbridge.facts.devices import drm
from weighbridge.facts.devices.found import Found, Probe


def probed(tmp_path: Path, host_gib: float = 64) -> Probe:
    path = tmp_path / "bin"
    return drm.probe(sys=tmp_path / "sys", path=str(path), host_bytes=round(host_gib * GIB))


def only(probe: Probe) -> Found:
    (found,) = probe.found
    return found


def device_name(found: Found) -> str:
    assert found.device is not None
    return found.device.name


def test_accelerators_go_by_their_pci_id(tmp_path: Path) -> None:
    total = str(191 * GIB)
    for number in (1, 2):
        drm_card(
            tmp_path / "sys", number, vendor="0x1002", device="0x74a1", mem_info_vram_total=total
        )
    version = tmp_path / "sys/module/amdgpu/version"
    version.parent.mkdir(parents=True)
    version.write_text("6.12.12\n")
    found = only(probed(tmp_path))
    assert (device_name(found), found.count, found.driver) == ("MI300X", 2, "amdgpu 6.12.12")
    assert found.memory_bytes == 191 * GIB


@pytest.mark.parametrize(
    ("device", "gib", "name"),
    [
        ("0x744c", 24, "RX 7900 XTX"),
        ("0x744c", 20, "RX 7900 XT"),
        ("0x66a1", 32, "MI50 32GB"),
        ("0x66a1", 16, "MI50 16GB"),
    ],
)
def test_memory_tells_cards_of_one_id_apart(
    tmp_path: Path, device: str, gib: int, name: str
) -> None:
    total = str(gib * GIB - 16 * MIB)
    drm_card(tmp_path / "sys", 0, vendor="0x1002", device=device, mem_info_vram_total=total)
    assert device_name(only(probed(tmp_path))) == name


def test_a_shared_memory_is_what_the_kernel_lends(tmp_path: Path) -> None:
    drm_card(
        tmp_path / "sys", 0, vendor="0x1002", device="0x1586",
        mem_info_vram_total=str(512 * MIB), mem_info_gtt_total=str(110 * GIB),
    )  # fmt: skip
    found = only(probed(tmp_path, host_gib=124.9))
    assert device_name(found) == "Ryzen AI Max+ 395 128GB"
    assert found.memory_bytes == 110 * GIB


def test_a_shared_memory_is_what_firmware_set_apart(tmp_path: Path) -> None:
    drm_card(
        tmp_path / "sys", 0, vendor="0x1002", device="0x1586",
        mem_info_vram_total=str(48 * GIB), mem_info_gtt_total=str(8 * GIB),
    )  # fmt: skip
    found = only(probed(tmp_path, host_gib=15.5))
    assert device_name(found) == "Ryzen AI Max+ 395 64GB"
    assert found.memory_bytes == 48 * GIB


def test_an_unknown_card_is_found_without_figures(tmp_path: Path) -> None:
    drm_card(
        tmp_path / "sys", 0, vendor="0x1002", device="0x9999", mem_info_vram_total=str(8 * GIB)
    )
    outcome = probed(tmp_path)
    assert only(outcome).device is None
    assert "1002:9999" in outcome.gaps[0].what


def test_the_name_that_the_driver_states_counts(tmp_path: Path) -> None:
    drm_card(
        tmp_path / "sys", 0, vendor="0x1002", device="0x9998",
        mem_info_vram_total=str(64 * GIB), product_name="AMD Instinct MI210",
    )  # fmt: skip
    assert device_name(only(probed(tmp_path))) == "MI210"


def test_intels_cards_are_known_by_id_and_its_built_in_graphics_are_none(tmp_path: Path) -> None:
    drm_card(tmp_path / "sys", 0, vendor="0x8086", device="0xa7a0")
    drm_card(tmp_path / "sys", 1, vendor="0x8086", device="0xe20b")
    outcome = probed(tmp_path)
    assert device_name(only(outcome)) == "Arc B580"
    assert outcome.gaps == ()


def test_connectors_and_other_makers_are_no_devices(tmp_path: Path) -> None:
    drm_card(tmp_path / "sys", 0, vendor="0x10de", device="0x2684")
    (tmp_path / "sys/class/drm/card0-DP-1/device").mkdir(parents=True)
    (tmp_path / "sys/class/drm/card7/device").mkdir(parents=True)
    assert probed(tmp_path) == Probe()


def test_without_sysfs_rocm_smi_is_asked(tmp_path: Path) -> None:
    card = {"Card Series": "AMD Instinct MI250X", "VRAM Total Memory (B)": str(64 * GIB)}
    cards = {"card0": card, "card1": card, "system": "x"}
    program(tmp_path / "bin", "rocm-smi", f"echo '{json.dumps(cards)}'")
    found = only(probed(tmp_path))
    assert (device_name(found), found.count, found.driver) == ("MI250X", 2, "ROCm")


@pytest.mark.parametrize("script", ["exit 1", "echo '[1]'", "echo no driver"])
def test_a_rocm_smi_in_trouble_is_a_gap(tmp_path: Path, script: str) -> None:
    program(tmp_path / "bin", "rocm-smi", script)
    outcome = probed(tmp_path)
    assert outcome.found == ()
    assert "rocm-smi" in outcome.gaps[0].what


def test_a_machine_without_any_is_no_gap(tmp_path: Path) -> None:
    assert probed(tmp_path) == Probe()
