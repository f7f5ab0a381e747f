"""Ballots of several raters on the same two answers, made one comparison. Pure.

A rater's second ballot on the same input and pair is on another pair of answers (or on the same
once more): it belongs to another comparison, and nothing is merged that one person said twice.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from weighbridge.core.ballots import Ballot, Choice, Counts
from weighbridge.core.preferences import Vote, Winner

Key = tuple[str, str, str, int]  # item, two models in alphabetical order, which of several


@dataclass(frozen=True, slots=True)
class Comparison:
    """All ballots on two answers to one input.

    Attributes:
        key: tells it from others.
        a: the model that a label ``a`` stands for.
        b: the other.
        labels: rater and judgement, turned so that all mean the same by ``a``.
        label: the judgement of most raters; a tie where there is no majority.
        has_majority: whether one of a, b and neither has more raters than each of the others.
        cluster: what its errors are shared with.
        task: of the input.
    """

    key: Key
    a: str
    b: str
    labels: tuple[tuple[str, Choice], ...]
    label: Choice
    has_majority: bool
    cluster: str
    task: str

    @property
    def vote(self) -> Vote:
        """The joint judgement as what strengths are fitted to."""
        return Vote(self.cluster, self.a, self.b, _side(self.label))

    def score(self, model: str) -> float:
        """1 where the model won, 0 where it lost, one half for neither."""
        side = _side(self.label)
        return 0.5 if side == "tie" else float((side == "a") == (model == self.a))


def comparisons(ballots: Sequence[Ballot], order: Sequence[str] = ()) -> tuple[Comparison, ...]:
    """The comparisons that ballots are on.

    ``a`` is the model that comes first in ``order``, else in the alphabet: which of them stood
    first, and in whose ballot, changes nothing.
    """
    places = {model: place for place, model in enumerate(order)}
    seen: Counter[tuple[str, str, str, str]] = Counter()
    of: dict[Key, list[Ballot]] = defaultdict(list)
    for ballot in ballots:
        low, high = sorted((ballot.a, ballot.b))
        said = (ballot.rater, ballot.item, low, high)
        of[(ballot.item, low, high, seen[said])].append(ballot)
        seen[said] += 1
    return tuple(_comparison(key, group, places) for key, group in of.items())


def counted(labels: Sequence[Choice]) -> Counts:
    """How many went which way."""
    count = Counter(labels)
    return Counts(count["a"], count["b"], count["tie"], count["both_bad"])


def _comparison(key: Key, group: Sequence[Ballot], places: dict[str, int]) -> Comparison:
    first = group[0]
    a, b = sorted((first.a, first.b), key=lambda model: (places.get(model, len(places)), model))
    labels = tuple((one.rater, _turned(one.winner, one.a == a)) for one in group)
    task = next((one.task for one in group if one.task), "")
    label = _majority([label for _, label in labels])
    return Comparison(key, a, b, labels, label or "tie", label is not None, first.cluster, task)


def _majority(labels: Sequence[Choice]) -> Choice | None:
    """The judgement of most raters, or None; two bad answers are one way to be neither better."""
    if len(set(labels)) == 1:
        return labels[0]
    counts = Counter(map(_side, labels)).most_common(2)
    if len(counts) > 1 and counts[0][1] == counts[1][1]:
        return None
    side = counts[0][0]
    if side != "tie":
        return side
    return "both_bad" if labels.count("both_bad") > labels.count("tie") else "tie"


def _turned(winner: Choice, is_same: bool) -> Choice:
    if is_same or winner in ("tie", "both_bad"):
        return winner
    return "b" if winner == "a" else "a"


def _side(label: Choice) -> Winner:
    return "tie" if label == "both_bad" else label
