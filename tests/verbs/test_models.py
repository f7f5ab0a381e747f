from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.facts.catalog.samples import CONFIG, sample
from tests.fakes.clock import FakeClock
from weighbridge.core.errors import InputError
from weighbridge.facts import catalog
from weighbridge.facts.catalog.catalogue import Catalogue
from weighbridge.facts.catalog.filters import LICENSE_WORDS, Filter
from weighbridge.verbs import models as verb

TWO = Catalogue((sample(), sample("me/Llama-9", family="llama", license="llama4")))


def folder(tmp_path: Path, card: str = "", **changes: object) -> Path:
    place = tmp_path / "my-model"
    place.mkdir()
    (place / "config.json").write_text(json.dumps(CONFIG | changes), encoding="utf-8")
    if card:
        (place / "README.md").write_text(card, encoding="utf-8")
    return place


def test_the_filter_chooses() -> None:
    assert [m.id for m in verb.select(TWO, Filter(family="llama"))] == ["me/Llama-9"]
    assert [m.id for m in verb.select(TWO, Filter(license="permissive"))] == ["acme/Anvil-7B"]


@pytest.mark.parametrize(
    ("wanted", "message", "fix"),
    [
        (Filter(family="lama"), "no family 'lama'", "Did you mean 'llama'?"),
        (Filter(license="comercial"), "no licence 'comercial'", "Did you mean 'commercial'?"),
        (Filter(modality="smell"), "no modality 'smell'", "Known are text."),
        (
            Filter(license="banana"),
            "no licence 'banana'",
            f"Known are {', '.join(LICENSE_WORDS)}.",
        ),
    ],
)
def test_a_word_that_matches_nothing_is_a_slip(wanted: Filter, message: str, fix: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        verb.select(TWO, wanted)
    assert caught.value.fix == fix


def test_what_models_take_is_listed_once() -> None:
    image = sample("acme/Eye-7B", modality="text+image")
    sound = sample("acme/Ear-7B", modality="text+audio", license="llama4")
    catalogue = Catalogue((*TWO.models, image, sound))
    with pytest.raises(InputError) as caught:
        verb.select(catalogue, Filter(modality="smell"))
    assert caught.value.fix == "Known are audio, image, text."
    assert verb.select(catalogue, Filter(modality="text+image")) == (image,)


def test_json_and_csv_hold_the_same_figures() -> None:
    document = verb.to_json(TWO.models)["models"]
    rows = list(csv.DictReader(io.StringIO(verb.to_csv(TWO.models))))
    assert [row["id"] for row in rows] == ["acme/Anvil-7B", "me/Llama-9"]
    for figures, row in zip(document, rows, strict=True):
        assert {key: "" if value is None else str(value) for key, value in figures.items()} == row
    assert document[1]["license_class"] == "conditional"


def test_no_cell_is_a_formula() -> None:
    text = verb.to_csv((sample("=1+1/x"),))
    assert "'=1+1/x," in text


def test_details_hold_clauses_and_architecture() -> None:
    model = catalog.load().find("qwen3-8b")
    document = verb.details(model)
    assert document["license"] == "apache-2.0"
    assert "not legal advice" in document["license_terms"]["note"]
    # 36 layers × 8 KV heads × (128 + 128) × 2 bytes
    assert document["architecture"]["kv_bytes_per_token"] == 147_456
    assert document["architecture"]["parameters"] == 8_190_735_360
    assert "architecture_unknown" not in document


def test_details_say_why_there_is_no_architecture() -> None:
    document = verb.details(sample())
    assert document["architecture"] is None
    assert "the size only" in document["architecture_unknown"]
    misread = verb.details(sample(config=CONFIG))
    assert misread["architecture"] is None
    assert "are published" in misread["architecture_unknown"]


def test_a_folder_is_added_and_found_again(tmp_path: Path) -> None:
    card = "---\nlicense: gemma\n---\n"
    own = tmp_path / "models.jsonl"
    clock = FakeClock()
    added = verb.add(str(folder(tmp_path, card)), own, clock)
    assert added.id == "my-model"
    assert added.license == "gemma"
    assert added.date == clock.now_iso()[:10]
    assert added.parameters == added.architecture().parameters
    assert added.context == 2048
    found = catalog.load(own)
    assert found.find("my-model") == added
    assert found.own == {"my-model"}


def test_name_and_licence_can_be_given(tmp_path: Path) -> None:
    own = tmp_path / "models.jsonl"
    added = verb.add(
        str(folder(tmp_path) / "config.json"), own, FakeClock(),
        name="me/Qwen-mine", license_id="mit",
    )  # fmt: skip
    assert (added.id, added.family, added.terms.id) == ("me/Qwen-mine", "qwen", "mit")


def test_a_silent_source_leaves_the_licence_blocked(tmp_path: Path) -> None:
    added = verb.add(str(folder(tmp_path)), tmp_path / "models.jsonl", FakeClock())
    assert not added.terms.read


def test_what_has_no_configuration_is_not_added(tmp_path: Path, models: Path) -> None:
    gguf = min(models.glob("*.gguf"))
    own = tmp_path / "models.jsonl"
    with pytest.raises(InputError, match=r"has no config\.json"):
        verb.add(str(gguf), own, FakeClock())
    assert not own.exists()


def test_a_place_that_is_none_is_not_added(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file or folder"):
        verb.add(str(tmp_path / "nowhere.json"), tmp_path / "models.jsonl", FakeClock())


def test_what_is_not_wholly_modelled_is_not_added_as_if_its_least_size_were_its_size(
    tmp_path: Path,
) -> None:
    own = tmp_path / "models.jsonl"
    place = folder(tmp_path, model_type="brand_new", moe_hidden_size=32)
    with pytest.raises(InputError, match=r"not added: .*modelled \(layers\)"):
        verb.add(str(place), own, FakeClock())
    assert not own.exists()


def test_a_licence_once_given_stays_when_the_source_states_none(tmp_path: Path) -> None:
    own, place = tmp_path / "models.jsonl", str(folder(tmp_path))
    verb.add(place, own, FakeClock(), license_id="mit")
    again = verb.add(place, own, FakeClock())
    assert again.license == "mit"
    assert "mit is what your catalogue had" in again.notes
    changed = verb.add(place, own, FakeClock(), license_id="gemma")
    assert changed.license == "gemma"
    assert "had the licence mit before" in changed.notes


def test_a_name_of_ours_does_not_lend_its_licence(tmp_path: Path) -> None:
    own, place = tmp_path / "models.jsonl", str(folder(tmp_path))
    added = verb.add(place, own, FakeClock(), name="Qwen/Qwen3-8B")
    assert added.license == ""
    assert "our catalogue has apache-2.0 for a model of this name" in added.notes
