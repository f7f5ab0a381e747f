"""Strengths of models from votes between two: Bradley and Terry's model, and Davidson's with ties.

Both are fitted by Newton's method. Votes on one input share its difficulty and its quirks, so
errors come from the sandwich estimator clustered by input: on real votes, errors that take every
vote for independent are a quarter too small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final, TypeAlias

import numpy as np
from scipy.special import expit, stdtr, stdtrit

from weighbridge.core.preferences import Rating, Ratings, StrengthDifference, Vote
from weighbridge.core.provenance import Interval
from weighbridge.decide.statistics.clusters import degrees
from weighbridge.decide.statistics.multiplicity import holm
from weighbridge.decide.statistics.paired import Floats
from weighbridge.decide.vote_table import FEW_ITEMS, Votes, unseen, vote_table

ELO: Final = 400 / math.log(10)
_STEPS: Final = 100
_TOLERANCE: Final = 1e-9
_LEAST: Final = 1e-300
# An input that carries all of a figure leaves nothing to learn its error from.
_LEAST_REST: Final = 1e-3


@dataclass(frozen=True, slots=True)
class _Step:
    """The log-likelihood at some parameters, with what each vote adds to it.

    Attributes:
        value: of all votes.
        gradients: a row per vote.
        factors: per vote, vectors whose outer products sum to its curvature.
    """

    value: float
    gradients: Floats
    factors: Floats

    @property
    def information(self) -> Floats:
        """The curvature of all votes."""
        flat = self.factors.reshape(-1, self.factors.shape[-1])
        found: Floats = flat.T @ flat
        return found


_Model: TypeAlias = Callable[[Floats, Votes], _Step]


@dataclass(frozen=True, slots=True)
class _Fit:
    """Fitted parameters with all that errors need.

    Attributes:
        parameters: strengths, then the log of Davidson's weight of ties.
        covariance: for independent votes.
        gradients: a row per input.
        factors: as in the last step.
        items: of each vote, its input.
        unseen: gradients of votes that errors allow for, each scaled to its weight.
        inputs: how many the real votes are on.
        has_pseudo_votes: whether made-up votes hold the strengths together.
    """

    parameters: Floats
    covariance: Floats
    gradients: Floats
    factors: Floats
    items: np.ndarray[tuple[int, ...], np.dtype[np.intp]]
    unseen: Floats
    inputs: int
    has_pseudo_votes: bool

    def estimate(self, contrast: Floats) -> _Estimate:
        """A sum of parameters, each times its number, with its error by the jackknife of inputs.

        It leaves out one input after the other, to first order. Where inputs are few, or the votes
        of a few outweigh the rest, it may see less spread than there is: then the larger of its
        error and that of independent votes counts.
        """
        towards = self.covariance @ contrast
        each = ((self.factors @ towards) ** 2).sum(axis=1)
        told = np.bincount(self.items, each).astype(np.float64)
        if self.inputs < 2 or not told.any():
            return _Estimate(float(contrast @ self.parameters), math.inf, 1.0)
        rest = np.maximum(_LEAST_REST, 1 - told / told.sum())
        pulls = self.gradients @ towards / rest
        count = len(pulls)
        square = float(pulls @ pulls) * (count - 1) / count
        square += float(((self.unseen @ towards) ** 2).sum())
        dof = min(degrees(told), self.inputs - 1.0)
        if self.has_pseudo_votes or dof + 1 < FEW_ITEMS:
            square = max(square, float(contrast @ towards))
        return _Estimate(float(contrast @ self.parameters), math.sqrt(square), dof)


@dataclass(frozen=True, slots=True)
class _Estimate:
    """A figure with its standard error and the degrees of freedom of Student's t."""

    value: float
    error: float
    dof: float

    def interval(self, unit: float = 1.0) -> Interval:
        """With 95 %."""
        half = self.error * float(stdtrit(self.dof, 0.975))
        return Interval(unit * self.value, unit * (self.value - half), unit * (self.value + half))

    @property
    def p(self) -> float:
        """Two-sided, of 0."""
        if math.isinf(self.error):
            return 1.0
        return min(1.0, 2 * float(stdtr(self.dof, -abs(self.value) / self.error)))


def bradley_terry(votes: Sequence[Vote], *, reference: str | None = None) -> Ratings:
    """Strengths of which a difference is the log odds of winning; a tie is half a win for both.

    Raises:
        InputError: there are no votes, a vote names one model twice, the reference is unknown, or
            some models were never compared with the others, not even through third ones.
    """
    table, notes = vote_table(votes, reference, ties_count=True)
    fit = _fit(_decided_or_half, np.zeros(len(table.models)), table)
    return _ratings("bradley-terry", table, fit, reference, notes)


def _decided_or_half(parameters: Floats, table: Votes) -> _Step:
    design = table.design
    chance = expit(design @ parameters)
    residual = table.weights * (table.scores - chance)
    curvature = table.weights * chance * (1 - chance)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(
            table.weights @ (np.log(chance) * table.scores + np.log1p(-chance) * (1 - table.scores))
        )
    factors = (np.sqrt(curvature)[:, None] * design)[:, None, :]
    return _Step(value, residual[:, None] * design, factors)


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
        return replace(found, method="davidson", nu=0.0, notes=notes)
    table, notes = vote_table(votes, reference, ties_count=False)
    models = len(table.models)
    ties = float((table.scores == 0.5).mean())
    fit = _fit(_with_ties, np.append(np.zeros(models), math.log(max(ties, 0.01))), table)
    log_nu = fit.estimate(np.append(np.zeros(models), 1.0)).interval()
    ends = (math.exp(min(700.0, one)) for one in (log_nu.value, log_nu.low, log_nu.high))
    return _ratings("davidson", table, fit, reference, notes, nu=Interval(*ends))


