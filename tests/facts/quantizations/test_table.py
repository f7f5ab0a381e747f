"""Quantization blocks as they are found in the wild, read into bits per component."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from typing import Any

import pytest

from tests.facts.quantizations.models import architecture, dense, sparse
from tests.shared_data import shared
from weighbridge.core.architecture import Component, ModelArchitecture, Part
from weighbridge.core.quantization import Quantization
from weighbridge.facts.architectures.read import read_config
from weighbridge.facts.quantizations.table import NOT_MODELLED, READERS, from_config

BLOCK = 8 + 32 / 128**2
FP8 = {"quant_method": "fp8", "weight_block_size": [128, 128], "activation_scheme": "dynamic"}


def read(block: dict[str, Any] | None, model: ModelArchitecture, **raw: Any) -> Quantization:
    config = {"torch_dtype": "bfloat16", **raw}
    stated = from_config(config | ({"quantization_config": block} if block else {}), model)
    assert stated.quantization is not None, stated.notes
    return stated.quantization


def bits(quantization: Quantization, *components: Component) -> list[float]:
    return [quantization.bits_of(component) for component in components]


@pytest.mark.parametrize(
    ("dtype", "name", "each"),
    [("bfloat16", "bf16", 16), ("torch.float16", "fp16", 16), ("float32", "fp32", 32)],
)
def test_no_block_means_the_stated_type(dtype: str, name: str, each: int) -> None:
    model = dense()
    stated = from_config({"dtype": dtype}, model)
    assert stated.quantization is not None
    assert stated.quantization.name == name
    assert stated.quantization.weight_bytes(model) == model.parameters * each // 8
    assert stated.notes == ()
    nested = from_config({"text_config": {"torch_dtype": dtype}}, model)
    assert nested.quantization == stated.quantization


def test_an_unstated_type_is_said_to_be_assumed() -> None:
    assert "16 bits (bf16) are assumed" in from_config({}, dense()).notes[0]
    assert "'int3' is not known" in from_config({"dtype": "int3"}, dense()).notes[0]


def test_a_name_that_contradicts_a_silent_configuration_is_not_believed() -> None:
    stated = from_config({"torch_dtype": "bfloat16"}, dense(name="org/Model-8B-NVFP4"))
    assert stated.quantization is None
    assert "name says NVFP4" in stated.notes[0]
    assert from_config({"torch_dtype": "bfloat16"}, dense(name="org/fp8ball")).quantization


@pytest.mark.parametrize("method", [*sorted(NOT_MODELLED), "brand-new", ""])
def test_what_is_not_known_is_never_sixteen_bits(method: str) -> None:
    config = {"torch_dtype": "bfloat16", "quantization_config": {"quant_method": method, "x": 1}}
    stated = from_config(config, dense())
    assert stated.quantization is None
    assert (method or "unnamed") in stated.notes[-1]
    assert "bytes are unknown" in stated.notes[-1]


@pytest.mark.parametrize("method", READERS)
@pytest.mark.parametrize("junk", [{}, {"bits": "4"}, {"config_groups": [1]}, {"ignore": 3}])
def test_junk_is_read_or_refused_in_words(method: str, junk: dict[str, Any]) -> None:
    stated = from_config({"quantization_config": {"quant_method": method, **junk}}, sparse())
    assert stated.quantization is not None or stated.notes[-1].endswith((".", "unknown."))


def test_fp8_blocks_keep_what_is_not_linear() -> None:
    q = read(FP8 | {"modules_to_not_convert": ["lm_head", "model.layers.1.mlp.gate"]}, sparse())
    assert q.name == "fp8 (128×128 blocks)"
    assert bits(q, "attention", "mlp", "experts", "shared_expert") == [BLOCK] * 4
    assert bits(q, "embedding", "norm", "router", "lm_head") == [16] * 4
    assert q.kv_bytes_per_value is None  # fp8 weights do not ask for an fp8 cache


def test_skipped_layers_count_by_their_weights() -> None:
    q = read(FP8 | {"modules_to_not_convert": ["model.layers.0.self_attn"]}, dense(4))
    assert q.bits_of("attention") == pytest.approx((16 + 3 * BLOCK) / 4)
    q = read(FP8 | {"modules_to_not_convert": ["model.layers.0.self_attn.q_proj"]}, dense(1))
    assert q.bits_of("attention") == pytest.approx((2 * 16 + 3 * BLOCK) / 5)  # 1 of 2.5 million


def test_deepseek_v4_has_four_bit_experts() -> None:
    q = read(FP8, sparse(), expert_dtype="fp4")
    assert bits(q, "experts", "shared_expert") == [4.25, 8 + 8 / 128**2]
    ahead = replace(sparse(), mtp_parameters=10**6)
    assert read(FP8, ahead, expert_dtype="fp4").bits_of("mtp") == 4.25
    q = read(FP8 | {"moe_quant_algo": "NVFP4"}, sparse(), expert_dtype="fp4")
    assert q.bits_of("experts") == 4.5


def test_fbgemm_has_a_scale_per_row() -> None:
    q = read({"quant_method": "fbgemm_fp8", "modules_to_not_convert": ["lm_head"]}, dense())
    assert bits(q, "mlp", "lm_head") == [8 + 32 / 1024, 16]


def group(targets: list[str], **weights: Any) -> dict[str, Any]:
    return {"targets": targets, "weights": weights}


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ({"num_bits": 4, "type": "int", "group_size": 128, "symmetric": True}, 4 + 16 / 128),
        ({"num_bits": 4, "type": "int", "group_size": 32, "symmetric": False}, 4 + 20 / 32),
        ({"num_bits": 8, "type": "float", "strategy": "channel"}, 8 + 16 / 1024),
        ({"num_bits": 8, "type": "float", "strategy": "tensor"}, 8),
        ({"num_bits": 8, "type": "float", "block_structure": [128, 128]}, BLOCK),
        ({"num_bits": 4, "type": "float", "group_size": 16}, 4.5),
        ({"num_bits": 4, "type": "float", "group_size": 32}, 4.25),
    ],
)
def test_compressed_tensors_schemes(weights: dict[str, Any], expected: float) -> None:
    block = {
        "quant_method": "compressed-tensors",
        "config_groups": {"group_0": group(["Linear"], **weights)},
        "ignore": ["lm_head", "re:.*self_attn.*"],
        "kv_cache_scheme": {"num_bits": 8, "type": "float"},
    }
    q = read(block, dense())
    assert bits(q, "mlp", "attention", "lm_head") == [expected, 16, 16]
    assert q.kv_bytes_per_value == 1.0


def test_compressed_tensors_groups_by_module() -> None:
    block = {
        "quant_method": "compressed-tensors",
        "config_groups": {
            "group_0": group(["re:.*self_attn.*"], num_bits=8, type="float"),
            "group_1": group(["Linear"], num_bits=4, type="int", group_size=128),
        },
        "ignore": [],
    }
    q = read(block, dense())
    assert bits(q, "attention", "mlp", "lm_head") == [8, 4.125, 4.125]
    only_cache = {"quant_method": "compressed-tensors", "config_groups": {"g": {"targets": []}}}
    assert from_config({"quantization_config": only_cache}, dense()).quantization is None


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [("FP8", 8), ("NVFP4", 4.5), ("W4A16_AWQ", 4.125), ("FP8_PB_WO", BLOCK), ("MXFP8", 8.25)],
)
def test_modelopt_beside_the_configuration(algorithm: str, expected: float) -> None:
    side = {
        "producer": {"name": "modelopt"},
        "quantization": {
            "quant_algo": algorithm,
            "kv_cache_quant_algo": "FP8",
            "exclude_modules": ["lm_head", "model.layers.0*"],
        },
    }
    stated = from_config({"torch_dtype": "bfloat16"}, dense(2, name="m-nvfp4"), side=side)
    assert stated.quantization is not None
    assert stated.quantization.kv_bytes_per_value == 1.0
    assert bits(stated.quantization, "mlp", "lm_head") == [(16 + expected) / 2, 16]


def test_modelopt_mixtures_and_unknown_algorithms() -> None:
    layers = {
        "model.layers.0.self_attn.q_proj": {"quant_algo": "FP8"},
        "model.layers.0.mlp.down_proj": {"quant_algo": "X"},
    }
    block = {
        "quant_method": "modelopt",
        "quant_algo": "MIXED_PRECISION",
        "quantized_layers": layers,
    }
    stated = from_config({"quantization_config": block}, dense())
    assert stated.quantization is None
    assert "ModelOpt format X of 1 modules is not known" in stated.notes[-1]
    layers["model.layers.0.mlp.down_proj"] = {"quant_algo": "W4A16_NVFP4"}
    assert read(block, dense(1)).bits_of("attention") == pytest.approx((2 * 8 + 3 * 16) / 5)
    unknown = {"quant_method": "modelopt", "quant_algo": "NEW"}
    assert from_config({"quantization_config": unknown}, dense()).quantization is None


def test_mxfp4_packs_experts_only() -> None:
    block = {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.*.self_attn"]}
    q = read(block, sparse())
    assert bits(q, "experts", "attention", "shared_expert", "router") == [4.25, 16, 16, 16]
    skipped = {"quant_method": "mxfp4", "modules_to_not_convert": ["model.layers.1.mlp.experts"]}
    assert read(skipped, sparse(0, 2)).bits_of("experts") == (4.25 + 16) / 2


def test_group_formats() -> None:
    awq = {"quant_method": "awq", "bits": 4, "group_size": 128, "zero_point": True}
    assert bits(read(awq, dense()), "mlp", "lm_head") == [4 + 20 / 128, 16]
    gptq = {"quant_method": "gptq", "bits": 4, "group_size": 128, "lm_head": True}
    expected = 4 + 20 / 128 + 32 / 1024
    assert bits(read(gptq, dense()), "mlp", "lm_head") == [expected, expected]
    skips = gptq | {"dynamic": {r"-:.*\.layers\.0\..*": {}, r"+:.*mlp.*": {"bits": 8}}}
    stated = from_config({"dtype": "bfloat16", "quantization_config": skips}, dense(2))
    assert stated.quantization is not None
    assert stated.quantization.bits_of("mlp") == (16 + expected) / 2
    assert "1 modules have bits of their own" in stated.notes[0]
    columns = {"quant_method": "gptq", "bits": 8, "group_size": -1}
    assert read(columns, dense()).bits_of("mlp") == 8 + 24 / 1024 + 32 / 1024
    rounded = {
        "quant_method": "auto-round",
        "bits": 4,
        "group_size": 128,
        "extra_config": {"model.layers.0.mlp.gate_proj": {"bits": 16}},
    }
    assert read(rounded, dense(2)).bits_of("mlp") == (16 + 4 + 20 / 128) / 2


@pytest.mark.parametrize(
    "pattern",
    ["vision_tower*", "model.visual.blocks.0.attn.qkv", "vision_model.model.layers.0.mlp.fc1",
     "re:.*vision_tower.*"],
)  # fmt: skip
def test_towers_that_are_named_are_left_alone(pattern: str) -> None:
    model = architecture(*dense().runs, outside=(Part("vision", "vision tower", 1_000_000),))
    block = {"quant_method": "modelopt", "quant_algo": "NVFP4", "ignore": [pattern]}
    assert bits(read(block, model), "vision", "mlp") == [16, 4.5]
    assert read(block | {"ignore": []}, model).bits_of("vision") == 4.5


def test_towers_are_left_alone_by_group_formats() -> None:
    model = architecture(*dense().runs, outside=(Part("vision", "vision tower", 1_000_000),))
    awq = {"quant_method": "awq", "bits": 4, "group_size": 128}
    assert read(awq, model).bits_of("vision") == 16


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}, 4.5),
        ({"load_in_4bit": True, "bnb_4bit_use_double_quant": True}, 4 + 8 / 64 + 32 / 64 / 256),
        ({"load_in_8bit": True}, 8 + 32 / 1024),
    ],
)
def test_bitsandbytes(block: dict[str, Any], expected: float) -> None:
    q = read({"quant_method": "bitsandbytes", **block}, dense())
    assert bits(q, "mlp", "lm_head") == [expected, 16]


def test_bitnet_is_packed_only_offline() -> None:
    assert read({"quant_method": "bitnet"}, dense()).bits_of("mlp") == 2
    online = {"quant_method": "bitnet", "quantization_mode": "online"}
    assert read(online, dense()).bits_of("mlp") == 16


# The Hub counts the scales of fp8 blocks as elements: what it counts beyond the parameters is the
# number of blocks, which tells exactly which matrices are quantized. MiniMax also stores 256
# numbers per layer that correct its router, which are no parameters of the class.
@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("Qwen/Qwen3-8B-FP8", 0),
        ("Qwen/Qwen3-30B-A3B-FP8", 0),
        ("MiniMaxAI/MiniMax-M2.5", 62 * 256),
    ],
)
def test_the_hub_counts_as_many_scales(name: str, others: int) -> None:
    truth, config = _truth(name)
    model = read_config(config, name=name)
    quantization = from_config(config, model).quantization
    assert quantization is not None
    scales = sum(
        count * (quantization.bits_of(component) - 8) / 32
        for component, count in model.by_component.items()
        if quantization.bits_of(component) < 16
    )
    beyond = int(truth["hub_safetensors_total"]) - int(truth["exact_params_meta"])
    assert round(scales) + others == beyond


@pytest.mark.parametrize(
    ("name", "others"),
    [("nvidia/MiniMax-M2.5-NVFP4", 62 * 256), ("nvidia/Gemma-4-26B-A4B-NVFP4", 0)],
)
def test_the_hub_counts_as_many_packed_elements(name: str, others: int) -> None:
    """NVFP4 stores two weights in a byte, which the Hub counts as one element; not its scales."""
    truth, config = _truth(name)
    exact: dict[Component, int] = {
        "experts": int(truth["p_experts"]),
        "attention": int(truth["p_attention"]),
        "mlp": int(truth["p_mlp"]),
    }
    packed = from_config(config, read_config(config, name="m")).quantization
    assert packed is not None
    saved = sum(n // 2 for which, n in exact.items() if packed.bits_of(which) == 4.5)
    stored = int(truth["exact_params_meta"]) - saved + others
    # A few thousand elements are scales of whole tensors.
    assert stored == pytest.approx(int(truth["hub_safetensors_total"]), rel=1e-6)


def _truth(name: str) -> tuple[dict[str, str], dict[str, Any]]:
    """A model's row of exact counts, and its config.json."""
    with shared("data", "configs", "truth.csv").open(encoding="utf-8") as file:
        truth = next(row for row in csv.DictReader(file) if row["name"] == name)
    config = json.loads(shared("data", "configs", truth["file"]).read_text(encoding="utf-8"))
    return truth, config


def test_an_unstated_type_beside_a_block_is_of_the_rest_only() -> None:
    notes = from_config({"quantization_config": {"quant_method": "mxfp4"}}, sparse()).notes
    assert "The type of what is not quantized is not stated; 16 bits" in notes[0]
    assert "The type of its weights" in from_config({}, sparse()).notes[0]
