"""Keys taken out of configurations: counted as the class counts then and said, or refused."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from tests.facts.architectures.fixtures import PARAMETERS, raw
from tests.facts.architectures.test_read import LLAMA, read
from tests.shared_data import shared
from weighbridge.core.architecture import ModelArchitecture
from weighbridge.core.errors import FormatError

PATTERNS = {
    "layer_types", "layers_block_type", "mlp_layer_types", "compress_ratios", "attn_layer_indices",
    "cross_attention_layers", "indexer_types", "full_attn_idxs",
}  # fmt: skip


def table() -> dict[str, list[dict[str, Any]]]:
    """Deletions and the weights that classes make then (``tools/make_config_absent.py``)."""
    path = Path(__file__).parents[2] / "data/absent.json"
    cases: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for case in json.loads(path.read_text("utf-8")):
        cases[case["name"]].append(case)
    return cases


ABSENT = table()


def without(keys: dict[str, Any], at: str, gone: list[str]) -> dict[str, Any]:
    cut: dict[str, Any] = json.loads(json.dumps(keys))
    for key in gone:
        del (cut[at] if at else cut)[key]
    return cut


def claimed(keys: dict[str, Any]) -> ModelArchitecture | None:
    """What is claimed to be the whole; None where it is refused or left incomplete."""
    try:
        found = read(keys)
    except FormatError:
        return None
    return None if found.incomplete else found


@pytest.mark.parametrize("name", sorted(ABSENT))
def test_every_key_taken_out_is_counted_as_the_class_does_or_said(name: str) -> None:
    wrong = {}
    for case in ABSENT[name]:
        found = claimed(without(raw(name), case["at"], case["gone"]))
        if found is None or found.parameters == case["parameters"]:
            continue
        # The class would make more key-value heads than heads, which cannot run.
        if not any("does not fit its" in sentence for sentence in found.assumptions):
            wrong[tuple(case["gone"])] = (found.parameters, case["parameters"])
    assert wrong == {}


def test_a_pattern_that_the_class_supplies_is_said() -> None:
    silent = []
    for name, cases in ABSENT.items():
        for case in cases:
            found = claimed(without(raw(name), case["at"], case["gone"]))
            told = " ".join(found.assumptions) if found else "refused, does not s"
            # Llama 4 says by no_rope_layers which layers attend to everything.
            gone = set(case["gone"]) - ({"layer_types"} if name == "llama4_text" else set())
            if PATTERNS & gone and "does not s" not in told:
                silent.append((name, case["gone"]))
    assert silent == []


def test_most_deletions_are_answered() -> None:
    """Refusing everything would pass the tests above."""
    answers = [
        claimed(without(raw(name), case["at"], case["gone"])) is not None
        for name, cases in ABSENT.items()
        for case in cases
    ]
    assert sum(answers) > 0.9 * len(answers)
    assert set(ABSENT) <= set(PARAMETERS)


PUBLISHED = [
    ("ibm-granite--granite-4.0-h-small", "", ["layer_types"], 32_448_713_728),
    ("MiniMaxAI--MiniMax-Text-01-hf", "", ["layer_types"], 451_937_048_576),
    ("moonshotai--Kimi-Linear-48B-A3B-Instruct", "", ["layer_types"], 49_133_074_464),
    ("deepseek-ai--DeepSeek-V4-Pro", "", ["compress_ratios"], 1_572_973_188_067),
    ("google--gemma-4-E2B", "text_config", ["layer_types"], 4_790_035_200),
    ("inclusionAI--Ling-3.0-Flash", "", ["layer_types"], 124_414_191_072),
    ("poolside--laguna-XS.2", "", ["mlp_layer_types"], 33_189_975_808),
    ("tencent--Hy3-preview", "", ["mlp_layer_types"], 295_033_528_320),
    ("Qwen--Qwen2-VL-2B-Instruct", "", ["vision_config"], 2_219_473_408),
    ("nvidia--NVIDIA-Nemotron-3.5-Lightning-30B-A3B-NVFP4", "",
     ["moe_shared_expert_intermediate_size"], 32_069_561_792),
    ("nvidia--NVIDIA-Nemotron-3.5-Lightning-30B-A3B-NVFP4", "",
     ["moe_intermediate_size"], 123_880_674_752),
]  # fmt: skip


@pytest.mark.parametrize(("name", "at", "gone", "weights"), PUBLISHED)
def test_published_models_without_a_key(name: str, at: str, gone: list[str], weights: int) -> None:
    found = read(without(published(name), at, gone))
    assert found.parameters == weights
    assert found.assumptions


@pytest.mark.parametrize(
    ("name", "gone"),
    [
        ("nvidia--NVIDIA-Nemotron-3.5-Lightning-30B-A3B-NVFP4", ["layers_block_type"]),
        ("LiquidAI--LFM2-8B-A1B", ["layer_types"]),
        ("MiniMaxAI--MiniMax-M1-80k", ["attn_type_list"]),
    ],
)
def test_layers_of_which_no_class_knows_the_order_are_left_out(name: str, gone: list[str]) -> None:
    found = read(without(published(name), "", gone))
    assert found.incomplete == ("layers",)
    assert found.kv_bytes(1000) is None
    assert any("does not say which layers" in sentence for sentence in found.assumptions)


def published(name: str) -> dict[str, Any]:
    keys: dict[str, Any] = json.loads((shared("data", "configs") / f"{name}.json").read_bytes())
    return keys


@pytest.mark.parametrize("model_type", ["cwm", "granite_swa", "granitemoe_swa"])
def test_the_first_of_four_layers_attends_to_everything(model_type: str) -> None:
    found = read({**LLAMA, "model_type": model_type, "sliding_window": 512})
    kinds = [layer.mixer.kind for layer in found.layers]
    assert kinds == ["full", "sliding", "sliding", "sliding"] * (found.depth // 4)
    assert any("does not state layer_types" in sentence for sentence in found.assumptions)


@pytest.mark.parametrize("key", ["moe_hidden_size", "engram_dim", "num_memory_layers", "x_rank"])
def test_of_an_unknown_family_no_least_size_is_claimed_past_an_unread_size(key: str) -> None:
    found = read({**LLAMA, "model_type": "brand_new", key: 64})
    assert found.incomplete == ("layers",)
    assert sum(layer.parameters for layer in found.layers) == 0
    assert any(key in sentence for sentence in found.assumptions)


def test_an_unknown_family_whose_sizes_are_all_read_is_counted() -> None:
    found = read({**LLAMA, "model_type": "brand_new", "num_beams": 4, "chunk_size_x": 5})
    assert found.incomplete == ()
    assert found.parameters == read(LLAMA).parameters


def test_sizes_that_a_known_family_does_not_have_are_said() -> None:
    found = read({**LLAMA, "moe_hidden_size": 4096, "num_memory_layers": 2, "num_beams": 4})
    assert found.parameters == read(LLAMA).parameters
    (said,) = [sentence for sentence in found.assumptions if "not read" in sentence]
    assert "moe_hidden_size, num_memory_layers are not read" in said


def test_a_key_that_changes_the_experts_of_a_known_family_leaves_them_unclaimed() -> None:
    found = read({**raw("kimi_linear"), "routed_expert_hidden_size": 192})
    assert found.incomplete == ("layers",)
    assert sum(layer.parameters for layer in found.layers) == 0


@pytest.mark.parametrize("name", sorted(PARAMETERS))
def test_no_fixture_has_sizes_that_are_not_read(name: str) -> None:
    assert not any("not read" in sentence for sentence in read(raw(name)).assumptions)


def test_a_default_that_does_not_fit_is_not_said_to_be_used() -> None:
    keys = {key: value for key, value in raw("qwen3").items() if key != "num_key_value_heads"}
    said = " ".join(read(keys).assumptions)
    assert "counted as 12, one per query head" in said
    assert "num_key_value_heads 32" not in said


def test_experts_without_a_number_are_refused() -> None:
    keys = without(raw("dots1"), "", ["n_routed_experts"])
    with pytest.raises(FormatError, match="num_experts is None"):
        read(keys)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model_type": "minimax_m2", "num_mtp_modules": 3}, "num_mtp_modules 3"),
        (
            {"model_type": "minimax_m3", "num_mtp_modules": 7, "num_nextn_predict_layers": 1},
            "num_nextn_predict_layers 1, num_mtp_modules 7",
        ),
    ],
)
def test_prediction_modules_that_are_not_modelled_are_said(
    change: dict[str, Any], says: str
) -> None:
    found = read({**LLAMA, **change})
    assert found.mtp_parameters == 0
    assert any(says in sentence and "not counted" in sentence for sentence in found.assumptions)


def test_projections_that_gemma_3n_never_uses_are_said() -> None:
    """7,849,978,192 weights are published, and 7,818,517,072 of them used."""
    found = read(published("google--gemma-3n-E4B"))
    assert found.parameters == 7_849_978_192 - 31_461_120
    assert any("31,461,120 weights" in sentence for sentence in found.assumptions)


def test_cross_attention_of_gpt2_is_counted() -> None:
    keys = raw("gpt2")
    wide, depth = keys["n_embd"], keys["n_layer"]
    more = read({**keys, "add_cross_attention": True}).parameters - read(keys).parameters
    assert more == depth * (4 * wide * wide + 4 * wide + 2 * wide)


def test_cross_attention_of_others_is_said_to_be_missing() -> None:
    assert read({**raw("gpt_bigcode"), "add_cross_attention": True}).incomplete == ("layers",)


def test_heads_that_cannot_share_the_hidden_size_are_refused() -> None:
    with pytest.raises(FormatError, match="a multiple of num_attention_heads"):
        read({**raw("bitnet"), "hidden_size": 389})
