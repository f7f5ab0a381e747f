"""Versions of engines, as far as predictions depend on them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple


class Version(NamedTuple):
    """Major, minor and patch number; compares as one expects."""

    major: int
    minor: int
    patch: int = 0


NEWEST: Final = Version(999, 0)
_NUMBERS: Final = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


@lru_cache(maxsize=64)
def parse_version(text: str) -> Version:
    """The version that ``text`` names; :data:`NEWEST` where it names none.

    >>> parse_version("v0.11.0rc2+cu128") < parse_version("0.19")
    True
    """
    match = _NUMBERS.search(text)
    return Version(int(match[1]), int(match[2]), int(match[3] or 0)) if match else NEWEST
