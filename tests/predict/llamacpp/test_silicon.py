from __future__ import annotations

from dataclasses import replace

import pytest

from weighbridge.facts.devices.catalogue import find
from weighbridge.facts.devices.rows import entries
from weighbridge.predict.llamacpp.silicon import silicon

# (device, units, boost clock in GHz) as vendors publish them.
UNITS = (
    ("RTX 4090", 128, 2.52), ("RTX 3090", 82, 1.695), ("RTX A6000", 84, 1.8), ("T4", 40, 1.59),
    ("A100 SXM 80GB", 108, 1.41), ("H100 SXM", 132, 1.83), ("V100 SXM2 32GB", 80, 1.53),
    ("L40S", 142, 2.52), ("RX 7900 XTX", 96, 2.5), ("MI300X", 304, 2.1), ("Arc B580", 20, 2.85),
    ("Jetson AGX Orin 64GB", 16, 1.3), ("M2 Ultra 192GB", 76, 1.398),
)  # fmt: skip


@pytest.mark.parametrize(("name", "units", "ghz"), UNITS)
def test_rates_give_units_times_clock(name: str, units: int, ghz: float) -> None:
    assert silicon(find(name).device).cycles == pytest.approx(units * ghz * 1e9, rel=0.03)


@pytest.mark.parametrize("name", ["H20", "L20", "L40", "MI308X"])
def test_curtailed_rates_tell_no_cores(name: str) -> None:
    chip = silicon(find(name).device)
    assert chip.cycles is None
    assert chip.group == "unmeasured"


def test_parts_of_one_generation_are_told_apart() -> None:
    names = (
        "RTX 3090",
        "A100 PCIe 80GB",
        "A30",
        "A40",
        "B200",
        "RTX 5090",
        "DGX Spark",
        "M3 Max 40-core 64GB",
    )
    assert [silicon(find(name).device).family for name in names] == [
        "Ampere", "Ampere HBM", "Ampere HBM", "Ampere", "Blackwell HBM", "Blackwell",
        "Blackwell SoC", "M3",
    ]  # fmt: skip
    groups = ("A100 PCIe 80GB", "H100 PCIe", "RTX 4090", "DGX Spark", "MI300X", "Strix Halo")
    assert [silicon(find(name).device).group for name in groups] == [
        "NVIDIA HBM", "NVIDIA HBM", "NVIDIA", "unmeasured", "unmeasured", "AMD",
    ]  # fmt: skip


def test_a_processor_has_no_cores_of_a_gpu() -> None:
    chip = silicon(find("Ryzen 9 7950X").device)
    assert (chip.vendor, chip.group, chip.cycles) == ("CPU", "CPU", None)
    assert chip.matrix_rate == pytest.approx(2.3e12)


def test_geforce_sums_in_sixteen_bits() -> None:
    assert silicon(find("RTX 4090").device).matrix_rate == pytest.approx(330.3e12)
    assert silicon(find("RTX 6000 Ada").device).matrix_rate == pytest.approx(364e12, rel=0.01)


def test_only_ultras_have_two_dies() -> None:
    two = {e.device.name.split(" ")[1] for e in entries() if silicon(e.device).dies == 2}
    assert two == {"Ultra"}


def test_a_device_without_rates_is_read_by_its_memory_alone() -> None:
    chip = silicon(replace(find("RTX 4090").device, rates=()))
    assert (chip.cycles, chip.matrix_rate) == (None, None)
