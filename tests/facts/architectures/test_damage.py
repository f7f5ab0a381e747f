"""Damaged and hostile configurations: a sentence or an answer, never a crash, soon."""

from __future__ import annotations

import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.facts.architectures.fixtures import PARAMETERS, raw
from weighbridge.core.architecture import ModelArchitecture
from weighbridge.core.errors import FormatError
from weighbridge.facts.architectures.read import read_config

SECONDS = 5.0

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([0, 1, 3, 10**400, -1, 4096, 2**40, 2**40 + 1]),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["auto", "full_attention", "linear_attention", "mamba", "M-*E", "conv"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=70),
        st.dictionaries(st.sampled_from(["model_type", "attention", "ffn", "no_op", "a"]), inner),
    ),
    max_leaves=20,
)
KEYS = sorted(
    {key for name in PARAMETERS for key in raw(name)}
    | {"block_configs", "per_layer_config", "hybrid_override_pattern", "rope_scaling",
       "linear_attn_config", "sparse_attention_config", "num_nextn_predict_layers", "attn_config",
       "ffn_config", "architectures", "audio_config", "full_attention_interval", "moe_layers"}
)  # fmt: skip


def outcome(keys: dict[str, Any]) -> ModelArchitecture | FormatError:
    try:
        return read_config(keys, name="model")
    except FormatError as error:
        return error


@given(
    name=st.sampled_from(sorted(PARAMETERS)),
    changes=st.dictionaries(st.sampled_from(KEYS), values, min_size=1, max_size=4),
    gone=st.sets(st.sampled_from(KEYS), max_size=3),
    nested=st.booleans(),
)
@settings(max_examples=400, deadline=None)
def test_mutations(name: str, changes: dict[str, Any], gone: set[str], nested: bool) -> None:
    keys = raw(name)
    inner = keys["vision_config"] if nested and "vision_config" in keys else keys
    inner.update(changes)
    for key in gone:
        inner.pop(key, None)
    started = time.perf_counter()
    answer = outcome(keys)
    if isinstance(answer, FormatError):
        assert answer.message.endswith(".")
        assert len(answer.message) < 1000
    else:
        assert answer.parameters >= answer.active >= 0
        assert answer.depth <= 4096
        assert all(len(sentence) < 1000 for sentence in answer.assumptions)
    assert time.perf_counter() - started < SECONDS


def test_deep_nesting_ends() -> None:
    keys: dict[str, Any] = raw("llama")
    for _ in range(200):
        keys = {"text_config": keys}
    started = time.perf_counter()
    answer = outcome(keys)
    assert isinstance(answer, FormatError)
    assert answer.fix
    assert time.perf_counter() - started < SECONDS


def test_different_layers_at_the_greatest_depth_take_bounded_time() -> None:
    keys = raw("llama")
    keys["num_hidden_layers"] = 4096
    keys["intermediate_size"] = [100 + (layer * layer) % 977 for layer in range(4096)]
    started = time.perf_counter()
    assert read_config(keys, name="model").depth == 4096
    assert time.perf_counter() - started < SECONDS
