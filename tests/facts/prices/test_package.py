"""The installed genai-prices: versions, and its records as the document it was made from."""

from __future__ import annotations

import json
from importlib import metadata

import pytest

from weighbridge.facts.prices import package


def test_its_document_has_every_provider_and_model() -> None:
    data = pytest.importorskip("genai_prices.data")
    read = json.loads(package.document())
    assert [each["id"] for each in read] == [each.id for each in data.providers]
    assert sum(len(each["models"]) for each in read) == sum(len(p.models) for p in data.providers)
    models = {m["id"]: m for each in read if each["id"] == "deepseek" for m in each["models"]}
    peak = models["deepseek-flash"]["prices"][1]
    assert peak["constraint"]["start_time"].startswith("01:00:00")
    assert "or" in models["deepseek-chat"]["match"]


@pytest.mark.parametrize(
    ("version", "than", "newer"),
    [
        ("0.2.10", "0.2.3", True),
        ("0.3", "0.2.3", True),
        ("0.2.3", "0.2.3", False),
        ("0.2.2", "0.2.3", False),
        ("0.2.4rc1", "0.2.3", True),
        ("", "0.2.3", False),
        ("newest", "0.2.3", False),
    ],
)
def test_which_is_newer(version: str, than: str, newer: bool) -> None:
    assert package.is_newer(version, than) is newer


def test_it_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    assert package.installed_version() == ""
