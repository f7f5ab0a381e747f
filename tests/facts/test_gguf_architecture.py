from __future__ import annotations

import io
from pathlib import Path

import pytest

import weighbridge
from tests.facts import gguf_models
from tests.facts.gguf_models import HIDDEN, VOCABULARY, Model
from tests.facts.gguf_writer import Array, gguf_bytes
from weighbridge.core.architecture import Mlp, ModelArchitecture, WeightFile, attention
from weighbridge.core.errors import FormatError
from weighbridge.facts.gguf import parse_gguf, read_gguf
from weighbridge.facts.gguf_architecture import describe
from weighbridge.facts.gguf_mixers import NO_MIXER, UNKNOWN

DEMO_MODELS = sorted((Path(weighbridge.__file__).parent / "demo" / "models").glob("*.gguf"))


def inspected(model: Model, *, stem: str = "file") -> tuple[ModelArchitecture, WeightFile]:
    raw = gguf_bytes(*model)
    return describe(parse_gguf(io.BytesIO(raw), len(raw), "m.gguf"), name="m.gguf", stem=stem)


def altered(model: Model, **general: object) -> Model:
    changes = {f"general.{key}": value for key, value in general.items()}
    return {key: value for key, value in (model[0] | changes).items() if value is not None}, model[
        1
    ]


def test_dense_model_with_grouped_queries() -> None:
    architecture, weights = inspected(gguf_models.llama())
    assert architecture.name == "tiny llama"
    assert (architecture.model_type, architecture.license) == ("llama", "apache-2.0")
    assert (architecture.hidden, architecture.vocabulary) == (HIDDEN, VOCABULARY)
    assert architecture.context == 512
    (run,) = architecture.runs
    (layer,) = run.layers
    assert (run.count, layer.mixer) == (2, attention(4, 2, 16, 16))
    assert layer.mlp == Mlp("dense", 128)
    assert layer.parameters == 2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128 + 2 * 64
    assert architecture.assumptions == ()
    assert architecture.tied_embeddings
    counts = {name: count for name, count in architecture.by_component.items() if count}
    assert counts == {
        "embedding": 64 * 96,
        "norm": 64 + 2 * 2 * 64,
        "attention": 2 * (2 * 64 * 64 + 2 * 64 * 32),
        "mlp": 2 * 3 * 64 * 128,
    }
    assert architecture.active == architecture.parameters
    assert architecture.kv_bytes(100) == 2 * 100 * 2 * (16 + 16) * 2
    assert (weights.format, weights.quantization) == ("gguf", "Q8_0")
    assert weights.weight_bytes == (architecture.parameters - 320) // 32 * 34 + 320 * 4


def test_biases_belong_to_their_component() -> None:
    architecture, _ = inspected(gguf_models.qwen2())
    counts = dict(architecture.by_component)
    assert counts["attention"] == 2 * 64 * 64 + 2 * 64 * 32 + 64 + 32
    assert counts["lm_head"] == counts["embedding"] == 64 * 96
    assert not architecture.tied_embeddings
    assert architecture.active == architecture.parameters


def test_kv_heads_may_differ_by_layer_and_a_layer_may_only_feed_forward() -> None:
    metadata, tensors = gguf_models.per_layer_heads()
    architecture, _ = inspected((metadata, tensors))
    assert [layer.mixer for layer in architecture.layers] == [
        attention(4, 2, 16, 16),
        attention(4, 1, 16, 16),
        NO_MIXER,
    ]
    assert architecture.kv_bytes(10) == 10 * (2 + 1) * 32 * 2
    assert architecture.assumptions == ()


def test_a_layer_whose_tensors_are_not_there_is_not_guessed() -> None:
    metadata, tensors = gguf_models.per_layer_heads()
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith("blk.2.")}
    architecture, _ = inspected((metadata, kept))
    assert architecture.layers[2].mixer == UNKNOWN
    assert architecture.kv_bytes(10) is None
    assert architecture.assumptions == ("Layers 2 have no attention that the header describes.",)


def test_experts_count_at_their_active_share() -> None:
    architecture, _ = inspected(gguf_models.mixture())
    counts = dict(architecture.by_component)
    assert counts["experts"] == 3 * 64 * 32 * 8
    assert counts["shared_expert"] == 64 * 32
    assert counts["router"] == 64 * 8
    assert counts["mlp"] == 3 * 64 * 128
    experts = Mlp("experts", experts=8, active=2, expert_width=32)
    assert [layer.mlp for layer in architecture.layers] == [Mlp("dense", 128), experts]
    idle = counts["experts"] * 6 // 8
    assert architecture.active == architecture.parameters - idle


def test_unstated_expert_use_is_an_upper_bound_and_says_so() -> None:
    metadata, tensors = gguf_models.mixture()
    del metadata["qwen3moe.expert_used_count"]
    architecture, _ = inspected((metadata, tensors))
    assert architecture.active == architecture.parameters
    assert architecture.layers[1].mlp == Mlp("experts", experts=8, active=8, expert_width=32)
    assert "all are counted as active" in architecture.assumptions[0]


