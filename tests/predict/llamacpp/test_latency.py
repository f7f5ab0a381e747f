from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.predict.loads import LLAMA, OSS, load_of
from weighbridge.core.estimate import Offload
from weighbridge.core.provenance import Interval
from weighbridge.facts.devices.catalogue import find
from weighbridge.predict.llamacpp.latency import (
    Case,
    LlamaCppLatency,
    Speculation,
    llamacpp_latency,
    parts,
)

CARD = find("RTX 4090").device
SEVENTY = "meta-llama/Llama-3.3-70B-Instruct"


def case(model: str = LLAMA, form: str = "Q4_K_M", *, on: str = "RTX 4090") -> Case:
    return Case(load_of(model, form), find(on).device)


def timed(of: Case, *, users: float = 1, prompt: float = 1024) -> LlamaCppLatency:
    return llamacpp_latency(of, users=users, prompt=prompt, output=256)


def relative(interval: Interval | None) -> float:
    assert interval is not None
    return interval.high / interval.low


def test_one_user_is_predicted_and_several_are_assumed() -> None:
    alone, crowd = timed(case()), timed(case(), users=8)
    assert (alone.kind, crowd.kind) == ("predicted", "assumed")
    assert relative(crowd.tpot_s) > relative(alone.tpot_s)
    assert relative(crowd.ttft_s) > relative(alone.ttft_s)
    assert not alone.notes
    assert any("assumed" in note for note in crowd.notes)


@given(st.integers(1, 64), st.integers(1, 64))
def test_more_users_wait_longer_and_get_more_done(a: int, b: int) -> None:
    few, many = (timed(case(), users=n) for n in sorted((a, b)))
    assert few.tpot_s.value <= many.tpot_s.value
    assert few.ttft_s is not None
    assert many.ttft_s is not None
    assert few.ttft_s.value <= many.ttft_s.value
    assert few.requests_per_s is not None
    assert many.requests_per_s is not None
    assert many.requests_per_s >= 0.999 * few.requests_per_s


def test_users_in_flight_are_what_littles_law_says() -> None:
    found = timed(case(), users=4)
    assert found.ttft_s is not None
    assert found.requests_per_s is not None
    life = found.ttft_s.value + 256 * found.tpot_s.value
    assert found.requests_per_s * life == pytest.approx(4)


def test_layers_left_to_the_host_run_at_its_pace() -> None:
    whole, half, none = (
        timed(replace(case(SEVENTY), offload=Offload(gpu_layers=layers), host_bandwidth=90e9))
        for layers in (None, 40, 0)
    )
    assert whole.tpot_s.value < half.tpot_s.value < none.tpot_s.value
    # Half of 42 GB at no more than 90 GB/s.
    assert half.tpot_s.value > 0.5 * load_of(SEVENTY).dense_bytes / 90e9 * 0.95
    assert relative(half.tpot_s) > relative(whole.tpot_s)
    faster = replace(case(SEVENTY), offload=Offload(gpu_layers=40), host_bandwidth=300e9)
    assert timed(faster).tpot_s.value < half.tpot_s.value
    assert half.prefill_s is not None
    assert whole.prefill_s is not None
    # Weights are copied to the card for every batch.
    assert half.prefill_s > whole.prefill_s


def test_experts_left_to_the_host_cost_less_than_layers() -> None:
    experts = replace(
        case(OSS, "mxfp4"), offload=Offload(cpu_expert_layers=36), host_bandwidth=90e9
    )
    layers = replace(case(OSS, "mxfp4"), offload=Offload(gpu_layers=0), host_bandwidth=90e9)
    assert timed(experts).tpot_s.value < timed(layers).tpot_s.value
    on_device, on_host = parts(experts)
    assert on_device.expert_bytes == 0
    assert sum(part.expert_bytes for part in on_host) == pytest.approx(experts.load.expert_bytes)
    assert on_device.dense_bytes == experts.load.dense_bytes


def test_parts_lose_nothing() -> None:
    of = replace(case(OSS, "mxfp4"), offload=Offload(gpu_layers=20, cpu_expert_layers=5))
    on_device, on_host = parts(of)
    for name in ("dense_bytes", "dense_weights", "expert_bytes", "head_weights", "kv_values"):
        total = getattr(on_device, name) + sum(getattr(part, name) for part in on_host)
        assert total == pytest.approx(getattr(of.load, name)), name


def test_an_unknown_host_is_said_so() -> None:
    notes = timed(replace(case(), offload=Offload(gpu_layers=10))).notes
    assert any("89.6 GB/s" in note for note in notes)


def test_a_processor_offloads_nothing() -> None:
    on_cpu = replace(case(), device=replace(CARD, kind="cpu"), offload=Offload(gpu_layers=0))
    assert not on_cpu.offloads


def test_guessing_pays_when_guesses_are_right() -> None:
    small = load_of("meta-llama/Llama-3.2-3B-Instruct")
    plain = timed(case(SEVENTY))
    good, bad = (
        timed(replace(case(SEVENTY), speculation=Speculation(4, acceptance, small)))
        for acceptance in (0.8, 0.05)
    )
    assert good.tpot_s.value < plain.tpot_s.value < bad.tpot_s.value
    assert good.kind == "assumed"


def test_without_a_rate_there_is_no_time_to_first_token() -> None:
    found = timed(replace(case(), device=replace(CARD, rates=())))
    assert found.ttft_s is None
    assert found.requests_per_s is None
    assert found.tpot_s.value > 0
    assert any("no time to first token" in note for note in found.notes)


def test_who_finds_no_slot_waits_for_a_whole_request() -> None:
    def served(slots: float) -> LlamaCppLatency:
        return llamacpp_latency(case(), users=8, prompt=1024, output=256, slots=slots)

    four, enough = served(4), served(8)
    held = timed(case(), users=4)
    assert (four.running, enough.running) == (4, 8)
    assert enough == timed(case(), users=8)
    assert four.tpot_s.value == held.tpot_s.value
    assert four.requests_per_s == held.requests_per_s
    assert four.ttft_s is not None
    assert held.ttft_s is not None
    assert four.prefill_s is not None
    # As many wait as run: each for one request's life in a slot.
    life = four.prefill_s + 256 * four.tpot_s.value
    assert four.ttft_s.value - held.ttft_s.value == pytest.approx(life)
