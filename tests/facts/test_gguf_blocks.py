from __future__ import annotations

import pytest

from weighbridge.core.architecture import TensorInfo
from weighbridge.facts.gguf_blocks import blocks_of, component_of


def component(name: str, *, ahead: frozenset[int] = frozenset()) -> str:
    return component_of(TensorInfo(name, (1,), "F32", 4), linear=frozenset({8}), ahead=ahead)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("token_embd.weight", "embedding"),
        ("per_layer_token_embd.weight", "per_layer_embedding"),
        ("position_embd.weight", "embedding"),
        ("token_embd_norm.weight", "norm"),
        ("output.weight", "lm_head"),
        ("output.bias", "lm_head"),
        ("output_norm.weight", "norm"),
        ("rope_freqs.weight", "other"),
        ("blk.0.attn_q.weight", "attention"),
        ("blk.0.attn_q_norm.weight", "norm"),
        ("blk.0.attn_sinks.weight", "attention"),
        ("blk.0.attn_output.bias", "attention"),
        ("blk.0.indexer.proj.weight", "indexer"),
        ("blk.0.post_attention_norm.weight", "norm"),
        ("blk.0.post_ffw_norm_1.weight", "norm"),
        ("blk.0.attn_norm_2.weight", "norm"),
        ("blk.0.ffn_up.weight", "mlp"),
        ("blk.0.ffn_norm_exps.weight", "norm"),
        ("blk.0.ffn_gate_up_exps.weight", "experts"),
        ("blk.0.ffn_down_exps.bias", "experts"),
        ("blk.0.ffn_up_chexps.weight", "experts"),
        ("blk.0.ffn_down.7.weight", "experts"),
        ("blk.0.ffn_gate_shexp.weight", "shared_expert"),
        ("blk.0.ffn_gate_inp_shexp.weight", "shared_expert"),
        ("blk.0.ffn_gate_inp.weight", "router"),
        ("blk.0.exp_probs_b.bias", "router"),
        ("blk.0.ssm_a", "linear_mixer"),
        ("blk.0.ssm_norm.weight", "norm"),
        ("blk.0.shortconv.conv.weight", "linear_mixer"),
        ("blk.0.time_mix_key.weight", "linear_mixer"),
        ("blk.0.channel_mix_key.weight", "mlp"),
        ("blk.8.attn_qkv.weight", "linear_mixer"),
        ("blk.0.nextn.eh_proj.weight", "mtp"),
        ("blk.0.nextn.enorm.weight", "mtp"),
        ("blk.0.laurel_l.weight", "other"),
        ("blk.0.vis_gate.weight", "vision"),
        ("enc.blk.0.attn_q.weight", "attention"),
        ("dec.blk.0.ffn_up.weight", "mlp"),
        ("v.blk.0.attn_q.weight", "vision"),
        ("mm.0.weight", "vision"),
        ("mm.a.fc.weight", "audio"),
        ("a.blk.0.ffn_up.weight", "audio"),
    ],
)
def test_every_tensor_has_its_component(name: str, expected: str) -> None:
    assert component(name) == expected


def test_all_of_a_prediction_layer_is_mtp() -> None:
    assert component("blk.3.attn_q.weight", ahead=frozenset({3})) == "mtp"


def test_layers_hold_their_weights_without_biases_and_without_the_encoder() -> None:
    names = ("blk.1.attn_q.weight", "blk.1.attn_q.bias", "enc.blk.0.attn_q.weight", "blk.2.ssm_a")
    blocks = blocks_of(TensorInfo(name, (1,), "F32", 4) for name in names)
    assert {layer: list(block.weights) for layer, block in blocks.items()} == {
        1: ["attn_q"],
        2: ["ssm_a"],
    }
    assert blocks[2].recurrent
