from __future__ import annotations

from dataclasses import replace

import pytest

from tests.predict.served import named, serving, use
from tests.predict.steps import ROOMY, rules, table
from weighbridge.core.errors import InputError
from weighbridge.core.estimate import Engine, EngineName, Settings
from weighbridge.core.workload import Request, Slo, Workload, parse_slo
from weighbridge.predict.simulation.load import (
    Replica,
    bear,
    capacity,
    load,
    most_users,
    replay,
    saturation,
)
from weighbridge.predict.simulation.rules import Cache, cache

CHAT = Workload(900, 300, 16, prompt_spread=0.5, output_spread=0.5, context=8192)
# A step of 10 ms whoever decodes; reading 0.1 ms a token.
PLAIN = Replica(table(read_s=1e-4), rules(sequences=8), ROOMY)
EVEN = Workload(100, 10, 8)


def test_a_closed_loop_of_equal_users() -> None:
    summary = load(PLAIN, EVEN)
    # Nine steps, and one more for each prompt that is read meanwhile by those out of step.
    assert summary.tpot_ms is not None
    assert 10 < summary.tpot_ms.p50 < 20
    assert summary.running == pytest.approx(8, rel=0.1)
    assert summary.requests_per_s == pytest.approx(8 / (summary.e2e_ms.p50 / 1e3), rel=0.1)


def test_users_that_begin_at_once_queue_once() -> None:
    burst, spread = bear(PLAIN, EVEN, burst=True), bear(PLAIN, EVEN)
    assert [s.arrival_s for s in burst.served[:8]] == [0.0] * 8
    starts = [s.arrival_s for s in spread.served[:8]]
    assert starts == sorted(set(starts))


def test_copies_of_attention_share_the_requests() -> None:
    four = replace(PLAIN, copies=4)
    one, all_ = load(PLAIN, EVEN), load(four, replace(EVEN, users=32))
    assert all_.requests_per_s == pytest.approx(4 * one.requests_per_s)
    assert all_.ttft_ms == one.ttft_ms
    served = replay(four, [Request(0.0, 100, 5)] * 6)
    assert [len(run.served) for run in served] == [2, 2, 1, 1]


def test_users_that_do_not_divide_evenly_do_not_multiply() -> None:
    summary = load(replace(PLAIN, copies=4), replace(EVEN, users=5))
    assert summary.running <= 5


def test_an_open_loop_is_served_at_its_rate() -> None:
    summary = load(PLAIN, replace(EVEN, requests_per_s=20.0))
    assert summary.requests_per_s == pytest.approx(20, rel=0.1)
    assert summary.utilisation > 0.5


def test_capacity_is_what_full_slots_finish() -> None:
    # Eight prompts of 10 ms and nine steps of 10 ms for eight requests, at the very best.
    full = capacity(PLAIN, EVEN)
    assert 8 / (8 * 0.02 + 9 * 0.01) < full < 8 / (8 * 0.01 + 9 * 0.01)


def test_saturation_is_where_the_slo_begins_to_break() -> None:
    slo = parse_slo("ttft_p95<300ms")
    rate = saturation(PLAIN, EVEN, slo)
    assert 0 < rate < capacity(PLAIN, EVEN)
    assert load(PLAIN, replace(EVEN, requests_per_s=rate), slo).holds
    assert not load(PLAIN, replace(EVEN, requests_per_s=rate * 1.1), slo).holds


def test_without_conditions_saturation_is_the_capacity() -> None:
    assert saturation(PLAIN, EVEN, Slo()) == capacity(PLAIN, EVEN)


def test_an_slo_that_nothing_meets_saturates_at_nothing() -> None:
    assert saturation(PLAIN, EVEN, parse_slo("ttft<15ms")) == 0
    assert most_users(PLAIN, EVEN, parse_slo("ttft<15ms")) == 0


def test_most_users_is_the_last_number_that_meets_the_slo() -> None:
    slo = parse_slo("e2e_p95<200ms")
    users = most_users(PLAIN, EVEN, slo)
    assert users >= 1
    assert load(PLAIN, replace(EVEN, users=users), slo).holds
    assert not load(PLAIN, replace(EVEN, users=users + 1), slo).holds


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_engines_serve_real_models(engine: EngineName) -> None:
    summary = load(serving("Qwen/Qwen3-8B", engine=engine), CHAT)
    assert summary.requests >= 16
    assert summary.tpot_ms is not None
    # 16 GB of weights at 3.35 TB/s are 5 ms; nobody is faster, and none of these much slower.
    assert 5 < summary.tpot_ms.p50 < 25
    assert 20 < summary.ttft_ms.p50 < 500


def test_a_small_cache_makes_requests_wait() -> None:
    crowd = replace(CHAT, users=64, prompt_tokens=3000)
    roomy, tight = serving("Qwen/Qwen3-8B"), serving("Qwen/Qwen3-8B", device="RTX 4090")
    much = replace(tight, table=roomy.table, rules=roomy.rules)
    assert load(much, crowd).queue_ms.p50 > 10 * load(roomy, crowd).queue_ms.p50
    assert load(much, crowd).peak_cache > 0.95


def test_more_than_the_cache_holds_is_refused() -> None:
    tight = serving("Qwen/Qwen3-8B", device="RTX 4090")
    with pytest.raises(InputError, match="does not fit into a cache"):
        load(tight, Workload(100_000, 100, 1))


@pytest.mark.parametrize("name", ["Qwen/Qwen3-8B", "openai/gpt-oss-120b", "Qwen/Qwen3.5-27B"])
def test_a_cache_holds_as_many_of_the_longest_as_memory_says(name: str) -> None:
    settings = Settings(Engine("vllm"), context=16384)
    taken = use(name, settings)
    room = cache(taken, settings, named(name).work)
    assert taken.concurrency is not None
    assert room.size / room.sequence(16384) == pytest.approx(taken.concurrency.value)
    # Short sequences take more for each token where windows or states are kept, never less.
    assert room.sequence(1024) >= room.sequence(16384) / 16 * (1 - 1e-9)


def test_a_cache_of_unknown_layout_is_no_limit() -> None:
    settings = Settings(Engine("vllm"), context=16384)
    taken = replace(use("Qwen/Qwen3-8B", settings), concurrency=None)
    assert cache(taken, settings, named("Qwen/Qwen3-8B").work) == Cache(float("inf"))
