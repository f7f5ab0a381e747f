from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from tests.facts.catalog.samples import sample
from weighbridge.core.errors import FormatError, InputError
from weighbridge.facts import catalog
from weighbridge.facts.catalog import catalogue
from weighbridge.facts.catalog.catalogue import Catalogue, merge
from weighbridge.facts.catalog.filters import Filter
from weighbridge.facts.catalog.lines import write_line

SMALL, LARGE, OTHER = sample("acme/Anvil-7B"), sample("acme/Anvil-70B"), sample("zeta/Rocket_1.5")
THREE = Catalogue((SMALL, LARGE, OTHER))


def test_the_examples_in_the_docstrings_hold() -> None:
    failed, attempted = doctest.testmod(catalogue)
    assert attempted >= 1
    assert failed == 0


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("acme/Anvil-7B", SMALL),
        ("anvil-7b", SMALL),
        ("ACME/anvil 70b", LARGE),
        ("rocket", OTHER),
        ("Rocket-1.5", OTHER),
        ("elsewhere/Anvil-7B", SMALL),
    ],
)
def test_names_are_forgiven(name: str, found: catalog.CatalogueModel) -> None:
    assert THREE.find(name) is found


def test_an_ambiguous_name_lists_what_it_may_mean() -> None:
    with pytest.raises(InputError, match="may mean 2 models") as caught:
        THREE.find("anvil")
    assert caught.value.fix == "Say which: acme/Anvil-7B, acme/Anvil-70B."


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match="no model 'anvli-7b'") as caught:
        THREE.find("anvli-7b")
    assert "acme/Anvil-7B" in caught.value.fix


@pytest.mark.parametrize("name", ["", "  ", "zzzzzzzz"])
def test_a_name_like_none_says_where_to_look(name: str) -> None:
    with pytest.raises(InputError, match="weigh models"):
        THREE.find(name)


def test_the_users_models_win() -> None:
    mine = sample("Acme/anvil-7b", parameters=1)
    merged = merge(THREE.models, [mine, sample("me/New")])
    assert len(merged) == 4
    assert merged.find("anvil-7b").parameters == 1
    assert merged.own == {"Acme/anvil-7b", "me/New"}


def test_filtering_is_left_to_the_filter() -> None:
    assert THREE.filter(Filter(order="name")) == (LARGE, SMALL, OTHER)


def test_ours_is_loaded_with_the_users_file(tmp_path: Path) -> None:
    own = tmp_path / "models.jsonl"
    ours = catalog.load(own)
    assert not ours.own
    write_line(own, sample("me/New"))
    both = catalog.load(own)
    assert len(both) == len(ours) + 1
    assert both.find("me/new").id == "me/New"


def test_a_damaged_file_names_its_line(tmp_path: Path) -> None:
    own = tmp_path / "models.jsonl"
    write_line(own, sample())
    own.write_bytes(own.read_bytes() + b"\n{}\n")
    with pytest.raises(FormatError, match="line 3"):
        catalog.load(own)


@pytest.mark.parametrize("name", ["Llama-3.1-8B", "meta-llama/Llama-3.1-8B", "meta-llama-3.1-8b"])
def test_a_base_model_goes_by_its_name_without_meta(name: str) -> None:
    ours = catalog.load()
    assert ours.find(name).id == "meta-llama/Meta-Llama-3.1-8B"
    assert ours.find("Llama-3.1-8B-Instruct").id == "meta-llama/Llama-3.1-8B-Instruct"
