from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.predict.models import settings, shape, table
from weighbridge.core.estimate import MemoryUse, Offload, Settings
from weighbridge.core.units import GIB, MIB
from weighbridge.predict.memory.llamacpp import compute_bytes
from weighbridge.predict.memory.use import memory_use

LLAMA = "meta-llama/Llama-3.1-8B-Instruct"
MOE = "Qwen/Qwen3-30B-A3B"
TOLD = settings("", engine="llama.cpp")


def use(
    told: Settings, name: str = LLAMA, gib: float = 24.0, host: float | None = None
) -> MemoryUse:
    return memory_use(shape(name), table(name, "Q4_K_M"), told, gib * GIB, host_bytes=host)


def test_the_embedding_stays_in_the_hosts_memory() -> None:
    found = use(TOLD)
    total = table(LLAMA, "Q4_K_M").total
    assert found.weights.value + found.host_bytes == pytest.approx(total)
    assert found.host_bytes / total == pytest.approx(0.06, abs=0.02)


def test_buffers_hold_the_logits_of_a_micro_batch() -> None:
    # 512 × 128,256 logits in 32 bits are 250.5 MiB; llama.cpp reports 258.5 MiB for this model.
    assert compute_bytes(shape(LLAMA), TOLD) / MIB == pytest.approx(258.5, rel=0.06)


def test_without_flash_attention_scores_over_the_context_count() -> None:
    plain = replace(TOLD, context=32768, flash_attention=False)
    grown = compute_bytes(shape(LLAMA), plain) - compute_bytes(shape(LLAMA), TOLD)
    assert grown > 32768 * 512 * 32 * 4 * 0.8


def test_layers_left_to_the_host_take_their_cache_with_them() -> None:
    half = use(replace(TOLD, offload=Offload(gpu_layers=16)))
    whole = use(TOLD)
    assert half.cache.value == pytest.approx(whole.cache.value / 2)
    assert half.weights.value < whole.weights.value / 2
    assert half.host_bytes > whole.host_bytes
    none = use(replace(TOLD, offload=Offload(gpu_layers=0)))
    assert none.weights.value == none.cache.value == 0


def test_experts_left_to_the_host_leave_attention_and_cache() -> None:
    kept = use(replace(TOLD, offload=Offload(cpu_expert_layers=48)), MOE)
    whole = use(TOLD, MOE)
    assert kept.cache == whole.cache
    assert kept.weights.value < 0.15 * whole.weights.value
    moved = kept.host_bytes - whole.host_bytes
    assert moved == pytest.approx(whole.weights.value - kept.weights.value)


def test_what_is_missing_is_told() -> None:
    assert use(TOLD).shortage is None
    weights = use(TOLD, gib=4).shortage
    assert weights is not None
    assert weights.of == "weights"
    users = use(replace(TOLD, users=64), gib=16).shortage
    assert users is not None
    assert (users.of, users.starts) == ("slots", False)
    host = use(replace(TOLD, offload=Offload(gpu_layers=8)), host=2 * GIB).shortage
    assert host is not None
    assert host.of == "host"


@given(
    context=st.integers(256, 65536),
    users=st.integers(1, 16),
    more=st.integers(0, 8),
    layers=st.integers(0, 32),
)
def test_more_users_context_or_layers_never_take_less(
    context: int, users: int, more: int, layers: int
) -> None:
    told = replace(TOLD, context=context, users=users, offload=Offload(layers))
    larger = replace(
        TOLD, context=context + 100 * more, users=users + more, offload=Offload(layers + more)
    )
    assert use(told).total <= use(larger).total * (1 + 1e-9)
    assert min(use(told).spare + use(told).total, use(told).host_bytes) >= 0
