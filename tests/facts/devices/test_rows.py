"""The catalogue of devices: whole, plausible, and of one mind with itself."""

from __future__ import annotations

import csv
import re
from typing import Any

import msgspec
import pytest

from tests.shared_data import shared
from weighbridge.core.machine import Arithmetic
from weighbridge.core.units import GIB
from weighbridge.facts.devices.catalogue import find
from weighbridge.facts.devices.names import key
from weighbridge.facts.devices.rows import Entry, entries, host_bytes_per_s, read

ENTRIES = entries()
GPUS = [entry for entry in ENTRIES if entry.device.kind != "cpu"]


def name_of(entry: Entry) -> str:
    return entry.device.name


def tflops(name: str, arithmetic: Arithmetic) -> float:
    rate = find(name).device.rate(arithmetic)
    assert rate is not None
    return rate.flops / 1e12


def test_there_are_enough_and_no_name_means_two() -> None:
    assert len({entry.row for entry in ENTRIES}) >= 90
    names = [
        name
        for entry in ENTRIES
        for name in {key(one) for one in (entry.device.name, *entry.aliases, *entry.drivers)}
    ]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_every_device_has_its_facts(entry: Entry) -> None:
    device = entry.device
    assert 40e9 < device.bandwidth_bytes_per_s < 10e12
    assert device.power_w is not None
    assert 5 < device.power_w <= 1500
    assert device.provenance.kind == "catalogue"
    assert device.provenance.source
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", device.provenance.date)
    assert device.rates
    assert device.host_bytes_per_s > 0
    assert device.generation
    assert (device.link.kind == "none") == (device.link.bytes_per_s == 0)


@pytest.mark.parametrize("entry", GPUS, ids=name_of)
def test_drivers_report_less_than_the_name_says_but_not_much(entry: Entry) -> None:
    assert entry.gb is not None
    share = entry.device.memory_bytes / (entry.gb * GIB)
    # Shared memory is not all the GPU's; H200 and kin are named in decimal units.
    assert (0.6 if entry.device.kind == "apu" else 0.91) < share <= 1.0


@pytest.mark.parametrize("entry", ENTRIES, ids=name_of)
def test_narrower_arithmetic_is_not_slower(entry: Entry) -> None:
    rates = {rate.arithmetic: rate.flops for rate in entry.device.rates}
    ladder = [rates[name] for name in ("fp32", "bf16", "fp8", "fp4") if name in rates]
    assert ladder == sorted(ladder)
    statuses = {rate.arithmetic: rate.status for rate in entry.device.rates}
    if "int8" in rates and "bf16" in rates and rates["int8"] < rates["bf16"]:
        assert entry.device.generation in ("Volta", "Blackwell")
        assert entry.device.generation == "Volta" or statuses["int8"] == "unverified"


@pytest.mark.parametrize(
    ("name", "arithmetic", "dense"),
    [
        ("H100 SXM", "bf16", 989),
        ("H100 SXM", "fp8", 1979),
        ("A100 SXM 80GB", "bf16", 312),
        ("RTX 4090", "bf16", 165.2),
        ("L4", "bf16", 121),
        ("B200", "fp4", 9000),
        ("MI300X", "fp8", 2615),
        ("MI355X", "fp8", 5000),
        ("RTX 3090", "bf16", 71.2),
        ("RTX 5090", "bf16", 209.5),
        ("RTX 5090", "fp4", 1676),
        ("RTX A5000", "bf16", 111.1),
    ],
)
def test_rates_are_dense(name: str, arithmetic: Arithmetic, dense: float) -> None:
    assert tflops(name, arithmetic) == pytest.approx(dense, rel=0.002)


