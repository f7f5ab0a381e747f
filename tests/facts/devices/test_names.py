"""Names of devices as people and drivers write them."""

from __future__ import annotations

import csv
import gzip
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.shared_data import shared
from weighbridge.core.errors import InputError
from weighbridge.facts.devices.catalogue import find, in_text, matches
from weighbridge.facts.devices.names import key
from weighbridge.facts.devices.rows import entries

ENTRIES = entries()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("4090", "RTX 4090"),
        ("rtx4090", "RTX 4090"),
        ("h100 pcie", "H100 PCIe"),
        ("b200_sxm", "B200 SXM"),
        ("h100_sxm", "H100 SXM"),
        ("h200_sxm", "H200 SXM"),
        ("gb200", "GB200"),
        ("gb300", "GB300"),
        ("b300_sxm", "B300 SXM"),
        ("3070 8GB", "RTX 3070"),
        ("4070 Ti 12GB", "RTX 4070 Ti"),
        ("RTX 6000 Ada 48GB", "RTX 6000 Ada"),
        ("5000 Ada 32GB", "RTX 5000 Ada"),
        ("A100 SXM 80GB", "A100 SXM 80GB"),
        ("L40S 48GB", "L40S"),
        ("L40", "L40"),
        ("RTX PRO 6000", "RTX PRO 6000"),
        ("RTXPRO6000", "RTX PRO 6000"),
        ("MI300X", "MI300X"),
        ("Strix Halo", "Ryzen AI Max+ 395 128GB"),
        ("DGX Spark", "GB10"),
        ("RTX 5090 32.6GB", "RTX 5090"),
        ("A10G", "A10G"),
        # Memory without its unit.
        ("A100 SXM 80", "A100 SXM 80GB"),
        ("H200 141", "H200 SXM"),
        ("RTX 3060 12", "RTX 3060 12GB"),
        ("M3 Max 64", "M3 Max 40-core 64GB"),
        ("Jetson Orin 64", "Jetson AGX Orin 64GB"),
        ("A10G 24GB", "A10G"),
        ("a100 sxm 40G", "A100 SXM 40GB"),
        ("M4Max128GB", "M4 Max 40-core 128GB"),
        ("24 GB RTX 3090", "RTX 3090"),
        ("M3 Max 64GB", "M3 Max 40-core 64GB"),
        ("M3 Max 40\u2011Core GPU 64GB", "M3 Max 40-core 64GB"),
        ("M1 7\u2011Core GPU 8GB", "M1 7-core 8GB"),
        ("M2 Ultra 76-Core GPU 192GB", "M2 Ultra 192GB"),
        ("Apple M1 M1 Max 64GB", "M1 Max 64GB"),
        ("Apple M4 M4 Pro 48GB", "M4 Pro 48GB"),
        # As drivers write them.
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("NVIDIA H100 80GB HBM3", "H100 SXM"),
        ("NVIDIA A100-SXM4-80GB", "A100 SXM 80GB"),
        ("NVIDIA A100 80GB PCIe", "A100 PCIe 80GB"),
        ("NVIDIA A100-PCIE-40GB", "A100 PCIe 40GB"),
        ("Tesla V100-SXM2-32GB", "V100 SXM2 32GB"),
        ("Tesla T4", "T4"),
        ("NVIDIA H200", "H200 SXM"),
        ("NVIDIA GH200 480GB", "GH200 96GB"),
        ("NVIDIA RTX 6000 Ada Generation", "RTX 6000 Ada"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX PRO 6000 Server"),
        ("AMD Radeon RX 7900 XTX", "RX 7900 XTX"),
        ("AMD Instinct MI300X", "MI300X"),
        (
            "AMD Ryzen AI MAX+ 395 (Radeon 8060S, 128GB LPDDR5x-8000)",
            "Ryzen AI Max+ 395 128GB",
        ),
    ],
)
def test_names_match_forgivingly(text: str, name: str) -> None:
    assert find(text).device.name == name


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("h100", {"H100 SXM", "H100 PCIe", "H100 NVL"}),
        ("H100 80GB", {"H100 SXM", "H100 PCIe"}),
        ("RTX 3080", {"RTX 3080 10GB", "RTX 3080 12GB"}),
        ("a100 80gb", {"A100 SXM 80GB", "A100 PCIe 80GB"}),
        ("A100 80", {"A100 SXM 80GB", "A100 PCIe 80GB"}),
        ("V100 32", {"V100 SXM2 32GB", "V100 PCIe 32GB"}),
        ("M4 Pro", {"M4 Pro 24GB", "M4 Pro 48GB", "M4 Pro 64GB"}),
        ("M3 Max", {"M3 Max 30-core 36GB", "M3 Max 40-core 64GB"}),
    ],
)
def test_an_ambiguity_lists_its_candidates(text: str, candidates: set[str]) -> None:
    with pytest.raises(InputError, match=f"{text!r} may mean") as error:
        find(text)
    listed = set(re.split(r", |: |\.$", error.value.fix))
    assert candidates <= listed


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("RTX 4091", "RTX 4090"),
        ("4091", "RTX 4090"),
        ("H200 80", "H200 SXM"),
        ("5090 laptop", "RTX 5090. A laptop's GPU is slower"),
        ("TPU v5e", "devices of AMD, Apple, Intel, NVIDIA"),
        ("RTX 6000", "RTX 6000 Ada"),
        ("NVIDIA GeForce RTX 4090 Laptop GPU", "RTX 4090"),
        ("RTX 2080 SUPER", "RTX 2080 Ti"),
        ("MI300", "MI300X"),
        ("H10O SXM", "H100 SXM"),
    ],
)
def test_another_device_is_never_taken_for_the_nearest(text: str, near: str) -> None:
    with pytest.raises(InputError, match="has no device") as error:
        find(text)
    assert near in error.value.fix


