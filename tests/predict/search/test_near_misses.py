from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.predict.planned import asked, facts, machine
from weighbridge.core.estimate import Engine, Offload
from weighbridge.core.plan import Requirements
from weighbridge.predict.search.near_misses import changes
from weighbridge.predict.search.verdict import Appraisal, appraise
from weighbridge.predict.search.ways import ways


def failing(name: str, text: str, requirements: Requirements) -> Appraisal:
    found = appraise(list(ways(facts(name), machine(text), requirements)), requirements)
    assert not any(one.meets for one in found)
    return min(found, key=lambda one: one.distance)


def holds(name: str, text: str, requirements: Requirements) -> bool:
    found = appraise(list(ways(facts(name), machine(text), requirements)), requirements)
    return any(one.meets for one in found)


CARD, NAME = "RTX 4090", "Qwen/Qwen3-8B"
HEAVY = asked(users=12, context=16384, engines=("vllm",), formats=("fp8",))


def test_what_it_proposes_meets_when_asked_for() -> None:
    one = failing(NAME, CARD, HEAVY)
    assert re.search(r"KV short by [\d.]+ GiB at 12 × 16k", one.lacks[0].words)
    proposed = changes(one, HEAVY)
    users = next(int(text.split()[0]) for text in proposed if text.endswith("users"))
    context = next(
        int(match[1]) * 1024
        for text in proposed
        if (match := re.match(r"a context of (\d+)k", text))
    )
    load = HEAVY.workload
    fewer = replace(HEAVY, workload=replace(load, users=users))
    more = replace(HEAVY, workload=replace(load, users=users + 1))
    assert holds(NAME, CARD, fewer)
    assert not holds(NAME, CARD, more)
    assert holds(NAME, CARD, replace(HEAVY, workload=replace(load, context=context)))
    longer = replace(HEAVY, workload=replace(load, context=context + 1024))
    assert not holds(NAME, CARD, longer)
    devices = next(text for text in proposed if text.endswith(f"× {CARD}"))
    assert holds(NAME, devices, HEAVY)


def test_a_shorter_cache_is_proposed_where_it_suffices() -> None:
    tight = asked(users=8, context=16384, engines=("vllm",), formats=("fp8",))
    one = failing(NAME, CARD, tight)
    assert "fp8 KV cache" in changes(one, tight)
    assert holds(NAME, CARD, replace(tight, kv_bytes_per_value=1.0))


def test_a_larger_share_of_the_memory_is_proposed_first() -> None:
    def lacks(users: int) -> bool:
        return not holds(NAME, CARD, asked(users=users, context=4096, engines=("vllm",)))

    users = next(n for n in range(1, 200) if lacks(n))
    tight = asked(users=users, context=4096, engines=("vllm",), formats=())
    proposed = changes(failing(NAME, CARD, tight), tight)
    assert proposed[0] == "95 % of the memory for the engine"
    assert holds(NAME, CARD, replace(tight, utilisation=0.95))


def test_a_format_or_engine_that_was_left_out_is_proposed() -> None:
    narrow = asked(users=2, context=4096, engines=("vllm",), formats=("bf16",))
    proposed = changes(failing("google/gemma-3-12b-it", CARD, narrow), narrow)
    assert any(text.endswith(" weights") for text in proposed)


def test_a_missed_condition_is_eased_by_as_little_as_two_digits_can_say() -> None:
    strict = asked(users=4, context=4096, slo="ttft_p95<1ms")
    proposed = changes(failing(NAME, CARD, strict), strict)
    eased = next(text for text in proposed if text.startswith("ttft_p95<"))
    limit = float(eased.removeprefix("ttft_p95<").removesuffix("ms"))
    assert holds(NAME, CARD, asked(users=4, context=4096, slo=eased))
    assert not holds(NAME, CARD, asked(users=4, context=4096, slo=f"ttft_p95<{0.8 * limit}ms"))


def test_a_rate_is_lowered() -> None:
    flood = asked(users=1, context=4096, rate=500.0, engines=("vllm",))
    proposed = changes(failing(NAME, CARD, flood), flood)
    rate = next(float(text.split()[0]) for text in proposed if text.endswith("per second"))
    assert 0.1 < rate < 500
    assert holds(NAME, CARD, asked(users=1, context=4096, rate=0.95 * rate, engines=("vllm",)))


@pytest.mark.parametrize("text", ["RTX 4090", "2x RTX 3090"])
def test_nothing_is_proposed_where_no_single_change_helps(text: str) -> None:
    quick = asked(slo="tpot_p95<40ms")
    one = failing("deepseek-ai/DeepSeek-R1", text, quick)
    assert changes(one, quick) == ()
    assert "at least" in one.lacks[0].words


def test_experts_are_left_to_the_host_as_few_as_possible() -> None:
    alone = asked(users=1, context=8192, engines=("llama.cpp",))
    one = failing("openai/gpt-oss-120b", CARD, alone)
    proposed = changes(one, alone)
    text = next(text for text in proposed if "host's memory" in text)
    layers = int(text.split()[2])
    kept = replace(
        one.way, settings=replace(one.way.settings, offload=Offload(cpu_expert_layers=layers))
    )
    fewer = replace(
        one.way, settings=replace(one.way.settings, offload=Offload(cpu_expert_layers=layers - 1))
    )
    assert appraise([kept], alone)[0].meets
    assert not appraise([fewer], alone)[0].meets


def test_what_the_host_does_not_hold_is_not_left_to_it() -> None:
    alone = asked(users=1, context=8192, engines=("llama.cpp",))
    box = replace(machine(CARD), host_memory_bytes=16 * 2**30)
    found = appraise(list(ways(facts("openai/gpt-oss-120b"), box, alone)), alone)
    one = min(found, key=lambda one: one.distance)
    assert not any("host's memory" in text for text in changes(one, alone))


def test_llamacpp_is_proposed_where_another_engine_came_closest() -> None:
    alone = asked(users=1, context=8192)
    one = failing("openai/gpt-oss-120b", CARD, alone)
    assert one.way.settings.engine.name != "llama.cpp"
    assert any(
        text.startswith("llama.cpp in mxfp4 (experts) with experts of")
        for text in changes(one, alone)
    )


def test_a_computer_of_its_own_is_not_multiplied() -> None:
    load = asked(users=8, context=16384, slo="ttft_p95<500ms")
    one = failing(NAME, "M3 Max 64GB", load)
    assert not any("×" in text for text in changes(one, load))


def test_the_fewest_devices_are_named_powers_of_two_or_not() -> None:
    flood = asked(users=1, prompt=857, output=652, context=8192, rate=10.0, formats=("native",))
    flood = replace(flood, engines=(Engine("vllm", "0.19.0"),), kv_bytes_per_value=1.0)
    name = "meta-llama/Meta-Llama-3.1-8B"
    one = failing(name, CARD, flood)
    text = next(text for text in changes(one, flood) if text.endswith(f"× {CARD}"))
    count = int(text.split()[0])
    assert count == 5
    assert holds(name, f"{count}x {CARD}", flood)
    assert not holds(name, f"{count - 1}x {CARD}", flood)
