from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.facts.devices.programs import program
from weighbridge.core.units import GIB, MIB
from weighbridge.facts.devices import apple
from weighbridge.facts.devices.found import Probe


def mac(
    folder: Path, chip: str, gib: int, *, cores: int | None = None, wired_mb: int | None = None
) -> Probe:
    wired = "" if wired_mb is None else f"iogpu.wired_limit_mb) echo {wired_mb};;"
    values = f"machdep.cpu.brand_string) echo '{chip}';; hw.memsize) echo {gib * GIB};; {wired}"
    program(folder, "sysctl", f'case "$2" in {values} *) exit 1;; esac')
    if cores is not None:
        shown = json.dumps({"SPDisplaysDataType": [{"sppci_cores": str(cores)}]})
        program(folder, "system_profiler", f"echo '{shown}'")
    return apple.probe(path=str(folder), system="darwin")


@pytest.mark.parametrize(
    ("chip", "gib", "cores", "name"),
    [
        ("Apple M3 Max", 36, 30, "M3 Max 30-core 36GB"),
        ("Apple M3 Max", 64, 40, "M3 Max 40-core 64GB"),
        ("Apple M3 Max", 64, None, "M3 Max 40-core 64GB"),
        ("Apple M1 Max", 64, 24, "M1 Max 24-core 64GB"),
        ("Apple M1 Max", 64, 32, "M1 Max 64GB"),
        ("Apple M4", 16, 8, "M4 16GB"),
        ("Apple M2 Ultra", 192, 76, "M2 Ultra 192GB"),
    ],
)
def test_a_chip_is_known_by_name_memory_and_cores(
    tmp_path: Path, chip: str, gib: int, cores: int | None, name: str
) -> None:
    outcome = mac(tmp_path, chip, gib, cores=cores)
    (found,) = outcome.found
    assert found.device is not None
    assert found.device.name == name
    assert outcome.gaps == ()
    assert found.memory_bytes is not None
    assert 0.6 < found.memory_bytes / (gib * GIB) < 0.8


def test_a_limit_that_the_user_raised_counts(tmp_path: Path) -> None:
    (found,) = mac(tmp_path, "Apple M4 Max", 128, cores=40, wired_mb=114688).found
    assert found.memory_bytes == 114688 * MIB


def test_the_systems_own_limit_does_not(tmp_path: Path) -> None:
    (found,) = mac(tmp_path, "Apple M4 Max", 128, cores=40, wired_mb=0).found
    assert found.memory_bytes == 96 * GIB


def test_a_chip_of_tomorrow_is_a_gap(tmp_path: Path) -> None:
    outcome = mac(tmp_path, "Apple M9 Max", 64, cores=40)
    assert outcome.found[0].device is None
    assert "Apple M9 Max" in outcome.gaps[0].what


@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_elsewhere_there_is_nothing(tmp_path: Path, system: str) -> None:
    program(tmp_path, "sysctl", "echo 'Intel(R) Core(TM) i7-9750H'")
    assert apple.probe(path=str(tmp_path), system=system) == Probe()


def test_without_sysctl_there_is_nothing(tmp_path: Path) -> None:
    assert apple.probe(path=str(tmp_path), system="darwin") == Probe()


@pytest.mark.parametrize("answer", ["{}", "[]", "no", '{"SPDisplaysDataType": [{}]}'])
def test_a_profiler_that_does_not_count_cores_does_not_matter(tmp_path: Path, answer: str) -> None:
    program(tmp_path, "system_profiler", f"echo '{answer}'")
    (found,) = mac(tmp_path, "Apple M4 Pro", 48).found
    assert found.device is not None
    assert found.device.name == "M4 Pro 48GB"
