from __future__ import annotations

import doctest

import pytest

from weighbridge.facts.licenses import summary
from weighbridge.facts.licenses.read import catalogue, recognise
from weighbridge.facts.licenses.summary import clauses_to_json, summarise


def test_the_examples_in_the_docstrings_hold() -> None:
    failed, attempted = doctest.testmod(summary)
    assert attempted >= 2
    assert failed == 0


@pytest.mark.parametrize(
    ("stated", "words"),
    [
        ("mit", "commercial use allowed"),
        ("cc-by-nc-4.0", "no commercial use"),
        ("somebodys-own", "blocked until read"),
        ("llama4", "no rights in the EU;"),
        ("llama3.2", "no rights in the EU for multimodal models"),
        ("gemma", "forbidden uses, to be passed on"),
        ("kimi-k3", "separate licence above US$20M revenue a year as a service"),
        ("qwen-community-1.0", "not for maas, assistant"),
    ],
)
def test_the_line_says_what_matters(stated: str, words: str) -> None:
    assert words in summarise(recognise(stated))


@pytest.mark.parametrize("name", catalogue())
def test_every_summary_is_one_line(name: str) -> None:
    line = summarise(catalogue()[name])
    assert "\n" not in line
    assert len(line) < 320


def test_json_holds_every_clause_and_the_warning() -> None:
    document = clauses_to_json(recognise("llama3.1"))
    assert document["thresholds"][0]["above"] == 700_000_000
    assert document["marks"] == ("Built with Llama",)
    assert "not legal advice" in document["note"]
    assert "aliases" not in document
