"""Module names, globs and regular expressions of quantization configurations."""

from __future__ import annotations

import time

import pytest

from weighbridge.facts.quantizations.patterns import Patterns


@pytest.mark.parametrize(
    ("pattern", "matches", "misses"),
    [
        ("lm_head", "lm_head", "layers.0.mlp.up_proj"),
        ("gate", "layers.3.mlp.gate", "layers.3.mlp.gate_proj"),
        ("model.layers.3.mlp.gate", "layers.3.mlp.gate", "layers.30.mlp.gate"),
        ("model.layers.1", "layers.1.mlp.up_proj", "layers.11.mlp.up_proj"),
        ("model.layers.1.*", "layers.1.mlp.up_proj", "layers.11.mlp.up_proj"),
        ("model.layers.1*", "layers.11.mlp.up_proj", "layers.2.mlp.up_proj"),
        ("language_model.model.layers.4.self_attn*", "layers.4.self_attn.q_proj", "layers.4.mlp.x"),
        ("model.layers.*.self_attn", "layers.9.self_attn.q_proj", "layers.9.mlp.up_proj"),
        ("*.attn.*", "layers.9.attn.wq", "layers.9.self_attn.q_proj"),
        ("*.ffn.shared_experts.*", "layers.9.ffn.shared_experts.w1", "layers.9.ffn.experts.0.w1"),
        ("mtp*", "mtp.layers.0", "layers.0.mtp_like"),
        ("re:.*lm_head", "lm_head", "layers.0.mlp"),
        (r"re:model\.layers\.\d+\.mlp\.gate$", "layers.12.mlp.gate", "layers.12.mlp.gate_proj"),
        ("re:.*(self_attn|mlp.gate).*", "layers.1.self_attn.q_proj", "layers.1.mlp.up_proj"),
        ("vision_model.layers.0.attn", "vision_model.layers.0.attn.q", "layers.0.attn.q"),
        ("model.layers.2.mlp.down_proj.weight", "layers.2.mlp.down_proj", "layers.2.mlp.up_proj"),
    ],
)  # fmt: skip
def test_what_a_pattern_means(pattern: str, matches: str, misses: str) -> None:
    patterns = Patterns([pattern])
    assert patterns.match(matches)
    assert not patterns.match(misses)
    assert not patterns.not_understood


def test_nothing_matches_nothing() -> None:
    assert not Patterns([])
    assert not Patterns([]).match("lm_head")


@pytest.mark.parametrize(
    "pattern", ["re:(a+)+$", "re:(.*)*x", "re:[", "re:" + ".*" * 9, 7, "x" * 401]
)
def test_hostile_patterns_are_set_aside(pattern: object) -> None:
    patterns = Patterns([pattern])
    began = time.monotonic()
    assert not patterns.match("layers.0.self_attn." + "a" * 60)
    assert time.monotonic() - began < 0.5
    assert len(patterns.not_understood) == 1


def test_globs_without_end_stay_fast() -> None:
    patterns = Patterns(["*a" * 150 + "b"] * 50)
    began = time.monotonic()
    assert not patterns.match("layers.0." + "a" * 80)
    assert time.monotonic() - began < 1
