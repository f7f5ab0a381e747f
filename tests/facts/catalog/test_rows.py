"""The catalogue that comes with weighbridge."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.shared_data import shared
from weighbridge.core.errors import InputError, WeighbridgeError
from weighbridge.facts import catalog
from weighbridge.facts.architectures.read import read_config
from weighbridge.facts.catalog.model import CatalogueModel, deviation

MODELS = catalog.load().models
WITH_CONFIG = [model for model in MODELS if model.config is not None]
BY_ID = {model.id: model for model in MODELS}


def names(model: CatalogueModel) -> str:
    return model.id


def test_there_are_a_hundred_and_they_are_unique() -> None:
    assert len(MODELS) >= 100
    assert len({model.id.lower() for model in MODELS}) == len(MODELS)


@pytest.mark.parametrize("model", MODELS, ids=names)
def test_every_row_has_its_facts(model: CatalogueModel) -> None:
    assert model.source
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", model.date)
    assert model.released is None or re.fullmatch(r"\d{4}-\d{2}-\d{2}", model.released)
    assert model.org
    assert 0 < model.active <= model.parameters < 10**13
    assert model.context is None or model.context > 0
    assert model.license
    assert (model.config is None) == (model.basis == "size")
    if model.basis in ("dimensions", "size"):
        assert not model.verified


@pytest.mark.parametrize("model", WITH_CONFIG, ids=names)
def test_every_configuration_can_be_read(model: CatalogueModel) -> None:
    assert model.config is not None
    built = read_config(model.config, name=model.id)
    assert built.depth > 0
    assert built.hidden > 0
    assert built.model_type in json.dumps(model.config)


def test_few_are_refused_because_they_are_read_wrong() -> None:
    refused = set()
    for model in WITH_CONFIG:
        try:
            model.architecture()
        except InputError:
            refused.add(model.id)
    assert refused <= {"moonshotai/Kimi-K3", "google/gemma-3n-E4B-it"}


@pytest.mark.parametrize("model", [m for m in WITH_CONFIG if m.verified], ids=names)
def test_what_is_verified_gives_the_published_size(model: CatalogueModel) -> None:
    assert deviation(model.architecture(), model.parameters) < 0.005


@pytest.mark.parametrize("model", [m for m in MODELS if m.basis == "dimensions"], ids=names)
def test_what_is_built_from_dimensions_gives_the_size_that_was_put_in(
    model: CatalogueModel,
) -> None:
    built = model.architecture()
    assert deviation(built, model.parameters) < 0.02
    # Whether there is a window is said, never left to the defaults of a class.
    assert built.kv_bytes_per_token() or (model.config or {}).get("sliding_window")


def verbatim() -> list[tuple[CatalogueModel, dict[str, Any]]]:
    folder = shared("data", "configs")
    with (folder / "truth.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["provenance"].startswith("verbatim")]
    pairs = []
    for row in rows:
        model = BY_ID.get(row["name"])
        if model is not None:
            full = json.loads((folder / row["file"]).read_text(encoding="utf-8"))
            pairs.append((model, full))
    return pairs


def test_the_compact_configuration_says_what_the_full_one_says() -> None:
    pairs = verbatim()
    assert len(pairs) >= 30
    for model, full in pairs:
        try:
            expected = read_config(full, name=model.id)
        except WeighbridgeError as error:
            with pytest.raises(WeighbridgeError, match=re.escape(error.message)):
                model.architecture()
        else:
            assert model.architecture() == expected, model.id


def test_licences_are_of_the_class_that_the_survey_says() -> None:
    with shared("data", "models.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        said, found = row["license_class"], BY_ID[row["repo_id"]].terms.category
        if said.startswith("NON-COMMERCIAL"):
            assert found == "non-commercial"
        elif said.startswith("permissive"):
            assert found == "permissive"
        elif "READ TEXT" in said:
            assert found in ("unread", "conditional")
        else:
            assert found in ("conditional", "use-restricted", "unread")


def test_few_licences_are_unread() -> None:
    unread = {model.license for model in MODELS if not model.terms.read}
    assert unread == {"exaone", "upstage-solar-license"}


def test_every_model_of_the_survey_is_there() -> None:
    with shared("data", "models.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        model = BY_ID[row["repo_id"]]
        assert model.released == (row["release_date"] or None)
        doubted = "unverified" in row["flags"]
        assert str(model.context or "") == ("" if doubted else row["context"])
        assert model.modality == row["modality"]
        size = float(row["total_params_b"]) * 1e9
        # bge-m3 stands there in millions; a tied embedding may be stored twice.
        assert model.id == "BAAI/bge-m3" or 0.75 < model.parameters / size < 1.1


def test_loading_takes_little_time() -> None:
    code = (
        "import time; from weighbridge.facts import catalog; start = time.perf_counter(); "
        "catalog.load(); print(time.perf_counter() - start)"
    )
    done = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(3)
    ]
    assert min(done) < 0.05
