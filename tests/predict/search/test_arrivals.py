"""What a plan says where requests arrive at a rate: slots, memory and saturation."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest

from tests.predict.planned import asked, facts, machine
from weighbridge.core.estimate import EngineName, Parallelism
from weighbridge.core.plan import Requirements
from weighbridge.core.units import GIB
from weighbridge.engines.commands import launches
from weighbridge.predict.search.models import form
from weighbridge.predict.search.near_misses import changes
from weighbridge.predict.search.quality_order import assumed
from weighbridge.predict.search.search import search
from weighbridge.predict.search.verdict import Appraisal, appraise, estimate, needed_bytes
from weighbridge.predict.search.ways import memory_of, ways

NAME = "Qwen/Qwen3-8B"
PAGED: tuple[EngineName, ...] = ("vllm", "sglang", "trtllm")
SLOTS = {"vllm": "max-num-seqs", "sglang": "max-running-requests", "trtllm": "max_batch_size"}


def appraised(text: str, load: Requirements, spread: Parallelism | None = None) -> list[Appraisal]:
    each = [
        one
        for one in ways(facts(NAME), machine(text), load)
        if one.format == "native" and spread in (None, one.settings.parallelism)
    ]
    return appraise(each, load)


@pytest.mark.parametrize("engine", PAGED)
def test_engines_are_started_for_the_requests_in_flight(engine: EngineName) -> None:
    (one,) = appraised("H100 SXM", asked(users=1, context=8192, rate=8.0, engines=(engine,)))
    assert one.meets
    assert one.timing is not None
    shown = estimate(one, None, None)
    settings = shown.candidate.settings
    assert settings.users == math.ceil(one.timing.users)
    assert settings.users > 5
    (command,) = launches(shown.candidate, machine("H100 SXM"))[0].commands
    match = re.search(rf"--{SLOTS[engine]} (\d+)", command)
    assert match is not None
    assert int(match[1]) >= one.timing.users + 3 * math.sqrt(one.timing.users)


def test_replicas_share_the_requests_in_flight() -> None:
    load = asked(users=1, context=8192, rate=40.0, engines=("vllm",))
    (one,) = appraised("4x H100 SXM", load, Parallelism())
    assert one.timing is not None
    assert one.way.replicas == 4
    assert one.settings.users == math.ceil(one.timing.users / 4)


@pytest.mark.parametrize("engine", PAGED)
def test_memory_is_that_of_the_requests_in_flight_at_their_own_length(engine: EngineName) -> None:
    load = asked(users=1, context=8192, rate=8.0, engines=(engine,))
    (one,) = appraised("H100 SXM", load)
    shown = estimate(one, None, None)
    assert shown.memory is not None
    assert shown.memory.sequence_bytes is not None
    tokens = 1024 + 256
    built = form(facts(NAME), "native").footprint
    each = tokens * 2 * 2 * built.kv_heads * 128 * built.depth  # keys and values, 16 bits each
    assert shown.memory.sequence_bytes == pytest.approx(each, rel=0.02)
    use, settings = shown.memory, shown.candidate.settings
    rest = sum(part.value for part in (use.weights, use.activation, use.overhead, use.graphs))
    assert needed_bytes(use, settings).value - rest == pytest.approx(
        settings.users * each, rel=0.02
    )
    assert use.cache == memory_of(one.way).cache  # the engine takes no more, and no less


@pytest.mark.parametrize("engine", PAGED)
def test_saturation_follows_from_the_requests_not_from_the_longest_context(
    engine: EngineName,
) -> None:
    most = []
    for context in (2048, 32768):
        load = asked(users=1, context=context, rate=1e4, engines=(engine,))
        (one,) = appraised("L40S", load)
        assert one.timing is not None
        assert one.timing.saturated is not None
        most.append(one.timing.saturated)
    # Buffers of engines may grow a little with the context.
    assert most[1] == pytest.approx(most[0], rel=0.03)


def test_the_longest_context_has_to_fit_once() -> None:
    (one,) = appraised("RTX 4090", asked(users=1, context=131072, rate=0.1, engines=("vllm",)))
    assert any("for a single sequence of 128k" in lack.words for lack in one.lacks)


def test_users_still_need_their_whole_context() -> None:
    load = asked(users=8, context=16384, engines=("vllm",))
    (one,) = appraised("RTX 4090", load)
    assert any("at 8 × 16k" in lack.words for lack in one.lacks)


def test_the_nearest_way_is_the_one_that_saturates_latest() -> None:
    box, model = machine("2x L40S"), facts("Qwen/Qwen3-32B")
    awq = ("AWQ int4 g128",)
    flood = asked(users=1, context=8192, rate=20.0, engines=("vllm",), formats=awq, kv=2.0)
    every = [one for one in appraise(list(ways(model, box, flood)), flood) if one.timing]
    most = {one.way.settings.parallelism: one.timing.saturated for one in every if one.timing}
    assert len(most) == 2
    assert all(most.values())
    plan = search([model], box, flood, assumed("2026-09-01"))
    near = plan.near_misses[0]
    best = max(value for value in most.values() if value)
    assert most[near.estimate.candidate.settings.parallelism] == best
    assert f"saturates at {best:.3g} requests" in " ".join(near.estimate.reasons)
    rate = next(float(text.split()[0]) for text in near.changes if text.endswith("per second"))
    assert rate == pytest.approx(best, rel=0.1)


def test_no_host_is_larger_than_there_are() -> None:
    load = asked(users=20_000, context=131072, engines=("llama.cpp",))
    (one, *_) = [
        one
        for one in appraise(list(ways(facts(NAME), machine("RTX 4090"), load)), load)
        if one.way.format == "Q4_K_M"
    ]
    assert not any("host's memory" in text for text in changes(one, load))
    known = replace(machine("RTX 4090"), host_memory_bytes=10**6 * GIB)
    there = replace(one, way=replace(one.way, machine=known))
    assert any("host's memory" in text for text in changes(there, load))


def test_a_way_that_does_not_start_lacks_the_cache_of_all_users_too() -> None:
    load = asked(users=1000, context=65536, engines=("vllm",))
    (one,) = appraised("RTX 4090", load)
    assert one.memory is not None
    assert one.memory.shortage is not None
    assert one.memory.shortage.of == "sequence"
    assert one.memory.sequence_bytes is not None
    missing = 1000 * one.memory.sequence_bytes - one.memory.cache.value
    assert one.distance == pytest.approx(missing / one.memory.limit_bytes, rel=1e-6)
