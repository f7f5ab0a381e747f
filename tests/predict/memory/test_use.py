from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.predict.models import H100, KINDS, settings, shape, table
from weighbridge.core.estimate import EngineName, MemoryUse, Parallelism, Settings
from weighbridge.core.machine import Device, Link, Machine
from weighbridge.core.provenance import Provenance
from weighbridge.core.units import GIB
from weighbridge.predict.memory.use import memory_on, memory_use

POOLED: tuple[EngineName, ...] = ("vllm", "sglang", "trtllm")
NAMES = st.sampled_from(KINDS)
ENGINES = st.sampled_from(POOLED)
FORMATS = ("Q4_0", "NVFP4", "fp8", "bf16")


def use(
    name: str,
    told: Settings,
    memory: float = H100,
    quantization: str = "bf16",
    *,
    nvlink: bool = False,
) -> MemoryUse:
    return memory_use(shape(name), table(name, quantization), told, memory, nvlink=nvlink)


@pytest.mark.parametrize(
    ("name", "told", "gib", "pool"),
    [
        # Logs of vLLM on H100s; those of 0.19 as its other figures leave it.
        ("Qwen/Qwen3-0.6B", settings("0.11.0", context=16000), 79.18, 64.45),
        ("Qwen/Qwen3-32B", settings("0.11.0", context=16000, tensor=2), 79.18, 34.49),
        ("Qwen/Qwen3-8B", settings("0.19.0", utilisation=0.95), 79.19, 57.50),
    ],
)
def test_the_pool_is_what_vllm_logged(name: str, told: Settings, gib: float, pool: float) -> None:
    found = use(name, told, gib * GIB, nvlink=True)
    assert found.cache.value / GIB == pytest.approx(pool, rel=0.01)
    assert found.cache.low / GIB <= pool <= found.cache.high / GIB


@given(
    name=NAMES,
    engine=ENGINES,
    gib=st.floats(4, 300),
    context=st.integers(16, 200_000),
    spread=st.tuples(st.sampled_from([1, 2, 4, 8]), st.sampled_from([1, 2, 3])),
)
def test_parts_sum_up_to_no_more_than_the_limit_and_are_never_negative(
    name: str, engine: EngineName, gib: float, context: int, spread: tuple[int, int]
) -> None:
    tensor, pipeline = spread
    told = settings(engine=engine, context=context, tensor=tensor, pipeline=pipeline)
    found = use(name, told, gib * GIB)
    parts = (found.weights, found.activation, found.overhead, found.graphs, found.cache)
    assert found.total == sum(part.value for part in parts)
    assert all(0 <= part.low <= part.value <= part.high for part in parts)
    if found.shortage is None or found.shortage.of != "weights":
        assert found.total <= found.limit_bytes * (1 + 1e-9)
        assert found.limit_bytes <= gib * GIB
    if engine == "vllm" and found.cache.value:
        assert found.spare == pytest.approx(0, abs=1)


@given(name=NAMES, engine=ENGINES, context=st.integers(64, 100_000), more=st.integers(0, 50_000))
def test_longer_contexts_leave_room_for_fewer(
    name: str, engine: EngineName, context: int, more: int
) -> None:
    memory = 1400 * GIB
    short = use(name, settings(engine=engine, context=context), memory)
    long = use(name, settings(engine=engine, context=context + more), memory)
    assert short.concurrency is not None
    assert long.concurrency is not None
    assert long.concurrency.value <= short.concurrency.value * (1 + 1e-9)
    assert long.cache.value <= short.cache.value * (1 + 1e-9)


@given(name=NAMES, engine=ENGINES, users=st.integers(1, 500), more=st.integers(0, 500))
def test_more_users_are_never_short_of_less(
    name: str, engine: EngineName, users: int, more: int
) -> None:
    few = use(name, settings(engine=engine, users=users), quantization="NVFP4").shortage
    many = use(name, settings(engine=engine, users=users + more), quantization="NVFP4").shortage
    assert (few.bytes if few else 0) <= (many.bytes if many else 0)


@given(name=NAMES, engine=ENGINES)
def test_more_bits_take_more_and_leave_less(name: str, engine: EngineName) -> None:
    found = [use(name, settings(engine=engine), 1400 * GIB, each) for each in FORMATS]
    weights = [each.weights.value for each in found]
    assert weights == sorted(weights)
    pools = [each.cache.value for each in found]
    assert pools == sorted(pools, reverse=True)


