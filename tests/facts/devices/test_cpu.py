from __future__ import annotations

from pathlib import Path

import psutil

from weighbridge.core.units import GIB
from weighbridge.facts.devices import cpu
from weighbridge.facts.devices.bandwidth import copy_bytes_per_s


def cpuinfo(folder: Path, name: str) -> Path:
    file = folder / "cpuinfo"
    file.write_text(f"processor\t: 0\nmodel name\t: {name}\n", encoding="utf-8")
    return file


def test_a_known_processor_has_the_catalogues_bandwidth(tmp_path: Path) -> None:
    file = cpuinfo(tmp_path, "AMD EPYC 9654 96-Core Processor")
    outcome = cpu.probe(cpuinfo=file, memory_bytes=384 * GIB)
    (found,) = outcome.found
    assert found.device is not None
    assert found.device.memory_bytes == 384 * GIB
    assert found.device.bandwidth_bytes_per_s == 460.8e9
    assert outcome.gaps == ()


def test_an_unknown_one_is_a_gap_until_it_is_measured(tmp_path: Path) -> None:
    file = cpuinfo(tmp_path, "Frob 1")
    outcome = cpu.probe(cpuinfo=file, memory_bytes=8 * GIB)
    assert outcome.found[0].device is None
    assert "--probe" in outcome.gaps[0].fix
    outcome = cpu.probe(
        cpuinfo=file, memory_bytes=8 * GIB, measured_bytes_per_s=20e9, date="2026-11-21"
    )
    device = outcome.found[0].device
    assert device is not None
    assert (device.kind, device.name, device.bandwidth_bytes_per_s) == ("cpu", "Frob 1", 20e9)
    assert device.provenance.kind == "measured"
    assert device.provenance.date == "2026-11-21"
    assert device.rates == ()
    assert outcome.gaps == ()


def test_what_is_measured_counts_more_than_what_is_listed(tmp_path: Path) -> None:
    file = cpuinfo(tmp_path, "AMD EPYC 9654 96-Core Processor")
    (found,) = cpu.probe(cpuinfo=file, memory_bytes=GIB, measured_bytes_per_s=300e9).found
    assert found.device is not None
    assert found.device.bandwidth_bytes_per_s == 300e9
    assert found.device.rates


def test_this_machine_has_a_processor_and_memory() -> None:
    (found,) = cpu.probe().found
    assert found.name
    assert found.memory_bytes == psutil.virtual_memory().total


def test_a_system_that_does_not_name_its_processor(tmp_path: Path) -> None:
    (found,) = cpu.probe(cpuinfo=tmp_path / "none", memory_bytes=GIB).found
    assert found.name


def test_the_probe_measures_something_that_memory_can_do() -> None:
    speed = copy_bytes_per_s(seconds=0.05)
    assert 0.2e9 < speed < 5e12
