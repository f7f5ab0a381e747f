from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.predict.served import scene
from tests.predict.steps import table
from weighbridge.core.errors import InputError
from weighbridge.predict.serving.coefficients import fitted
from weighbridge.predict.serving.scenes import scenes
from weighbridge.predict.serving.step_time import decode_step_s, prefill_s
from weighbridge.predict.simulation.step_table import Speculation, step_table

C = fitted().coefficients
LONGEST = 32768.0


def test_looking_up_a_plain_table() -> None:
    plain = table(step_s=0.01, per_sequence_s=0.001, per_token_s=1e-6, read_s=2e-3)
    assert plain.decode_s(4, 4 * 500) == pytest.approx(0.01 + 4 * (0.001 + 5e-4))
    assert plain.prefill_s(100, 150) == pytest.approx(0.1)


@pytest.mark.parametrize(
    "name", ["Qwen/Qwen3-8B", "openai/gpt-oss-120b", "deepseek-ai/DeepSeek-R1"]
)
@pytest.mark.parametrize("running", [1, 7, 256])
@pytest.mark.parametrize("context", [1.0, 100.0, 3000.0, 30000.0])
def test_the_table_agrees_with_what_it_was_made_of(name: str, running: int, context: float) -> None:
    one = scene(name)
    made, s = step_table(one, C, sequences=256, longest=LONGEST), scenes([one])
    exact = decode_step_s(s, C, np.array([float(running)]), np.array([context]))
    assert made.decode_s(running, running * context) == pytest.approx(exact[0], rel=0.01)
    reading = prefill_s(s, C, np.array([context])) * C.interference
    assert made.prefill_s(0, context) == pytest.approx(reading[0], rel=0.01)


@given(st.floats(1, LONGEST), st.floats(1, LONGEST), st.integers(1, 64))
def test_chunks_take_together_what_the_prompt_takes(one: float, other: float, count: int) -> None:
    made = step_table(scene("Qwen/Qwen3-8B"), C, sequences=64, longest=LONGEST)
    start, end = sorted((one, other))
    cuts = np.linspace(start, end, count + 1)
    chunks = sum(made.prefill_s(a, b) for a, b in pairwise(cuts))
    assert chunks == pytest.approx(made.prefill_s(start, end), abs=1e-9)
    assert made.prefill_s(start, end) >= 0


def test_copies_of_attention_bring_their_requests_to_the_experts() -> None:
    alone = step_table(scene("deepseek-ai/DeepSeek-R1", copies=1), C, sequences=8, longest=4096.0)
    shared = scene("deepseek-ai/DeepSeek-R1", copies=8)
    together = step_table(shared, C, sequences=8, longest=4096.0)
    s = scenes([shared])
    exact = decode_step_s(s, C, np.array([64.0]), np.array([1000.0]))
    assert together.decode_s(8, 8000) == pytest.approx(exact[0], rel=0.01)
    assert together.decode_s(8, 8000) != pytest.approx(alone.decode_s(8, 8000), rel=0.05)


@given(st.integers(0, 8), st.floats(0, 1))
def test_tokens_of_a_step_are_the_guesses_that_hold_and_one(guessed: int, accepted: float) -> None:
    expected = Speculation(guessed, accepted).tokens_per_step
    assert 1 <= expected <= guessed + 1
    if accepted == 1:
        assert expected == guessed + 1


def test_guessing_pays_for_few_and_less_so_for_many() -> None:
    one = scene("Qwen/Qwen3-32B")
    plain = step_table(one, C, sequences=512, longest=4096.0)
    guess = Speculation(3, 0.7, cost=0.05)
    ahead = step_table(one, C, sequences=512, longest=4096.0, speculation=guess)

    def gain(running: int) -> float:
        held = running * 1000.0
        return ahead.tokens_per_step * plain.decode_s(running, held) / ahead.decode_s(running, held)

    assert gain(1) > 1.5
    assert gain(512) < gain(64) < gain(1)


@pytest.mark.parametrize("guess", [Speculation(3, 1.2), Speculation(-1, 0.5)])
def test_impossible_guesses_are_refused(guess: Speculation) -> None:
    with pytest.raises(InputError, match="not possible"):
        step_table(scene("Qwen/Qwen3-8B"), C, sequences=1, longest=100.0, speculation=guess)
