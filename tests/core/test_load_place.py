from __future__ import annotations

from dataclasses import replace

import pytest

from weighbridge.core.load import LoadLevel, LoadRun
from weighbridge.core.load_place import gpus_in, is_own_address, measured_on
from weighbridge.core.runs import RunInfo
from weighbridge.core.telemetry import ServerSample, ServerSide
from weighbridge.core.traffic import LoadShape

HOST = "AMD EPYC 9B14, 2 cores, 23.5 GiB, {}Linux 6.1, Python 3.11.7"
HERE = "http://127.0.0.1:8000/v1"


def run(machine: str, url: str = HERE, *samples: ServerSample) -> LoadRun:
    info = RunInfo("load-1", "load", "2026-01-05T09:00:00Z", "m", "chat", "k", machine, "0")
    level = LoadLevel(
        shape=LoadShape("closed", 1), requests=1, errors=0, error_kinds=(), first_error="",
        duration_s=1.0, requests_per_s=1.0, output_tokens=1, output_tokens_per_s=1.0,
        tokens_from="usage", ttft_ms=None, itl_ms=None, tpot_ms=None, e2e_ms=None,
        server=ServerSide("vllm", samples) if samples else None,
    )  # fmt: skip
    return LoadRun(info, url, 32, (level,), ())


def on(gpus: str, url: str = HERE) -> LoadRun:
    return run(HOST.format(f"{gpus}, " if gpus else ""), url)


@pytest.mark.parametrize(
    ("asked", "gpu", "same"),
    [
        (("L4",), "NVIDIA L4", True),
        (("1x L4",), "NVIDIA L4", True),
        (("l4",), "NVIDIA L40S", False),
        (("L40",), "NVIDIA L40S", False),
        (("RTX 4090",), "NVIDIA GeForce RTX 4090", True),
        (("2x 4090",), "NVIDIA GeForce RTX 4090", True),
        (("RTX4090",), "NVIDIA GeForce RTX 4090", True),
        (("RTX 4070",), "NVIDIA GeForce RTX 4070 Ti", False),
        (("RTX 3060 12GB",), "NVIDIA GeForce RTX 3060", True),
        (("A100",), "NVIDIA A100-SXM4-80GB", True),
        (("A100 SXM 80GB",), "NVIDIA A100-SXM4-80GB", True),
        (("A100 PCIe 80GB",), "NVIDIA A100-SXM4-80GB", False),
        (("H100 SXM",), "NVIDIA H100 80GB HBM3", True),
        (("H100 SXM",), "NVIDIA H100 PCIe", False),
        (("MI300X",), "AMD Instinct MI300X OAM", True),
        (("my card", "L4"), "NVIDIA L4", True),
    ],
)
def test_a_device_is_known_by_any_of_its_names_and_not_by_a_part_of_another(
    asked: tuple[str, ...], gpu: str, same: bool
) -> None:
    assert measured_on(on(f"1 x {gpu}"), asked) is same


def test_one_machine_may_have_unlike_gpus() -> None:
    both = on("1 x NVIDIA T4, 2 x NVIDIA L4")
    assert gpus_in(both.info.machine) == ("NVIDIA T4", "NVIDIA L4")
    assert measured_on(both, ("L4",))
    assert measured_on(both, ("A10",)) is False


def test_a_loopback_run_on_a_machine_without_the_device_is_of_another() -> None:
    assert measured_on(on(""), ("L4",)) is False
    assert measured_on(on("", "http://[::1]:80/v1"), ("L4",)) is False
    assert measured_on(on("", "http+unix:///run/m.sock"), ("L4",)) is False


def test_of_a_server_elsewhere_nothing_is_known_though_the_client_has_such_a_device() -> None:
    assert measured_on(on("1 x NVIDIA L4", "https://gpu.example/v1"), ("L4",)) is None
    assert measured_on(on("", "http://10.0.0.7:8000/v1"), ("L4",)) is None


def test_counters_of_a_gpu_that_has_no_name_tell_that_there_was_one() -> None:
    seen = run(HOST.format(""), HERE, ServerSample(0.0, gpu_use=0.7))
    assert measured_on(seen, ("L4",)) is None
    engine_alone = run(HOST.format(""), HERE, ServerSample(0.0, running=3))
    assert measured_on(engine_alone, ("L4",)) is False
    # What has a name has it, and is no L4.
    named = replace(seen, info=on("1 x NVIDIA A10").info)
    assert measured_on(named, ("L4",)) is False


def test_a_gpu_without_a_name_and_a_system_that_names_none_leave_it_open() -> None:
    assert measured_on(on("1 x AMD GPU 1002:744c"), ("RX 7900 XT",)) is None
    mac = run("arm, 12 cores, 32.0 GiB, Darwin 23.1, Python 3.11.7")
    assert measured_on(mac, ("M2 Max",)) is None
    assert measured_on(run("unknown machine"), ("L4",)) is None


def test_an_engine_on_the_processor_measures_no_gpu_and_does_measure_the_processor() -> None:
    box = on("1 x NVIDIA L4")
    assert measured_on(box, ("L4",), engine="llamacpp-embedded") is False
    assert measured_on(box, ("L4",), engine="vllm") is True
    assert measured_on(box, ("EPYC 9B14 64GB",), engine="llamacpp-embedded") is True
    assert measured_on(box, ("EPYC 9654",)) is False


def test_where_no_device_is_asked_for_there_is_nothing_to_tell() -> None:
    assert measured_on(on(""), ()) is None
    assert measured_on(on(""), ("", " ")) is None


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("http://localhost:8000/v1", True),
        ("http://127.3.2.1/v1", True),
        ("unix:/run/m.sock", True),
        ("http://0.0.0.0:8000/v1", True),
        ("http://192.168.0.4:8000", False),
        ("https://localhost.example.com/v1", False),
        ("", False),
    ],
)
def test_which_addresses_are_this_machine(url: str, own: bool) -> None:
    assert is_own_address(url) is own
