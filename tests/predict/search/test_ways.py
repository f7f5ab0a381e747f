"""Properties of memory and speed over the whole space of ways to serve."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.predict.planned import FEW, asked, facts, machine
from weighbridge.core.estimate import Engine, EngineName, Parallelism
from weighbridge.predict.search.verdict import appraise, missing_bytes, needed_bytes
from weighbridge.predict.search.ways import Way, larger, memory_of, on_more, way, ways, with_users

MACHINES = ("RTX 4090", "2x RTX 3090", "8x H100 SXM", "M3 Max 64GB", "B200")
ENGINES: tuple[EngineName, ...] = ("vllm", "sglang", "trtllm", "llama.cpp")
GGUF_DOWN = ("Q8_0", "Q6_K", "Q4_K_M", "Q3_K_M")


def one_way(name: str, engine: EngineName, format_: str, **load: int) -> Way:
    return way(
        facts(name),
        format_,
        machine=machine("H100 SXM"),
        engine=Engine(engine),
        spread=Parallelism(),
        asked=asked(**load),  # type: ignore[arg-type]
    )


def needed(one: Way) -> float:
    return needed_bytes(memory_of(one), one.settings).value


@given(
    st.sampled_from(FEW[:-1]),
    st.sampled_from(ENGINES),
    st.integers(2048, 32768),
    st.integers(0, 32768),
)
@settings(max_examples=60, deadline=None)
def test_memory_grows_with_the_context(
    name: str, engine: EngineName, context: int, more: int
) -> None:
    short, long = (one_way(name, engine, "native", context=n) for n in (context, context + more))
    assert needed(long) >= needed(short)


@given(
    st.sampled_from(FEW[:-1]), st.sampled_from(ENGINES), st.integers(1, 200), st.integers(0, 200)
)
@settings(max_examples=60, deadline=None)
def test_memory_grows_with_the_users(name: str, engine: EngineName, users: int, more: int) -> None:
    few, many = (one_way(name, engine, "native", users=n) for n in (users, users + more))
    assert needed(many) >= needed(few)
    assert missing_bytes(many.settings, memory_of(many)) >= missing_bytes(
        few.settings, memory_of(few)
    )


@pytest.mark.parametrize("name", ["Qwen/Qwen3-8B", "google/gemma-3-12b-it"])
def test_memory_grows_with_the_bits(name: str) -> None:
    by_llamacpp = [needed(one_way(name, "llama.cpp", format_)) for format_ in GGUF_DOWN]
    assert by_llamacpp == sorted(by_llamacpp, reverse=True)
    by_vllm = [needed(one_way(name, "vllm", f)) for f in ("native", "fp8", "AWQ int4 g128")]
    assert by_vllm == sorted(by_vllm, reverse=True)


@pytest.mark.parametrize("text", MACHINES)
def test_no_way_is_faster_than_reading_its_weights(text: str) -> None:
    """Throughput never exceeds the roofline, not even at the good end of the interval."""
    box = machine(text)
    every = [one for name in FEW for one in ways(facts(name), box, asked(users=4, context=4096))]
    timed = [one for one in appraise(every, asked(users=4, context=4096)) if one.timing]
    assert timed
    for one in timed:
        assert one.timing is not None
        load, spread = one.way.form.work, one.way.settings.parallelism
        dense = load.attention.bytes + load.dense.bytes + load.head.bytes
        read = dense + load.experts.bytes * load.active_share
        devices = 1 if one.way.settings.engine.name == "llama.cpp" else spread.devices
        fastest_ms = read / devices / box.device.bandwidth_bytes_per_s * 1e3
        assert one.timing.tpot_ms.low >= fastest_ms * 0.999, one.way.candidate.label
        running = -(-4 // one.way.replicas)
        most = one.way.replicas * running / fastest_ms * 1e3
        assert one.timing.tokens_per_s.high <= most * 1.001


@pytest.mark.parametrize("text", MACHINES)
def test_intervals_hold_their_values_and_devices_suffice(text: str) -> None:
    box = machine(text)
    every = [one for name in FEW for one in ways(facts(name), box, asked())]
    for one in appraise(every, asked(slo="ttft<1s,tpot<50ms,itl<1s,e2e<60s")):
        assert one.way.candidate.devices <= box.count
        if one.timing is None:
            assert one.lacks
            continue
        spans = [one.timing.ttft_ms, one.timing.tpot_ms, one.timing.tokens_per_s]
        for span in spans + [value for _, value in one.timing.bounds]:
            assert 0 < span.low <= span.value <= span.high


def test_replicas_fill_the_machine_but_none_is_without_a_user() -> None:
    box = machine("8x H100 SXM")
    alone = [w for w in ways(facts("Qwen/Qwen3-8B"), box, asked(users=100))
             if w.settings.parallelism == Parallelism(2)]  # fmt: skip
    assert {one.replicas for one in alone} == {4}
    assert {one.settings.users for one in alone} == {25}
    assert {with_users(one, 3).replicas for one in alone} == {3}
    assert {with_users(one, 3).settings.users for one in alone} == {1}


def test_settings_are_made_for_the_load() -> None:
    one = one_way("Qwen/Qwen3-8B", "vllm", "native", users=20, context=8192)
    assert one.settings.context == 8192
    assert one.settings.max_num_seqs == 32
    arriving = way(
        facts("Qwen/Qwen3-8B"),
        "native",
        machine=machine("4x H100 SXM"),
        engine=Engine("vllm"),
        spread=Parallelism(),
        asked=asked(users=1, rate=5.0),
    )
    assert arriving.replicas == 4
    assert arriving.settings.max_num_seqs is None


def test_formats_that_are_asked_for_are_the_only_ones() -> None:
    found = list(
        ways(facts("Qwen/Qwen3-8B"), machine("RTX 4090"), asked(formats=("fp8", "Q4_K_M")))
    )
    assert {one.form.quantization.name for one in found} == {"fp8", "Q4_K_M"}
    native = list(ways(facts("Qwen/Qwen3-8B"), machine("RTX 4090"), asked(formats=("bf16",))))
    assert {one.form.quantization.name for one in native} == {"bf16"}


def test_more_devices_are_those_of_a_host_or_of_a_link_domain() -> None:
    first = next(ways(facts("Qwen/Qwen3-8B"), machine("RTX 4090"), asked(engines=("vllm",))))
    assert larger(first.machine) == tuple(range(2, 9))
    assert larger(machine("2x GB200"))[-1] == 72
    assert larger(machine("M3 Max 64GB")) == ()
    found = on_more(first, asked(), 3)
    assert {(one.machine.count, one.settings.parallelism.tensor) for one in found} == {
        (3, 1), (3, 2),
    }  # fmt: skip


def test_a_shared_part_of_prompts_is_read_once() -> None:
    whole = asked(users=1)
    shared = replace(whole, workload=replace(whole.workload, prefix_share=0.9))
    first = next(ways(facts("Qwen/Qwen3-8B"), machine("RTX 4090"), asked(engines=("vllm",),
                                                                         users=1)))  # fmt: skip
    (cold,), (warm,) = appraise([first], whole), appraise([first], shared)
    assert cold.timing is not None
    assert warm.timing is not None
    assert warm.timing.ttft_ms.value < cold.timing.ttft_ms.value
