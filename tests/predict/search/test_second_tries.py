"""Short caches and larger shares of memory: tried where they decide, and never silently."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.predict.planned import asked, facts, machine
from weighbridge.core.candidate import Estimate
from weighbridge.core.plan import Plan, Requirements
from weighbridge.core.workload import parse_slo
from weighbridge.predict.search.quality_order import assumed
from weighbridge.predict.search.search import search
from weighbridge.predict.search.second_tries import second_tries
from weighbridge.predict.search.verdict import appraise
from weighbridge.predict.search.ways import ways

NAME, CARD = "Qwen/Qwen3-8B", "RTX 4090"
TIGHT = asked(users=8, context=16384, engines=("vllm",), formats=("fp8",))
AWQ = ("AWQ int4 g128",)
R1 = asked(users=4, context=16384, engines=("sglang",), formats=("native",))


def plan(name: str, text: str, requirements: Requirements) -> Plan:
    return search([facts(name)], machine(text), requirements, assumed("2026-09-01"), per_model=1000)


def caches(found: Plan) -> list[float]:
    return [one.candidate.settings.kv_bytes_per_value for one in found.ranked]


def test_fp8_is_tried_where_16_bits_hold_too_little_and_said() -> None:
    found = plan(NAME, CARD, TIGHT)
    assert caches(found) == [1.0]
    (note,) = [note for note in found.notes if "KV caches in fp8" in note]
    assert "not measured here" in note
    assert "--kv-dtype 16bit" in note
    assert "TensorRT" not in note


@pytest.mark.parametrize("kv", [2.0, 1.0])
def test_a_format_that_is_asked_for_is_the_only_one(kv: float) -> None:
    found = plan(NAME, CARD, asked(users=6, context=8192, engines=("vllm",), kv=kv))
    assert set(caches(found)) == {kv}
    assert not any("KV caches in fp8" in note for note in found.notes)


def test_fp8_is_not_tried_where_16_bits_suffice() -> None:
    found = plan(NAME, CARD, asked(users=2, context=8192, engines=("vllm", "sglang")))
    assert set(caches(found)) == {2.0}


def test_fp8_is_not_tried_where_the_device_cannot_compute_with_it() -> None:
    load = asked(users=12, context=16384, engines=("vllm",))
    (first, *_) = appraise(list(ways(facts(NAME), machine("RTX 3090"), load)), load)
    assert not first.meets
    assert second_tries([first], load) == [[]]
    trt = asked(users=1, context=4096, engines=("trtllm",))
    short = [one.settings for one in ways(facts("Qwen/Qwen3-32B"), machine("4x RTX 3090"), trt)]
    assert {one.kv_bytes_per_value for one in short} == {2.0}


def test_16_bits_come_before_fp8_where_all_else_is_equal() -> None:
    """TensorRT-LLM's fp8 is faster than vLLM's 16 bits, which says nothing of quality."""
    load = asked(users=4, context=8192, engines=("vllm", "trtllm"), formats=("fp8",))
    found = plan("google/gemma-3-12b-it", "H100 SXM", load)
    assert caches(found) == [2.0, 1.0]
    slow, fast = (one.tokens_per_s for one in found.ranked)
    assert slow is not None
    assert fast is not None
    assert slow.value < fast.value, "else this shows nothing"
    assert any("TensorRT-LLM's default" in note for note in found.notes)


def test_fp8_lets_more_requests_in_where_the_cache_limits_them() -> None:
    for tenths in range(15, 50, 5):
        load = asked(users=1, context=8192, rate=tenths / 10, engines=("vllm",), formats=AWQ)
        long = plan("Qwen/Qwen3-32B", "L40S", replace(load, kv_bytes_per_value=2.0))
        if not long.ranked:
            found = plan("Qwen/Qwen3-32B", "L40S", load)
            assert caches(found) == [1.0]
            return
    pytest.fail("16 bits suffice at every rate")


def raised(found: Plan) -> list[Estimate]:
    return [one for one in found.ranked if one.candidate.settings.utilisation is not None]


def test_weights_that_the_default_share_leaves_no_room_for_get_a_larger_one() -> None:
    """As people did who ran DeepSeek-R1 in fp8 on four B200."""
    found = plan("deepseek-ai/DeepSeek-R1", "4x B200", R1)
    assert found.ranked
    assert found.ranked == tuple(raised(found))
    first = found.ranked[0]
    assert first.candidate.settings.utilisation == 0.92
    assert first.candidate.settings.kv_bytes_per_value == 2.0
    assert any("--mem-fraction-static 0.92" in reason for reason in first.reasons)
    assert any("default share of memory of sglang" in note for note in found.notes)
    roomy = plan("deepseek-ai/DeepSeek-R1", "8x B200", R1)
    spread = [one.candidate for one in roomy.ranked if one.candidate.replicas == 1]
    assert spread
    assert {one.settings.utilisation for one in spread} == {None}


def test_a_share_that_is_asked_for_is_not_changed() -> None:
    found = plan("deepseek-ai/DeepSeek-R1", "4x B200", replace(R1, utilisation=0.8))
    assert not found.ranked
    assert not any("default share" in note for note in found.notes)


def test_a_short_cache_of_what_fails_is_named() -> None:
    (fine,) = plan(NAME, CARD, TIGHT).ranked
    assert fine.tpot_ms is not None
    strict = parse_slo(f"tpot_p50<{0.9 * fine.tpot_ms.value}ms")
    found = plan(NAME, CARD, replace(TIGHT, slo=strict))
    assert not found.ranked
    (refused,) = found.refused
    assert "tpot_p50 would be" in refused.reason
    assert refused.reason.endswith("· vllm · fp8 KV).")


@pytest.mark.parametrize(
    ("kv", "text", "engines"),
    [
        (34 / 32, "RTX 4090", {"llama.cpp"}),
        (34 / 32, "8x H100 SXM", {"llama.cpp"}),
        (1.0, "RTX 4090", {"vllm", "sglang", "trtllm"}),
        (2.0, "RTX 3090", {"vllm", "sglang", "trtllm", "llama.cpp"}),
    ],
)
def test_engines_without_the_cache_that_is_asked_for_are_left_out(
    kv: float, text: str, engines: set[str]
) -> None:
    """A command would start them with another one than was computed."""
    load = asked(users=2, context=4096, kv=kv)
    found = list(ways(facts(NAME), machine(text), load))
    assert {one.settings.engine.name for one in found} == engines
    assert {one.settings.kv_bytes_per_value for one in found} == {kv}


def test_a_cache_that_nothing_there_has_is_refused_in_words() -> None:
    found = plan(NAME, "RTX 3090", asked(users=1, context=4096, kv=1.0))
    (refused,) = found.refused
    assert "none of the engines, formats and caches" in refused.reason


def test_q8_0_is_tried_by_llamacpp_where_16_bits_hold_too_little() -> None:
    load = asked(users=4, context=16384, engines=("llama.cpp",), formats=("Q6_K",))
    found = plan(NAME, "RTX 3060 12GB", load)
    assert caches(found) == [34 / 32]
    assert any("KV caches in q8_0" in note and "flash attention" in note for note in found.notes)
    wide = plan(NAME, "RTX 3060 12GB", replace(load, kv_bytes_per_value=2.0))
    assert not wide.ranked
    assert "q8_0" not in " ".join(wide.notes)
    roomy = plan(NAME, CARD, asked(users=1, context=8192, engines=("llama.cpp",)))
    assert set(caches(roomy)) == {2.0}
