"""docs/licenses.md says what the catalogue says."""

from __future__ import annotations

from pathlib import Path

from tests.facts.catalog.samples import sample
from weighbridge.facts.licenses.intents import INTENTS
from weighbridge.facts.licenses.read import catalogue
from weighbridge.facts.licenses.summary import summarise
from weighbridge.verbs import models

TEXT = (Path(__file__).parents[3] / "docs/licenses.md").read_text(encoding="utf-8")


def test_every_licence_has_its_line() -> None:
    for terms in catalogue().values():
        cells = (f"`{terms.id}`", terms.category, summarise(terms), f"{terms.source}, {terms.date}")
        assert f"| {' | '.join(cells)} |" in TEXT


def test_every_intent_is_explained() -> None:
    for intent, words in INTENTS.items():
        assert f"| `{intent}` | {words} |" in TEXT


def test_every_key_is_explained() -> None:
    for key in models.details(sample()):
        assert f"`{key}`" in TEXT