def test_unstacked_experts_of_old_files_are_recognised() -> None:
    metadata = gguf_models.keys("llama", 1, expert_count=2, expert_used_count=1)
    tensors = gguf_models.ends() | gguf_models.attention(0)
    tensors["blk.0.ffn_gate_inp.weight"] = ((64, 2), "F32")
    tensors |= {
        f"blk.0.ffn_{which}.{n}.weight": ((32, 64) if which == "down" else (64, 32), "Q8_0")
        for which in ("gate", "up", "down")
        for n in range(2)
    }
    architecture, _ = inspected((metadata, tensors))
    assert dict(architecture.by_component)["experts"] == 6 * 64 * 32
    assert architecture.layers[0].mlp == Mlp("experts", experts=2, active=1, expert_width=32)
    assert architecture.active == architecture.parameters - 3 * 64 * 32


def test_prediction_layers_are_counted_apart() -> None:
    metadata = gguf_models.keys("glm4moe", 2, nextn_predict_layers=1)
    tensors = gguf_models.ends() | gguf_models.attention(0) | gguf_models.mlp(0)
    extra = gguf_models.attention(1) | gguf_models.mlp(1)
    extra["blk.1.nextn.eh_proj.weight"] = ((128, 64), "Q8_0")
    plain, _ = inspected((gguf_models.keys("glm4moe", 1), tensors))
    architecture, _ = inspected((metadata, tensors | extra))
    assert architecture.depth == 1
    assert architecture.active == plain.active
    assert architecture.parameters == plain.parameters
    assert architecture.mtp_parameters == 4 * 64 * 128 + 2 * 64 * 64 + 2 * 64 * 32 + 2 * 64
    assert architecture.kv_bytes(10) == plain.kv_bytes(10)
    assert "MTP" in architecture.assumptions[0]


def test_falls_back_where_the_header_is_silent() -> None:
    model = altered(gguf_models.llama(), name=None, file_type=None, license=None)
    architecture, weights = inspected(model, stem="my-model")
    assert (architecture.name, architecture.license) == ("my-model", None)
    assert weights.quantization == "Q8_0"
    assert architecture.assumptions == (
        "The header does not name its quantization; most bytes are Q8_0.",
    )


def test_the_long_name_of_an_unusual_license_wins() -> None:
    metadata, tensors = altered(gguf_models.llama(), license="other")
    metadata["general.license.name"] = "llama3.1"
    assert inspected((metadata, tensors))[0].license == "llama3.1"


def test_names_cannot_carry_terminal_commands() -> None:
    model = altered(gguf_models.llama(), name="\x1b[2Jevil\nname" + "x" * 500)
    name = inspected(model)[0].name
    assert name.startswith("[2Jevil name")
    assert len(name) <= 200


@pytest.mark.parametrize(
    ("general", "says"),
    [
        ({"architecture": None}, "does not say which architecture"),
        ({"architecture": "other"}, "does not state other.embedding_length"),
        ({"architecture": "clip"}, "is the vision or audio part"),
        ({"type": "adapter"}, "is an adapter"),
    ],
)
def test_refuses_what_is_no_language_model(general: dict[str, object], says: str) -> None:
    with pytest.raises(FormatError, match=says):
        inspected(altered(gguf_models.llama(), **general))


def test_refuses_parts_and_impossible_depths() -> None:
    metadata, tensors = gguf_models.llama()
    with pytest.raises(FormatError, match="is part 1 of 3 of a split model"):
        inspected((metadata | {"split.count": 3, "split.no": 0}, tensors))
    with pytest.raises(FormatError, match="states 4000000000 layers"):
        inspected((metadata | {"llama.block_count": 4_000_000_000}, tensors))


def test_vocabulary_without_an_embedding_is_the_tokenizer_list() -> None:
    metadata, tensors = gguf_models.llama()
    del tensors["token_embd.weight"]
    assert inspected((metadata, tensors))[0].vocabulary == VOCABULARY
    metadata["tokenizer.ggml.tokens"] = Array(8, [])
    assert inspected((metadata, tensors))[0].vocabulary == 0


@pytest.mark.skipif(not DEMO_MODELS, reason="the demo models are not in this tree yet")
@pytest.mark.parametrize("path", DEMO_MODELS, ids=lambda path: path.stem)
def test_demo_models_add_up(path: Path) -> None:
    header = read_gguf(path)
    architecture, weights = describe(header, name=str(path), stem=path.stem)
    assert architecture.parameters == sum(tensor.parameters for tensor in header.tensors)
    assert architecture.kv_known
    padding = header.alignment * len(header.tensors)
    content = header.data_offset + weights.weight_bytes
    assert content <= path.stat().st_size <= content + padding
