"""Ballots of blind ratings: who judged which two answers how, and what follows from all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from weighbridge.core.preferences import Agreement, Ratings, Winner
from weighbridge.core.provenance import Interval

Choice = Literal["a", "b", "tie", "both_bad"]
CHOICES: Final[tuple[Choice, ...]] = ("a", "b", "tie", "both_bad")


@dataclass(frozen=True, slots=True)
class Ballot:
    """One judgement of two answers to one input.

    Attributes:
        item: the input.
        rater: who judged; empty where nobody says.
        a: the model whose answer stood first (on the left).
        b: the model whose answer stood second.
        winner: which was better; ``both_bad`` is a tie between two that would not do.
        task: what kind of input it is; empty where nobody says.
        group: what inputs of one group share, where that is more than the input.
        reason: what the rater wrote beside it.
        judge: whether a model judged. Its ballots never mix with those of people.
        inconsistent: whether a judge's two orders contradicted each other.
        time: when, UTC, ISO 8601.
    """

    item: str
    rater: str
    a: str
    b: str
    winner: Choice
    task: str = ""
    group: str = ""
    reason: str = ""
    judge: bool = False
    inconsistent: bool = False
    time: str = ""

    @property
    def cluster(self) -> str:
        """What its errors are shared with."""
        return self.group or self.item

    @property
    def outcome(self) -> Winner:
        """The winner where two bad answers are as good as each other."""
        return "tie" if self.winner == "both_bad" else self.winner


@dataclass(frozen=True, slots=True)
class Counts:
    """How many judgements went which way.

    Of three models or more ``a`` and ``b`` are other models from pair to pair, and tell something
    only together: see :attr:`decided` and :attr:`RatingResults.sides`.
    """

    a: int = 0
    b: int = 0
    tie: int = 0
    both_bad: int = 0

    @property
    def decided(self) -> int:
        """Those for either."""
        return self.a + self.b

    @property
    def total(self) -> int:
        """All of them."""
        return self.a + self.b + self.tie + self.both_bad


@dataclass(frozen=True, slots=True)
class WinRate:
    """How often a model was preferred, ties as one half.

    Attributes:
        model: whose answers.
        against: the other model, or None for all others together.
        n: comparisons.
        wins: of them.
        ties: of them, two bad answers included.
        rate: the share of wins, ties as one half.
    """

    model: str
    against: str | None
    n: int
    wins: int
    ties: int
    rate: Interval


@dataclass(frozen=True, slots=True)
class PositionBias:
    """Whether the first answer wins because it stands first.

    Attributes:
        share: of the votes for one side, the share for the first, as it would be were each model
            first as often as the other; None where that cannot be told from the models.
        n: votes that it rests on.
        sentence: what it means, or why there is none.
    """

    share: Interval | None
    n: int
    sentence: str


@dataclass(frozen=True, slots=True)
class TaskResults:
    """What the comparisons of one task say."""

    task: str
    counts: Counts
    win_rates: tuple[WinRate, ...]
    ratings: Ratings | None


@dataclass(frozen=True, slots=True)
class JudgeResults:
    """What one judging model says, beside what people say.

    Attributes:
        judge: its name.
        counts: of its judgements.
        inconsistency: the share of comparisons where its two orders contradict each other.
        ratings: by its judgements alone.
        agreement: with the people's joint judgement; None where both judged nothing in common.
    """

    judge: str
    counts: Counts
    inconsistency: Interval | None
    ratings: Ratings | None
    agreement: Agreement | None


@dataclass(frozen=True, slots=True)
class RatingResults:
    """What all ballots of a rating say.

    Attributes:
        votes: single votes of people, as the sides stood: ``a`` is whatever stood first.
        counts: comparisons by the judgement of most of their raters.
        undecided: comparisons without a majority; they count as ties.
        raters: who voted, by name.
        ratings: strengths by the joint judgements; None where they cannot be told.
        win_rates: per model, then per pair of models.
        cohen: agreement of every two raters.
        fleiss: agreement of all raters, on what all of them judged.
        position: whether standing first helps.
        tasks: the same per task, where tasks are known.
        judges: what judging models say.
        notes: what a reader must know before believing it.
        davidson: strengths where ties have a probability of their own; None where there are no
            ties, so that ``ratings`` says the same, or no strengths.
        sides: the models that ``a`` and ``b`` of ``counts`` stand for; None with three or more,
            where they are others from pair to pair.
    """

    votes: Counts
    counts: Counts
    undecided: int
    raters: tuple[str, ...]
    ratings: Ratings | None
    win_rates: tuple[WinRate, ...]
    cohen: tuple[Agreement, ...]
    fleiss: Agreement | None
    position: PositionBias
    tasks: tuple[TaskResults, ...] = ()
    judges: tuple[JudgeResults, ...] = ()
    notes: tuple[str, ...] = ()
    davidson: Ratings | None = None
    sides: tuple[str, str] | None = None
