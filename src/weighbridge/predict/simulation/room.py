"""What of the cache is in use, and what those who run will still need of it."""

from __future__ import annotations

import math
from typing import Final

from weighbridge.predict.simulation.rules import Cache

# Sums of floats: what differs less than this, relatively, is equal.
_ROUNDING: Final = 1e-9


class Room:
    """The books of one cache. Tokens of a prefix that requests share are held once, for all."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.limit = cache.size * (1 + _ROUNDING)
        self.used = 0.0
        self.promised = 0.0  # in use when all that run have finished
        self.peak = 0.0
        self.taken = 0.0  # tokens that found room so far, whoever's and whether they still have it
        self._shared = 0.0

    def enter(self, tokens: float, left: float, fixed: float) -> None:
        """A sequence takes room for what it reads, and may come to ``left`` tokens more."""
        self.taken += tokens
        self.used += fixed + self.cache.per_token * tokens
        self.promised += fixed + self.cache.per_token * (tokens + left)

    def leave(self, tokens: float, most: float, fixed: float) -> None:
        """A sequence that holds ``tokens`` of at most ``most`` goes."""
        self.used -= fixed + self.cache.per_token * tokens
        self.promised -= fixed + self.cache.per_token * most

    def grow(self, tokens: float) -> None:
        """Sequences got so many tokens together."""
        self.taken += tokens
        self.used += self.cache.per_token * tokens
        self.peak = max(self.peak, self.used)

    def has(self, tokens: float) -> bool:
        """Whether so many more tokens fit."""
        return self.used + self.cache.per_token * tokens <= self.limit

    def admits(
        self, tokens: float, left: float, fixed: float, *, due: float, reserve: float
    ) -> bool:
        """Whether a sequence fits beside ``due`` tokens, or a share of all that is promised."""
        each = self.cache.per_token
        growing = max(0.0, self.promised - self.used)
        ahead = max(each * due, reserve * (growing + each * left))
        return self.used + fixed + each * tokens + ahead <= self.limit

    def steps(self, tokens: float) -> float:
        """How many steps of ``tokens`` each fit."""
        each = self.cache.per_token * tokens
        return (self.limit - self.used) / each if each else math.inf

    def share(self, tokens: float) -> bool:
        """Keep a prefix for all, if it fits; whether it is kept."""
        if not self._shared and self.has(tokens):
            self._shared = self.cache.per_token * tokens
            self.used += self._shared
            self.promised += self._shared
        return self._shared > 0

    def forget(self) -> None:
        """Drop the shared prefix."""
        self.used -= self._shared
        self.promised -= self._shared
        self._shared = 0.0
