"""The same model in other formats, against sizes of published files."""

from __future__ import annotations

import pytest

from tests.facts.quantizations.models import dense, sparse
from weighbridge.core.architecture import Layer as ArchitectureLayer
from weighbridge.core.architecture import LayerRun, Mlp, ModelArchitecture, Part, attention
from weighbridge.core.errors import InputError
from weighbridge.facts.quantizations.what_if import FORMATS, WHAT_IF, what_if


def llama_8b() -> ModelArchitecture:
    """Llama 3.1 8B, written out."""
    parts = (
        Part("attention", "query", 4096 * 4096),
        Part("attention", "key", 4096 * 1024),
        Part("attention", "value", 4096 * 1024),
        Part("attention", "output", 4096 * 4096),
        Part("mlp", "gate, up and down", 3 * 4096 * 14336),
        Part("norm", "layer norms", 2 * 4096),
    )
    layer = ArchitectureLayer(attention(32, 8, 128, 128), Mlp("dense", 14336), parts)
    outside = (
        Part("embedding", "token embedding", 128_256 * 4096),
        Part("norm", "final norm", 4096),
        Part("lm_head", "output head", 128_256 * 4096),
    )
    return ModelArchitecture(
        "Llama 3.1 8B", "llama", 4096, 128_256, (LayerRun(32, (layer,)),), outside, 131_072,
        tied_embeddings=False,
    )  # fmt: skip


# Sizes of the files Meta-Llama-3.1-8B-Instruct-*.gguf that bartowski published in July 2024. All
# of them begin with the same header: metadata, vocabulary, one table of rope factors.
PUBLISHED = {
    "Q8_0": 8_540_770_880,
    "Q6_K": 6_596_006_464,
    "Q5_K_M": 5_732_987_456,
    "Q4_K_M": 4_920_734_272,
    "Q3_K_M": 4_018_917_952,
    "Q2_K": 3_179_131_456,
}
HEADER_BYTES = 7_836_224


@pytest.mark.parametrize("name", PUBLISHED)
def test_mixtures_weigh_what_published_files_weigh(name: str) -> None:
    model = llama_8b()
    assert what_if(name, model).weight_bytes(model) + HEADER_BYTES == PUBLISHED[name]


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("bf16", 16), ("fp8", 8 + 32 / 128**2), ("int8", 8 + 16 / 1024),
        ("AWQ int4 g128", 4.15625), ("GPTQ int4 g128", 4.15625 + 32 / 1024), ("NVFP4", 4.5),
        ("mxfp4", 4.25), ("Q8_0", 8.5), ("Q4_0", 4.5),
    ],
)  # fmt: skip
def test_bits_of_matrices(name: str, bits: float) -> None:
    assert what_if(name, dense()).bits_of("mlp") == pytest.approx(bits)


def test_what_stays_as_it_is() -> None:
    for name in ("fp8", "int8", "AWQ int4 g128", "NVFP4"):
        q = what_if(name, sparse())
        assert {q.bits_of(which) for which in ("embedding", "lm_head", "norm", "router")} == {16}
    gguf = what_if("Q4_K_M", sparse())
    assert gguf.bits_of("norm") == gguf.bits_of("router") == 32
    assert gguf.bits_of("lm_head") == 6.5625


def test_mxfp4_packs_only_experts_where_there_are_some() -> None:
    q = what_if("mxfp4", sparse())
    assert [q.bits_of("experts"), q.bits_of("attention")] == [4.25, 16]


def test_a_tied_embedding_is_kept_like_an_output_head() -> None:
    assert what_if("Q4_K_M", dense(tied=True)).bits_of("embedding") == 6.5625
    assert what_if("Q4_K_M", dense()).bits_of("embedding") == 4.5


def test_every_format_has_a_source_and_smaller_ones_weigh_less() -> None:
    model = llama_8b()
    sizes = [what_if(name, model).weight_bytes(model) for name in
             ("bf16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K")]  # fmt: skip
    assert sizes == sorted(sizes, reverse=True)
    assert all(each.source for each in FORMATS)
    assert len(WHAT_IF) == len(FORMATS)


def test_a_format_that_does_not_exist() -> None:
    with pytest.raises(InputError, match="no format 'Q9_X'"):
        what_if("Q9_X", dense())
