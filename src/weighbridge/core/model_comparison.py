"""Several models on the same items: how each did, and which of their differences are real."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.core.provenance import Interval


@dataclass(frozen=True, slots=True)
class Standing:
    """One model on one subject.

    Attributes:
        model: its name.
        accuracy: mean score over all items, with its 95 % interval.
        p_best: the probability that its true mean is the highest of all models here.
        missing: items without an answer, which count as wrong.
    """

    model: str
    accuracy: Interval
    p_best: float
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PairDifference:
    """Two models on the same items, item by item.

    Attributes:
        a: the baseline.
        b: the other; positive differences favour it.
        subject: what the items are of.
        n: how many items.
        difference: mean score of b minus that of a, with its 95 % interval.
        method: how the interval was computed: ``t``, ``bonett-price`` or ``cluster``.
        p_mcnemar: two-sided exact McNemar p-value; None for scores other than 0 and 1.
        p: the p-value that decides: McNemar's, or that of the interval for scores and groups.
        p_adjusted: ``p`` by Holm's procedure over all pairs that were compared together.
        flips_up: items at which b scores higher.
        flips_down: items at which a scores higher.
        detectable: the smallest true difference that so many items show in 4 of 5 cases or more,
            at the level to which Holm's procedure holds the first of all pairs, the strictest.
        more_items: how many further items would settle it in 4 of 5 cases if the true difference
            is the one seen; 0 where it is settled, None where no number is known to do.
        anytime: bounds that hold however often one has looked, where they were asked for.
    """

    a: str
    b: str
    subject: str
    n: int
    difference: Interval
    method: str
    p_mcnemar: float | None
    p: float
    p_adjusted: float
    flips_up: int
    flips_down: int
    detectable: float
    more_items: int | None
    anytime: Interval | None = None

    @property
    def real(self) -> bool:
        """Whether the data tells the two apart, with the number of comparisons allowed for."""
        if self.anytime is not None:
            # Bounds that leave out the estimate come of an order that depends on the answers.
            holds = self.anytime.low <= self.anytime.value <= self.anytime.high
            return holds and self.anytime.excludes_zero
        return self.p_adjusted <= 0.05 and self.difference.excludes_zero

    @property
    def sentence(self) -> str:
        """The finding in plain words."""
        shown = self.anytime or self.difference
        points, low, high = (100 * x for x in (self.difference.value, shown.low, shown.high))
        level = f"{100 * shown.level:.4g} %"
        numbers = f"{points:+.1f} points, {level} interval {low:+.1f} to {high:+.1f}, n = {self.n}"
        if self.real:
            verb = "better" if points > 0 else "worse"
            return f"{self.b} is {verb} than {self.a} on {self.subject} ({numbers})."
        return f"{self.b} and {self.a} on {self.subject}: the data cannot tell ({numbers})."


@dataclass(frozen=True, slots=True)
class SubjectComparison:
    """All models on one subject.

    Attributes:
        subject: what the items are of.
        n: how many items.
        groups: how many groups they are in, or None where each stands alone.
        standings: the models, best first.
        pairs: every pair, in the order in which the models were named.
    """

    subject: str
    n: int
    groups: int | None
    standings: tuple[Standing, ...]
    pairs: tuple[PairDifference, ...]


@dataclass(frozen=True, slots=True)
class ModelComparison:
    """Everything that was compared together.

    Attributes:
        subjects: one comparison per subject.
        notes: what a reader must know before believing it, in sentences.
    """

    subjects: tuple[SubjectComparison, ...]
    notes: tuple[str, ...] = ()

    @property
    def pairs(self) -> tuple[PairDifference, ...]:
        """The pairs of all subjects."""
        return tuple(pair for subject in self.subjects for pair in subject.pairs)

    @property
    def any_real(self) -> bool:
        """Whether at least one difference is told."""
        return any(pair.real for pair in self.pairs)
