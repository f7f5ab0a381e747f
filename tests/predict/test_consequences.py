from __future__ import annotations

from dataclasses import replace

import pytest

from tests.predict.models import KINDS, settings, shape, table
from weighbridge.core.architecture import (
    Cache,
    Layer,
    LayerRun,
    Mixer,
    Mlp,
    ModelArchitecture,
    Part,
    attention,
)
from weighbridge.core.estimate import EngineName
from weighbridge.core.inspection import Inspection
from weighbridge.core.provenance import Provenance
from weighbridge.core.quantization import Quantization
from weighbridge.core.units import GIB
from weighbridge.facts.catalog.catalogue import load
from weighbridge.facts.quantizations.what_if import what_if
from weighbridge.predict.consequences import (
    REFERENCE_CONTEXT,
    REFERENCE_MEMORY_BYTES,
    at_a_glance,
    consequences,
    differences,
)
from weighbridge.predict.memory.use import memory_use

FULL = attention(32, 8, 128, 128)
LINEAR = Mixer("linear", "gated DeltaNet", cache=Cache(state=1000, state_float32=500_000))


def inspection(
    name: str, mixers: list[Mixer], *, weights: int = 10**9, idle: int = 0, bits: float = 16.0
) -> Inspection:
    """A model whose weights are all in its first part, beside an untied embedding and its head."""
    parts = (Part("experts", "experts", weights // len(mixers), idle=idle // len(mixers)),)
    layers = tuple(LayerRun(1, (Layer(mixer, Mlp("none"), parts),)) for mixer in mixers)
    outside = (Part("embedding", "embedding", 10**8), Part("lm_head", "head", 10**8))
    architecture = ModelArchitecture(
        name, "made", 64, 100, layers, outside, None, tied_embeddings=False
    )
    source = Provenance("assumed", "made for this test", "2026-01-01")
    quantization = Quantization("made", otherwise=bits)
    return Inspection(name, architecture, quantization, None, source)


def test_a_token_reads_every_active_weight_but_not_the_embedding() -> None:
    dense = consequences(inspection("a", [FULL]))
    assert dense.read_bytes == 2 * (10**9 + 10**8)
    assert dense.decode_per_gb_s == pytest.approx(1e9 / dense.read_bytes)
    assert dense.prefill_flops == 2 * (10**9 + 10**8)
    sparse = consequences(inspection("b", [FULL], idle=9 * 10**8))
    assert sparse.read_bytes == 2 * (10**8 + 10**8)
    assert consequences(inspection("c", [FULL], bits=4)).read_bytes == (10**9 + 10**8) // 2


def test_users_are_what_fits_beside_the_weights() -> None:
    one = consequences(inspection("a", [FULL] * 32))
    assert one.kv_bytes == 32 * 32768 * 2 * 8 * 128 * 2 == 4 * GIB
    assert one.users == (24 * GIB - 2 * 12 * 10**8) // (4 * GIB) == 5
    assert consequences(inspection("b", [FULL] * 32, weights=10**11)).users == 0
    unknown = Mixer("unknown", "", cache=None)
    assert consequences(inspection("c", [FULL, unknown])).users is None


def test_differences_say_what_follows_and_why_largest_first() -> None:
    a = inspection("dense", [FULL] * 4, weights=8 * 10**9)
    b = inspection("hybrid", [LINEAR] * 3 + [FULL], weights=10 * 10**9, idle=9 * 10**9)
    speed, cache, weights, users = differences(a, b)
    assert speed.startswith("hybrid can decode up to 7.4 times as fast on the same memory")
    assert cache.startswith(
        "At 32k tokens a user of hybrid takes 133.73 MiB of cache, one of dense"
    )
    assert (
        "3 gated DeltaNet with 501,000 numbers in all and 1 GQA with 2,048 numbers a token" in cache
    )
    assert weights.startswith("The weights of hybrid take 19.00 GiB, 1.2 times")
    assert users == (
        "Beside its weights, 24 GiB hold at most 17 users of dense and at most 38 users of hybrid "
        "at 32k tokens each, before what an engine needs for itself."
    )


def test_equal_models_have_nothing_to_tell_and_unknown_caches_are_named() -> None:
    a = inspection("a", [FULL])
    assert differences(a, inspection("b", [FULL])) == ()
    unknown = Mixer("unknown", "", cache=None)
    (sentence,) = differences(a, inspection("c", [unknown]))
    assert sentence == "The cache of c is not modelled, so it cannot be compared."


def test_what_is_not_modelled_is_refused_not_compared() -> None:
    whole, part = inspection("whole", [FULL]), inspection("part", [FULL])
    partly = replace(part, architecture=replace(part.architecture, incomplete=("layers",)))
    follows = consequences(partly)
    assert (follows.read_bytes, follows.users, follows.prefill_flops) == (None, None, None)
    (sentence,) = differences(whole, partly)
    assert sentence.startswith("Not all weights of part (layers) are modelled")


def test_projections_beside_a_table_are_read_and_the_table_is_not() -> None:
    table = Part("per_layer_embedding", "per-layer embedding", 10**9)
    joined = Part("per_layer_embedding", "per-layer projection and norm", 10**6)
    one = inspection("a", [FULL])
    outside = (*one.architecture.outside, table, joined)
    more = replace(one, architecture=replace(one.architecture, outside=outside))
    assert (consequences(more).read_bytes or 0) - (consequences(one).read_bytes or 0) == 2 * 10**6


def test_one_user_is_not_several_and_fast_models_have_no_exponents() -> None:
    small = inspection("s", [FULL], weights=10**4)
    small = replace(small, quantization=Quantization("made", otherwise=0.01))
    large = inspection("l", [FULL] * 32, weights=10**10)
    sentences = " ".join(differences(large, small))
    assert "hold at most 1 user of l and at most 191 users of s" in sentences
    assert "e+0" not in sentences


def test_a_length_beyond_training_is_said_to_be_that() -> None:
    short, long = inspection("short", [FULL]), inspection("long", [FULL] * 2)
    short = replace(short, architecture=replace(short.architecture, context=512))
    told = differences(short, long)
    assert told[-1].startswith("32k tokens are more than short (512) is made for")
    assert "made for" not in " ".join(differences(long, long))


def test_shared_weights_are_stored_once_and_read_each_time_they_are_passed() -> None:
    one = inspection("m", [FULL])
    shared = replace(
        one.architecture,
        outside=(*one.architecture.outside, Part("attention", "shared query", 1000, again=3000)),
    )
    both = replace(one, architecture=shared)
    before, after = consequences(one), consequences(both)
    assert (after.prefill_flops or 0) - (before.prefill_flops or 0) == 2 * 4000
    assert shared.parameters - one.architecture.parameters == 1000


def test_a_memory_without_room_holds_not_one_user() -> None:
    roomy = inspection("roomy", [FULL] * 4)
    tight = inspection("tight", [FULL] * 32, weights=10**11)
    for first, second in ((roomy, tight), (tight, roomy)):
        sentence = differences(first, second)[-1]
        assert " 0 " not in sentence
        assert "not one" in sentence
    assert (
        "hold not one user of tight and at most 43 users of roomy" in differences(tight, roomy)[-1]
    )


def test_several_models_at_a_glance() -> None:
    models = [inspection(name, [FULL] * n) for name, n in (("a", 1), ("b", 2), ("c", 4))]
    text = at_a_glance(models, ["A", "B", "C"])
    assert text.endswith(
        "At 32k tokens a user of A takes 128.00 MiB of cache, of B 256.00 MiB, of C 512.00 MiB."
    )
    assert "A reads 2.05 GiB of weights, B 2.05 GiB, C 2.05 GiB" in text
    unknown = inspection("d", [Mixer("unknown", "", cache=None)])
    assert "of D" not in at_a_glance([*models, unknown], ["A", "B", "C", "D"])
    assert at_a_glance([replace(unknown, quantization=UNSIZED)], ["D"]) == ""


UNSIZED = Quantization("unknown", otherwise=0.0, known=False)


@pytest.mark.parametrize(
    "name", [*KINDS, "meta-llama/Llama-3.1-8B-Instruct", "google/gemma-3-4b-it"]
)
@pytest.mark.parametrize("format_name", ["bf16", "AWQ int4 g128"])
@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_a_plan_never_finds_room_for_more_users(
    name: str, format_name: str, engine: EngineName
) -> None:
    model = load().find(name).architecture()
    source = Provenance("assumed", "made for this test", "2026-01-01")
    one = Inspection(name, model, what_if(format_name, model), None, source)
    most = consequences(one).users
    assert most is not None
    told = settings("", engine=engine, context=REFERENCE_CONTEXT)
    planned = memory_use(shape(name), table(name, format_name), told, REFERENCE_MEMORY_BYTES)
    assert planned.concurrency is not None
    assert planned.concurrency.value < most + 1
