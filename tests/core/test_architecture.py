from __future__ import annotations

from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.architecture import (
    Attention,
    LayerRun,
    Mlp,
    ModelArchitecture,
    TensorInfo,
    WeightFile,
    runs_of,
)

LLAMA_3_8B = Attention(heads=32, kv_heads=8, key_dim=128, value_dim=128)
SLIDING = Attention(heads=32, kv_heads=8, key_dim=128, value_dim=128, window=1024)
MLP = Mlp(14336)


def model(*layers: LayerRun) -> ModelArchitecture:
    return ModelArchitecture(
        name="m",
        model_type="llama",
        hidden=4096,
        vocabulary=128256,
        layers=layers,
        context=8192,
        tied_embeddings=False,
        by_component=(("embedding", 525_336_576), ("mlp", 5_637_144_576)),
        active=5_637_144_576,
    )


def test_the_kv_cache_of_llama_3_8b_is_128_kib_per_token() -> None:
    llama = model(LayerRun(32, LLAMA_3_8B, MLP))
    assert llama.kv_bytes(1) == llama.kv_bytes_per_token() == 131_072
    assert llama.kv_bytes(8192) == 2**30
    assert llama.kv_bytes(8192, bytes_per_value=1) == 2**29


def test_a_window_bounds_the_cache_but_not_below_it() -> None:
    mixed = model(LayerRun(1, LLAMA_3_8B, MLP), LayerRun(5, SLIDING, MLP))
    assert mixed.kv_bytes(10) == 6 * 10 * 4096
    assert mixed.kv_bytes(1024) == 6 * 1024 * 4096
    assert mixed.kv_bytes(3000) == (3000 + 5 * 1024) * 4096
    assert mixed.kv_bytes_per_token() == 4096
    assert mixed.depth == 6


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(1, 5_000))
def test_a_longer_sequence_never_needs_less(shorter: int, more: int, window: int) -> None:
    sliding = Attention(8, 2, 64, 64, window)
    some = model(LayerRun(2, sliding, MLP), LayerRun(1, LLAMA_3_8B, MLP))
    small, large = some.kv_bytes(shorter), some.kv_bytes(shorter + more)
    growth = some.kv_bytes_per_token()
    assert small is not None
    assert large is not None
    assert growth is not None
    assert small + more * growth <= large


def test_one_unread_mixer_makes_the_cache_unknown() -> None:
    partly = model(LayerRun(3, LLAMA_3_8B, MLP), LayerRun(1, None, MLP))
    assert not partly.kv_known
    assert partly.kv_bytes(100) is None
    assert partly.kv_bytes_per_token() is None


@pytest.mark.parametrize(("kv_heads", "kind"), [(32, "MHA"), (8, "GQA"), (1, "MQA")])
def test_attention_is_named_by_its_heads(kv_heads: int, kind: str) -> None:
    assert Attention(32, kv_heads, 128, 128).kind == kind


def test_parameters_are_the_sum_of_the_components() -> None:
    assert model().parameters == 6_162_481_152
    assert TensorInfo("t", (4096, 14336), "F16", 117_440_512).parameters == 58_720_256
    assert TensorInfo("scalar", (), "F32", 4).parameters == 1
    assert (Mlp(8).kind, Mlp(8, 64, 6).kind) == ("dense", "experts")


def test_bytes_per_dtype_come_largest_first() -> None:
    tensors = tuple(
        TensorInfo(name, (1,), dtype, size)
        for name, dtype, size in [("a", "F32", 5), ("b", "Q8_0", 7), ("c", "F32", 4)]
    )
    weights = WeightFile("gguf", "Q8_0", tensors, 100)
    assert list(weights.bytes_by_dtype.items()) == [("F32", 9), ("Q8_0", 7)]
    assert weights.weight_bytes == 16


@given(st.lists(st.tuples(st.sampled_from([LLAMA_3_8B, SLIDING, None]), st.just(MLP))))
def test_runs_unfold_to_the_layers_and_neighbours_differ(
    layers: list[tuple[Attention | None, Mlp]],
) -> None:
    runs = runs_of(layers)
    assert [(run.mixer, run.mlp) for run in runs for _ in range(run.count)] == layers
    assert len(runs) == len(list(groupby(layers)))
