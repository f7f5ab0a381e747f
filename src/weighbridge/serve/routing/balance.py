"""Which replica of a model gets a request: power of two choices on tokens, with affinity.

Outstanding tokens tell better than requests, whose lengths differ by orders of magnitude, how busy
an engine is. Of two replicas the less busy one is nearly as good as the least busy of all, and does
not send everybody to the same one. Requests that begin alike go to the replica whose cache already
holds that beginning (rendezvous hashing: no table, and a replica that leaves moves only its own),
unless it is much busier than the others.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from zlib import crc32

from weighbridge.core.endpoint import Endpoint
from weighbridge.core.gateway import Asked
from weighbridge.serve.routing import breaker as breakers
from weighbridge.serve.routing.breaker import (
    CLOSED,
    OUTLIERS,
    RULES,
    Breaker,
    BreakerRules,
    Health,
    OutlierRules,
)

_MOST_KNOWN: Final = (
    512  # engines that are started again have other addresses: old ones are forgotten
)
_COMPARE_EVERY: Final = 4  # requests of a replica between looks at its siblings
_GOLDEN: Final = 0x9E3779B97F4A7C15
_MASK: Final = 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True)
class BalanceRules:
    """How much affinity is worth.

    Attributes:
        busier: a favoured replica keeps its requests while its outstanding tokens are at most so
            many times the mean of all …
        slack: … and this many more: differences below it cost nothing.
        breaker: when a replica is left out for its failures.
        outlier: when for being unlike its siblings.
    """

    busier: float = 1.5
    slack: int = 2048
    breaker: BreakerRules = RULES
    outlier: OutlierRules = OUTLIERS


BALANCE: Final = BalanceRules()


class _Replica:
    """What is known of one address."""

    __slots__ = ("breaker", "health", "requests", "salt", "siblings", "tokens")

    def __init__(self, endpoint: Endpoint) -> None:
        self.tokens = 0
        self.requests = 0
        self.breaker: Breaker = CLOSED
        self.health = Health()
        self.salt = crc32(str(endpoint.base).encode()) * _GOLDEN & _MASK
        self.siblings: tuple[Endpoint, ...] = ()


class PowerOfTwo:
    """The gateway's :class:`~weighbridge.serve.seams.Balancer`."""

    def __init__(
        self,
        now_s: Callable[[], float] = time.monotonic,
        *,
        draw: Callable[[], float] = random.random,
        rules: BalanceRules = BALANCE,
    ) -> None:
        """Balance with a clock that never goes backwards and random numbers from 0 to 1."""
        self._now_s = now_s
        self._draw = draw
        self._rules = rules
        self._replicas: dict[Endpoint, _Replica] = {}
        self._by_id: dict[int, tuple[Endpoint, _Replica]] = {}

    def pick(
        self, endpoints: Sequence[Endpoint], asked: Asked, tried: Sequence[Endpoint]
    ) -> Endpoint | None:
        """A replica that is not in ``tried``; None when no other may be asked now."""
        if len(self._replicas) > _MOST_KNOWN:
            self._forget()
        if len(endpoints) == 1 and not tried:
            # The most frequent case by far.
            only = endpoints[0]
            if self._known(only).breaker.state == "closed":
                return only
        now_s = self._now_s()
        open_to = [
            endpoint
            for endpoint in endpoints
            if endpoint not in tried and breakers.admits(self._known(endpoint).breaker, now_s)
        ]
        if not open_to:
            return None
        chosen = open_to[0] if len(open_to) == 1 else self._choose(open_to, asked.prefix)
        replica = self._replicas[chosen]
        if len(endpoints) > 1:
            replica.siblings = tuple(endpoints)
        replica.breaker = breakers.claimed(replica.breaker, now_s, self._rules.breaker)
        return chosen

    def insist(self, endpoints: Sequence[Endpoint], tried: Sequence[Endpoint]) -> Endpoint | None:
        """The one that is not in ``tried`` whose turn comes next, although it is left out now."""
        left = [endpoint for endpoint in endpoints if endpoint not in tried]
        if not left:
            return None
        chosen = min(left, key=lambda endpoint: self._known(endpoint).breaker.until_s)
        replica = self._known(chosen)
        replica.breaker = breakers.insisted(replica.breaker, self._now_s(), self._rules.breaker)
        return chosen

    def began(self, endpoint: Endpoint, tokens: int) -> None:
        """A request of about so many tokens, prompt and answer, was sent there."""
        replica = self._known(endpoint)
        replica.tokens += tokens
        replica.requests += 1
        if replica.breaker.state != "closed":
            replica.breaker = breakers.sent(replica.breaker)

    def ended(self, endpoint: Endpoint, tokens: int, *, failed: bool, ttft_s: float | None) -> None:
        """It has ended; ``failed`` where the server was at fault, not the client."""
        replica = self._known(endpoint)
        replica.requests = max(0, replica.requests - 1)
        # With nothing under way nothing is outstanding, however far estimates were off.
        replica.tokens = max(0, replica.tokens - tokens) if replica.requests else 0
        now_s = self._now_s()
        replica.breaker = breakers.ended(
            replica.breaker, now_s, failed=failed, rules=self._rules.breaker
        )
        if not replica.siblings:
            return
        replica.health = breakers.healthier(replica.health, failed=failed, ttft_s=ttft_s)
        due = not replica.health.requests % _COMPARE_EVERY
        if due and replica.breaker.state == "closed":
            self._compare(endpoint, replica, now_s)

    def outstanding(self, endpoint: Endpoint) -> int:
        """Tokens under way there."""
        replica = self._replicas.get(endpoint)
        return 0 if replica is None else replica.tokens

    def state(self, endpoint: Endpoint) -> Breaker:
        """Whether it is left out, and until when."""
        replica = self._replicas.get(endpoint)
        return CLOSED if replica is None else replica.breaker

    def _known(self, endpoint: Endpoint) -> _Replica:
        # By identity first: hashing an endpoint costs more than all the rest of a look-up.
        same = self._by_id.get(id(endpoint))
        if same is not None and same[0] is endpoint:
            return same[1]
        replica = self._replicas.get(endpoint)
        if replica is None:
            replica = self._replicas[endpoint] = _Replica(endpoint)
        if len(self._by_id) > _MOST_KNOWN:
            self._by_id.clear()
        self._by_id[id(endpoint)] = (endpoint, replica)
        return replica

    def _forget(self) -> None:
        """Drop the older half of the addresses that have nothing under way."""
        idle = [endpoint for endpoint, replica in self._replicas.items() if not replica.requests]
        for endpoint in idle[: len(idle) // 2 + 1]:
            del self._replicas[endpoint]
        self._by_id.clear()

    def _choose(self, open_to: Sequence[Endpoint], prefix: int) -> Endpoint:
        known = self._replicas
        # A replica that is waiting for its probe gets it now: else it would never come back.
        for endpoint in open_to:
            if known[endpoint].breaker.state != "closed":
                return endpoint
        if prefix:
            first, second = self._favoured(open_to, prefix)
            mean = sum(known[endpoint].tokens for endpoint in open_to) / len(open_to)
            if known[first].tokens <= self._rules.busier * mean + self._rules.slack:
                return first
            # The next in line is the same every time, so that a busy prefix lies on few replicas.
            other = open_to[int(self._draw() * len(open_to))]
            return min(second, other, key=self._busy)
        one = int(self._draw() * len(open_to))
        two = (one + 1 + int(self._draw() * (len(open_to) - 1))) % len(open_to)
        return min(open_to[one], open_to[two], key=self._busy)

    def _busy(self, endpoint: Endpoint) -> tuple[int, int]:
        replica = self._replicas[endpoint]
        return replica.tokens, replica.requests

    def _favoured(self, open_to: Sequence[Endpoint], prefix: int) -> tuple[Endpoint, Endpoint]:
        """The two whose hash with the prefix is highest."""
        ranked = sorted(open_to, key=lambda e: _mixed(prefix ^ self._replicas[e].salt))
        return ranked[-1], ranked[-2]

    def _compare(self, endpoint: Endpoint, replica: _Replica, now_s: float) -> None:
        """Leave the replica out if it does much worse than its siblings."""
        known = {one: self._known(one) for one in replica.siblings}
        left_out = sum(one.breaker.state != "closed" for one in known.values())
        healths = {name: one.health for name, one in known.items()}
        if endpoint in healths and breakers.is_outlier(
            endpoint, healths, left_out, self._rules.outlier
        ):
            replica.breaker = breakers.opened(replica.breaker, now_s, self._rules.breaker)
            replica.health = Health()  # judged afresh once it is back


def _mixed(value: int) -> int:
    """Every bit of the value in every bit of the result (the finaliser of splitmix64)."""
    value &= _MASK
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB & _MASK
    return value ^ (value >> 31)
