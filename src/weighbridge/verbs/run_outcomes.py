"""Evaluation runs of the workspace as outcomes: one record per suite, a column per model."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

from weighbridge.core.effects import Store
from weighbridge.core.errors import InputError
from weighbridge.core.outcomes import Outcomes
from weighbridge.core.runs import EvalRun
from weighbridge.decide.statistics import item_groups


def load_runs(store: Store, names: Sequence[str]) -> list[EvalRun]:
    """The named evaluation runs, in this order.

    Raises:
        UnknownRunError: a name is no evaluation run.
        InputError: fewer than two, or one of them twice.
    """
    if len(names) < 2:
        raise InputError("It takes two runs to compare.", fix="`weigh runs` lists them.")
    ids = [store.find(name, "eval").id for name in names]
    for index, run_id in enumerate(ids):
        if run_id in ids[:index]:
            raise InputError(
                f"{names[ids.index(run_id)]} and {names[index]} are the same run, {run_id}.",
                fix="Name each run once; `weigh runs` lists them.",
            )
    return [store.load(run_id, EvalRun) for run_id in ids]


def outcomes_of_runs(runs: Sequence[EvalRun], *, average: bool = False) -> tuple[Outcomes, ...]:
    """The outcomes on each suite, in the order in which the runs were named.

    Args:
        runs: at least two on each suite.
        average: take several runs of one model as repeats, of which the mean counts.

    Raises:
        InputError: a run shares its items with no other.
    """
    by_items: dict[str, list[EvalRun]] = {}
    for run in runs:
        by_items.setdefault(run.suite_hash, []).append(run)
    for own in by_items.values():
        if len(own) == 1:
            other = next(run for run in runs if run is not own[0])
            raise InputError(
                f"{own[0].info.id} ({own[0].suite}) and {other.info.id} ({other.suite}) did not "
                "answer the same items.",
                fix="Evaluate both models on the same version of the suite.",
            )
    return tuple(_outcomes(own, average=average) for own in by_items.values())


def _outcomes(runs: Sequence[EvalRun], *, average: bool) -> Outcomes:
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
