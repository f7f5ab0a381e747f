from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.core.architecture import (
    Cache,
    Layer,
    LayerRun,
    Mixer,
    Mlp,
    ModelArchitecture,
    Part,
    TensorInfo,
    WeightFile,
    attention,
    fold,
)

MLP = Mlp("dense", 14336)
LLAMA_3_8B = Layer(attention(heads=32, kv_heads=8, key_dim=128, value_dim=128), MLP)
SLIDING = Layer(attention(32, 8, 128, 128, window=1024), MLP)
STATE = Layer(Mixer("ssm", "Mamba-2", cache=Cache(state=10, state_float32=100)), MLP)
UNREAD = Layer(Mixer("unknown", "", cache=None), MLP)


def model(*runs: LayerRun, outside: tuple[Part, ...] = ()) -> ModelArchitecture:
    return ModelArchitecture(
        name="m",
        model_type="llama",
        hidden=4096,
        vocabulary=128256,
        runs=runs,
        outside=outside,
        context=8192,
        tied_embeddings=False,
    )


def run(count: int, *layers: Layer) -> LayerRun:
    return LayerRun(count, layers)


def test_the_kv_cache_of_llama_3_8b_is_128_kib_per_token() -> None:
    llama = model(run(32, LLAMA_3_8B))
    assert llama.kv_bytes(1) == llama.kv_bytes_per_token() == 131_072
    assert llama.kv_bytes(8192) == llama.kv_full_length_bytes(8192) == 2**30
    assert llama.kv_bytes(8192, bytes_per_value=1) == 2**29
    assert llama.state_bytes() == 0


def test_a_window_bounds_the_cache_but_not_below_it() -> None:
    mixed = model(run(1, LLAMA_3_8B), run(5, SLIDING))
    assert mixed.kv_bytes(10) == 6 * 10 * 4096
    assert mixed.kv_bytes(1024) == 6 * 1024 * 4096
    assert mixed.kv_bytes(3000) == (3000 + 5 * 1024) * 4096
    assert mixed.kv_full_length_bytes(3000) == 6 * 3000 * 4096
    assert mixed.kv_bytes_per_token() == 4096
    assert mixed.depth == 6


def test_states_do_not_grow_and_keep_their_own_precision() -> None:
    hybrid = model(run(2, STATE, LLAMA_3_8B))
    assert hybrid.state_bytes() == 2 * (10 * 2 + 100 * 4)
    assert hybrid.state_bytes(1.0) == 2 * (10 + 100 * 4)
    assert hybrid.kv_bytes(0) == hybrid.state_bytes()
    assert hybrid.kv_bytes(5) == 5 * 2 * 4096 + 2 * (10 * 2 + 100 * 4)


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(1, 5_000))
def test_a_longer_sequence_never_needs_less(shorter: int, more: int, window: int) -> None:
    sliding = Layer(attention(8, 2, 64, 64, window), MLP)
    some = model(run(2, sliding), run(1, LLAMA_3_8B), run(1, STATE))
    small, large = some.kv_bytes(shorter), some.kv_bytes(shorter + more)
    growth, full = some.kv_bytes_per_token(), some.kv_full_length_bytes(shorter)
    assert small is not None
    assert large is not None
    assert growth is not None
    assert full is not None
    assert small + more * growth <= large
    assert small <= full


def test_one_unread_mixer_makes_the_cache_unknown() -> None:
    partly = model(run(3, LLAMA_3_8B), run(1, UNREAD))
    assert not partly.kv_known
    assert partly.kv_bytes(100) is None
    assert partly.kv_bytes_per_token() is None
    assert partly.kv_full_length_bytes(100) is None
    assert partly.state_bytes() is None


@pytest.mark.parametrize(("kv_heads", "name"), [(32, "MHA"), (8, "GQA"), (1, "MQA")])
def test_attention_is_named_by_its_heads(kv_heads: int, name: str) -> None:
    mixer = attention(32, kv_heads, 128, 128)
    assert mixer.name == name
    assert (mixer.number("kv_heads"), mixer.number("window")) == (kv_heads, None)


def test_parameters_are_the_sum_of_the_parts_and_idle_experts_are_not_active() -> None:
    parts = (Part("experts", "experts", 800, idle=600), Part("attention", "query", 50))
    layer = Layer(attention(4, 4, 8, 8), Mlp("experts", experts=8, active=2), parts)
    some = model(run(3, layer), outside=(Part("embedding", "embedding", 1000),))
    assert layer.parameters == 850
    assert some.parameters == 3 * 850 + 1000
    assert some.active == 3 * 250 + 1000
    counts = some.by_component
    assert (counts["experts"], counts["attention"], counts["embedding"]) == (2400, 150, 1000)
    assert counts["vision"] == 0
    assert len(some.layers) == some.depth == 3


def test_tensors_count_their_weights() -> None:
    assert TensorInfo("t", (4096, 14336), "F16", 117_440_512).parameters == 58_720_256
    assert TensorInfo("scalar", (), "F32", 4).parameters == 1


def test_bytes_per_dtype_come_largest_first() -> None:
    tensors = tuple(
        TensorInfo(name, (1,), dtype, size)
        for name, dtype, size in [("a", "F32", 5), ("b", "Q8_0", 7), ("c", "F32", 4)]
    )
    weights = WeightFile("gguf", "Q8_0", tensors, 100)
    assert list(weights.bytes_by_dtype.items()) == [("F32", 9), ("Q8_0", 7)]
    assert weights.weight_bytes == 16


@given(st.lists(st.sampled_from([LLAMA_3_8B, SLIDING, STATE]), max_size=40))
def test_folded_runs_unfold_to_the_layers(layers: list[Layer]) -> None:
    assert list(model(*fold(layers)).layers) == layers


@pytest.mark.parametrize(
    ("layers", "folded"),
    [
        ("aaab", [(3, "a"), (1, "b")]),
        ("abab", [(2, "ab")]),
        ("aaabaaab", [(2, "aaab")]),
        ("aaaaab", [(5, "a"), (1, "b")]),
        ("caaabaaab", [(1, "c"), (2, "aaab")]),
        ("aaaa", [(4, "a")]),
        ("", []),
    ],
)
def test_what_repeats_is_folded(layers: str, folded: list[tuple[int, str]]) -> None:
    of = {"a": LLAMA_3_8B, "b": SLIDING, "c": STATE}
    names = {layer: name for name, layer in of.items()}
    runs = fold([of[name] for name in layers])
    assert [(r.count, "".join(names[layer] for layer in r.layers)) for r in runs] == folded
