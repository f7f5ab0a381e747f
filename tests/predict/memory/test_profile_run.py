"""Against the peaks that vLLM logged at its defaults."""

from __future__ import annotations

import pytest

from tests.predict.models import H100, settings, shape
from weighbridge.core.units import GIB
from weighbridge.predict.memory.coefficients import coefficients
from weighbridge.predict.memory.engine_defaults import batch
from weighbridge.predict.memory.profile_run import activation_bytes
from weighbridge.predict.memory.shards import stages
from weighbridge.predict.versions import parse_version


def peak(name: str, version: str, *, pipeline: int = 1, stage: int = 0) -> float:
    told = settings(version, pipeline=pipeline)
    steps = batch(told, H100)
    fitted = coefficients()
    return activation_bytes(
        shape(name),
        told.parallelism,
        stages(shape(name).depth, pipeline)[stage],
        sequences=steps.sequences,
        batched=steps.tokens,
        context=told.context,
        era=fitted.era(parse_version(version)),
        fitted=fitted,
    )


@pytest.mark.parametrize(
    ("name", "version", "gib"),
    [
        ("openai/gpt-oss-120b", "0.11.0", 7.38),
        ("Qwen/Qwen3-0.6B", "0.11.0", 5.56),
        ("Qwen/Qwen3-32B", "0.11.0", 5.64),
        ("Qwen/Qwen3-8B", "0.19.0", 2.21),
        ("meta-llama/Llama-3.1-8B-Instruct", "0.19.0", 1.89),
    ],
)
def test_the_peak_is_that_of_sampling(name: str, version: str, gib: float) -> None:
    assert peak(name, version) / GIB == pytest.approx(gib, rel=0.02)


def test_the_first_stage_of_a_pipeline_does_not_sample() -> None:
    assert peak("Qwen/Qwen3-8B", "0.19.0", pipeline=3) / GIB == pytest.approx(0.96, rel=0.05)
    assert peak("Qwen/Qwen3-8B", "0.19.0", pipeline=3, stage=-1) / GIB > 2


def test_with_few_words_the_widest_layer_decides() -> None:
    name = "mistralai/Mixtral-8x7B-Instruct-v0.1"
    sampling = coefficients().era(parse_version("0.19")).sampler_bytes * 1024 * 32000
    assert peak(name, "0.19") > 1.5 * sampling
