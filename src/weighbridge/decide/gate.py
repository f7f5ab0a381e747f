"""The regression gate: one-sided bounds of a paired difference against a margin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from weighbridge.core.errors import InputError
from weighbridge.core.gate import GateCheck, GateVerdict
from weighbridge.core.outcomes import Outcomes
from weighbridge.decide.model_comparison import columns
from weighbridge.decide.statistics.paired import Paired, mean, paired
from weighbridge.decide.statistics.power import items_needed

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
    checks = tuple(_check(outcomes, margin) for outcomes in subjects)
    return GateVerdict(candidate, baseline, margin, checks, tuple(notes))


def _check(outcomes: Outcomes, margin: float) -> GateCheck:
    table = columns(outcomes)
    differences = table.scores[:, 0] - table.scores[:, 1]
    estimate = paired(differences, table.groups)
    bounds = estimate.interval(_LEVEL)
    settled = bounds.low > -margin or bounds.high < -margin
    return GateCheck(
        subject=outcomes.subject,
        n=len(differences),
        groups=None if table.groups is None else int(table.groups.max()) + 1,
        candidate=mean(table.scores[:, 0], table.groups),
        baseline=mean(table.scores[:, 1], table.groups),
        difference=bounds,
        margin=margin,
        flips_up=int((differences > 0).sum()),
        flips_down=int((differences < 0).sum()),
        more_items=None if settled else _more_items(estimate, len(differences), margin),
        missing=(len(outcomes.missing(0)), len(outcomes.missing(1))),
        method=estimate.method,
    )


def _more_items(estimate: Paired, n: int, margin: float) -> int | None:
    """Further items that show in 4 of 5 cases that a candidate as good as the baseline passes.

    Where that many are there already, what was seen lies near the margin: then so many as tell a
    difference of the size seen from it.
    """
    needed = items_needed(estimate.variance, margin, alpha=_ALPHA, sides=1)
    if needed is not None and needed <= n:
        distance = abs(estimate.value + margin)
        needed = items_needed(estimate.variance, distance, alpha=_ALPHA, sides=1)
    return None if needed is None else max(1, needed - n)
