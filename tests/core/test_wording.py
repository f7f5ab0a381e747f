from __future__ import annotations

import pytest

from weighbridge.core.architecture import Layer, LayerRun, Mixer, Mlp, attention
from weighbridge.core.wording import run_text

GQA = attention(4, 2, 32, 32)
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
            "1 × MQA 4 heads on 1 KV head of 32/16, window 1024, 2 of 8 experts of 2048 + 1 shared",
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
            "12 × [3 × gated DeltaNet 32 heads of 128, 1 × GQA 4 heads on 2 KV heads of 32]",
        ),
        (LayerRun(1, (Layer(Mixer("none", ""), Mlp("none")),)), "1 × nothing"),
    ],
)
def test_layers_in_words(run: LayerRun, text: str) -> None:
    assert run_text(run) == text
