from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.facts.catalog.samples import CONFIG
from tests.fakes.clock import FakeClock
from weighbridge.core.errors import InputError
from weighbridge.facts.catalog.catalogue import load
from weighbridge.predict.table import Scenario
from weighbridge.verbs.scenario_jobs import Jobs

PLAIN = Scenario("Qwen/Qwen3-8B", "H100 SXM", "vllm", "", "", 1024, 256, 0)


@pytest.fixture
def jobs() -> Jobs:
    return Jobs(load(), FakeClock())


def test_names_become_model_format_and_device(jobs: Jobs) -> None:
    job, notes = jobs.job(replace(PLAIN, model="nvidia/Qwen3-8B-FP8", system="h100_sxm"))
    assert (job.model.name, job.model.quantization.name) == ("Qwen/Qwen3-8B", "fp8")
    assert job.device.name == "H100 SXM"
    assert notes == ()
    # What the column says counts more than the name.
    job, _ = jobs.job(replace(PLAIN, model="nvidia/Qwen3-8B-FP8", precision="nvfp4"))
    assert job.model.quantization.name == "NVFP4"


def test_the_system_says_how_many_devices_where_the_row_does_not(jobs: Jobs) -> None:
    four = replace(PLAIN, system="4x H100 SXM")
    assert jobs.job(four)[0].scenario.tp_size == 4
    assert jobs.job(replace(four, tp_size=2))[0].scenario.tp_size == 2


def test_systems_as_public_tables_call_them(jobs: Jobs) -> None:
    names = ("b200_sxm", "gb300", "h200_sxm", "a100_sxm", "l40s", "b60", "rtx_pro_6000_server")
    assert [jobs.machine(name).device.name for name in names] == [
        "B200 SXM", "GB300", "H200 SXM", "A100 SXM 80GB", "L40S", "Arc Pro B60",
        "RTX PRO 6000 Server",
    ]  # fmt: skip


def test_unusual_pairs_of_engine_and_device_are_a_guess(jobs: Jobs) -> None:
    _, notes = jobs.job(replace(PLAIN, system="b60"))
    assert notes == ("vllm is not known to run well on Arc Pro B60: a guess.",)
    assert jobs.job(replace(PLAIN, system="MI300X"))[1] == ()


def test_more_tokens_than_a_model_is_made_for_are_said_so(jobs: Jobs) -> None:
    assert jobs.job(replace(PLAIN, isl=40_000))[1] == ()
    _, notes = jobs.job(replace(PLAIN, isl=200_000))
    assert "longer than the" in notes[0]


def test_llamacpp_reads_the_nearest_type_of_its_own(jobs: Jobs) -> None:
    job, notes = jobs.job(replace(PLAIN, backend="llama.cpp", precision="fp8"))
    assert job.model.quantization.name == "Q8_0"
    assert notes == ("llama.cpp has no fp8: Q8_0 is assumed.",)
    oss = replace(PLAIN, model="openai/gpt-oss-120b", backend="llama.cpp", precision="fp4")
    job, notes = jobs.job(oss)
    assert "mxfp4" in job.model.quantization.name
    assert notes == ()


def test_a_configuration_or_its_folder_is_a_model(jobs: Jobs, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    for path in (tmp_path, tmp_path / "config.json"):
        job, _ = jobs.job(replace(PLAIN, model=str(path)))
        assert job.model.footprint.depth == CONFIG["num_hidden_layers"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "foo/bar"}, "no model 'foo/bar'"),
        ({"model": "Qwen/Qwen3.5-9B"}, "knows the size only"),
        ({"system": "H100"}, r"may mean 3 devices. Say which: H100 PCIe"),
        ({"system": "RTX 9999"}, "no device"),
        ({"backend": "tgi"}, "no engine 'tgi'"),
        ({"precision": "fp7"}, "no precision 'fp7'"),
        ({"system": "M4 Max 40-core 64GB"}, "vllm does not run on M4 Max"),
        ({"system": "MI300X", "backend": "trtllm"}, "trtllm does not run on MI300X"),
        ({"model": "x" * 5000}, "no model"),
    ],
)
def test_what_is_not_known_is_said_every_time(
    jobs: Jobs, changes: dict[str, str], message: str
) -> None:
    for _ in range(2):
        with pytest.raises(InputError, match=message):
            jobs.job(replace(PLAIN, **changes))  # type: ignore[arg-type]


def test_a_damaged_configuration_is_an_input_error(jobs: Jobs, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError):
        jobs.job(replace(PLAIN, model=str(tmp_path)))


def test_heads_must_be_dealt_out_evenly(jobs: Jobs) -> None:
    with pytest.raises(InputError, match="cannot share Qwen/Qwen3-8B among 3") as caught:
        jobs.job(replace(PLAIN, tp_size=3))
    assert caught.value.fix == "Give a tp_size of 2 or 4."
    assert jobs.job(replace(PLAIN, tp_size=4))[1] == ()
    # Whole layers, and racks of which all replicas are counted.
    jobs.job(replace(PLAIN, tp_size=3, backend="llama.cpp", precision="Q8_0"))
    _, notes = jobs.job(replace(PLAIN, tp_size=36, system="gb200"))
    assert "several replicas" in notes[0]


def test_ampere_reads_fp8_and_computes_in_16_bits(jobs: Jobs) -> None:
    ampere = replace(PLAIN, system="a100_sxm", precision="fp8")
    assert "Marlin" in jobs.job(ampere)[1][0]
    assert jobs.job(replace(ampere, precision=""))[1] == ()
    assert jobs.job(replace(ampere, system="h100_sxm"))[1] == ()
    with pytest.raises(InputError, match="no fp8 on A100"):
        jobs.job(replace(ampere, backend="trtllm"))


def test_a_home_that_there_is_not_is_no_path(jobs: Jobs) -> None:
    with pytest.raises(InputError, match="no model '~0'"):
        jobs.job(replace(PLAIN, model="~0"))


def test_fp8_before_ampere(jobs: Jobs) -> None:
    turing = replace(PLAIN, system="T4", precision="fp8")
    _, notes = jobs.job(turing)
    assert any("T4 has no fp8 products" in note and "Marlin" in note for note in notes)
    with pytest.raises(InputError, match="sglang has no kernels there"):
        jobs.job(replace(turing, backend="sglang"))
    with pytest.raises(InputError, match=r"V100.*Volta.*no fp8 products"):
        jobs.job(replace(turing, system="V100 SXM2 32GB"))


def test_where_no_engine_is_modelled_a_sentence_says_what_runs(jobs: Jobs) -> None:
    for backend, words in (("llama.cpp", "no backend for it"), ("vllm", "vllm-gaudi")):
        with pytest.raises(InputError, match=words):
            jobs.job(replace(PLAIN, system="Gaudi 3", backend=backend))
