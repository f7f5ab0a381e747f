from __future__ import annotations

from dataclasses import replace

import pytest

from tests.predict.planned import facts, machine
from weighbridge.core.estimate import EngineName, Parallelism
from weighbridge.predict.search.models import shape_of
from weighbridge.predict.search.runs_on import engines_on
from weighbridge.predict.search.space import (
    formats_for,
    short_cache,
    spreads,
    supports,
    usual_engines,
    worth_trying,
)


@pytest.mark.parametrize(
    ("device", "engines"),
    [
        ("RTX 4090", ("vllm", "sglang", "trtllm", "llama.cpp")),
        ("T4", ("vllm", "sglang", "llama.cpp")),
        ("MI300X", ("vllm", "sglang", "llama.cpp")),
        ("RX 7900 XTX", ("vllm", "llama.cpp")),
        ("M3 Max 64GB", ("llama.cpp",)),
        ("GTX 1080 Ti", ("llama.cpp",)),
    ],
)
def test_engines_by_device(device: str, engines: tuple[EngineName, ...]) -> None:
    assert engines_on(machine(device).device) == engines


def test_llamacpp_is_not_proposed_where_nvlink_joins_devices_but_can_be_asked_for() -> None:
    h100 = machine("H100 SXM").device
    assert "llama.cpp" in engines_on(h100)
    assert "llama.cpp" not in usual_engines(h100)
    assert "llama.cpp" in usual_engines(machine("RTX 4090").device)


@pytest.mark.parametrize(
    ("device", "formats"),
    [
        ("A100 SXM 80GB", ("native", "AWQ int4 g128")),
        ("RTX 4090", ("native", "fp8", "AWQ int4 g128")),
        ("H100 SXM", ("native", "fp8", "AWQ int4 g128")),
        ("B200", ("native", "fp8", "NVFP4", "AWQ int4 g128")),
    ],
)
def test_formats_by_device(device: str, formats: tuple[str, ...]) -> None:
    assert formats_for("vllm", machine(device).device, facts("Qwen/Qwen3-8B")) == formats


def test_short_checkpoints_stay_as_they_are() -> None:
    ada = machine("RTX 4090").device
    assert formats_for("vllm", ada, facts("openai/gpt-oss-20b")) == ("native",)
    assert formats_for("llama.cpp", ada, facts("openai/gpt-oss-20b")) == ("native",)
    assert "fp8" not in formats_for("vllm", ada, facts("deepseek-ai/DeepSeek-R1"))


def test_a_gguf_file_is_for_llamacpp_alone_and_in_its_own_format() -> None:
    file = replace(facts("Qwen/Qwen3-8B"), gguf=True)
    ada = machine("RTX 4090").device
    assert supports("llama.cpp", file, ada)
    assert not supports("vllm", file, ada)
    assert formats_for("llama.cpp", ada, file) == ("native",)


def test_trtllm_is_for_families_that_it_has_a_class_for() -> None:
    ada, hopper = machine("RTX 4090").device, machine("H100 SXM").device
    assert supports("trtllm", facts("Qwen/Qwen3-8B"), ada)
    assert not supports("trtllm", facts("baidu/ERNIE-4.5-21B-A3B-PT"), ada)
    assert supports("trtllm", facts("openai/gpt-oss-20b"), hopper)
    assert not supports("trtllm", facts("openai/gpt-oss-20b"), ada)


def test_tensor_parallelism_divides_heads_within_a_link() -> None:
    sizes = {one.tensor for one in spreads("vllm", machine("8x H100 SXM"), facts("Qwen/Qwen3-8B"))}
    assert sizes == {1, 2, 4, 8}
    # 14 heads on 2 heads of keys and values
    odd = {one.tensor for one in spreads("vllm", machine("6x RTX 3090"), facts("Qwen/Qwen3-8B"))}
    assert odd == {1, 2, 4}


def test_experts_are_spread_too_and_attention_of_mla_is_copied() -> None:
    found = list(spreads("sglang", machine("8x H100 SXM"), facts("deepseek-ai/DeepSeek-R1")))
    assert Parallelism(8) in found
    assert Parallelism(8, expert=8) in found
    assert Parallelism(1, expert=8, attention_data=8) in found
    assert all(one.devices <= 8 for one in found)


def test_llamacpp_deals_layers_out() -> None:
    found = list(spreads("llama.cpp", machine("3x RTX 3090"), facts("Qwen/Qwen3-8B")))
    assert {one.pipeline for one in found} == {1, 3}


def test_what_cannot_fit_is_not_computed_but_the_shortest_format_is_kept() -> None:
    small, large = facts("Qwen/Qwen3-8B"), facts("deepseek-ai/DeepSeek-R1")
    card = machine("RTX 4090")
    every = formats_for("llama.cpp", card.device, small)
    assert tuple(worth_trying(every, card, small)) == every
    assert tuple(worth_trying(every, card, large)) == every[-1:]


def test_the_cache_can_be_shortened_where_there_is_arithmetic_for_it() -> None:
    dense, latent, sparse = (
        shape_of(facts(name))
        for name in ("Qwen/Qwen3-8B", "deepseek-ai/DeepSeek-R1", "deepseek-ai/DeepSeek-V3.2")
    )
    ada, ampere, hopper = (machine(text).device for text in ("RTX 4090", "RTX 3090", "H100 SXM"))
    assert short_cache("vllm", ada, dense) == ("fp8", 1.0)
    assert short_cache("vllm", ampere, dense) is None
    assert short_cache("llama.cpp", ampere, dense) == ("q8_0", 34 / 32)
    assert short_cache("sglang", hopper, latent) == ("fp8", 1.0)
    assert short_cache("sglang", ada, latent) is None, "no kernel reads compressed keys there"
    assert short_cache("vllm", hopper, sparse) == ("fp8", 1.0)
    assert short_cache("sglang", hopper, sparse) is None, "its layout is not modelled"
