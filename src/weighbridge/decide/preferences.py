"""Strengths of models from votes between two: Bradley and Terry's model, and Davidson's with ties.

Both are fitted by Newton's method. Votes on one input share its difficulty and its quirks, so
errors come from the sandwich estimator clustered by input: on real votes, errors that take every
vote for independent are a quarter too small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import expit, stdtrit

from weighbridge.core.errors import InputError
from weighbridge.core.preferences import Rating, Ratings, Vote
from weighbridge.core.provenance import Interval
from weighbridge.decide.statistics.paired import Floats, Ints

ELO: Final = 400 / math.log(10)
_PSEUDO: Final = 0.5  # wins and losses added to each pair that met
_STEPS: Final = 100
_TOLERANCE: Final = 1e-9
_FEW_ITEMS: Final = 20
_SCORE: Final = {"a": 1.0, "tie": 0.5, "b": 0.0}


@dataclass(frozen=True, slots=True)
class _Votes:
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


@dataclass(frozen=True, slots=True)
class _Step:
    """Gradient per vote and curvature of the log-likelihood at some parameters."""

    value: float
    gradients: Floats
    information: Floats


@dataclass(frozen=True, slots=True)
class _Fit:
    """Fitted parameters, with their covariance for independent votes and clustered by input."""

    parameters: Floats
    independent: Floats
    clustered: Floats


def bradley_terry(votes: Sequence[Vote], *, reference: str | None = None) -> Ratings:
    """Strengths of which a difference is the log odds of winning; a tie is half a win for both.

    Raises:
        InputError: there are no votes, a vote names one model twice, the reference is unknown, or
            some models were never compared with the others, not even through third ones.
    """
    table, notes = _table(votes, reference, ties_count=True)
    design = table.design

    def step(parameters: Floats) -> _Step:
        chance = expit(design @ parameters)
        residual = table.weights * (table.scores - chance)
        curvature = table.weights * chance * (1 - chance)
        with np.errstate(divide="ignore", invalid="ignore"):
            value = float(
                table.weights
                @ (np.log(chance) * table.scores + np.log1p(-chance) * (1 - table.scores))
            )
        return _Step(value, residual[:, None] * design, (design * curvature[:, None]).T @ design)

    fit = _fit(step, np.zeros(len(table.models)), len(table.models), table)
    return _ratings("bradley-terry", table, fit, reference, notes=notes)


def davidson(votes: Sequence[Vote], *, reference: str | None = None) -> Ratings:
    """Strengths where ties have a probability of their own (Davidson 1970).

    With strengths π, i beats j with πi / (πi + πj + nu √(πi πj)), and they tie with the share of
    the last term. Without any tie this is Bradley and Terry's model.

    Raises:
        InputError: as for :func:`bradley_terry`.
    """
    if not any(vote.winner == "tie" for vote in votes):
        found = bradley_terry(votes, reference=reference)
        notes = (*found.notes, "There are no ties, so this is the model of Bradley and Terry.")
        return Ratings(
            "davidson", found.ratings, found.reference, found.items, 0.0, found.pseudo_votes, notes
        )
    table, notes = _table(votes, reference, ties_count=False)
    design, models = table.design, len(table.models)
    is_tie = table.scores == 0.5
    # What each vote adds for the pair's half-difference and for ties: win, tie, loss.
    outcome = table.scores - 0.5

    def step(parameters: Floats) -> _Step:
        half = design @ parameters[:models] / 2
        log_terms = np.stack((half, np.full(len(half), parameters[models]), -half))
        total = np.logaddexp.reduce(log_terms)
        win, tie, loss = np.exp(log_terms - total)
        value = float(table.weights @ (2 * outcome * half + is_tie * parameters[models] - total))
        slope, tied = outcome - (win - loss) / 2, is_tie - tie
        gradients = table.weights[:, None] * np.column_stack((slope[:, None] * design, tied))
        inner = table.weights * (win + loss - (win - loss) ** 2) / 4
        cross = -table.weights * tie * (win - loss) / 2
        corner = float(table.weights @ (tie * (1 - tie)))
        side = design.T @ cross
        information = np.block(
            [[(design * inner[:, None]).T @ design, side[:, None]],
             [side[None, :], np.array([[corner]])]]
        )  # fmt: skip
        return _Step(value, gradients, information)

    start = np.append(np.zeros(models), math.log(max(is_tie.mean(), 0.01)))
    fit = _fit(step, start, models, table)
    nu = float(np.exp(fit.parameters[models]))
    return _ratings("davidson", table, fit, reference, nu=nu, notes=notes)


def _table(
    votes: Sequence[Vote], reference: str | None, *, ties_count: bool
) -> tuple[_Votes, tuple[str, ...]]:
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
    table = _Votes(
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
    if len(items) < _FEW_ITEMS:
        notes.append(f"There are votes on {len(items)} inputs only: intervals are rough below 20.")
    if _is_separated(table, ties_count=ties_count):
        table = _with_pseudo_votes(table)
        added = _PSEUDO * len(table.first[table.real :])
        notes.append(
            "Some models never lost to the rest, so strengths could be infinite: "
            f"{added:g} made-up votes were added, half a win and half a loss for each pair that "
            "met. Differences are at least as uncertain as the intervals say."
        )
    return table, tuple(notes)


def _reach(edges: Floats) -> Floats:
    """Which model leads to which along the edges, itself included."""
    reach = (np.eye(len(edges)) + edges) > 0
    for _ in range(max(1, len(edges).bit_length())):
        reach = (reach.astype(np.float64) @ reach.astype(np.float64)) > 0
    return reach.astype(np.float64)


def _beats(table: _Votes, *, ties_count: bool) -> Floats:
    """1 where the row's model has won against the column's, or tied with it if ties count."""
    edges = np.zeros((len(table.models), len(table.models)))
    least = 0.5 if ties_count else 1.0
    won, lost = table.scores >= least, table.scores <= 1 - least
    edges[table.first[won], table.second[won]] = 1
    edges[table.second[lost], table.first[lost]] = 1
    return edges


def _require_connected(table: _Votes) -> None:
    edges = _beats(table, ties_count=True)
    apart = np.flatnonzero(_reach(edges + edges.T)[0] == 0)
    if len(apart):
        raise InputError(
            f"{table.models[0]} and {table.models[apart[0]]} were never compared, not even through "
            "third models.",
            fix="Rate pairs that join them.",
        )


def _is_separated(table: _Votes, *, ties_count: bool) -> bool:
    """Whether some models never lost to the rest: then perhaps no finite strength fits best.

    In Davidson's model a tie is no loss, for the weight of ties may grow with the strengths.
    """
    return bool((_reach(_beats(table, ties_count=ties_count)) == 0).any())


def _with_pseudo_votes(table: _Votes) -> _Votes:
    pairs = sorted({(min(a, b), max(a, b)) for a, b in zip(table.first, table.second, strict=True)})
    first = np.array([pair[0] for pair in pairs for _ in range(2)], dtype=np.intp)
    second = np.array([pair[1] for pair in pairs for _ in range(2)], dtype=np.intp)
    extra = len(first)
    return _Votes(
        table.models,
        np.append(table.first, first),
        np.append(table.second, second),
        np.append(table.scores, np.tile((1.0, 0.0), len(pairs))),
        np.append(table.weights, np.full(extra, _PSEUDO)),
        np.append(table.items, table.items.max() + 1 + np.arange(extra)),
        table.real,
    )


def _fit(step: Callable[[Floats], _Step], start: Floats, models: int, table: _Votes) -> _Fit:
    """The parameters of greatest likelihood, strengths summing to 0."""
    level = np.zeros(len(start))
    level[:models] = 1.0
    fixed = np.outer(level, level)  # a level of all strengths changes no probability
    parameters = start
    now = step(parameters)
    for _ in range(_STEPS):
        move = np.linalg.solve(now.information + fixed, now.gradients.sum(axis=0))
        scale = 1.0
        after = step(parameters + move)
        while not after.value >= now.value - _TOLERANCE and scale > _TOLERANCE:
            scale /= 2
            after = step(parameters + scale * move)
        parameters, now = parameters + scale * move, after
        if float(np.abs(move).max()) < _TOLERANCE:
            break
    bread = np.linalg.inv(now.information + fixed).astype(np.float64)
    by_item = np.zeros((int(table.items.max()) + 1, len(start)))
    np.add.at(by_item, table.items, now.gradients)
    clusters = len(by_item)
    factor = clusters / (clusters - 1) if clusters > 1 else 1.0
    clustered: Floats = factor * bread @ (by_item.T @ by_item) @ bread
    return _Fit(parameters, bread, clustered)


def _errors(to: Floats, fit: _Fit, *, is_thin: bool) -> Floats:
    """Standard errors of the strengths, clustered by input.

    Where votes are few or all went one way, the sandwich sees less spread than there may be: then
    the larger of its error and that of independent votes counts.
    """
    count = len(to)

    def of(covariance: Floats) -> Floats:
        # Rounding may leave a reference's own variance a little below 0.
        spread = np.diag(to @ covariance[:count, :count] @ to.T)
        errors: Floats = ELO * np.sqrt(np.maximum(0.0, spread))
        return errors

    clustered = of(fit.clustered)
    return np.maximum(clustered, of(fit.independent)) if is_thin else clustered


def _ratings(
    method: str,
    table: _Votes,
    fit: _Fit,
    reference: str | None,
    *,
    nu: float | None = None,
    notes: tuple[str, ...],
) -> Ratings:
    """Strengths in Elo units from the reference, with Student's intervals."""
    count = len(table.models)
    to = np.eye(count) - (
        np.full((count, count), 1 / count)
        if reference is None
        else np.tile(np.eye(count)[table.models.index(reference)], (count, 1))
    )
    items = len(np.unique(table.items[: table.real]))
    elo = ELO * to @ fit.parameters[:count]
    errors = _errors(to, fit, is_thin=items < _FEW_ITEMS or table.real < len(table.first))
    quantile = float(stdtrit(items - 1, 0.975)) if items > 1 else math.inf
    ratings = []
    for index, model in enumerate(table.models):
        is_first = table.first[: table.real] == index
        is_second = table.second[: table.real] == index
        scores = table.scores[: table.real]
        half = 0.0 if model == reference else quantile * float(errors[index])
        ratings.append(
            Rating(
                model,
                Interval(float(elo[index]), float(elo[index]) - half, float(elo[index]) + half),
                0.0 if model == reference else float(errors[index]),
                int(is_first.sum() + is_second.sum()),
                float(scores[is_first].sum() + (1 - scores[is_second]).sum()),
            )
        )
    ranked = tuple(sorted(ratings, key=lambda rating: (-rating.elo.value, rating.model)))
    pseudo = float(table.weights[table.real :].sum())
    return Ratings(method, ranked, reference, items, nu, pseudo, notes)
