"""Quantities as people write them for ``weigh cost``: ``0.44``, ``0.4..0.9``, ``5..20..80M``."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

from weighbridge.core.cost import DAY, DAYS_PER_MONTH, FLAT, OFFICE, Demand, Uncertain, certain
from weighbridge.core.errors import InputError
from weighbridge.core.provenance import Provenance

_NUMBER: Final = re.compile(
    r"\$?\s*((?:\d[\d_]*\.?\d*|\.\d+)(?:e[+-]?\d{1,3})?)\s*([kmbt%]?)", re.IGNORECASE
)
_TIMES: Final = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12, "%": 0.01}
_VOLUME: Final = re.compile(
    r"(.+?)[\s-]*(tokens?|requests?)\s*/\s*(day|month|hour|h|s)\s*", re.IGNORECASE
)
_PER_DAY: Final = {"day": 1.0, "month": 1 / DAYS_PER_MONTH, "hour": 24.0, "h": 24.0, "s": 86_400.0}
_HOW: Final = "Write a number, low..high or low..base..high, for example 0.44 or 0.40..0.44..0.90."
_WORDS: Final = {
    "day": (DAY, "assumed: a cosine with a peak 1.97 times its mean"),
    "flat": (FLAT, "as asked: the same at every hour"),
    "office": (OFFICE, "as asked: 9 to 18 h alone"),
}
_LONGEST: Final = 100
_LARGEST_PROFILE: Final = 100_000


def parse_uncertain(text: str, what: str, provenance: Provenance) -> Uncertain:
    """A quantity with or without its range.

    ``~`` before a range makes it lognormal, with 80 % between its ends; else all is between them.
    Percent and the suffixes k, M, B and T are understood; one at the end holds for all parts.

    Raises:
        InputError: it is no number or range; ``what`` names it.
    """
    shown = text.strip()
    lognormal, body = shown.startswith("~"), shown.removeprefix("~")
    found = [_NUMBER.fullmatch(part.strip()) for part in body.split("..")]
    parts = [match for match in found if match is not None]
    if len(parts) != len(found) or len(parts) > 3 or (lognormal and len(parts) == 1):
        raise InputError(f"The {what} {text!r} is no quantity.", fix=_HOW)
    unit = parts[-1][2]
    numbers = [float(match[1].replace("_", "")) * _TIMES[(match[2] or unit).lower()]
               for match in parts]  # fmt: skip
    if not all(map(math.isfinite, numbers)):
        raise InputError(f"The {what} {text!r} is too large.", fix=_HOW)
    if numbers != sorted(numbers):
        raise InputError(f"The {what} {text!r} does not ascend.", fix=_HOW)
    if len(numbers) == 1:
        return certain(numbers[0], provenance)
    low, high = numbers[0], numbers[-1]
    middle = math.sqrt(low * high) if lognormal else (low + high) / 2
    base = numbers[1] if len(numbers) == 3 else middle
    return Uncertain(base, low, high, "lognormal" if lognormal else "triangular", provenance)


def parse_volume(
    text: str, provenance: Provenance
) -> tuple[Uncertain, Literal["tokens", "requests"]]:
    """A volume per day: ``20M-tokens/day``, ``100k-requests/day``, ``5..20..80M-tokens/day``.

    Raises:
        InputError: it is none.
    """
    match = _VOLUME.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if match is None:
        raise InputError(
            f"{text!r} is no volume.",
            fix="Write for example 20M-tokens/day, 100k-requests/day or 5..20..80M-tokens/day; "
            "per hour and per month will do too.",
        )
    amount = parse_uncertain(match[1], "volume", provenance)
    by = _PER_DAY[match[3].lower()]
    per_day = replace(amount, base=amount.base * by, low=amount.low * by, high=amount.high * by)
    return per_day, "tokens" if match[2].lower().startswith("token") else "requests"


def parse_profile(text: str) -> tuple[tuple[float, ...], str]:
    """Weights of the hours of a day, and where they are from: a word, 24 numbers, or their file.

    Raises:
        InputError: it is none of these.
    """
    if text in _WORDS:
        return _WORDS[text]
    inside, source = text, "as asked"
    if "," not in text:
        path = Path(text)
        try:
            inside, source = (
                path.read_text(encoding="utf-8")[:_LARGEST_PROFILE],
                f"file {path.name}",
            )
        except (OSError, UnicodeDecodeError) as error:
            said = getattr(error, "strerror", None) or "it is no text"
            raise InputError(
                f"The profile {text!r} cannot be read: {said}.",
                fix="Give day, flat, office, 24 numbers with commas, or a file with 24 numbers.",
            ) from error
    try:
        weights = tuple(float(word) for word in re.split(r"[\s,;]+", inside.strip()) if word)
    except ValueError as error:
        raise InputError(
            f"The profile of the day ({source}) has something that is no number: {error}.",
            fix="Write 24 numbers, from midnight on.",
        ) from error
    return weights, source


def with_profile(demand: Demand, text: str) -> Demand:
    """The demand with another profile of the day."""
    weights, source = parse_profile(text)
    return replace(demand, profile=weights, profile_source=source)


def named(pairs: tuple[str, ...], what: str, provenance: Provenance) -> dict[str, Uncertain]:
    """``VALUE`` or ``NAME=VALUE``, repeated; what has no name is under the empty one.

    Raises:
        InputError: a value is no quantity.
    """
    table = {}
    for pair in pairs:
        name, _, value = pair.rpartition("=")
        table[name.strip()] = parse_uncertain(value, what, provenance)
    return table