def _with_ties(parameters: Floats, table: Votes) -> _Step:
    design, models = table.design, len(table.models)
    is_tie = table.scores == 0.5
    # What each vote adds for the pair's half-difference and for ties: win, tie, loss.
    outcome = table.scores - 0.5
    half = design @ parameters[:models] / 2
    log_terms = np.stack((half, np.full(len(half), parameters[models]), -half))
    total = np.logaddexp.reduce(log_terms)
    win, tie, loss = np.exp(log_terms - total)
    value = float(table.weights @ (2 * outcome * half + is_tie * parameters[models] - total))
    slope, tied = outcome - (win - loss) / 2, is_tie - tie
    gradients = table.weights[:, None] * np.column_stack((slope[:, None] * design, tied))
    # Cholesky's factors of each vote's curvature for the half-difference and for ties.
    inner = np.sqrt(np.maximum(_LEAST, (win + loss - (win - loss) ** 2) / 4))
    cross = -tie * (win - loss) / 2 / inner
    corner = np.sqrt(np.maximum(0.0, tie * (1 - tie) - cross**2))
    first = np.column_stack((inner[:, None] * design, cross))
    second = np.column_stack((np.zeros_like(design), corner))
    factors = np.sqrt(table.weights)[:, None, None] * np.stack((first, second), axis=1)
    return _Step(value, gradients, factors)


def _fit(model: _Model, start: Floats, table: Votes) -> _Fit:
    """The parameters of greatest likelihood, strengths summing to 0."""
    level = np.zeros(len(start))
    level[: len(table.models)] = 1.0
    fixed = np.outer(level, level)  # a level of all strengths changes no probability
    parameters = start
    now = model(parameters, table)
    for _ in range(_STEPS):
        move = np.linalg.solve(now.information + fixed, now.gradients.sum(axis=0))
        scale = 1.0
        after = model(parameters + move, table)
        while not after.value >= now.value - _TOLERANCE and scale > _TOLERANCE:
            scale /= 2
            after = model(parameters + scale * move, table)
        parameters, now = parameters + scale * move, after
        if float(np.abs(move).max()) < _TOLERANCE:
            break
    by_item = np.zeros((table.clusters, len(start)))
    np.add.at(by_item, table.items, now.gradients)
    more = unseen(table)
    return _Fit(
        parameters,
        np.linalg.inv(now.information + fixed).astype(np.float64),
        by_item,
        now.factors,
        table.items,
        np.zeros((0, len(start)))
        if more is None
        else model(parameters, more).gradients / np.sqrt(more.weights)[:, None],
        len(np.unique(table.items[: table.real])),
        table.real < len(table.first),
    )


def _ratings(
    method: str,
    table: Votes,
    fit: _Fit,
    reference: str | None,
    notes: tuple[str, ...],
    *,
    nu: Interval | None = None,
) -> Ratings:
    """Strengths in Elo units from the reference, and how they differ, with Student's intervals."""
    count, size = len(table.models), len(fit.parameters)
    each = np.eye(count, size)
    origin = each.mean(axis=0) if reference is None else each[table.models.index(reference)]
    scores = table.scores[: table.real]
    ratings, worth = [], math.inf
    for index, model in enumerate(table.models):
        is_first = table.first[: table.real] == index
        is_second = table.second[: table.real] == index
        votes = int(is_first.sum() + is_second.sum())
        wins = float(scores[is_first].sum() + (1 - scores[is_second]).sum())
        if model == reference:
            ratings.append(Rating(model, Interval(0.0, 0.0, 0.0), 0.0, votes, wins))
            continue
        found = fit.estimate(each[index] - origin)
        worth = min(worth, found.dof + 1)
        ratings.append(Rating(model, found.interval(ELO), ELO * found.error, votes, wins))
    ranked = tuple(sorted(ratings, key=lambda rating: (-rating.elo.value, rating.model)))
    return Ratings(
        method=method,
        ratings=ranked,
        reference=reference,
        items=fit.inputs,
        nu=None if nu is None else nu.value,
        nu_interval=nu,
        pseudo_votes=float(table.weights[table.real :].sum()),
        differences=_differences([one.model for one in ranked], table, fit),
        notes=(*notes, *_uneven(fit.inputs, worth)),
    )


def _uneven(inputs: int, worth: float) -> tuple[str, ...]:
    if inputs < FEW_ITEMS or worth >= FEW_ITEMS:
        return ()
    said = (
        f"A few of the {inputs} inputs have most of the votes, so that they are worth about "
        f"{worth:.0f} for some models: intervals are rough below 20, and wide."
    )
    return (said,)


def _differences(ranked: Sequence[str], table: Votes, fit: _Fit) -> tuple[StrengthDifference, ...]:
    """Every pair, the stronger minus the weaker; Holm's procedure covers all of them."""
    each = np.eye(len(table.models), len(fit.parameters))
    place = {model: index for index, model in enumerate(table.models)}
    pairs = list(combinations(ranked, 2))
    found = [fit.estimate(each[place[b]] - each[place[a]]) for b, a in pairs]
    adjusted = holm([one.p for one in found])
    return tuple(
        StrengthDifference(a, b, one.interval(ELO), one.p, p)
        for (b, a), one, p in zip(pairs, found, adjusted, strict=True)
    )
