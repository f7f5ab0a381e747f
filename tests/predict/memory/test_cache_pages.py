"""Against vLLM's own start-up logs, quoted with where they are from."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.predict.models import KINDS, shape
from weighbridge.core.units import GIB
from weighbridge.predict.memory.cache_pages import Pages, pages
from weighbridge.predict.memory.footprint import CacheLayers, Footprint
from weighbridge.predict.versions import Version


def layout(name: str, version: Version, *, tensor: int = 1, kv: float = 2.0) -> Pages:
    found = pages(shape(name), tensor, kv, version)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "version", "gib", "context", "tensor", "logged"),
    [
        # alvarobartt/hf-mem#60 and #61: half, and five sixths, of the layers are sliding.
        ("openai/gpt-oss-120b", Version(0, 19), 5.38, 8192, 1, 78384),
        ("google/gemma-4-31B-it", Version(0, 19), 24.54, 8192, 1, 26800),
        # Published logs of models with full attention only.
        ("Qwen/Qwen3-8B", Version(0, 9), 18.69, 40960, 1, 136080),
        ("Qwen/Qwen3-VL-30B-A3B-Instruct", Version(0, 20, 2), 33.59, 32768, 1, 366880),
        ("Qwen/Qwen3-Coder-30B-A3B-Instruct", Version(0, 19), 23.74, 32768, 4, 1037152),
    ],
)
def test_tokens_as_vllm_logs_them(  # noqa: PLR0917 -- one row of the table
    name: str, version: Version, gib: float, context: int, tensor: int, logged: int
) -> None:
    found = layout(name, version, tensor=tensor)
    assert found.tokens(gib * GIB, context, 8192, version) == pytest.approx(logged, rel=0.001)


def test_states_take_a_page_each_and_stretch_the_blocks_of_attention() -> None:
    # vllm-project/vllm#40691, Qwen3.5-27B on 0.19: 290,864 tokens, and 33.04 sequences of 32,768.
    found = layout("Qwen/Qwen3.5-27B", Version(0, 19))
    assert [group.block_tokens for group in found.groups] == [784, 0]
    pool = 1487 * found.block_bytes
    assert found.tokens(pool, 32768, 16384, Version(0, 19)) == 290864
    assert found.concurrency(pool, 32768, 16384) == pytest.approx(33.04, abs=0.005)


def test_newer_versions_tell_tokens_by_concurrency() -> None:
    # A log of Qwen3.8-27B, the same architecture: 736,109 tokens at 8,192 each, of 1,258 blocks.
    found = layout("Qwen/Qwen3.8-27B", Version(0, 21))
    assert found.tokens(1258 * found.block_bytes, 8192, 8192, Version(0, 21)) == 736109


def test_a_token_guessed_ahead_takes_states_and_a_layer_of_its_own() -> None:
    # A log of Qwen3.6-27B with MTP: 17.25 GiB, 255,975 tokens, 1.95 sequences of 131,072.
    found = pages(shape("Qwen/Qwen3.6-27B"), 1, 2.0, Version(0, 21), guessed=1)
    assert found is not None
    assert found.groups[0].block_tokens == 800
    assert found.blocks(131072, 8192) == 164 + 3 * 2
    assert found.tokens(17.25 * GIB, 131072, 8192, Version(0, 21)) == 255975


def test_sliding_layers_keep_a_window_the_current_step_and_a_broken_block() -> None:
    found = layout("openai/gpt-oss-120b", Version(0, 19))
    # 65,536 tokens in full layers; 127 + 2,048 in sliding ones, and a block for the offset.
    assert found.blocks(65536, 2048) == 4096 + 136 + 1
    old = layout("openai/gpt-oss-120b", Version(0, 9))
    assert old.sequence_bytes(65536, 2048) == 65536 * 36 * 2048


def test_mla_is_kept_whole_on_every_device() -> None:
    name = "deepseek-ai/DeepSeek-R1"
    one, eight = layout(name, Version(0, 19)), layout(name, Version(0, 19), tensor=8)
    assert one == eight
    assert one.block_bytes == 61 * 64 * 576 * 2


def test_sparse_mla_in_fp8_has_a_format_of_its_own() -> None:
    found = layout("deepseek-ai/DeepSeek-V3.2", Version(0, 19), kv=1.0)
    assert found.block_bytes == 61 * 64 * (656 + 128 + 4)


def test_an_unknown_layout_is_not_guessed() -> None:
    assert pages(shape("deepseek-ai/DeepSeek-V4-Flash"), 1, 2.0, Version(0, 21)) is None


def uneven(full: int, sliding: int, *, values: float = 2048.0) -> Footprint:
    """A model with so many full layers of 2,048 values a token, and sliding ones of ``values``."""
    kinds = (
        CacheLayers("full", full, 8, 2048.0),
        CacheLayers("sliding", sliding, 8, values, window=1024),
    )
    return replace(shape("openai/gpt-oss-120b"), caches=kinds)


@pytest.mark.parametrize(
    ("version", "layers", "groups"),
    [
        # The example of vllm-project/vllm#29303: 19 full and 18 sliding layers with a drafter.
        (Version(0, 11), (19, 18), [2, 1]),
        (Version(0, 12), (19, 18), [1, 1]),
        # That of #36684: 17 and 12.
        (Version(0, 17), (17, 12), [2, 1]),
        (Version(0, 18), (17, 12), [1, 1]),
        (Version(0, 18), (18, 12), [2, 1]),
    ],
)
def test_nearly_as_many_layers_are_one_group(
    version: Version, layers: tuple[int, int], groups: list[int]
) -> None:
    found = pages(uneven(*layers), 1, 2.0, version)
    assert found is not None
    assert [group.groups for group in found.groups] == groups


def test_pages_that_do_not_divide_each_other_are_refused() -> None:
    found = pages(uneven(6, 6, values=1024.0), 1, 2.0, Version(0, 19))
    assert found is not None
    assert [group.block_tokens for group in found.groups] == [16, 32]
    assert pages(uneven(6, 6, values=768.0), 1, 2.0, Version(0, 19)) is None


@given(
    name=st.sampled_from(KINDS),
    tokens=st.integers(1, 200_000),
    more=st.integers(0, 50_000),
    tensor=st.sampled_from([1, 2, 4, 8]),
    version=st.sampled_from([Version(0, 8), Version(0, 11), Version(0, 19), Version(0, 22)]),
)
def test_longer_sequences_never_take_less(
    name: str, tokens: int, more: int, tensor: int, version: Version
) -> None:
    found = layout(name, version, tensor=tensor)
    assert 0 < found.blocks(tokens, 2048) <= found.blocks(tokens + more, 2048)
    pool = 10.0 * GIB
    assert found.concurrency(pool, tokens, 2048) >= found.concurrency(pool, tokens + more, 2048)
