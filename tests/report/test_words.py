from __future__ import annotations

import pytest

from tests.report.sample_study import sample_study
from weighbridge.core.architecture import Attention, LayerRun, Mlp, ModelArchitecture
from weighbridge.report import words


def model(*layers: LayerRun) -> ModelArchitecture:
    return ModelArchitecture("m", "llama", 8, 8, layers, None, tied_embeddings=False,
                             by_component=(), active=0)  # fmt: skip


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (
            LayerRun(3, Attention(4, 2, 32, 32), Mlp(384)),
            "3 × GQA 4/2 heads of 32, dense MLP of 384",
        ),
        (
            LayerRun(1, Attention(4, 1, 32, 16, window=1024), Mlp(2048, experts=8, active=2)),
            "1 × MQA 4/1 heads of 32 (values 16), window 1,024 tokens, 2 of 8 experts of 2,048",
        ),
        (
            LayerRun(2, None, Mlp(4)),
            "2 × a mixer that the header does not describe, dense MLP of 4",
        ),
    ],
)
def test_layers_in_words(run: LayerRun, text: str) -> None:
    assert words.layers(model(run)) == text


def test_expected_accuracy_lies_within_bounds_weighted_by_the_mix() -> None:
    verdict = sample_study().verdict.verdict
    expected = words.expected_accuracy(verdict.chosen, verdict)
    assert expected is not None
    winners = [task.winner.accuracy for task in verdict.tasks]
    assert expected.value == verdict.chosen.accuracy
    assert expected.low == pytest.approx(sum(item.low for item in winners) / 2)
    assert expected.high == pytest.approx(sum(item.high for item in winners) / 2)


def test_decision_parts_into_what_to_do_and_the_alternative() -> None:
    verdict = sample_study().verdict.verdict
    head, alternative = words.decision(verdict)
    assert f"{head} {alternative}" == verdict.sentence