@pytest.mark.parametrize("text", ["banana", "", "…", "GPU", "x" * 5000, "24GB", "💥 4090 💥 Ti"])
def test_what_is_no_name_is_said_in_one_sentence(text: str) -> None:
    with pytest.raises(InputError) as error:
        find(text)
    assert "machine:" in error.value.fix or "RTX" in error.value.fix


def test_the_nearest_share_most_words() -> None:
    with pytest.raises(InputError) as error:
        find("MI300")
    assert error.value.fix.startswith("Nearest are MI300A, MI300X")
    assert "B300" not in error.value.fix


def test_memory_that_a_device_never_had_is_refused() -> None:
    with pytest.raises(InputError, match="no 'RTX 4090 48GB' of 48 GB") as error:
        find("RTX 4090 48GB")
    assert "RTX 4090 24GB" in error.value.fix


# Case, and what stands between letters and digits or between words.
_BETWEEN = st.sampled_from([" ", "-", "_", "/", "  ", ""])


@given(st.data())
def test_every_name_matches_itself_in_any_case_and_punctuation(data: st.DataObject) -> None:
    entry = data.draw(st.sampled_from(ENTRIES))
    name = data.draw(st.sampled_from([entry.device.name, *entry.aliases]))
    parts = re.findall(r"[A-Za-z]+|[\d.]+", name)
    written = "".join(
        data.draw(st.sampled_from([part, part.upper(), part.lower()])) + data.draw(_BETWEEN)
        for part in parts
    )
    assert find(written) == entry


@given(st.text(max_size=40) | st.from_regex(r"[a-z]{0,3} ?[0-9]{2,4} ?[a-z0-9]{0,4}"))
def test_a_number_is_never_taken_for_another(text: str) -> None:
    found = matches(text)
    if len(found) == 1:
        names = " ".join((found[0].device.name, *found[0].aliases, *found[0].drivers))
        assert set(re.findall(r"\d{3,}", key(text))) <= set(re.findall(r"\d{3,}", key(names)))


def test_a_processor_is_found_in_what_the_system_calls_it() -> None:
    found = in_text("AMD Ryzen 9 7950X 16-Core Processor")
    assert found is not None
    assert found.device.name == "Ryzen 9 7950X"
    assert in_text("13th Gen Intel(R) Core(TM) i9-14900K") is not None
    assert in_text("Intel(R) Xeon(R) Platinum 8480+") is not None
    assert in_text("AMD Ryzen 9 7950X3D 16-Core Processor") is None
    assert in_text("AMD EPYC") is None


def test_all_matches_are_told() -> None:
    assert {entry.device.name for entry in matches("v100 32gb")} == {
        "V100 SXM2 32GB",
        "V100 PCIe 32GB",
    }
    assert matches("banana") == ()


def hardware(name: str, column: str) -> set[str]:
    path = shared("data", "perf", name)
    reader = gzip.open if path.suffix == ".gz" else open
    with reader(path, "rt", encoding="utf-8", newline="") as file:
        return {row[column] for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    ("name", "column", "unresolved"),
    [
        ("serving_e2e_silicon.csv.gz", "system", set()),
        ("llamacpp_xiongjiedai.csv", "hardware", set()),
        ("vllm_requests_llmservingsim.csv", "hardware", set()),
        ("llamacpp_strixhalo_lhl.csv.gz", "hardware", set()),
        (
            "llmfit_localmaxxing.csv",
            "hardware",
            {
                # Several: the memory, or the board, is not said.
                "AMD Ryzen 7 7840HS",
                "AMD Ryzen 7 8745H w/ Radeon 780M",
                "AMD Ryzen 7 8745H w/ Radeon 780M Graphics",
                "H100 80GB",
                # None of ours.
                "AMD Ryzen 5 7640U",
                "Intel(R) Core(TM) Ultra 7 155H",
                "Qualcomm Snapdragon 888 ARM64",
            },
        ),
    ],
)
def test_the_hardware_of_published_measurements_is_known(
    name: str, column: str, unresolved: set[str]
) -> None:
    assert {text for text in hardware(name, column) if len(matches(text)) != 1} == unresolved
