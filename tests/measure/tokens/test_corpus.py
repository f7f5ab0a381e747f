"""What of a user's files is counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from weighbridge.core.errors import FormatError, InputError
from weighbridge.measure.tokens.corpus import Corpus, read_corpus


def read(tmp_path: Path, name: str, text: str) -> Corpus:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return read_corpus(tmp_path / name)


def test_lines_of_a_text_file_together_are_the_text(tmp_path: Path) -> None:
    text = "\n\nfirst\n    second\n\n\nthird"
    found = read(tmp_path, "a.txt", text)
    assert found.pieces == ("\n\nfirst\n", "    second\n\n\n", "third")
    assert "".join(found.pieces) == text
    assert not found.are_requests


def test_entries_of_jsonl_are_requests(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "a.jsonl",
        '{"text": "a\\nb"}\n\n{"prompt": "c", "answer": 3}\n'
        '{"messages": [{"role": "system", "content": "d"}, {"role": "user", "content": "e"}]}\n',
    )
    assert found.pieces == ("a\nb", "c", "d\ne")
    assert (found.are_requests, found.units) == (True, "entries")


def test_content_may_be_in_parts(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "a.jsonl",
        '{"messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, '
        '{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": "b"}]}, '
        '{"role": "assistant", "content": null}]}\n'
        '{"content": [{"type": "text", "text": "c"}]}\n'
        '{"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}\n',
    )
    assert found.pieces == ("a\nb", "c")


def test_a_folder_is_read_whole_but_for_what_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / ".git").mkdir()
    for name in ("b.txt", "sub/a.md", ".git/config"):
        (tmp_path / name).write_text(f"from {name}\n", encoding="utf-8")
    found = read_corpus(tmp_path)
    assert found.pieces == ("from b.txt\n", "from sub/a.md\n")
    assert (found.groups, found.files, found.units) == ((0, 1), 2, "lines")


def test_what_is_no_text_in_a_folder_is_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\0")
    (tmp_path / "b.bin").write_bytes(b"a\0b")
    (tmp_path / "c.txt").write_text("text")
    found = read_corpus(tmp_path)
    assert found.pieces == ("text",)
    assert [Path(name).name for name in found.skipped] == ["a.png", "b.bin"]


def test_without_spaces_there_are_no_words(tmp_path: Path) -> None:
    assert read(tmp_path, "a.txt", "Ein Satz mit Wörtern.\n").has_words
    assert not read(tmp_path, "b.txt", "今日は天気がいいですね。\n").has_words
    assert not read(tmp_path, "c.txt", "12345 67\n").has_words


@pytest.mark.parametrize(
    ("name", "content", "kind", "said"),
    [
        ("a.jsonl", b'{"text": "a"}\n{"n": 1}\n', FormatError, "line 2 has no text"),
        ("a.jsonl", b"[1]\n", FormatError, "line 1 has no text"),
        ("a.txt", b"caf\xe9", FormatError, "no UTF-8 text"),
        ("a.txt", b"\n\n", InputError, "has no text"),
    ],
)
def test_what_cannot_be_counted_is_told(
    tmp_path: Path, name: str, content: bytes, kind: type[InputError], said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(kind, match=said):
        read_corpus(tmp_path / name)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        read_corpus(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="has no files"):
        read_corpus(tmp_path / "empty")
