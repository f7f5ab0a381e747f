"""Evaluation runs as outcomes: a column per model, a row per item. Pure."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

from weighbridge.core.errors import InputError
from weighbridge.core.outcomes import Outcomes
from weighbridge.core.runs import EvalRun
from weighbridge.decide.statistics import item_groups


def outcomes_of_suite(runs: Sequence[EvalRun], *, average: bool = False) -> Outcomes:
    """The outcomes of runs on the same items.

    Args:
        runs: on one version of one suite.
        average: take several runs of one model as repeats, of which the mean counts; otherwise
            they go by their own ids.

    Raises:
        InputError: a run has no items.
    """
    by_label: dict[str, list[EvalRun]] = {}
    models = [run.info.model for run in runs]
    for run in runs:
        twice = models.count(run.info.model) > 1 and not average
        by_label.setdefault(run.info.id if twice else run.info.model, []).append(run)
    answers = [_answers(own) for own in by_label.values()]
    items = tuple(dict.fromkeys(item for table in answers for item in table))
    for label, table in zip(by_label, answers, strict=True):
        if not table:
            raise InputError(f"The run of {label} on {runs[0].suite} has no items.")
    return Outcomes(
        subject=runs[0].suite,
        items=items,
        models=tuple(by_label),
        scores=tuple(
            array("d", (table.get(item, math.nan) for item in items)) for table in answers
        ),
        groups=item_groups(runs, items),
    )


def _answers(runs: Sequence[EvalRun]) -> dict[str, float]:
    """Item → mean of its answers; NaN where none came back, for then it failed each time."""
    given: dict[str, list[float]] = {}
    for run in runs:
        for item in run.items:
            right = math.nan if item.error is not None else float(item.correct)
            given.setdefault(item.id, []).append(right)
    return {
        item: math.nan
        if all(map(math.isnan, answers))
        else sum(0.0 if math.isnan(one) else one for one in answers) / len(answers)
        for item, answers in given.items()
    }
