"""`weigh tokens` as a process: tokenizers built here, the demo's files, a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from tests.cli.runner import weigh
from tests.fakes.llm_server import fake_llm_thread
from weighbridge.verbs.demo import data_folder

LINES = [f"the ship number {index} has {index * 7} tons of grain\n" for index in range(40)]


def by_words(path: Path) -> Path:
    """A tokenizer with one token per word."""
    words = sorted({word for line in LINES for word in line.split()})
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(["?", *words])}, "?"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    path.mkdir()
    tokenizer.save(str(path / "tokenizer.json"))
    return path


def by_bytes(path: Path) -> Path:
    """A tokenizer with one token per byte."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: n for n, letter in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    path.mkdir()
    tokenizer.save(str(path / "tokenizer.json"))
    return path


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "corpus.txt"
    path.write_text("".join(LINES), encoding="utf-8")
    return path


def told(*words: str | Path, cwd: Path) -> dict[str, Any]:
    outcome = weigh("tokens", *words, "--json", cwd=cwd)
    assert outcome.code == 0, outcome.err
    found: dict[str, Any] = json.loads(outcome.out)
    return found


def test_two_tokenizers_whose_counts_are_known(corpus: Path) -> None:
    folder = corpus.parent
    words, letters = by_words(folder / "words"), by_bytes(folder / "letters")
    found = told(corpus, words, letters, "--price", "2", "--context", "800", cwd=folder)
    first, second = found["models"]
    size = corpus.stat().st_size
    assert (first["model"], second["model"]) == ("words", "letters")
    assert (first["tokens"], second["tokens"]) == (40 * 9, size)
    assert first["per_word"]["value"] == 1.0
    assert second["per_byte"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert second["ratio"]["value"] == pytest.approx(size / 360)
    assert second["ratio"]["low"] < size / 360 < second["ratio"]["high"]
    assert second["cost_usd_per_1000"]["value"] == pytest.approx(1000 * 4000 * 2 / 1e6)
    assert first["context_words"]["value"] == 800
    assert second["context_characters"]["value"] == 800
    assert found["notes"] == []


def test_the_vocabulary_inside_a_gguf_file(corpus: Path) -> None:
    pytest.importorskip("xllamacpp")
    letters = by_bytes(corpus.parent / "letters")
    models_folder = data_folder() / "models"
    found = told(
        corpus, letters, models_folder / "porter-q4_0.gguf",
        f"full={models_folder / 'porter-f16.gguf'}", cwd=corpus.parent,
    )  # fmt: skip
    byte, quantized, full = found["models"]
    assert (quantized["model"], full["model"]) == ("porter-q4_0", "full")
    # The vocabulary is the same at every precision, and better than bytes.
    assert quantized["tokens"] == full["tokens"] < byte["tokens"]
    assert quantized["tokens"] > 360


def test_for_people(corpus: Path) -> None:
    words = by_words(corpus.parent / "words")
    outcome = weigh("tokens", corpus, f"w={words}", "--price", "w=1.5", cwd=corpus.parent)
    assert outcome.code == 0
    assert "1.000 [1.000, 1.000]" in outcome.out
    assert "8,192 words" in outcome.out
    assert "prompts of 4,000 characters" in outcome.out


def test_slips_are_told(corpus: Path) -> None:
    words = by_words(corpus.parent / "words")
    for said, *more in (
        ("Two models are called 'words'", words, words),
        ("which is none of words", words, "--price", "other=1"),
        ("is no price", words, "--price", "cheap"),
        ("There is no tokenizer at", "nowhere"),
    ):
        outcome = weigh("tokens", corpus, *more, cwd=corpus.parent)
        assert outcome.code == 2
        assert said in outcome.err


def test_a_server_that_does_not_tokenize_is_told(corpus: Path) -> None:
    with fake_llm_thread() as url:
        outcome = weigh("tokens", corpus, f"s={url}", cwd=corpus.parent)
    assert outcome.code == 3
    assert "the server does not tokenize" in outcome.err
    assert "name a tokenizer.json" in outcome.err


def test_entries_are_the_requests_whose_cost_is_told(tmp_path: Path) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_bytes(b"\n".join(msgspec.json.encode({"prompt": line}) for line in LINES))
    letters = by_bytes(tmp_path / "letters")
    found = told(path, letters, "--price", "10", cwd=tmp_path)
    mean = sum(map(len, LINES)) / len(LINES)
    assert found["request_characters"] == pytest.approx(mean)
    assert found["models"][0]["cost_usd_per_1000"]["value"] == pytest.approx(1000 * mean * 1e-5)


def test_a_server_of_several_models_needs_a_name(corpus: Path) -> None:
    with fake_llm_thread(model=("one", "two")) as url:
        outcome = weigh("tokens", corpus, url, cwd=corpus.parent)
        named = weigh("tokens", corpus, f"two={url}", cwd=corpus.parent)
    assert outcome.code == 2
    assert "serves 2 models" in outcome.err
    assert "one, two" in outcome.err
    assert "does not tokenize" in named.err  # the name was right: it got further
