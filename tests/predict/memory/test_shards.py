from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.predict.models import KINDS, shape, table
from weighbridge.core.estimate import Parallelism
from weighbridge.predict.memory.shards import Stage, kv_share, stage_weights, stages

TENSORS = st.sampled_from([1, 2, 4, 8, 16])


def whole(name: str) -> Stage:
    return Stage(shape(name).depth, first=True, last=True)


@given(name=st.sampled_from(KINDS), tensor=TENSORS)
def test_a_shard_is_never_less_than_its_share(name: str, tensor: int) -> None:
    part = stage_weights(shape(name), table(name), Parallelism(tensor), whole(name), "vllm")
    assert table(name).total / tensor <= part * (1 + 1e-9)
    one = stage_weights(shape(name), table(name), Parallelism(1), whole(name), "vllm")
    assert part <= one * (1 + 1e-9)


@given(depth=st.integers(1, 128), pipeline=st.integers(1, 8))
def test_stages_are_as_even_as_can_be(depth: int, pipeline: int) -> None:
    found = stages(depth, pipeline)
    assert found[0].first
    assert found[-1].last
    assert max(stage.layers for stage in found) <= -(-depth // pipeline)
    assert min(stage.layers for stage in found) >= depth // pipeline


def test_left_over_layers_spare_the_last_stage() -> None:
    assert [stage.layers for stage in stages(62, 4)] == [15, 16, 15]


def test_a_pipelines_stages_have_all_weights_together() -> None:
    name = "Qwen/Qwen3-8B"
    first, middle, last = stages(shape(name).depth, 3)
    parts = [
        stage_weights(shape(name), table(name), Parallelism(pipeline=3), stage, "vllm")
        for stage in (first, middle, last)
    ]
    assert sum(parts) == pytest.approx(table(name).total, rel=1e-3)


def test_a_tied_head_is_a_second_embedding_on_another_stage() -> None:
    name = "Qwen/Qwen3-0.6B"
    _, last = stages(shape(name).depth, 2)
    part = stage_weights(shape(name), table(name), Parallelism(pipeline=2), last, "vllm")
    embedding = 151936 * 1024 * 2
    assert part == pytest.approx((table(name).total - embedding) / 2 + embedding, rel=1e-3)


def test_devices_have_at_least_one_head_of_keys() -> None:
    assert kv_share(8, 4) == 1 / 4
    assert kv_share(4, 8) == 1 / 4
    assert kv_share(1, 8) == 1


def test_experts_are_spread_over_copies_of_attention_too() -> None:
    name = "Qwen/Qwen3-30B-A3B"
    spread = Parallelism(tensor=1, attention_data=8, expert=8)
    part = stage_weights(shape(name), table(name), spread, whole(name), "sglang")
    sharded = stage_weights(shape(name), table(name), Parallelism(8), whole(name), "sglang")
    assert sharded < part < table(name).total / 4


def test_mxfp4_experts_are_padded_as_the_log_of_gpt_oss_shows() -> None:
    name = "openai/gpt-oss-120b"
    part = stage_weights(shape(name), table(name, "mxfp4"), Parallelism(), whole(name), "vllm")
    assert part / 2**30 == pytest.approx(64.38, rel=0.005)
