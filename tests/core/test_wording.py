from __future__ import annotations

import pytest

from weighbridge.core.architecture import (
    Layer,
    LayerRun,
    Mixer,
    Mlp,
    ModelArchitecture,
    attention,
    fold,
)
from weighbridge.core.wording import growth_text, run_text, stack_lines, stack_text

GQA = attention(4, 2, 32, 32)
MHA = attention(4, 4, 32, 32)
MAMBA = Mixer("ssm", "Mamba")
DELTA = Mixer("linear", "gated DeltaNet", (("heads", 32), ("key_dim", 128)))


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (
            LayerRun(3, (Layer(GQA, Mlp("dense", 384)),)),
            "3 × GQA 4 heads on 2 KV heads of 32, MLP 384",
        ),
        (
            LayerRun(
                1,
                (
                    Layer(
                        attention(4, 1, 32, 16, window=1024),
                        Mlp("experts", experts=8, active=2, expert_width=2048, shared=1),
                    ),
                ),
            ),
            "MQA 4 heads on 1 KV head of 32/16, window 1024, 2 of 8 experts of 2048 + 1 shared",
        ),
        (
            LayerRun(2, (Layer(Mixer("unknown", "", cache=None), Mlp("dense", 4)),)),
            "2 × mixer not modelled, MLP 4",
        ),
        (
            LayerRun(
                12,
                (*(Layer(DELTA, Mlp("none")),) * 3, Layer(GQA, Mlp("none"))),
            ),
            "12 × [3 × gated DeltaNet 32 heads of 128; GQA 4 heads on 2 KV heads of 32]",
        ),
        (
            LayerRun(
                2,
                (
                    *(Layer(MAMBA, Mlp("dense", 64)), Layer(MAMBA, Mlp("dense", 32))) * 2,
                    Layer(MHA, Mlp("dense", 64)),
                ),
            ),
            "2 × [by turns 2 × Mamba, MLP 64; 2 × Mamba, MLP 32; MHA 4 heads of 32, MLP 64]",
        ),
        (LayerRun(1, (Layer(Mixer("none", ""), Mlp("none")),)), "nothing"),
        (
            LayerRun(
                12,
                (*(Layer(DELTA, Mlp("dense", 64)),) * 3, Layer(MHA, Mlp("dense", 64))),
            ),
            "12 × [3 × gated DeltaNet 32 heads of 128; MHA 4 heads of 32], each with MLP 64",
        ),
    ],
)
def test_layers_in_words(run: LayerRun, text: str) -> None:
    assert run_text(run) == text


def _stack(widths: list[int]) -> ModelArchitecture:
    layers = [Layer(GQA, Mlp("dense", width)) for width in widths]
    return ModelArchitecture("m", "t", 8, 9, fold(layers), (), None, False)


def test_many_runs_become_one_line_per_kind() -> None:
    lines = stack_lines(_stack([10, 20, 10, 30, 20, 10, 10, 20, 30]))
    assert lines[0] == "9 layers of 3 kinds in 8 runs"
    assert lines[1].startswith("4 × GQA")
    assert [line.rsplit(" ", 1)[1] for line in lines[1:]] == ["10", "20", "30"]


def test_many_kinds_are_cut_and_counted() -> None:
    lines = stack_lines(_stack([*range(1, 20), 7, 8]))
    assert len(lines) == 6
    assert lines[0] == "21 layers of 19 kinds in 21 runs"
    assert lines[-1] == "15 layers of 15 more kinds"


def test_few_runs_are_told_one_by_one() -> None:
    assert stack_text(_stack([10, 10, 20])).startswith(
        "2 × GQA 4 heads on 2 KV heads of 32, MLP 10; GQA"
    )


def _kept(*mixers: Mixer, context: int | None = None) -> ModelArchitecture:
    layers = [Layer(mixer, Mlp("none")) for mixer in mixers]
    return ModelArchitecture("m", "t", 8, 9, fold(layers), (), context, False)


@pytest.mark.parametrize(
    ("architecture", "text"),
    [
        (_kept(GQA), "256 B"),
        (_kept(MAMBA), "0 B"),
        (_kept(Mixer("unknown", "", cache=None)), "not known"),
        (_kept(attention(4, 2, 32, 32, 4096), context=2048), "256 B up to 4,096 tokens"),
        (
            _kept(attention(4, 2, 32, 32, 4096), context=8192),
            "256 B up to 4,096 tokens, then nothing",
        ),
        (
            _kept(GQA, attention(4, 2, 32, 32, 64), context=8192),
            "512 B up to 64 tokens, then 256 B each",
        ),
        (
            _kept(GQA, attention(4, 2, 32, 32, 64), attention(4, 2, 32, 32, 128)),
            "768 B up to 64 to 128 tokens, then 256 B each",
        ),
    ],
)
def test_growth_of_a_cache_says_where_windows_end_it(
    architecture: ModelArchitecture, text: str
) -> None:
    assert growth_text(architecture) == text
