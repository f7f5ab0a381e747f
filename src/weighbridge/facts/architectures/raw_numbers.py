"""Numbers of raw keys, for translating before there are :class:`Keys`.

A value that cannot be is an error, never replaced by a default.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weighbridge.core.errors import FormatError
from weighbridge.facts.architectures.limits import DEEPEST, LARGEST

Raw = Mapping[str, Any]


def number(raw: Raw, key: str, default: int) -> int:
    """A whole number of the file; the default where it is absent or null.

    Raises:
        FormatError: it is something else.
    """
    value = raw.get(key)
    if value is None:
        return default
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value <= LARGEST:
        raise _wrong(key, value, f"a whole number from 0 to {LARGEST}")
    return value


def fraction(raw: Raw, key: str, default: float) -> float:
    """A positive number that may have a fraction; the default where it is absent or null.

    Raises:
        FormatError: it is something else.
    """
    value = raw.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 2**20:
        raise _wrong(key, value, "a positive number")
    return float(value)


def depth_of(raw: Raw, default: int) -> int:
    """Number of layers, no more than any model has: the reader refuses what exceeds it."""
    return min(number(raw, "num_hidden_layers", default), DEEPEST)


def _wrong(key: str, value: object, expected: str) -> FormatError:
    shown = ascii(value)[:60] if isinstance(value, int | float | str) else type(value).__name__
    return FormatError(
        f"{key} is {shown}, but must be {expected}.",
        fix="Fetch the model's own config.json: this one was edited or damaged.",
    )
