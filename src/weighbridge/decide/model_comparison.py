"""Several models on the same items: who is better, how sure that is, and what would settle it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final

import numpy as np

from weighbridge.core.counting import counted
from weighbridge.core.errors import InputError
from weighbridge.core.model_comparison import (
    ModelComparison,
    PairDifference,
    Standing,
    SubjectComparison,
)
from weighbridge.core.outcomes import Outcomes
from weighbridge.decide.statistics.bootstrap import mean_draws, p_best
from weighbridge.decide.statistics.clusters import few_groups
from weighbridge.decide.statistics.flips import flip_difference, mcnemar
from weighbridge.decide.statistics.multiplicity import holm
from weighbridge.decide.statistics.paired import Floats, Ints, Paired, mean, paired
from weighbridge.decide.statistics.power import detectable, detectable_flips, items_needed
from weighbridge.decide.statistics.sequential import SEED, anytime_difference, is_sorted

_ALPHA: Final = 0.05


@dataclass(frozen=True, slots=True)
class Columns:
    """Outcomes as arrays: a row per item, a column per model; missing answers are 0."""

    scores: Floats
    groups: Ints | None

    @property
    def is_binary(self) -> bool:
        """Whether every score is 0 or 1."""
        return bool(np.isin(self.scores, (0.0, 1.0)).all())


def columns(outcomes: Outcomes) -> Columns:
    """Outcomes as arrays.

    Raises:
        InputError: there is no item, or there are groups but only one.
    """
    if not outcomes.items:
        raise InputError(f"{outcomes.subject} has no items.", fix="Give one row per item.")
    scores = np.array([np.frombuffer(column) for column in outcomes.scores]).T
    groups = None
    if outcomes.groups is not None:
        names, groups = np.unique(np.array(outcomes.groups), return_inverse=True)
        if len(names) < 2:
            raise InputError(
                f"All items of {outcomes.subject} are in one group, {names[0]!s}: how groups "
                "differ cannot be told.",
                fix="Leave the groups out, or add items of other groups.",
            )
    return Columns(np.ascontiguousarray(np.nan_to_num(scores, nan=0.0)), groups)


def compare_models(
    subjects: Sequence[Outcomes],
    *,
    anytime: bool = False,
    reference: str | None = None,
    seed: int = 0,
) -> ModelComparison:
    """Every model with every other on each subject; Holm's procedure covers all pairs together.

    Args:
        subjects: the outcomes on each.
        anytime: give bounds that hold however often one has looked at the data, and judge by them.
        reference: compare the others with this model only: pairs that nobody asks about would
            cost those that are.
        seed: of the draws for the chances of being best.

    Raises:
        InputError: a subject has less than two models, no items, or only one group, or bounds for
            repeated looks are asked of items in groups.
    """
    _refuse(subjects, anytime=anytime)
    tables = [columns(subject) for subject in subjects]
    asked = [_asked(one.models, reference) for one in subjects]
    # No pair of the family is held against less than this, so what shows at it shows.
    alpha = _ALPHA / max(1, sum(map(len, asked)))
    found = [
        _pairs(one, table, which, alpha)
        for one, table, which in zip(subjects, tables, asked, strict=True)
    ]
    family = [pair for pairs in found for pair in pairs]
    adjusted = dict(zip(map(id, family), holm([pair.p for pair in family]), strict=True))
    settled = [
        tuple(replace(pair, p_adjusted=adjusted[id(pair)]) for pair in pairs) for pairs in found
    ]
    if anytime:
        settled = [
            _at_any_time(pairs, table, one.models, len(family))
            for pairs, table, one in zip(settled, tables, subjects, strict=True)
        ]
    unsettled = sum(not pair.real for pairs in settled for pair in pairs)
    comparisons = tuple(
        SubjectComparison(
            one.subject,
            len(one.items),
            None if table.groups is None else int(table.groups.max()) + 1,
            _standings(one, table, seed),
            tuple(_with_need(pair, table, one.models, unsettled) for pair in pairs),
        )
        for one, table, pairs in zip(subjects, tables, settled, strict=True)
    )
    told = _order_notes(subjects, tables, settled) if anytime else ()
    few = [few_groups(one.subject, tab.groups) for one, tab in zip(subjects, tables, strict=True)]
    notes = (*_notes(comparisons, anytime=anytime), *told, *filter(None, few))
    return ModelComparison(comparisons, notes)


def _refuse(subjects: Sequence[Outcomes], *, anytime: bool) -> None:
    for subject in subjects:
        if len(subject.models) < 2:
            raise InputError(
                f"{subject.subject} has one model only: {', '.join(subject.models)}.",
                fix="It takes two to compare.",
            )
        if anytime and subject.groups is not None:
            raise InputError(
                "Bounds for repeated looks are not known for items in groups.",
                fix="Leave out --sequential or --group.",
            )


def _standings(outcomes: Outcomes, table: Columns, seed: int) -> tuple[Standing, ...]:
    shares = p_best(mean_draws(table.scores, table.groups, seed=seed))
    standings = [
        Standing(
            model,
            mean(table.scores[:, index], table.groups),
            float(shares[index]),
            outcomes.missing(index),
        )
        for index, model in enumerate(outcomes.models)
    ]
    return tuple(sorted(standings, key=lambda one: (-one.accuracy.value, one.model)))


def _asked(models: Sequence[str], reference: str | None) -> list[tuple[int, int]]:
    """Which pairs are compared."""
    return [
        (a, b)
        for a, b in combinations(range(len(models)), 2)
        if reference is None or reference in (models[a], models[b])
    ]


def _pairs(
    outcomes: Outcomes, table: Columns, asked: Sequence[tuple[int, int]], alpha: float
) -> list[PairDifference]:
    """Every pair with its own p-value; those of the family, and what is needed, come later.

    What shows is told at the level ``alpha``.
    """
    pairs = []
    for a, b in asked:
        differences = table.scores[:, b] - table.scores[:, a]
        up, down = int((differences > 0).sum()), int((differences < 0).sum())
        estimate = paired(differences, table.groups)
        p_mcnemar = mcnemar(up, down) if table.is_binary else None
        # McNemar's test takes items for independent, which those of one group are not.
        by_flips = p_mcnemar is not None and table.groups is None
        interval = flip_difference(up, down, len(differences)) if by_flips else estimate.interval()
        p = p_mcnemar if p_mcnemar is not None and by_flips else estimate.p
        pairs.append(
            PairDifference(
                a=outcomes.models[a],
                b=outcomes.models[b],
                subject=outcomes.subject,
                n=len(differences),
                difference=interval,
                method=estimate.method,
                p_mcnemar=p_mcnemar,
                p=p,
                p_adjusted=p,
                flips_up=up,
                flips_down=down,
                detectable=_detectable(
                    estimate, len(differences), up + down if by_flips else None, alpha
                ),
                more_items=None,
            )
        )
    return pairs


def _detectable(estimate: Paired, n: int, flips: int | None, alpha: float) -> float:
    """The smallest true difference that shows, by the test that judges; 1 where none does.

    ``flips`` are None where McNemar's test does not judge.
    """
    if flips is not None:
        found = detectable_flips(flips / n, n, alpha=alpha)
        return 1.0 if found is None else min(1.0, found)
    dof = estimate.dof if estimate.method == "cluster" else math.inf
    return min(1.0, detectable(estimate.variance, n, alpha=alpha, dof=dof))


def _of(pair: PairDifference, table: Columns, models: Sequence[str]) -> Floats:
    a, b = models.index(pair.a), models.index(pair.b)
    return table.scores[:, b] - table.scores[:, a]


def _at_any_time(
    pairs: Sequence[PairDifference], table: Columns, models: Sequence[str], family: int
) -> tuple[PairDifference, ...]:
    """With bounds for repeated looks; their level allows for all pairs that are looked at."""
    level = 1 - _ALPHA / family
    return tuple(
        replace(pair, anytime=anytime_difference(_of(pair, table, models), level=level))
        for pair in pairs
    )


def _with_need(
    pair: PairDifference, table: Columns, models: Sequence[str], unsettled: int
) -> PairDifference:
    """With the number of further items that would settle it.

    Of the pairs that are still open Holm's procedure holds the first against the level divided by
    their number, so that is what an open pair has to reach.
    """
    if pair.real:
        return replace(pair, more_items=0)
    if pair.anytime is not None:
        return pair  # when such bounds will exclude zero depends on the order of what comes
    if few_groups(pair.subject, table.groups):
        return pair  # the spread of so few groups says nothing of how many would do
    estimate = paired(_of(pair, table, models), table.groups)
    needed = items_needed(estimate.variance, pair.difference.value, alpha=_ALPHA / unsettled)
    return replace(pair, more_items=None if needed is None else max(1, needed - pair.n))


def _notes(subjects: Sequence[SubjectComparison], *, anytime: bool) -> tuple[str, ...]:
    notes = []
    family = sum(len(subject.pairs) for subject in subjects)
    if anytime:
        notes.append(
            f"Bounds hold at all looks, for all {family} pairs together; p-values hold for one "
            "look only."
            if family > 1
            else "Bounds hold at all looks; p-values hold for one look only."
        )
    elif family > 1:
        notes.append(f"Verdicts allow for {family} comparisons (Holm); intervals do not.")
    for subject in subjects:
        notes.extend(_missing_note(subject, one) for one in subject.standings if one.missing)
        if any(pair.p_mcnemar is None for pair in subject.pairs):
            notes.append(
                f"{subject.subject} has scores other than 0 and 1 (means over repeats, or parts), "
                "for which McNemar's test is not made: p-values are those of the intervals."
            )
    return tuple(notes)


def _order_notes(
    subjects: Sequence[Outcomes],
    tables: Sequence[Columns],
    settled: Sequence[Sequence[PairDifference]],
) -> tuple[str, ...]:
    """How the order of the items was dealt with, and where it cannot be one by chance."""
    said = (
        "Bounds for repeated looks need items that come in an order by chance. They are the outer "
        f"ones of the rows as they stand and of the rows shuffled (seed {SEED})."
    )
    notes = [said]
    for one, table, pairs in zip(subjects, tables, settled, strict=True):
        by = [
            pair
            for pair in pairs
            if pair.anytime and is_sorted(_of(pair, table, one.models), level=pair.anytime.level)
        ]
        if by:
            notes.append(
                f"The rows of {one.subject} seem to be sorted: as they stand, bounds leave out the "
                f"difference itself, such as that of {by[0].b} and {by[0].a}. Give the items in "
                "the order in which they were answered, drawn by chance."
            )
    return tuple(notes)


def _missing_note(subject: SubjectComparison, standing: Standing) -> str:
    named = ", ".join(standing.missing[:5])
    rest = len(standing.missing) - 5
    more = f" and {rest} more" if rest > 0 else ""
    items = counted(subject.n, "item")
    return (
        f"{standing.model} gave no answer to {len(standing.missing)} of {items} of "
        f"{subject.subject}, which count as wrong: {named}{more}."
    )
