"""The words of a message, by which its task is recognised."""

from __future__ import annotations

import re
from typing import Final

_LETTER: Final = r"[^\W\d_]"
# Signs calculate only after a number: not in "29-year-old", "C++", "and/or" or a list's bullets.
_OPERATOR: Final = r"(?:(?<=\d)|(?<=\d ))[-+*/=\u00d7\u00f7\u2212]"
_OPERATION: Final = rf"{_OPERATOR}(?!{_LETTER})"
_WORD: Final = re.compile(rf"{_LETTER}+|{_OPERATION}")
_CALCULATES: Final = re.compile(_OPERATION)
# Of ASCII: a space for whatever is no letter, and all that is no digit.
_SPACED: Final = bytes(byte if 97 <= byte <= 122 else 32 for byte in range(256))
_NO_DIGITS: Final = bytes(byte for byte in range(256) if not 48 <= byte <= 57)


def words(text: str) -> frozenset[str]:
    """The words of a message, and its operators after a number: by these a task is recognised."""
    return frozenset(_WORD.findall(text.casefold()))


def spaced(text: str) -> str | None:
    """The words of a message in one text, a space before and after each: it is searched fast.

    None where that would not be all of :func:`words`: for letters beyond ASCII, and for sums.
    """
    if not text.isascii():
        return None
    plain = text.lower().encode()
    if plain.translate(None, _NO_DIGITS) and _CALCULATES.search(text):
        return None
    return f" {plain.translate(_SPACED).decode()} "
