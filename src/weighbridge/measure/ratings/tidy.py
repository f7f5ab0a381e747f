"""Answers as raters see them: without what tells one server's manner of writing from another's.

The same is done to every answer, and raters are told so.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from weighbridge.measure.evals.asking import without_thought

TOLD: Final = (
    "Thinking before the answer, marks that end a turn, invisible characters, spaces at line ends "
    "and superfluous empty lines are taken out of both answers."
)
MOST_CHARACTERS: Final = 200_000
_THINKS: Final = re.compile(r"\s*+<(?:think|thinking|thought)>")
# Marks of chat templates that some servers leave at the end.
_END_MARK: Final = re.compile(r"(?:<\|[a-zA-Z0-9_]{1,40}\|>|</s>|<end_of_turn>)\Z")
# The joiners of Persian words and of emoji are part of what is written.
_KEPT: Final = frozenset("\t\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}")


def tidy(text: str) -> str:
    """An answer without its thinking, its end marks and invisible characters.

    Nothing is left of one that ends before its thinking does.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    said = without_thought(text)
    if _THINKS.match(said):
        return ""
    text = _without_end_marks(said[:MOST_CHARACTERS])
    lines: list[str] = []
    for line in map(_visible, text.split("\n")):
        if line or (lines and lines[-1]):
            lines.append(line)
    return "\n".join(lines).strip("\n")


def only_thinks(text: str) -> bool:
    """Whether an answer ends before its thinking does: there is nothing in it to rate."""
    if not _THINKS.match(text):
        return False
    return bool(_THINKS.match(without_thought(text))) or "</th" not in text


def _visible(line: str) -> str:
    """A line without control characters, unusual spaces made plain, and nothing at its end."""
    if not line.isprintable():
        line = line.replace("\N{NO-BREAK SPACE}", " ")
        line = "".join(one for one in line if one in _KEPT or unicodedata.category(one)[0] != "C")
    return line.rstrip()


def _without_end_marks(text: str) -> str:
    while True:
        text = text.rstrip()
        # Only the last letters can be a mark: searching all of a long text would take long.
        mark = _END_MARK.search(text, max(0, len(text) - 44))
        if mark is None:
            return text
        text = text[: mark.start()]


def names_itself(text: str, model: str) -> bool:
    """Whether an answer says a word of the model's name, by which raters may know it."""
    words = re.findall(r"[a-z]{4,}", model.lower().rpartition("/")[2])
    telling = [word for word in words if word not in _COMMON]
    said = text.lower()
    return any(word in said for word in telling)


_COMMON: Final = frozenset(
    {"base", "chat", "coder", "instruct", "large", "mini", "model", "small", "preview", "vision",
     "thinking", "reasoning", "tiny", "medium", "turbo", "fast", "gguf", "code", "math", "text"}
)  # fmt: skip
