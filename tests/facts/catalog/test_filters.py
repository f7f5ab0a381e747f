from __future__ import annotations

import pytest

from tests.facts.catalog.samples import sample
from weighbridge.facts.catalog.filters import LICENSE_CLASSES, LICENSE_WORDS, Filter

MODELS = (
    sample("a/Small", parameters=1_000, active=1_000, context=4096, released="2026-01-01"),
    sample(
        "b/Large", parameters=9_000, active=500, context=None, license="llama4",
        modality="text+image", family="llama", released="2025-01-01",
    ),
    sample("c/Bound", parameters=5_000, license="cc-by-nc-4.0", released=None),
    sample("d/Unread", parameters=5_000, license="somebodys-own", modality="embedding"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "passed"),
    [
        (Filter(), "abcd"),
        (Filter(max_size=5_000), "acd"),
        (Filter(min_size=5_001), "b"),
        (Filter(max_active=1_000), "ab"),
        (Filter(min_context=4096), "acd"),
        (Filter(min_context=4097), "cd"),
        (Filter(license="permissive"), "a"),
        (Filter(license="commercial"), "ab"),
        (Filter(license="Non-Commercial"), "c"),
        (Filter(license="unread"), "d"),
        (Filter(license="llama4"), "b"),
        (Filter(license="conditional"), "b"),
        (Filter(license="use-restricted"), ""),
        (Filter(modality="text"), "ac"),
        (Filter(modality="image"), "b"),
        (Filter(modality="text+image"), "b"),
        (Filter(modality="embedding"), "d"),
        (Filter(family="Llama"), "b"),
        (Filter(order="size"), "bcda"),
        (Filter(order="name"), "abcd"),
        (Filter(order="released"), "abcd"),
        (Filter(order="context", max_size=5_000), "cda"),
        (Filter(license="permissive", family="llama"), ""),
    ],
)
def test_what_passes_in_what_order(wanted: Filter, passed: str) -> None:
    assert "".join(model.id[0] for model in wanted.apply(MODELS)) == passed


def test_every_class_that_a_licence_has_can_be_asked_for() -> None:
    for model in MODELS:
        assert model.terms.category in LICENSE_CLASSES
        assert model in Filter(license=model.terms.category).apply(MODELS)
    assert "apache-2.0" in LICENSE_WORDS[-1]
