from __future__ import annotations

from dataclasses import replace

import pytest

from tests.predict.models import settings, shape
from weighbridge.predict.memory.cache_pools import llamacpp_cache_bytes, token_bytes


def test_sglang_shares_its_pool_between_full_and_sliding_layers() -> None:
    told = settings("", engine="sglang")
    found = token_bytes(shape("openai/gpt-oss-120b"), told, 1.0)
    assert found is not None
    assert found.growing == pytest.approx((18 + 0.8 * 18) * 2048)
    assert found.fixed == 0


def test_tensorrt_keeps_windows() -> None:
    told = settings("", engine="trtllm", tensor=8)
    found = token_bytes(shape("openai/gpt-oss-120b"), told, 1.0)
    assert found is not None
    assert found.growing == 18 * 2048 / 8
    assert found.fixed == 18 * 2048 / 8 * 128


def test_llamacpp_pads_cells_and_keeps_a_window_and_a_micro_batch() -> None:
    told = replace(settings("", engine="llama.cpp"), context=10_000, users=2)
    # 10,000 tokens are 10,240 cells; a window of 128 and 512 tokens of a micro-batch are 768.
    expected = 2 * 2048 * 18 * (10240 + 768)
    assert llamacpp_cache_bytes(shape("openai/gpt-oss-120b"), told) == expected


def test_llamacpp_drops_what_leaves_a_chunk() -> None:
    # Llama 4: 36 layers in chunks of 8,192 tokens, 12 of full attention; `swa_type` is chunked.
    told = replace(settings("", engine="llama.cpp"), context=32_768)
    found = llamacpp_cache_bytes(shape("meta-llama/Llama-4-Scout-17B-16E-Instruct"), told)
    assert found == 2 * 2048 * (12 * 32_768 + 36 * (8192 + 512))


def test_llamacpp_keeps_windows_of_other_families_at_full_length() -> None:
    told = replace(settings("", engine="llama.cpp"), context=32_768)
    starcoder = shape("bigcode/starcoder2-15b")
    assert starcoder.caches is not None
    assert all(layers.window == 4096 for layers in starcoder.caches)
    assert llamacpp_cache_bytes(starcoder, told) == 2 * 40 * 1024 * 32_768


def test_llamacpp_keeps_states_in_32_bits() -> None:
    told = replace(settings("", engine="llama.cpp"), context=256)
    found = llamacpp_cache_bytes(shape("Qwen/Qwen3.5-27B"), told)
    tokens = 256 * 16 * 2 * 4 * 256 * 2
    state = 48 * 4 * (48 * 128 * 128 + 3 * (2 * 16 * 128 + 48 * 128))
    assert found == tokens + state


def test_unknown_caches_stay_unknown() -> None:
    model = shape("deepseek-ai/DeepSeek-V4-Flash")
    assert token_bytes(model, settings("", engine="sglang"), 1.0) is None
    assert llamacpp_cache_bytes(model, settings("", engine="llama.cpp")) is None
