from __future__ import annotations

import doctest
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighbridge.facts.licenses import read
from weighbridge.facts.licenses.clauses import Exclusion, License, Threshold
from weighbridge.facts.licenses.read import Statement, catalogue, from_card, recognise


def tables() -> Iterator[dict[str, Any]]:
    text = files("weighbridge.facts.licenses").joinpath("catalogue.toml").read_text("utf-8")
    for table in tomllib.loads(text)["license"]:
        yield from table.pop("variants", [])
        yield table


def test_the_examples_in_the_docstrings_hold() -> None:
    failed, attempted = doctest.testmod(read)
    assert attempted >= 4
    assert failed == 0


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ("apache-2.0", "apache-2.0"),
        ("Apache License, Version 2.0", "apache-2.0"),
        ("APACHE 2", "apache-2.0"),
        ("MIT License", "mit"),
        ("llama3", "llama3"),
        ("llama3.1", "llama3.1"),
        ("Llama-3.2-Community", "llama3.2"),
        ("llama 3.3", "llama3.3"),
        ("llama4", "llama4"),
        ("llama2", "llama2"),
        ("gemma", "gemma"),
        ("qwen", "qwen"),
        ("tongyi-qianwen", "tongyi-qianwen"),
        ("qwen-research", "qwen-research"),
        ("deepseek", "deepseek"),
        ("cc-by-nc-4.0", "cc-by-nc-4.0"),
        ("CC BY-NC 4.0", "cc-by-nc-4.0"),
        ("nvidia-open-model-license", "nvidia-open-model-license"),
        ("LicenseRef-scancode-llama-4-cla-2025", "llama4"),
        ("bigcode-openrail-m", "bigcode-openrail-m"),
        ("falcon-llm-license", "falcon-llm-license"),
        ("openmdw-1.1", "openmdw-1.1"),
        ("openrail++", "openrail++"),
        ("creativeml-openrail-m", "creativeml-openrail-m"),
        ("bigscience-openrail-m", "bigscience-openrail-m"),
        ("bigscience-bloom-rail-1.0", "bigscience-bloom-rail-1.0"),
        ("BigScience RAIL License v1.0", "bigscience-bloom-rail-1.0"),
        ("GPL-3.0-or-later", "gpl-3.0"),
        ("GNU General Public License v3.0", "gpl-3.0"),
        ("gplv2", "gpl-2.0"),
        ("agpl-3.0", "agpl-3.0"),
        ("LGPL-2.1", "lgpl-2.1"),
        ("mpl-2.0", "mpl-2.0"),
        ("bsl-1.0", "bsl-1.0"),
        ("ODC-By-1.0", "odc-by"),
        ("cc-by-3.0", "cc-by-3.0"),
        ("Creative Commons Attribution-NonCommercial 4.0", "cc-by-nc-4.0"),
        ("BSD 2-Clause", "bsd-2-clause"),
        ("The Unlicense", "unlicense"),
    ],
)
def test_statements_are_recognised(stated: str, expected: str) -> None:
    assert recognise(stated).id == expected


@pytest.mark.parametrize(
    "stated",
    [
        "",
        "other",
        "my-own",
        "llama5",
        "apache-3.0",
        "mit or not",
        "openrail",
        "gpl",
        "cc",
        "busl-1.1",
    ],
)
def test_what_nobody_has_read_blocks_everything(stated: str) -> None:
    terms = recognise(stated)
    assert not terms.read
    assert terms.commercial == "unknown"


def test_other_means_what_its_name_or_link_says() -> None:
    named = from_card({"license": "other", "license_name": "deepseek"})
    assert recognise(named).id == "deepseek"
    link = "https://www.llama.com/llama3_1/license/"
    assert recognise(from_card({"license": "other", "license_link": link})).id == "llama3.1"
    assert not recognise(from_card({"license": "other", "license_link": "LICENSE"})).read


def test_a_name_that_is_not_known_is_not_explained_by_its_link() -> None:
    link = "https://ai.google.dev/gemma/terms"
    assert not recognise(Statement("other", name="gemma-and-more-terms", link=link)).read


def test_two_statements_that_disagree_block() -> None:
    terms = recognise(Statement("mit", name="llama3.1"))
    assert not terms.read
    assert terms.name == "mit / llama3.1"
    assert recognise(Statement("mit", name="MIT License")).id == "mit"


def test_several_licences_at_once_block() -> None:
    assert not recognise(from_card({"license": ["apache-2.0", "gemma"]})).read
    assert recognise(from_card({"license": ["apache-2.0"]})).id == "apache-2.0"


@pytest.mark.parametrize(
    ("stated", "model", "expected"),
    [
        ("modified-mit", "moonshotai/Kimi-K2.6", "kimi-k2-modified-mit"),
        ("modified-mit", "mistralai/Mistral-Medium-3.5-128B", "mistral-modified-mit"),
        ("modified-mit", "MiniMaxAI/MiniMax-M2.5", "minimax-m2.5-modified-mit"),
        # Wrongly so tagged by catalogues; its text is non-commercial.
        ("modified-mit", "MiniMaxAI/MiniMax-M2.7", "minimax-m2.7-non-commercial"),
        ("qwen", "Qwen/Qwen2.5-72B-Instruct", "qwen"),
        ("qwen", "Qwen/Qwen2.5-3B-Instruct", "qwen-research"),
        ("exaone", "LGAI-EXAONE/EXAONE-3.5-7.8B-Instruct", "exaone-1.1-nc"),
    ],
)
def test_texts_of_one_name_are_told_apart_by_model(stated: str, model: str, expected: str) -> None:
    assert recognise(stated, model=model).id == expected


@pytest.mark.parametrize("model", ["", "somebody/else"])
def test_a_shared_name_alone_blocks(model: str) -> None:
    assert not recognise("modified-mit", model=model).read
    assert not recognise("exaone", model=model).read


def test_every_key_of_the_file_is_an_attribute() -> None:
    known = {field.name for field in fields(License)}
    for table in tables():
        assert set(table) <= known
        for threshold in table.get("thresholds", ()):
            assert set(threshold) <= {field.name for field in fields(Threshold)}
        for excluded in (*table.get("territories", ()), *table.get("businesses", ())):
            assert set(excluded) <= {field.name for field in fields(Exclusion)}


def test_ids_are_unique_and_lead_to_themselves() -> None:
    ids = [table["id"] for table in tables()]
    assert len(ids) == len(set(ids)) == len(catalogue())
    for name, terms in catalogue().items():
        assert recognise(name) == terms


def test_every_entry_has_source_date_and_reference() -> None:
    for terms in catalogue().values():
        assert terms.source
        assert terms.date
        assert terms.reference


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_no_text_makes_it_fail(stated: str, name: str, link: str) -> None:
    terms = recognise(Statement(stated, name, link))
    assert terms.read or terms.commercial == "unknown"
