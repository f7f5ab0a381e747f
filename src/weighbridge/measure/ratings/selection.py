"""Which two answers a rater is shown next. Pure: from the ballots so far, by seed.

1. Every rater begins with the same comparisons, a fifth of his or her ballots and ten at least: on
   these their agreement is measured.
2. Then pairs of models are kept even, until each has ten ballots.
3. From there on two of three ballots go to the pair whose order is least certain, by how many
   standard errors its win rate is from one half; the third stays even, so that no pair is starved.

An input comes again only when the rater has seen all others as often.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import combinations
from typing import Final

from weighbridge.core.ballots import Ballot
from weighbridge.core.rating_session import Pairing

EVEN_UNTIL: Final = 10  # ballots per pair of models
LEAST_SHARED: Final = 10
SHARED_PART: Final = 5
Pair = tuple[str, str]


@dataclass(frozen=True)
class Field:
    """All that may be compared.

    Attributes:
        models: their names.
        texts: input and model to the answer as raters see it; no entry where there is none.
        items: the inputs in their order.
        seed: of everything drawn.
        target: ballots asked of each rater.
    """

    models: Sequence[str]
    texts: Mapping[tuple[str, str], str]
    items: Sequence[str]
    seed: int
    target: int

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Every two models."""
        return tuple(combinations(sorted(self.models), 2))

    @cached_property
    def comparable(self) -> Mapping[str, tuple[Pair, ...]]:
        """The pairs whose answers to an input differ; alike ones cannot be told apart."""
        return {item: tuple(p for p in self.pairs if self._differ(item, p)) for item in self.items}

    @cached_property
    def alike(self) -> Mapping[Pair, int]:
        """To how many inputs two models answer word for word the same; no pair without any."""
        counts = Counter(
            (x, y)
            for item in self.items
            for x, y in self.pairs
            if (item, x) in self.texts and self.texts[item, x] == self.texts.get((item, y))
        )
        return dict(counts)

    def answered(self, pair: Pair) -> int:
        """How many inputs both models answer."""
        return sum(all((item, model) in self.texts for model in pair) for item in self.items)

    @cached_property
    def most(self) -> int:
        """Ballots that one rater can give."""
        return sum(map(len, self.comparable.values()))

    @cached_property
    def shared(self) -> tuple[tuple[str, Pair], ...]:
        """What every rater begins with, pairs in turn."""
        count = max(LEAST_SHARED, self.target // SHARED_PART)
        items = sorted(
            (item for item in self.items if self.comparable[item]),
            key=lambda item: drawn(self.seed, "shared", item),
        )
        found = []
        for place, item in enumerate(items[:count]):
            options = self.comparable[item]
            found.append((item, options[place % len(options)]))
        return tuple(found)

    def _differ(self, item: str, pair: Pair) -> bool:
        x, y = (self.texts.get((item, model)) for model in pair)
        return x is not None and y is not None and x != y


def drawn(seed: int, *words: str) -> int:
    """A number that nobody can tell without the seed."""
    text = "\0".join((str(seed), *words)).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "big")


def sides(field: Field, rater: str, item: str, pair: Pair) -> Pairing:
    """Which answer stands on the left, drawn per rater, input and pair."""
    x, y = pair
    is_turned = drawn(field.seed, "side", rater, item, x, y) % 2
    return Pairing(item, y, x) if is_turned else Pairing(item, x, y)


def next_pairing(field: Field, rater: str, ballots: Sequence[Ballot]) -> Pairing | None:
    """What a rater is shown next; None where all is judged, or as much as was asked for."""
    mine = [one for one in ballots if one.rater == rater and not one.judge]
    done = {(one.item, _pair(one)) for one in mine}
    if len(mine) >= min(field.target, field.most):
        return None
    left = [one for one in field.shared if one not in done]
    if left:
        item, pair = min(left, key=lambda one: drawn(field.seed, "order", rater, one[0]))
        return sides(field, rater, item, pair)
    return _free(field, rater, ballots, done)


def _free(
    field: Field, rater: str, ballots: Sequence[Ballot], done: set[tuple[str, Pair]]
) -> Pairing | None:
    times = Counter(item for item, _ in done)
    by_item = {
        item: [pair for pair in field.comparable[item] if (item, pair) not in done]
        for item in field.items
    }
    open_items = [item for item in field.items if by_item[item]]
    if not open_items:
        return None
    least = min(times[item] for item in open_items)
    rare = [item for item in open_items if times[item] == least]
    possible = {pair for item in rare for pair in by_item[item]}
    pair = _chosen(field, ballots, possible, len(done))
    item = min(
        (item for item in rare if pair in by_item[item]),
        key=lambda item: drawn(field.seed, "order", rater, item),
    )
    return sides(field, rater, item, pair)


def _chosen(field: Field, ballots: Sequence[Ballot], possible: set[Pair], turn: int) -> Pair:
    """The pair of models that is due."""
    tallies: dict[Pair, tuple[float, int]] = dict.fromkeys(possible, (0.0, 0))
    for one in ballots:
        pair = _pair(one)
        if one.judge or pair not in tallies:
            continue
        wins, n = tallies[pair]
        tallies[pair] = (wins + _score(one, pair[0]), n + 1)
    fewest = min(n for _, n in tallies.values())
    if fewest < EVEN_UNTIL or turn % 3 == 2:
        return min(
            possible, key=lambda pair: (tallies[pair][1], drawn(field.seed, str(turn), *pair))
        )
    return min(possible, key=lambda pair: (_errors_apart(*tallies[pair]), pair))


def _errors_apart(wins: float, n: int) -> float:
    """How many standard errors a win rate is from one half, with a win and a loss more."""
    rate = (wins + 1) / (n + 2)
    return abs(rate - 0.5) / math.sqrt(rate * (1 - rate) / (n + 2))


def _score(ballot: Ballot, model: str) -> float:
    if ballot.outcome == "tie":
        return 0.5
    return float((ballot.outcome == "a") == (ballot.a == model))


def _pair(ballot: Ballot) -> Pair:
    return (min(ballot.a, ballot.b), max(ballot.a, ballot.b))
