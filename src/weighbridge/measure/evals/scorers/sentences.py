"""Where sentences end: after a stop, unless the stop belongs to an abbreviation or a number."""

from __future__ import annotations

import re

_ABBREVIATIONS = frozenset(
    [
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "sr",
        "jr",
        "st",
        "vs",
        "etc",
        "e.g",
        "i.e",
        "inc",
        "ltd",
        "co",
        "corp",
        "fig",
        "no",
        "vol",
        "pp",
        "approx",
        "dept",
        "est",
        "gen",
        "gov",
        "hon",
        "col",
        "capt",
        "lt",
        "sgt",
        "rev",
        "mt",
        "ave",
        "blvd",
        "rd",
        "u.s",
        "u.k",
        "u.n",
        "a.m",
        "p.m",
        "ph.d",
        "b.a",
        "m.a",
        "d.c",
        "al",
        "jan",
        "feb",
        "mar",
        "apr",
        "jun",
        "jul",
        "aug",
        "sep",
        "sept",
        "oct",
        "nov",
        "dec",
    ]
)
_STOP = re.compile(
    r"(?P<stop>[.!?…]+|[。\uff01\uff1f।]+)(?P<after>[\"'”\u2019)\]*_]*)(?=\s|\Z)|[。\uff01\uff1f।]+"
)
_WORD_BEFORE = re.compile(r"[\w.]+\Z")
_LINE_BEGINS = re.compile(r"(?:\A|\n)[\s*#-]*\Z")
_BLANK_LINES = re.compile(r"\n\s*\n")


def sentences(text: str) -> list[str]:
    """The sentences of a text; a paragraph ends one even without a stop."""
    found: list[str] = []
    for paragraph in _BLANK_LINES.split(text):
        found += _of_paragraph(paragraph)
    return found


def _of_paragraph(text: str) -> list[str]:
    found, begin = [], 0
    for match in _STOP.finditer(text):
        if match["stop"] == "." and not _ends(text, begin, match.start(), match.end()):
            continue
        found.append(text[begin : match.end()])
        begin = match.end()
    found.append(text[begin:])
    return [sentence.strip() for sentence in found if any(map(str.isalnum, sentence))]


def _ends(text: str, begin: int, stop: int, end: int) -> bool:
    """Whether a single full stop ends a sentence."""
    before = _WORD_BEFORE.search(text, begin, stop)
    word = before[0].lower() if before else ""
    following = text[end:].lstrip()
    if word.isdigit() and _LINE_BEGINS.search(text, begin, stop - len(word)):
        return False  # "1." at the front of a line is a list's number
    if word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word != "i"):
        # "etc." ends a sentence only where another begins after it.
        return not following or (word in ("etc", "p.m", "a.m") and following[:1].isupper())
    return not following[:1].islower()
