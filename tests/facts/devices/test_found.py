from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.core.errors import ConfigError, InputError
from weighbridge.core.units import GIB
from weighbridge.facts.devices.described import read_machine
from weighbridge.facts.devices.found import Sighting, grouped, unknown_device


def pasted(fix: str, folder: Path, **figures: str) -> str:
    """The block that a fix offers, as a file with these figures in place of its capitals."""
    block = fix[fix.index("machine:") :]
    for capitals, figure in figures.items():
        assert capitals in block
        block = block.replace(capitals, figure)
    path = folder / "box.yaml"
    path.write_text(block, "utf-8")
    return str(path)


@pytest.mark.parametrize("name", ["Frob 9000", 'Frob "X": {9000}, µ# pro', "1002:9999"])
def test_the_offered_block_is_all_that_a_plan_needs(name: str, tmp_path: Path) -> None:
    sighting = Sighting(name, 48 * GIB, "frobctl 1")
    (gap,) = grouped((sighting, sighting)).gaps
    machine = read_machine(pasted(gap.fix, tmp_path, GB_PER_S="900", TFLOPS="150"))
    assert (machine.count, machine.device.name) == (2, name)
    assert machine.device.memory_bytes == 48 * GIB
    assert machine.device.bandwidth_bytes_per_s == 900e9
    rate = machine.device.rate("bf16")
    assert rate is not None
    assert rate.flops == 150e12


def test_memory_that_no_driver_states_is_asked_for_too(tmp_path: Path) -> None:
    fix = unknown_device("Frob 9000").fix
    assert "in place of SIZE and GB_PER_S and TFLOPS," in fix
    filled = pasted(fix, tmp_path, SIZE="16GiB", GB_PER_S="1.2TB/s", TFLOPS="80")
    assert read_machine(filled).device.memory_bytes == 16 * GIB
    assert "SIZE" not in unknown_device("Frob 9000", GIB).fix


@pytest.mark.parametrize("left", ["SIZE", "GB_PER_S", "TFLOPS"])
def test_what_is_not_filled_in_is_never_taken_for_a_number(left: str, tmp_path: Path) -> None:
    figures = {"SIZE": "16GiB", "GB_PER_S": "900", "TFLOPS": "80"}
    del figures[left]
    path = pasted(unknown_device("Frob 9000").fix, tmp_path, **figures)
    with pytest.raises((ConfigError, InputError)):
        read_machine(path)
