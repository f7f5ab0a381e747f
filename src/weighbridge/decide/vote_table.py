"""Votes as arrays: who met whom on which input, and what is made up where nobody ever lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from weighbridge.core.counting import counted
from weighbridge.core.errors import InputError
from weighbridge.core.preferences import Vote
from weighbridge.decide.statistics.flips import FEWEST_FLIPS
from weighbridge.decide.statistics.paired import Floats, Ints

FEW_ITEMS: Final = 20
_PSEUDO: Final = 0.5  # wins and losses added to each pair that met
_SCORE: Final = {"a": 1.0, "tie": 0.5, "b": 0.0}


@dataclass(frozen=True, slots=True)
class Votes:
    """Votes as arrays; pseudo-votes follow the real ones, each an input by itself."""

    models: tuple[str, ...]
    first: Ints
    second: Ints
    scores: Floats  # 1 where the first won, 0.5 for a tie
    weights: Floats
    items: Ints
    real: int

    @property
    def design(self) -> Floats:
        """A row per vote: +1 for the first model, −1 for the second."""
        rows = np.zeros((len(self.first), len(self.models)))
        every = np.arange(len(self.first))
        rows[every, self.first] = 1.0
        rows[every, self.second] = -1.0
        return rows

    @property
    def clusters(self) -> int:
        """How many inputs there are, made-up ones included."""
        return int(self.items.max()) + 1


def vote_table(
    votes: Sequence[Vote], reference: str | None, *, ties_count: bool
) -> tuple[Votes, tuple[str, ...]]:
    """The votes as arrays, with notes; ``ties_count`` tells whether a tie is half a loss."""
    if not votes:
        raise InputError("There are no votes.", fix="Rate some inputs first.")
    for vote in votes:
        if vote.a == vote.b:
            raise InputError(
                f"A vote on {vote.item} is between {vote.a} and itself.", fix="Remove it."
            )
    models = tuple(sorted({name for vote in votes for name in (vote.a, vote.b)}))
    if reference is not None and reference not in models:
        raise InputError(
            f"There is no vote on {reference!r}.", fix=f"The models are {', '.join(models)}."
        )
    place = {model: index for index, model in enumerate(models)}
    items = {item: index for index, item in enumerate(dict.fromkeys(v.item for v in votes))}
    table = Votes(
        models,
        np.array([place[vote.a] for vote in votes], dtype=np.intp),
        np.array([place[vote.b] for vote in votes], dtype=np.intp),
        np.array([_SCORE[vote.winner] for vote in votes]),
        np.ones(len(votes)),
        np.array([items[vote.item] for vote in votes], dtype=np.intp),
        len(votes),
    )
    _require_connected(table)
    notes = []
    if len(items) < FEW_ITEMS:
        inputs = counted(len(items), "input")
        notes.append(f"There are votes on {inputs} only: intervals are rough below 20.")
    if _is_separated(table, ties_count=ties_count):
        table = _with_pseudo_votes(table)
        added = _PSEUDO * len(table.first[table.real :])
        notes.append(
            "Some models never lost to the rest, so strengths could be infinite: "
            f"{added:g} made-up votes were added, half a win and half a loss for each pair that "
            "met. Differences are at least as uncertain as the intervals say."
        )
    return table, (*notes, *_few_decided(table))


def _reach(edges: Floats) -> Floats:
    """Which model leads to which along the edges, itself included."""
    reach = (np.eye(len(edges)) + edges) > 0
    for _ in range(max(1, len(edges).bit_length())):
        reach = (reach.astype(np.float64) @ reach.astype(np.float64)) > 0
    return reach.astype(np.float64)


def _beats(table: Votes, *, ties_count: bool) -> Floats:
    """1 where the row's model has won against the column's, or tied with it if ties count."""
    edges = np.zeros((len(table.models), len(table.models)))
    least = 0.5 if ties_count else 1.0
    won, lost = table.scores >= least, table.scores <= 1 - least
    edges[table.first[won], table.second[won]] = 1
    edges[table.second[lost], table.first[lost]] = 1
    return edges


def _require_connected(table: Votes) -> None:
    edges = _beats(table, ties_count=True)
    apart = np.flatnonzero(_reach(edges + edges.T)[0] == 0)
    if len(apart):
        raise InputError(
            f"{table.models[0]} and {table.models[apart[0]]} were never compared, not even through "
            "third models.",
            fix="Rate pairs that join them.",
        )


def _is_separated(table: Votes, *, ties_count: bool) -> bool:
    """Whether some models never lost to the rest: then perhaps no finite strength fits best.

    In Davidson's model a tie is no loss, for the weight of ties may grow with the strengths.
    """
    return bool((_reach(_beats(table, ties_count=ties_count)) == 0).any())


def _with_pseudo_votes(table: Votes) -> Votes:
    pairs = sorted({(min(a, b), max(a, b)) for a, b in zip(table.first, table.second, strict=True)})
    first = np.array([pair[0] for pair in pairs for _ in range(2)], dtype=np.intp)
    second = np.array([pair[1] for pair in pairs for _ in range(2)], dtype=np.intp)
    extra = len(first)
    return Votes(
        table.models,
        np.append(table.first, first),
        np.append(table.second, second),
        np.append(table.scores, np.tile((1.0, 0.0), len(pairs))),
        np.append(table.weights, np.full(extra, _PSEUDO)),
        np.append(table.items, table.items.max() + 1 + np.arange(extra)),
        table.real,
    )


def _decided(table: Votes) -> tuple[Ints, Floats]:
    """How many decided votes each model has, and which models met."""
    count = len(table.models)
    is_decided = table.scores[: table.real] != 0.5
    first, second = table.first[: table.real], table.second[: table.real]
    each = np.bincount(first[is_decided], minlength=count)
    each = each + np.bincount(second[is_decided], minlength=count)
    met = np.zeros((count, count))
    met[first, second] = met[second, first] = 1.0
    return each.astype(np.intp), met


def _few_decided(table: Votes) -> tuple[str, ...]:
    each, _ = _decided(table)
    if each.min() >= FEWEST_FLIPS:
        return ()
    count = int((table.scores[: table.real] != 0.5).sum())
    if count == 0:
        said = (
            f"All {table.real} votes are ties: that models are equal is no more certain than the "
            "intervals say, which allow for a win and a loss that did not come up."
        )
        return (said,)
    fewest = int(each.argmin())
    said = (
        f"Few votes are decided: of those on {table.models[fewest]}, {each[fewest]}. Intervals "
        "allow for a win and a loss that did not come up."
    )
    return (said,)


def unseen(table: Votes) -> Votes | None:
    """A win and a loss for models with few decided votes; None where each has enough.

    Errors allow for them, as Bonett and Price's interval of few flips does; strengths do not. They
    are spread over those whom a model met, so that the weights of each model's sum to 1 or more.
    """
    each, met = _decided(table)
    pairs = [
        (a, b)
        for a, b in zip(*np.nonzero(np.triu(met)), strict=True)
        if min(each[a], each[b]) < FEWEST_FLIPS
    ]
    if not pairs:
        return None
    rivals = met.sum(axis=1)
    weights = np.array([1 / min(rivals[a], rivals[b]) for a, b in pairs])
    first, second = np.array(pairs, dtype=np.intp).T
    return Votes(
        table.models,
        np.tile(first, 2),
        np.tile(second, 2),
        np.repeat((1.0, 0.0), len(pairs)),
        np.tile(weights, 2),
        np.arange(2 * len(pairs), dtype=np.intp),
        0,
    )
