from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.predict.scenarios import KINDS, scene
from weighbridge.predict.serving.coefficients import ENGINES, decode, fitted
from weighbridge.predict.serving.latency import Latency, latency
from weighbridge.predict.serving.scenes import Scene, scenes

FITTED = fitted()


def times(*rows: Scene) -> Latency:
    return latency(scenes(rows), FITTED.coefficients)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", KINDS)
def test_more_users_wait_longer_and_finish_more(name: str, engine: str) -> None:
    found = times(*(scene(name, engine=engine, users=n) for n in (1, 4, 16, 64)))  # type: ignore[arg-type]
    assert sorted(found.ttft_s) == list(found.ttft_s)
    assert sorted(found.tpot_s) == list(found.tpot_s)
    assert sorted(found.requests_per_s) == list(found.requests_per_s)


@given(users=st.integers(1, 1000), slots=st.integers(1, 200), output=st.integers(1, 4000))
def test_requests_are_conserved(users: int, slots: int, output: int) -> None:
    found = times(scene(users=users, slots=slots, output=output))
    assert found.running[0] == min(users, slots)
    # Little's law: who is inside = rate × time inside, first token and all others.
    waited = max(users / found.running[0] - 1, 0.0)
    inside = found.running[0] / found.requests_per_s[0]
    assert inside >= output * found.tpot_s[0]
    assert found.ttft_s[0] >= waited * output * found.tpot_s[0]
    assert found.ttft_s[0] > found.prefill_s[0]


def test_who_finds_no_slot_waits_for_others_to_finish() -> None:
    found = times(scene(users=32), scene(users=32, slots=8))
    assert found.tpot_s[1] < found.tpot_s[0]
    assert found.ttft_s[1] > found.ttft_s[0]
    assert found.requests_per_s[1] < found.requests_per_s[0]


def test_a_crowd_of_data_parallel_attention_waits_longer_for_first_tokens() -> None:
    name = "deepseek-ai/DeepSeek-R1"
    shared = times(scene(name, "fp8", on="H200", tensor=8, users=64))
    copied = times(scene(name, "fp8", on="H200", copies=8, expert=8, users=64))
    assert copied.ttft_s[0] > shared.ttft_s[0]


def test_speculation_shortens_steps_only() -> None:
    plain = scene("deepseek-ai/DeepSeek-R1", "fp8", on="B200", tensor=8, users=4)
    off, on = times(plain), times(replace(plain, speculative=True))
    assert on.step_s[0] == pytest.approx(off.step_s[0] / FITTED.coefficients.speculation)
    assert on.prefill_s[0] == off.prefill_s[0]


def test_the_shipped_file_says_what_it_was_fitted_on() -> None:
    assert "DeepSeek-R1" in FITTED.source
    assert FITTED.ttft.low < 1 < FITTED.ttft.high
    assert FITTED.tpot.low < 1 < FITTED.tpot.high
    for name in ("read_weights", "read_experts", "read_cache", "compute_bf16", "compute_fp8"):
        assert 0 < getattr(FITTED.coefficients, name) < 1


def test_a_missing_number_is_noticed() -> None:
    with pytest.raises(KeyError):
        decode({"coefficients": {}, "spread": {}, "source": "", "date": ""})


def test_a_single_user_is_held_up_by_nobody() -> None:
    long, short = times(scene(users=1, output=512), scene(users=1, output=2)).tpot_s
    assert short == pytest.approx(long, rel=0.05)
