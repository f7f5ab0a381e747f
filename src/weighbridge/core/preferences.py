"""Votes between two answers, and what follows from many of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from weighbridge.core.provenance import Interval

Winner = Literal["a", "b", "tie"]


@dataclass(frozen=True, slots=True)
class Vote:
    """One rater's judgement of two models on one input.

    Attributes:
        item: the input; votes on one input go together.
        a: the model of the first answer.
        b: the model of the second.
        winner: which was better.
        rater: who judged.
    """

    item: str
    a: str
    b: str
    winner: Winner
    rater: str = ""


@dataclass(frozen=True, slots=True)
class Rating:
    """One model's strength.

    Attributes:
        model: its name.
        elo: in Elo units, from the reference: 400 mean odds of ten to one.
        error: the standard error of ``elo``; 0 for a model that is the reference itself.
        comparisons: in how many it took part; several raters' votes on two answers are one.
        wins: how many it won, ties as one half.
    """

    model: str
    elo: Interval
    error: float
    comparisons: int
    wins: float


@dataclass(frozen=True, slots=True)
class StrengthDifference:
    """Two models' strengths against each other.

    Attributes:
        a: the weaker, as estimated.
        b: the stronger.
        elo: strength of b minus that of a in Elo units, with its 95 % interval.
        p: two-sided, of equal strengths; agrees with the interval.
        p_adjusted: ``p`` by Holm's procedure over all pairs of the same votes.
    """

    a: str
    b: str
    elo: Interval
    p: float
    p_adjusted: float

    @property
    def real(self) -> bool:
        """Whether the votes tell the two apart, with the number of pairs allowed for."""
        return self.p_adjusted <= 0.05 and self.elo.excludes_zero

    @property
    def sentence(self) -> str:
        """The finding in plain words."""
        bounds = "interval unknown"
        if math.isfinite(self.elo.low):
            bounds = f"95 % interval {round(self.elo.low):+d} to {round(self.elo.high):+d}"
        numbers = f"{round(self.elo.value):+d} Elo, {bounds}"
        if self.real:
            return f"{self.b} is preferred to {self.a} ({numbers})."
        return f"{self.b} and {self.a}: the votes cannot tell ({numbers})."


@dataclass(frozen=True, slots=True)
class Ratings:
    """All models' strengths, strongest first.

    Attributes:
        method: ``bradley-terry`` (a tie is half a win for both) or ``davidson`` (ties modelled).
        ratings: one per model.
        reference: the model at 0, or None where the mean of all is at 0.
        items: how many inputs the votes are on.
        nu: Davidson's weight of ties; None in Bradley and Terry's model.
        pseudo_votes: made-up votes that were added because some models always won or always lost,
            where strengths would otherwise be infinite.
        notes: what a reader must know before believing it, in sentences.
        nu_interval: ``nu`` with its 95 % interval, where there were ties.
        differences: every pair of models, in the order of their ranks.
    """

    method: str
    ratings: tuple[Rating, ...]
    reference: str | None
    items: int
    nu: float | None = None
    pseudo_votes: float = 0.0
    notes: tuple[str, ...] = ()
    nu_interval: Interval | None = None
    differences: tuple[StrengthDifference, ...] = ()


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far raters agree beyond chance.

    Attributes:
        raters: the two of them, or all for Fleiss's kappa.
        n: items that all of them judged.
        share: of those, judged alike (for several raters, the mean share of agreeing pairs).
        kappa: 1 for full agreement, 0 for what chance gives; None where all judgements are the
            same, which leaves nothing to agree on.
    """

    raters: tuple[str, ...]
    n: int
    share: float
    kappa: float | None
