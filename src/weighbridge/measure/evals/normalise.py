"""Texts in a common form, so that the same words count as the same answer."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

# Kept of punctuation: what belongs to a number.
_IN_NUMBER = re.compile(r"(?<=\d)[.,](?=\d)|(?<![\w.,])-(?=[\d.])|(?<![\w.,])\.(?=\d)")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_MONEY = re.compile(r"(?<!\w)[$€£¥]\s?(?=[\d.-])|(?<=\d)\s?[$€£¥](?!\w)")
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_JOINING = re.compile(r"['\u2019`\u00b4]")
_MINUS = str.maketrans({"\u2212": "-", "\u2013": "-", "\u2010": "-", "\u2011": "-"})
_ROUNDS = 4


def normalised(text: str, *, articles: bool = False) -> str:
    """Lower case, compatibility forms unified, no punctuation but that of numbers, single spaces.

    English articles go as well unless ``articles``. A text in this form is left as it is.
    """
    for _ in range(_ROUNDS):  # some letters fold to others that fold again
        folded = _once(text, articles=articles)
        if folded == text:
            break
        text = folded
    return text


def _once(text: str, *, articles: bool) -> str:
    text = unicodedata.normalize("NFKC", text.translate(_MINUS)).casefold()
    text = unicodedata.normalize("NFKC", text).translate(_MINUS)
    text = _MONEY.sub("", _THOUSANDS.sub("", _JOINING.sub("", text)))
    kept = {match.start() for match in _IN_NUMBER.finditer(text)}
    text = "".join(
        letter if index in kept or not _is_punctuation(letter) else " "
        for index, letter in enumerate(text)
    )
    if not articles:
        without = _ARTICLE.sub(" ", text)
        text = without if without.strip() else text  # "A" alone is an answer
    return " ".join(text.split())


def _is_punctuation(letter: str) -> bool:
    return not letter.isalnum() and unicodedata.category(letter)[0] == "P"


def token_f1(told: str, gold: str) -> float:
    """Harmonic mean of precision and recall of normalised words; 1 for two empty texts."""
    mine, theirs = _words(told), _words(gold)
    if not mine or not theirs:
        return float(mine == theirs)
    shared = sum((Counter(mine) & Counter(theirs)).values())
    return 2 * shared / (len(mine) + len(theirs))


def _words(text: str) -> Sequence[str]:
    return normalised(text).split()
