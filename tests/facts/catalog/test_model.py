from __future__ import annotations

from dataclasses import replace

import pytest

from tests.facts.catalog.samples import CONFIG, sample
from weighbridge.core.errors import InputError
from weighbridge.facts.catalog.model import deviation

# Embedding and head; two layers of attention, MLP and two norms; the last norm.
WEIGHTS = 2 * 256 * 64 + 2 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128 + 2 * 64) + 64


def test_what_follows_from_the_facts() -> None:
    model = sample(config=CONFIG, modality="text+image")
    assert model.org == "acme"
    assert model.model_type == "llama"
    assert model.multimodal
    assert model.terms.id == "apache-2.0"
    assert model.provenance.kind == "catalogue"
    assert model.provenance.date == "2026-01-02"


def test_a_model_without_organisation() -> None:
    assert sample("anvil").org == ""
    assert sample().model_type is None


def test_the_licence_depends_on_the_model() -> None:
    assert not sample(license="modified-mit").terms.read
    kimi = sample("moonshotai/Kimi-K2.9", license="modified-mit")
    assert kimi.terms.id == "kimi-k2-modified-mit"


def test_the_architecture_is_rebuilt() -> None:
    built = sample(config=CONFIG, parameters=WEIGHTS).architecture()
    assert built.parameters == WEIGHTS
    assert built.name == "acme/Anvil-7B"
    assert built.context == 2048


def test_of_a_mere_size_no_architecture_is_made_up() -> None:
    with pytest.raises(InputError, match="knows the size only") as caught:
        sample().architecture()
    assert "weigh models add acme/Anvil-7B" in caught.value.fix


def test_what_is_read_far_off_the_published_size_is_refused() -> None:
    with pytest.raises(InputError, match=r"106\.82K weights, but 7\.00B are published"):
        sample(config=CONFIG).architecture()


def test_weights_of_multi_token_prediction_count_as_published() -> None:
    built = replace(sample(config=CONFIG, parameters=WEIGHTS).architecture(), mtp_parameters=1000)
    assert deviation(built, WEIGHTS) == 0
    assert deviation(built, WEIGHTS + 1000) == 0
    assert deviation(built, 2 * WEIGHTS) == pytest.approx(0.5, abs=0.01)
