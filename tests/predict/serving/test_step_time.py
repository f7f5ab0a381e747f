from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.predict.scenarios import KINDS, device, load_of, scene
from weighbridge.predict.serving.coefficients import fitted
from weighbridge.predict.serving.scenes import Scene, scenes
from weighbridge.predict.serving.step_time import decode_step_s, experts_touched, kernels, prefill_s

C = fitted().coefficients


def step(row: Scene, running: float = 8, context: float = 1024) -> float:
    laid = scenes([row])
    return float(decode_step_s(laid, C, np.array([running]), np.array([context]))[0])


def read(row: Scene, tokens: float = 1024) -> float:
    return float(prefill_s(scenes([row]), C, np.array([tokens]))[0])


@pytest.mark.parametrize("name", KINDS)
@given(running=st.integers(1, 512), context=st.integers(1, 100_000))
def test_no_step_beats_the_memory(name: str, running: int, context: int) -> None:
    row = scene(name, on="B200 SXM", tensor=8)
    load = row.work
    least = (load.attention.bytes + load.dense.bytes + load.head.bytes) / 8
    assert step(row, running, context) > least / row.device.bandwidth_bytes_per_s


@pytest.mark.parametrize("name", KINDS)
@given(tokens=st.integers(1, 50_000))
def test_no_prompt_is_read_faster_than_its_products(name: str, tokens: int) -> None:
    row = scene(name, "fp8")
    load, rate = row.work, row.device.rate("fp8")
    assert rate is not None
    used = load.attention.parameters + load.dense.parameters
    used += load.experts.parameters * load.active_share
    assert read(row, tokens) > 2 * tokens * used / rate.flops


@pytest.mark.parametrize("name", KINDS)
def test_more_of_anything_takes_longer(name: str) -> None:
    row = scene(name)
    assert step(row, 8) < step(row, 64)
    assert step(row, 8, 1024) <= step(row, 8, 8192)
    assert step(scene(name, "fp8")) < step(row)
    assert read(row, 1024) < read(row, 2048)


def test_unsplit_weights_by_hand() -> None:
    # Whatever is not reading or multiplying takes as long on a device with twice the bandwidth.
    slow, fast = device("H100 SXM"), device("H100 SXM")
    fast = replace(slow, bandwidth_bytes_per_s=2 * slow.bandwidth_bytes_per_s)
    row = scene("Qwen/Qwen3-8B")
    load = row.work
    saved = step(row, 1, 1) - step(replace(row, device=fast), 1, 1)
    weights = load.attention.bytes + load.dense.bytes + load.head.bytes
    expected = weights / slow.bandwidth_bytes_per_s / C.read_weights / 2
    assert saved == pytest.approx(expected, rel=1e-3)


def test_devices_share_the_work_and_pay_for_joining_results() -> None:
    one, four = scene("Qwen/Qwen3-32B"), scene("Qwen/Qwen3-32B", tensor=4)
    assert step(one) / 4 < step(four) < step(one)
    slow = replace(four, device=device("RTX 4090"))
    assert step(slow) > step(four)


def test_a_batch_touches_some_experts_once() -> None:
    laid = scenes([scene("deepseek-ai/DeepSeek-R1")] * 3)
    touched = experts_touched(laid, C, np.array([1.0, 16.0, 4096.0]))
    assert touched[0] == pytest.approx(8 / 256)
    assert 8 / 256 < touched[1] < 16 * 8 / 256
    assert touched[2] == pytest.approx(1.0, abs=1e-3)
    dense = scenes([scene("Qwen/Qwen3-8B")])
    assert experts_touched(dense, C, np.array([16.0]))[0] == 0


def test_short_formats_launch_kernels_that_shorten_inputs() -> None:
    plain, short = (float(kernels(scenes([scene(quantization=q)]), C)[0]) for q in ("bf16", "fp8"))
    assert short == pytest.approx(plain + 36 * 4 * C.kernels_quantize)
    # Ampere has no fp8: weights are unpacked, inputs stay as they are.
    old = float(kernels(scenes([scene(quantization="fp8", on="A100 80GB SXM")]), C)[0])
    assert old == pytest.approx(plain)


def test_scenes_keep_their_order() -> None:
    rows = [scene(users=users, tensor=tensor) for users in (1, 3) for tensor in (1, 2)]
    laid = scenes(rows)
    assert laid.users.tolist() == [1, 1, 3, 3]
    assert laid.tensor.tolist() == [1, 2, 1, 2]
    assert set(laid.attention.tolist()) == {load_of("Qwen/Qwen3-8B").attention.parameters}
    assert scenes([]).users.size == 0
