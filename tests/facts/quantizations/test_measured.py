"""Bits per component counted in real files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.facts.quantizations.models import DENSE, NORMS, OUTSIDE, architecture, dense
from weighbridge.core.architecture import Component, LayerRun, TensorInfo, WeightFile
from weighbridge.facts.architectures.read import read_config
from weighbridge.facts.gguf import read_gguf
from weighbridge.facts.quantizations.measured import component_of_tensor, measured
from weighbridge.facts.quantizations.table import from_config
from weighbridge.facts.quantizations.what_if import what_if
from weighbridge.facts.sources.local import LocalFolder

HF = Path(__file__).parents[2] / "data/hf"


@pytest.mark.parametrize("name", ["clerk", "porter", "tally"])
def test_a_real_checkpoint_to_the_byte(name: str) -> None:
    material = LocalFolder(HF / name).read()
    assert material.config is not None
    assert material.weights is not None
    model = read_config(material.config, name=name)
    found = measured(material.weights, model)
    assert found.kind == "measured"
    assert found.weight_bytes(model) == material.weights.weight_bytes
    stated = from_config(material.config, model).quantization
    assert stated is not None
    assert stated.weight_bytes(model) == material.weights.weight_bytes


@pytest.mark.parametrize(
    ("file", "mlp"), [("porter-q8_0.gguf", 8.5), ("porter-q4_0.gguf", 4.5), ("tally-f16.gguf", 16)]
)
def test_a_real_gguf(models: Path, file: str, mlp: float) -> None:
    header = read_gguf(models / file)
    weights = WeightFile("gguf", "Q", header.tensors, header.file_bytes)
    found = measured(weights, dense())
    assert found.bits_of("mlp") == mlp
    assert found.bits_of("norm") == 32


def test_a_real_gguf_weighs_what_the_mixture_says(models: Path) -> None:
    config = LocalFolder(HF / "porter").read().config
    assert config is not None
    model = read_config(config, name="porter")
    header = read_gguf(models / "porter-q8_0.gguf")
    expected = sum(tensor.bytes for tensor in header.tensors)
    assert what_if("Q8_0", model).weight_bytes(model) == expected


def test_packed_weights_are_divided_by_the_architecture() -> None:
    names = ("q_proj", "k_proj", "v_proj", "o_proj")
    parts = zip(names, DENSE, strict=False)
    packed = [
        TensorInfo(f"model.layers.0.self_attn.{name}.weight", (1,), "U8", part.parameters // 2)
        for name, part in parts
    ]
    scales = [TensorInfo("model.layers.0.self_attn.q_proj.weight_scale", (1,), "F8_E4M3", 163_840)]
    norm = [TensorInfo("model.norm.weight", (1,), "BF16", 2 * (NORMS.parameters + 1024))]
    model = architecture(LayerRun(1, dense(1).runs[0].layers), outside=OUTSIDE)
    found = measured(WeightFile("safetensors", "U8", (*packed, *scales, *norm), 0), model)
    assert found.bits_of("attention") == 4.5
    assert found.bits_of("norm") == 16
    assert found.name == "U8"


@pytest.mark.parametrize(
    ("name", "component"),
    [
        ("model.embed_tokens.weight", "embedding"),
        ("lm_head.weight", "lm_head"),
        ("model.norm.weight", "norm"),
        ("model.layers.0.input_layernorm.weight", "norm"),
        ("model.layers.0.self_attn.q_norm.weight", "norm"),
        ("model.layers.0.self_attn.q_proj.weight_scale_inv", "attention"),
        ("model.layers.0.self_attn.indexer.wq_b.weight", "indexer"),
        ("model.layers.0.mlp.gate_proj.weight", "mlp"),
        ("model.layers.3.mlp.gate.weight", "router"),
        ("model.layers.3.mlp.gate.e_score_correction_bias", "router"),
        ("model.layers.3.mlp.experts.7.down_proj.weight", "experts"),
        ("model.layers.3.mlp.experts.gate_up_proj_blocks", "experts"),
        ("model.layers.3.mlp.shared_experts.up_proj.weight", "shared_expert"),
        ("model.layers.3.mlp.shared_expert_gate.weight", "router"),
        ("model.layers.3.linear_attn.in_proj_qkvz.weight", "linear_mixer"),
        ("backbone.layers.3.mixer.A_log", "linear_mixer"),
        ("model.visual.blocks.0.attn.qkv.weight", "vision"),
        ("vision_tower.encoder.layer.0.mlp.fc1.weight", "vision"),
        ("audio_tower.layers.0.fc1.weight", "audio"),
        ("mtp.layers.0.mlp.experts.0.up_proj.weight", "mtp"),
        ("model.layers.61.eh_proj.weight", "mtp"),
        ("layers.0.attn.wq_a.weight", "attention"),
        ("something.else", "other"),
    ],
)
def test_names_of_tensors(name: str, component: Component) -> None:
    assert component_of_tensor(name) == component