def test_the_known_defects_of_other_tables_are_mended() -> None:
    def bandwidth(name: str) -> float:
        return find(name).device.bandwidth_bytes_per_s / 1e9

    assert bandwidth("MI300X") == 5300
    assert bandwidth("MI325X") == 6000
    assert bandwidth("A100 PCIe 80GB") == 1935
    assert bandwidth("RX 9070") == 640
    assert bandwidth("RTX 5060") == 448
    assert bandwidth("M3 Max 30-core 36GB") == pytest.approx(307.2)
    assert bandwidth("M3 Max 40-core 64GB") == pytest.approx(409.6)
    assert bandwidth("M4 Max 32-core") == 410
    assert find("L40S").device.power_w == 350
    assert find("MI325X").gb == 256


def test_what_a_device_cannot_do_it_does_in_the_next_wider_arithmetic() -> None:
    assert tflops("A100 SXM 80GB", "fp8") == 312
    assert tflops("RTX 4090", "fp4") == pytest.approx(330.3)
    assert tflops("P40", "bf16") == 11.8
    assert tflops("M2 Ultra 192GB", "fp8") == 27.2
    assert find("Jetson Thor").device.rate("bf16") is None


def test_links_are_of_one_direction_and_know_how_far_they_reach() -> None:
    def link(name: str) -> tuple[str, float, int]:
        found = find(name).device.link
        return found.kind, found.bytes_per_s / 1e9, found.domain

    assert link("H100 SXM") == ("nvlink", 450, 8)
    assert link("H800") == ("nvlink", 200, 8)
    assert link("GB200") == ("nvlink", 900, 72)
    assert link("MI300X") == ("infinity fabric", 448, 8)
    assert link("M4 Max 128GB")[0] == "none"
    kind, speed, _ = link("RTX 4090")
    assert kind == "pcie"
    assert speed == pytest.approx(31.5, abs=0.1)


def test_a_formula_says_that_it_is_one() -> None:
    device = find("RTX 4070").device
    assert {rate.status for rate in device.rates} == {"formula"}
    assert "units × clock" in device.provenance.source
    assert {rate.status for rate in find("Arc B580").device.rates} == {"unverified"}
    int8 = find("B300").device.rate("int8")
    assert int8 is not None
    assert int8.status == "unverified"


@pytest.mark.parametrize("host", ["PCIe9 x16", "fast"])
def test_a_host_that_means_nothing_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="neither a PCIe slot"):
        host_bytes_per_s(host, 0.0)


def test_a_misspelled_key_of_the_file_is_refused() -> None:
    family: dict[str, Any] = {"vendor": "AMD", "generation": "x", "usable": [[999, 1.0]]}
    row = {"name": "X", "gb": [1], "gbs": 1, "tflop": {}}
    with pytest.raises(msgspec.ValidationError, match="tflop"):
        list(read({"sources": {}, "family": [{**family, "devices": [row]}]}))


def test_the_survey_agrees_where_its_row_is_not_flagged() -> None:
    with shared("data", "gpus.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["mem_gb"]]
    different = set()
    for row in rows:
        named = re.sub(r"\((?:per GPU|Strix Halo)\)|c GPU", " ", row["name"])
        label = named if row["vendor"] != "Apple" else f"{named} {row['mem_gb']}GB"
        device = find(label.replace("(40", "40-core").replace(")", "")).device
        listed = float(row["bandwidth_gbs"]) * 1e9
        bf16 = device.rate("bf16")
        known = row["bf16_tflops_dense"] not in ("", "-")
        if abs(device.bandwidth_bytes_per_s / listed - 1) > 0.005 or (
            known and bf16 and abs(bf16.flops / 1e12 / float(row["bf16_tflops_dense"]) - 1) > 0.01
        ):
            different.add(row["name"])
        rates = {rate.arithmetic: rate.flops / 1e12 for rate in device.rates}
        for name in ("fp8", "int8", "fp4"):
            stated = row[name].strip("-")
            if stated and abs(rates[name] / float(stated) - 1) > 0.01:
                different.add(row["name"])
    # Each is argued in the note of its row.
    assert different == {"RTX 4000 Ada", "DGX Spark GB10", "B300 SXM"}
