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
        with_items: the same with the uncertainty of the utilities on top; None where that is not
            known, or ``interval`` is not.
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


@dataclass(frozen=True, slots=True)
class Pairing:
    """One model's score on the leaderboard beside what was measured here."""

    model: str
    score: float
    utility: float


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
    """

    source: str
    models: tuple[Pairing, ...]
    spearman: RankCorrelation
    kendall: RankCorrelation
    same_order: float
    only_scores: tuple[str, ...]
    only_utility: tuple[str, ...]

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
        n, rho, interval = len(self.models), self.spearman.value, self.spearman.widest
        numbers = f"rank correlation {rho:+.2f}"
        if interval is not None:
            numbers += f", 95 % interval {interval.low:+.2f} to {interval.high:+.2f}"
        numbers += f", {n} models"
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