@given(name=NAMES, engine=ENGINES, tensor=st.sampled_from([2, 4, 8]))
def test_more_devices_hold_less_each_but_never_below_their_share(
    name: str, engine: EngineName, tensor: int
) -> None:
    one = use(name, settings(engine=engine)).weights.value
    part = use(name, settings(engine=engine, tensor=tensor)).weights.value
    assert one / tensor <= part <= one


def test_what_there_is_no_room_for_is_told() -> None:
    large = use("Qwen/Qwen3-32B", settings(), 48 * GIB).shortage
    assert large is not None
    assert (large.of, large.starts) == ("weights", False)
    assert "for the weights" in str(large)
    long = use("Qwen/Qwen3-32B", settings("0.11.0", context=40960)).shortage
    assert long is not None
    assert long.of == "sequence"
    many = use("Qwen/Qwen3-8B", settings(context=32768, users=100)).shortage
    assert many is not None
    assert (many.of, many.starts) == ("users", True)
    assert use("Qwen/Qwen3-8B", settings(context=32768, users=4)).shortage is None


def test_a_shortage_is_what_has_to_be_added() -> None:
    told = settings(context=32768, users=100)
    short = use("Qwen/Qwen3-8B", told)
    assert short.shortage is not None
    # vLLM takes nine tenths of what is added.
    enough = use("Qwen/Qwen3-8B", told, H100 + (short.shortage.bytes + 2**24) / 0.9)
    assert enough.shortage is None


def test_copies_of_attention_have_users_of_their_own() -> None:
    told = settings(users=16)
    spread = replace(told, parallelism=Parallelism(1, 1, 8, 8))
    name = "Qwen/Qwen3-30B-A3B"
    one, eight = use(name, told), use(name, spread)
    assert one.concurrency is not None
    assert eight.concurrency is not None
    # A copy has all layers' attention to itself and an eighth of the experts.
    assert eight.concurrency.value > 2 * one.concurrency.value
    assert eight.sequence_bytes == one.sequence_bytes


def test_an_unknown_version_and_an_unknown_layout_are_said() -> None:
    name = "deepseek-ai/DeepSeek-V4-Flash"
    found = use(name, settings("", tensor=8), 139.8 * GIB, "NVFP4")
    assert found.concurrency is None
    assert found.tokens is None
    assert len(found.notes) == 2
    known = use("Qwen/Qwen3-8B", settings("0.19.0"))
    assert known.notes == ()
    guessed = use("Qwen/Qwen3-8B", settings(""))
    width = known.cache.high - known.cache.low
    assert guessed.cache.high - guessed.cache.low > 1.5 * width


def test_guessing_ahead_loads_its_layers_and_keeps_states_for_each_guess() -> None:
    told = settings("0.21", context=131072)
    plain = use("Qwen/Qwen3.6-27B", told, quantization="NVFP4")
    ahead = use("Qwen/Qwen3.6-27B", replace(told, speculative_tokens=2), quantization="NVFP4")
    assert ahead.weights.value > plain.weights.value
    assert plain.sequence_bytes is not None
    assert ahead.sequence_bytes is not None
    assert ahead.sequence_bytes > plain.sequence_bytes


def test_a_machine_says_what_its_devices_are() -> None:
    link = Link("nvlink", 450e9)
    source = Provenance("assumed", "made for this test", "2026-01-01")
    device = Device(
        "H100 SXM", "NVIDIA", "gpu", "Hopper", round(H100), 3.35e12, (), link, 64e9, 700, source
    )
    told = settings("0.22", tensor=2)
    name = "Qwen/Qwen3-8B"
    found = memory_on(Machine(device, 2), shape(name), table(name), told)
    assert found == use(name, told, round(H100), nvlink=True)
    other = replace(device, vendor="AMD", link=Link("infinity fabric", 64e9))
    there = memory_on(Machine(other, 2), shape(name), table(name), told)
    assert there.graphs.value == 0
    assert there.overhead.value < found.overhead.value


def test_nothing_else_is_set_aside_where_no_graphs_are_captured() -> None:
    told = settings("0.22")
    assert use("Qwen/Qwen3-8B", told).graphs.value > 0
    assert use("Qwen/Qwen3-8B", replace(told, eager=True)).graphs.value == 0
