"""How long prompts and answers are: one length, or a distribution of them, as written by a user.

Forms: ``512``, ``512±20%``, ``512±100``, ``uniform:100-900``, ``normal:512,128`` (mean, standard
deviation), ``lognormal:512,0.6`` (mean, standard deviation as a share of it), and
``200:0.3,800:0.7`` (length:weight). ``<=4096`` after a normal or lognormal one caps it.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, pairwise
from random import Random
from statistics import NormalDist
from typing import Final, Literal

from weighbridge.core.errors import InputError

Kind = Literal["fixed", "uniform", "normal", "lognormal", "choice"]

LONGEST: Final = 10_000_000
# Neither bell curve has an upper end; four deviations out is one request in thirty thousand.
_FARTHEST: Final = 4.0
# Beyond this, so much of a normal distribution lies below zero that its mean would not be the
# one asked for.
_WIDEST_NORMAL: Final = 1 / 3
_STANDARD: Final = NormalDist()
_NUMBER: Final = r"(\d+(?:\.\d+)?)"
_AROUND: Final = re.compile(rf"(\d+)\s*(?:±|\+-|\+/-)\s*{_NUMBER}\s*(%?)")
_RANGE: Final = re.compile(r"uniform:\s*(\d+)\s*-\s*(\d+)")
_BELL: Final = re.compile(rf"(normal|lognormal):\s*{_NUMBER}\s*,\s*{_NUMBER}\s*(?:<=\s*(\d+))?")
_WEIGHED: Final = re.compile(rf"(\d+)\s*:\s*{_NUMBER}")
_FORMS: Final = (
    "Write a length such as 512, 512±20%, uniform:100-900, normal:512,128, lognormal:512,0.6 "
    "or 200:0.3,800:0.7."
)


@dataclass(frozen=True, slots=True)
class Lengths:
    """A distribution of whole numbers of at least 1. Made by :func:`parse_lengths`.

    Attributes:
        kind: its form.
        first: the length, the smallest, the mean (of the logarithms for ``lognormal``).
        second: the largest, or the standard deviation (of the logarithms).
        cap: nothing longer comes, whether by the user's word or by the distribution's.
        values: of a choice.
        shares: cumulative weights of ``values``, ending at 1.
        text: as a user writes it.
    """

    kind: Kind
    first: float
    second: float
    cap: int
    text: str
    values: tuple[int, ...] = ()
    shares: tuple[float, ...] = ()

    def sample(self, rng: Random) -> int:
        """One length."""
        return self.at(1.0 if self.kind == "fixed" else rng.random())

    def samples(self, rng: Random, count: int) -> list[int]:
        """Many of them, one from each of as many equally likely parts, in random order.

        So their mean is nearly that of the distribution: a sample that happens to be longer would
        make a server look slower than it is.
        """
        if self.kind == "fixed":
            return [int(self.first)] * count
        drawn = [self.at((part + rng.random()) / count) for part in range(count)]
        rng.shuffle(drawn)
        return drawn

    def at(self, share: float) -> int:
        """The length below which ``share`` of all lie."""
        if self.kind == "fixed":
            return int(self.first)
        if self.kind == "uniform":
            return min(self.cap, int(self.first + share * (self.second - self.first + 1)))
        if self.kind == "choice":
            return self.values[min(bisect_right(self.shares, share), len(self.values) - 1)]
        # The ends are no lengths: the distribution has none there.
        deviate = self.first + self.second * _STANDARD.inv_cdf(min(max(share, 1e-12), 1 - 1e-12))
        value = math.exp(deviate) if self.kind == "lognormal" else deviate
        return max(1, min(self.cap, round(value)))

    @property
    def mean(self) -> float:
        """Of what is drawn, caps considered."""
        if self.kind == "fixed":
            return self.first
        if self.kind == "uniform":
            return (self.first + self.second) / 2
        if self.kind == "choice":
            weights = (high - low for low, high in pairwise((0.0, *self.shares)))
            return sum(value * weight for value, weight in zip(self.values, weights, strict=True))
        return _capped_mean(self)

    def __str__(self) -> str:
        return self.text


ONCE: Final = Lengths("fixed", 1, 1, 1, "1")


def fixed(length: int) -> Lengths:
    """Always the same length."""
    return Lengths("fixed", length, length, length, str(length))


def parse_lengths(text: str) -> Lengths:
    """The distribution that ``text`` describes.

    >>> parse_lengths("uniform:100-900").mean
    500.0

    Raises:
        InputError: it describes none, or one that cannot be.
    """
    clean = text.strip().lower().replace("_", "")
    if clean.isascii() and clean.isdigit():
        return fixed(_length(clean, text))
    readers: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], str], Lengths]], ...] = (
        (_AROUND, _around),
        (_RANGE, _range),
        (_BELL, _bell),
    )
    for pattern, read in readers:
        if (match := pattern.fullmatch(clean)) is not None:
            return read(match, text.strip())
    parts = [_WEIGHED.fullmatch(part.strip()) for part in clean.split(",")]
    if None not in parts:
        return _choice([part for part in parts if part is not None], text.strip())
    raise InputError(f"{text!r} is no length and no distribution of lengths.", fix=_FORMS)


def _around(match: re.Match[str], text: str) -> Lengths:
    middle, amount, percent = match.groups()
    length = _length(middle, text)
    half = float(amount) * (length / 100 if percent else 1)
    if half >= length:
        raise InputError(f"Lengths of {text!r} fall below 1.", fix="Give a smaller spread.")
    return _uniform(math.ceil(length - half), math.floor(length + half), text)


def _range(match: re.Match[str], text: str) -> Lengths:
    low, high = (_length(number, text) for number in match.groups())
    if low > high:
        raise InputError(f"{text!r} begins above its end.", fix=f"Write uniform:{high}-{low}.")
    return _uniform(low, high, text)


def _uniform(low: int, high: int, text: str) -> Lengths:
    if high > LONGEST:
        raise _too_long(text)
    return Lengths("uniform", low, high, high, text)


def _bell(match: re.Match[str], text: str) -> Lengths:
    kind, mean, spread, cap = match.groups()
    middle, width = float(mean), float(spread)
    if not 1 <= middle <= LONGEST:
        raise _too_long(text) if middle > 1 else _too_short(text)
    if cap is not None and _length(cap, text) < middle:
        raise InputError(
            f"The cap of {text!r} lies below its mean.", fix="Give a higher cap or a lower mean."
        )
    limit = LONGEST if cap is None else int(cap)
    if kind == "lognormal":
        if width > 10:
            raise InputError(
                f"A lognormal spread of {spread} in {text!r} is more than 10 times the mean.",
                fix="The second number is the standard deviation as a share of the mean, e.g. 0.6.",
            )
        deviation = math.sqrt(math.log1p(width**2))
        start = math.log(middle) - deviation**2 / 2
        limit = max(1, min(limit, round(math.exp(start + _FARTHEST * deviation))))
        return Lengths("lognormal", start, deviation, limit, text)
    if width > middle * _WIDEST_NORMAL:
        raise InputError(
            f"Lengths of {text!r} fall below 1.",
            fix=f"Give a standard deviation of at most a third of the mean, or lognormal:{mean},"
            f"{width / middle:.2g}.",
        )
    limit = min(limit, math.ceil(middle + _FARTHEST * width))
    return Lengths("normal", middle, width, limit, text)


def _choice(parts: list[re.Match[str]], text: str) -> Lengths:
    values = tuple(_length(part[1], text) for part in parts)
    weights = [float(part[2]) for part in parts]
    total = sum(weights)
    if not 0 < total < math.inf:
        raise InputError(f"The weights of {text!r} add up to nothing.", fix=_FORMS)
    shares = tuple(share / total for share in accumulate(weights))
    return Lengths("choice", 0, 0, max(values), text, values, (*shares[:-1], 1.0))


def _capped_mean(lengths: Lengths) -> float:
    """Mean of a normal or lognormal distribution whose values above the cap are the cap."""
    middle, width, cap = lengths.first, lengths.second, float(lengths.cap)
    if lengths.kind == "normal":
        if width == 0:
            return middle
        place = (cap - middle) / width
        below = _STANDARD.cdf(place)
        return middle * below - width * _STANDARD.pdf(place) + cap * (1 - below)
    mean = math.exp(middle + width**2 / 2)
    if width == 0:
        return mean
    place = (math.log(cap) - middle) / width
    return mean * _STANDARD.cdf(place - width) + cap * (1 - _STANDARD.cdf(place))


def _length(digits: str, text: str) -> int:
    if len(digits) > 12 or int(digits) > LONGEST:
        raise _too_long(text)
    if int(digits) < 1:
        raise _too_short(text)
    return int(digits)


def _too_long(text: str) -> InputError:
    return InputError(
        f"{text!r} is longer than any model reads.", fix=f"Give at most {LONGEST:,} tokens."
    )


def _too_short(text: str) -> InputError:
    return InputError(f"{text!r} has lengths below 1.", fix="Give at least 1 token.")
