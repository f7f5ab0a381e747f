"""Quantities as people read and write them.

Sizes are binary (KiB, MiB, GiB), counts decimal, and lengths of text binary: 32k is 32,768 tokens.
"""

from __future__ import annotations

import math
import re

from weighbridge.core.errors import InputError

KIB = 1024
MIB = 1024**2
GIB = 1024**3

_BINARY = (("TiB", 1024**4), ("GiB", GIB), ("MiB", MIB), ("KiB", KIB))
_DECIMAL = (("T", 10**12), ("B", 10**9), ("M", 10**6), ("K", 10**3))
_SIZE_UNITS = {
    "": 1,
    "b": 1,
    "k": KIB,
    "kib": KIB,
    "m": MIB,
    "mib": MIB,
    "g": GIB,
    "gib": GIB,
    "t": 1024**4,
    "tib": 1024**4,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
}
_COUNT = re.compile(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([kKmMbBtT]?)\s*")
_TOKENS = re.compile(r"\s*([1-9]\d{0,8})\s*([kKmM]?)\s*")
_TOKEN_UNITS = {"": 1, "k": KIB, "m": MIB}
_SIZE = re.compile(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([a-zA-Z]*)\s*")
_SECONDS = {"": 1.0, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def format_bytes(count: float) -> str:
    """A number of bytes in the largest binary unit that keeps it at or above one.

    >>> format_bytes(1_622_016)
    '1.55 MiB'
    >>> format_bytes(512)
    '512 B'
    """
    for unit, size in _BINARY:
        # Half a hundredth less would be printed as 1.00 of this unit or as 1024.00 of the next.
        if abs(count) >= 0.999995 * size:
            return f"{count / size:.2f} {unit}"
    return f"{count:.0f} B"


def format_count(count: float) -> str:
    """A number of things in decimal units, as model cards write parameters.

    >>> format_count(802_816)
    '802.82K'
    >>> format_count(27_000_000_000)
    '27.00B'
    """
    for unit, size in _DECIMAL:
        if abs(count) >= size:
            return f"{count / size:.2f}{unit}"
    return f"{count:.0f}"


def format_figure(value: float) -> str:
    """About three significant digits without an exponent, thousands apart.

    >>> format_figure(2203.4), format_figure(0.2228)
    ('2,203', '0.223')
    """
    if value == 0:
        return "0"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{min(decimals, 9)}f}"


def format_tokens(count: int) -> str:
    """A length of text as people write it; k is 1024 and M 1024 times as much.

    >>> format_tokens(131_072), format_tokens(128_000), format_tokens(1_048_576)
    ('128k', '125k', '1M')
    """
    for unit, size in (("M", MIB), ("k", KIB)):
        if count >= size:
            number = count / size
            return f"{number:.0f}{unit}" if number >= 100 else f"{number:.3g}{unit}"
    return str(count)


def plural(count: int, noun: str) -> str:
    """A count with its noun.

    >>> plural(1, "user"), plural(2_400, "user")
    ('1 user', '2,400 users')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def parse_tokens(text: str) -> int:
    """The length of a text that ``text`` names; k is 1024, as in ``32k`` for 32,768 tokens.

    >>> parse_tokens("128k")
    131072

    Raises:
        InputError: the text is no number of tokens.
    """
    match = _TOKENS.fullmatch(text)
    if match is None:
        raise InputError(
            f"{text!r} is not a number of tokens.", fix="Write for example 8192, 32k or 1M."
        )
    return int(match[1]) * _TOKEN_UNITS[match[2].lower()]


def parse_count(text: str) -> int:
    """The number of things that ``text`` names in decimal units, capital or not.

    >>> parse_count("32B")
    32000000000
    >>> parse_count("700M")
    700000000

    Raises:
        InputError: the text is no number.
    """
    match = _COUNT.fullmatch(text)
    if match is None:
        raise InputError(f"{text!r} is not a number.", fix="Write for example 32B, 700M or 1.5T.")
    return round(float(match[1]) * dict(_DECIMAL).get(match[2].upper(), 1))


def parse_bytes(text: str) -> int:
    """The number of bytes that ``text`` names: ``M`` and ``MiB`` are binary, ``MB`` is decimal.

    >>> parse_bytes("96MiB")
    100663296
    >>> parse_bytes("2 GB")
    2000000000

    Raises:
        InputError: the text is no size.
    """
    match = _SIZE.fullmatch(text)
    unit = _SIZE_UNITS.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise InputError(f"{text!r} is not a size.", fix="Write for example 96MiB, 24GiB or 2GB.")
    return int(float(match[1]) * unit)


def parse_seconds(value: float | str) -> float:
    """A duration in seconds, from a number of them or from text.

    >>> parse_seconds(90), parse_seconds("1.5m"), parse_seconds("250ms")
    (90.0, 90.0, 0.25)

    Raises:
        InputError: it is negative, not finite, or no duration.
    """
    match = _SIZE.fullmatch(str(value))
    unit = _SECONDS.get(match[2]) if match else None
    if match is None or unit is None:
        raise InputError(
            f"{value!r} is not a duration.", fix="Write for example 90, 90s, 5m or 2h."
        )
    return float(match[1]) * unit


def parse_size(value: int | str) -> int:
    """A size in bytes, from a number of them or from text as :func:`parse_bytes` takes it.

    Raises:
        InputError: it is negative or no size.
    """
    return parse_bytes(str(value))


def parse_integers(text: str, *, what: str) -> tuple[int, ...]:
    """Comma-separated positive integers, e.g. ``1,4,8``; ``what`` names them in the error.

    Raises:
        InputError: something in the list is not a positive integer.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise InputError(
            f"{what} must be positive whole numbers, not {text!r}.", fix="Write for example 1,4,8."
        )
    return tuple(int(part) for part in parts)
