"""The regression gate: one-sided bounds of a paired difference against a margin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from weighbridge.core.errors import InputError
from weighbridge.core.gate import Answered, Basis, GateCheck, GateVerdict
from weighbridge.core.outcomes import Outcomes
from weighbridge.core.provenance import Interval
from weighbridge.decide.model_comparison import Columns, columns
from weighbridge.decide.statistics.clusters import few_groups
from weighbridge.decide.statistics.paired import Floats, Paired, mean, paired
from weighbridge.decide.statistics.power import items_needed
from weighbridge.decide.statistics.score import score_interval

# Two one-sided bounds of 95 % each are the ends of a two-sided interval of 90 %.
_LEVEL: Final = 0.90
_ALPHA: Final = 0.05


def gate(
    candidate: str,
    baseline: str,
    subjects: Sequence[Outcomes],
    margin: float,
    notes: Sequence[str] = (),
) -> GateVerdict:
    """Judge a candidate by its outcomes on each subject.

    Args:
        candidate: what to call it.
        baseline: what to call the other.
        subjects: outcomes of two models each, the candidate first.
        margin: how much worse it may be, as a share: 0.02 is two points.
        notes: what was left out.

    Raises:
        InputError: the margin is none, or there is nothing to judge by.
    """
    if not 0 < margin < 1:
        raise InputError(
            f"{margin:g} is no margin.", fix="Give a share above 0 and below 1: 0.02 is two points."
        )
    if not subjects:
        raise InputError("There is nothing to judge by.", fix="Evaluate both on a suite first.")
    tables = [columns(outcomes) for outcomes in subjects]
    checks = tuple(_check(one, table, margin) for one, table in zip(subjects, tables, strict=True))
    few = [few_groups(one.subject, tab.groups) for one, tab in zip(subjects, tables, strict=True)]
    return GateVerdict(candidate, baseline, margin, checks, (*notes, *filter(None, few)))


def _check(outcomes: Outcomes, table: Columns, margin: float) -> GateCheck:
    differences = table.scores[:, 0] - table.scores[:, 1]
    estimate, bounds, method = _bounds(table, differences)
    check = GateCheck(
        subject=outcomes.subject,
        n=len(differences),
        groups=None if table.groups is None else int(table.groups.max()) + 1,
        candidate=mean(table.scores[:, 0], table.groups),
        baseline=mean(table.scores[:, 1], table.groups),
        difference=bounds,
        margin=margin,
        flips_up=int((differences > 0).sum()),
        flips_down=int((differences < 0).sum()),
        more_items=None,
        missing=(len(outcomes.missing(0)), len(outcomes.missing(1))),
        method=method,
        answered=_answered(outcomes, table, differences),
    )
    # Further items of the same kind would have the same gaps, and few groups tell no spread.
    if check.outcome != "inconclusive" or check.hangs_on_gaps or few_groups("", table.groups):
        return check
    more, basis = _more_items(estimate, len(differences), margin)
    return replace(check, more_items=more, more_items_if=basis)


def _bounds(table: Columns, differences: Floats) -> tuple[Paired, Interval, str]:
    """The estimate, its two one-sided bounds, and by which method.

    For right and wrong answers the wider of the usual bounds and the score bounds counts: the usual
    ones alone pass too often where flips are few.
    """
    estimate = paired(differences, table.groups)
    usual = estimate.interval(_LEVEL)
    if table.groups is not None or not table.is_binary:
        return estimate, usual, estimate.method
    up, down = int((differences > 0).sum()), int((differences < 0).sum())
    score = score_interval(up, down, len(differences), level=_LEVEL)
    low, high = min(usual.low, score.low), max(usual.high, score.high)
    return estimate, Interval(usual.value, low, high, _LEVEL), "score"


def _answered(outcomes: Outcomes, table: Columns, differences: Floats) -> Answered | None:
    """The difference on the items that the baseline answered; None where it answered all.

    A gap of the baseline counts as wrong like any other, which makes the candidate look better.
    """
    gaps = set(outcomes.missing(1))
    if not gaps:
        return None
    kept = np.array([item not in gaps for item in outcomes.items])
    if not kept.any():
        return Answered(0, None)
    groups = None if table.groups is None else np.unique(table.groups[kept], return_inverse=True)[1]
    if groups is not None and groups.max() == 0:
        return Answered(int(kept.sum()), None)
    own = Columns(table.scores[kept], groups)
    return Answered(int(kept.sum()), _bounds(own, differences[kept])[1])


def _more_items(estimate: Paired, n: int, margin: float) -> tuple[int | None, Basis]:
    """Further items that show in 4 of 5 cases that a candidate as good as the baseline passes.

    Where that many are there already, what was seen lies near the margin: then so many as tell a
    difference of the size seen from it.
    """
    needed = items_needed(estimate.variance, margin, alpha=_ALPHA, sides=1)
    basis: Basis = "equal"
    if needed is not None and needed <= n:
        distance = abs(estimate.value + margin)
        needed = items_needed(estimate.variance, distance, alpha=_ALPHA, sides=1)
        basis = "as seen"
    return (None if needed is None else max(1, needed - n)), basis
