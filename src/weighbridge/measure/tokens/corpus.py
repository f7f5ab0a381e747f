"""A user's own texts, in the pieces that are counted: lines of text files, entries of JSONL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from weighbridge.core.errors import FormatError, InputError

_JSON_LINES: Final = (".jsonl", ".ndjson")
_FIELDS: Final = ("text", "prompt", "content")
# A line with the empty lines behind it, so that nothing of the text is lost between pieces.
_LINE: Final = re.compile(r"\n*[^\n]+(?:\n+|\Z)")
_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019.,-][^\W_]+)*")
# Scripts that are written without spaces between words: Thai to Myanmar, Khmer, kana and Han.
_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
)
_FEWEST_FILES: Final = 20
_MOST_UNSPACED: Final = 0.02


@dataclass(frozen=True, slots=True)
class Corpus:
    """The pieces of a corpus.

    Attributes:
        name: the file or folder.
        pieces: each is counted by itself.
        groups: number of the file that each piece is from.
        files: how many there are.
        are_requests: whether each piece is a request of its own, as entries of JSONL are.
        skipped: files of the folder that are no text.
    """

    name: str
    pieces: tuple[str, ...]
    groups: tuple[int, ...]
    files: int
    are_requests: bool
    skipped: tuple[str, ...] = ()

    @property
    def by_file(self) -> bool:
        """Whether there are files enough to draw whole files: lines of one are alike."""
        return self.files >= _FEWEST_FILES

    @property
    def units(self) -> str:
        """What is drawn anew for the intervals, in words."""
        return "files" if self.by_file else "entries" if self.are_requests else "lines"

    @property
    def has_words(self) -> bool:
        """Whether spaces part its words, so that they can be counted."""
        unspaced = sum(len(_UNSPACED.findall(piece)) for piece in self.pieces)
        letters = sum(character.isalpha() for piece in self.pieces for character in piece)
        return letters > 0 and unspaced <= _MOST_UNSPACED * letters


def words_in(text: str) -> int:
    """Runs of letters and digits; an apostrophe, hyphen, dot or comma inside one parts nothing.

    >>> words_in("It's 3,50 for a well-known word.")
    6
    """
    return len(_WORD.findall(text))


def read_corpus(path: Path) -> Corpus:
    """The corpus at ``path``: a text file, a JSONL file, or a folder of such files.

    Raises:
        InputError: there is nothing, it cannot be read, or it has no text.
        FormatError: a file is not UTF-8, or a line of JSONL has no text.
    """
    every = _files(path)
    # In a folder there are images and archives; a file that is named is meant.
    files = [file for file in every if not path.is_dir() or _is_text(file)]
    parts = [(number, piece) for number, file in enumerate(files) for piece in _pieces(file)]
    if not parts:
        raise InputError(f"{path} has no text.", fix="Give a text file, a folder, or JSONL.")
    are_requests = all(file.suffix.lower() in _JSON_LINES for file in files)
    return Corpus(
        str(path),
        tuple(piece for _, piece in parts),
        tuple(number for number, _ in parts),
        len({number for number, _ in parts}),
        are_requests,
        tuple(str(file) for file in every if file not in set(files)),
    )


def _is_text(file: Path) -> bool:
    try:
        content = file.read_bytes()
        content.decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    return b"\0" not in content


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.is_file() and _is_seen(file, path))
        if not found:
            raise InputError(f"The folder {path} has no files.", fix="Put texts into it.")
        return found
    if not path.is_file():
        raise InputError(f"There is no file {path}.", fix="Check the path.")
    return [path]


def _is_seen(file: Path, folder: Path) -> bool:
    return not any(part.startswith(".") for part in file.relative_to(folder).parts)


def _pieces(file: Path) -> Iterator[str]:
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{file} cannot be read: {error.strerror}.", fix="Check it.") from None
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{file} is no UTF-8 text: byte {error.start} is none.",
            fix="Leave it out of the folder, or write it as UTF-8.",
        ) from None
    if file.suffix.lower() in _JSON_LINES:
        yield from _entries(file, text)
    else:
        for match in _LINE.finditer(text.replace("\r\n", "\n")):
            yield match[0]


def _entries(file: Path, text: str) -> Iterator[str]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            found = _text_of(line)
            if found is None:
                raise FormatError(
                    f"{file}, line {number} has no text.",
                    fix="Each line is an object with `text`, `prompt` or `messages`.",
                )
            if found:
                yield found


def _text_of(line: str) -> str | None:
    try:
        entry = msgspec.json.decode(line.encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        return None
    if not isinstance(entry, dict):
        return None
    for field in _FIELDS:
        text = _content(entry.get(field))
        if text is not None:
            return text
    return _conversation(entry.get("messages"))


def _conversation(messages: Any) -> str | None:  # noqa: ANN401 -- any JSON value
    """The texts of a conversation, one after the other, without what a template adds."""
    if not isinstance(messages, list):
        return None
    texts = [_content(turn.get("content")) for turn in messages if isinstance(turn, dict)]
    return "\n".join(text for text in texts if text is not None) if texts else None


def _content(content: Any) -> str | None:  # noqa: ANN401 -- any JSON value
    """A text, or the texts among the parts of a message; pictures have none."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        return None
    return "\n".join(part["text"] for part in content if isinstance(part.get("text"), str))
