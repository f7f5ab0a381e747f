"""What of a text a learned route looks at: the same numbers in training and in serving.

A text becomes a set of buckets: hashes of its words, pairs of neighbouring words, and the
beginnings of longer words. Hashing needs no vocabulary and no memory; two features in one
bucket cost a little accuracy. The function is part of the format of a learned route's file: whoever
changes it changes :data:`FEATURES`, and older files are refused.
"""

from __future__ import annotations

import re
from zlib import crc32

FEATURES = 1
"""The version of :func:`buckets`."""

MOST_TOKENS = 120
MOST_BUCKETS = 3 * MOST_TOKENS

_HEAD, _TAIL = 500, 180  # bytes looked at: where a text is long, both its ends tell most
_HEAD_TOKENS, _TAIL_TOKENS = 84, 36
_LONG = 4  # letters that the beginning of a longer word keeps
_BEGINNING = 0x85EBCA6B
# Words of Latin, Greek, Cyrillic, … letters (one or two bytes each), numbers by their digits,
# single characters of other scripts, and single signs.
_TOKEN = re.compile(
    rb"[a-z\xc3-\xdf][a-z\x80-\xdf]*|[\xe0-\xef]..|[0-9]+|[!-/:-@\[-`{-~\n]|[\xf0-\xf4]...",
    re.DOTALL,
)


def tokens(text: str) -> list[bytes]:
    """The words, numbers and signs of a text's beginning and end."""
    if len(text) > _HEAD + _TAIL:  # casefolding all of a long text would take too long
        text = f"{text[:_HEAD]} {text[-_TAIL:]}"
    folded = text.casefold()
    data = folded.encode("utf-8", "replace")
    if len(data) > 2 * len(folded) > 2 * MOST_TOKENS:  # a token per character
        folded = f"{folded[:_HEAD_TOKENS]} {folded[-_TAIL_TOKENS:]}"
        data = folded.encode("utf-8", "replace")
    elif len(data) > _HEAD + _TAIL:
        data = data[:_HEAD] + b" " + data[-_TAIL:]
    found = _TOKEN.findall(data)
    if len(found) > MOST_TOKENS:
        return found[:_HEAD_TOKENS] + found[-_TAIL_TOKENS:]
    return found


def buckets(text: str, bits: int) -> set[int]:
    """The buckets of a text among ``2 ** bits``."""
    found = tokens(text)
    mask = (1 << bits) - 1
    values = list(map(crc32, found))
    values += map(crc32, found[1:], values[: len(found)])  # a pair's: of one word after the other
    values += [crc32(token[:_LONG], _BEGINNING) for token in found if token[_LONG:]]
    return {value & mask for value in values}
