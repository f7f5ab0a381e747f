from __future__ import annotations

import sys
from pathlib import Path

import pytest

from weighbridge.core.errors import FormatError, InputError
from weighbridge.measure.load.traffic.text import WORDS, TextSource
from weighbridge.measure.load.traffic.tokens import load_tokenizer


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small byte-level tokenizer, which also asks for texts to be cut."""
    tokenizers = pytest.importorskip("tokenizers", reason="needs the extra tokens")
    tokenizer = tokenizers.ByteLevelBPETokenizer(add_prefix_space=False)
    source = " ".join(WORDS)
    tokenizer.train_from_iterator([f"{source}. {source}"] * 3, vocab_size=700, show_progress=False)
    tokenizer.enable_truncation(16)
    tokenizer.enable_padding(length=64)
    folder = tmp_path_factory.mktemp("model")
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_a_folder_or_its_file_count_whole_texts(trained: Path) -> None:
    for path in (trained, trained / "tokenizer.json"):
        counter = load_tokenizer(path)
        assert counter.name == str(trained / "tokenizer.json")
        assert counter.count("") == 0
        # Neither cut to 16 nor filled up to 64.
        assert counter.count("!" * 100) > 16
        assert 0 < counter.count("a") < 64


@pytest.mark.parametrize("tokens", [40, 512, 3000])
def test_texts_have_exactly_the_tokens_asked_for(trained: Path, tokens: int) -> None:
    counter = load_tokenizer(trained)
    source = TextSource(1, longest=tokens, counter=counter)
    for _ in range(10):
        passage = source.fresh(tokens)
        assert passage.tokens == counter.count(passage.text) == tokens


def test_a_damaged_tokenizer_is_named(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers", reason="needs the extra tokens")
    (tmp_path / "tokenizer.json").write_text('{"version": "1.0"}')
    with pytest.raises(FormatError, match="describes no tokenizer") as caught:
        load_tokenizer(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no tokenizer at"):
        load_tokenizer(tmp_path)


def test_a_missing_library_comes_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(InputError, match=r"pip install 'weighbridge\[tokens\]'"):
        load_tokenizer(tmp_path)
