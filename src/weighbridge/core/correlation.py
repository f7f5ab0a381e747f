"""Whether the order of a public leaderboard predicts what was measured here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from weighbridge.core.provenance import Interval

# With fewer models than these an interval is so wide that hardly any order can be told.
FEWEST_MODELS: Final = 15


@dataclass(frozen=True, slots=True)
class RankCorrelation:
    """A rank correlation with its uncertainty.

    Attributes:
        name: ``spearman`` or ``kendall``.
        value: as observed.
        interval: 95 %, of the models alone; None where they are too few for any.
        with_items: the correlation with utilities free of the noise of their items, which draws
            ``value`` towards 0; None where the noise is not known, or ``interval`` is not.
        p: two-sided, of "no relation".
        exact: whether ``p`` counts all permutations.
    """

    name: str
    value: float
    interval: Interval | None
    with_items: Interval | None
    p: float
    exact: bool

    @property
    def widest(self) -> Interval | None:
        """The interval to judge by."""
        return self.with_items or self.interval

    @property
    def numbers(self) -> str:
        """The figures in words."""
        said = f"{signed(self.value)}"
        if self.interval is not None:
            low, high = signed(self.interval.low), signed(self.interval.high)
            said += f", 95 % interval {low} to {high}"
        if self.with_items is not None:
            one = self.with_items
            said += (
                f"; without the noise of the items {signed(one.value)}, {signed(one.low)} to "
                f"{signed(one.high)}"
            )
        return said


def signed(value: float) -> str:
    """A correlation to two places, or so many that it is not taken for ±1 where it is none."""
    for places in (2, 3, 4):
        if abs(value) >= 1 or abs(round(value, places)) < 1:
            return f"{value:+.{places}f}"
    return f"{value:+.5f}"


@dataclass(frozen=True, slots=True)
class Pairing:
    """One model's score on the leaderboard beside what was measured here."""

    model: str
    score: float
    utility: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A model that was measured here and does not take part, and why."""

    model: str
    reason: str


@dataclass(frozen=True, slots=True)
class Basis:
    """A suite or task whose accuracy counts, and on how many items all models answered it."""

    subject: str
    n: int


@dataclass(frozen=True, slots=True)
class Correlation:
    """A leaderboard against the utility measured here, on these models.

    Attributes:
        source: the leaderboard.
        models: the models that both have, by score.
        spearman: by ranks.
        kendall: by pairs in the same order.
        same_order: share of pairs of models that both order alike; ties count as one half.
        only_scores: models of the leaderboard without a utility.
        only_utility: models measured here without a score.
        lower_is_better: whether the leaderboard's smallest score is its best, as of places.
        left_out: models that both have and that cannot be held against the others.
        basis: what the utility is the mean of; empty where it came without items.
        notes: what else was left out, in sentences.
    """

    source: str
    models: tuple[Pairing, ...]
    spearman: RankCorrelation
    kendall: RankCorrelation
    same_order: float
    only_scores: tuple[str, ...]
    only_utility: tuple[str, ...]
    lower_is_better: bool = False
    left_out: tuple[LeftOut, ...] = ()
    basis: tuple[Basis, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> Literal["predicts", "reverses", "cannot tell"]:
        """Whether the data tells anything, and what."""
        interval = self.spearman.widest
        if len(self.models) < FEWEST_MODELS or interval is None or not interval.excludes_zero:
            return "cannot tell"
        return "predicts" if interval.low > 0 else "reverses"

    @property
    def sentence(self) -> str:
        """The finding in plain words."""
        n = len(self.models)
        numbers = f"rank correlation {self.spearman.numbers}; {n} models"
        if self.verdict == "predicts":
            return f"{self.source} predicts the order measured here ({numbers})."
        if self.verdict == "reverses":
            return f"{self.source} runs against the order measured here ({numbers})."
        why = f"below {FEWEST_MODELS} models hardly any order can be told"
        because = why if n < FEWEST_MODELS else "the interval spans 0"
        return (
            f"Whether {self.source} predicts the order measured here, the data cannot tell: "
            f"{because} ({numbers})."
        )
