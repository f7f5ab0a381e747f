from __future__ import annotations

from dataclasses import replace

import pytest

from tests.predict.models import KINDS, shape, table
from weighbridge.facts.catalog.catalogue import load
from weighbridge.facts.quantizations.what_if import what_if
from weighbridge.predict.memory.footprint import SHARES, footprint, weight_table


@pytest.mark.parametrize("name", KINDS)
def test_no_weight_is_lost_or_counted_twice(name: str) -> None:
    architecture = load().find(name).architecture()
    parameters = sum(count for *_, count in shape(name).parts)
    assert parameters == architecture.parameters
    expected = what_if("fp8", architecture).weight_bytes(architecture)
    assert table(name, "fp8").total == pytest.approx(expected, abs=1)


def test_bytes_of_headers_win_over_bits_per_weight() -> None:
    architecture = load().find("Qwen/Qwen3-8B").architecture()
    exact = weight_table(shape("Qwen/Qwen3-8B"), what_if("bf16", architecture), 17_000_000_000)
    assert exact.total == pytest.approx(17_000_000_000)
    assert exact.first[SHARES.index("vocabulary")] > 0


def test_experts_router_and_norms_are_told_apart() -> None:
    shares = {(component, share) for component, share, *_ in shape("Qwen/Qwen3-30B-A3B").parts}
    assert {("experts", "experts"), ("router", "whole"), ("norm", "whole")} <= shares
    assert {("attention", "split"), ("attention", "kv heads")} <= shares


def test_mla_is_projected_down_on_every_device() -> None:
    parts = shape("deepseek-ai/DeepSeek-R1").parts
    whole = sum(
        n for component, share, _, n in parts if (component, share) == ("attention", "whole")
    )
    # 61 layers of hidden 7168 × (query rank 1536 + latent 512 + rotary 64).
    assert whole == 61 * 7168 * (1536 + 512 + 64)


def test_a_model_whose_cache_is_unknown_has_no_caches() -> None:
    architecture = load().find("Qwen/Qwen3-8B").architecture()
    run = architecture.runs[0]
    mixer = replace(run.layers[0].mixer, kind="unknown", cache=None)
    layer = replace(run.layers[0], mixer=mixer)
    changed = replace(architecture, runs=(replace(run, layers=(layer,)),))
    assert footprint(changed).caches is None
