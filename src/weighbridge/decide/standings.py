"""Every option of a task with all that is known of it, and how sure the best one's lead is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from weighbridge.core.constraints import Constraints
from weighbridge.core.model_comparison import ModelComparison, PairDifference
from weighbridge.core.outcomes import Outcomes
from weighbridge.core.provenance import Interval
from weighbridge.core.runs import EvalRun
from weighbridge.core.tradeoffs import Spending
from weighbridge.core.verdict import Comparison, ModelEvidence, TaskVerdict
from weighbridge.decide.evidence import Evidence
from weighbridge.decide.model_comparison import compare_models
from weighbridge.decide.statistics import compare_runs, run_accuracy
from weighbridge.decide.statistics.paired import Floats
from weighbridge.decide.tradeoffs import cheapest, cost_draws, with_front

_SEED = 20_261_121


@dataclass(frozen=True, slots=True)
class _Task:
    """A task with what its standings are made of."""

    name: str
    runs: Mapping[str, EvalRun]
    p_best: Mapping[str, float]
    p_cheapest: Mapping[str, float]
    draws: Mapping[str, Floats]
    seed: int = 0


def task_verdicts(
    left: Mapping[str, Mapping[str, EvalRun]],
    outcomes: Mapping[str, Outcomes],
    draws: Mapping[str, Mapping[str, Floats]],
    *,
    memory: Mapping[str, int | None],
    asked: Constraints,
    evidence: Evidence,
    seed: int = 0,
) -> tuple[tuple[TaskVerdict, ...], tuple[str, ...]]:
    """A verdict per task; and what a reader must know of the comparisons, in sentences."""
    contested = [one for one in outcomes.values() if len(one.models) > 1]
    compared = compare_models(contested, seed=seed) if contested else ModelComparison(())
    shares = {
        (subject.subject, standing.model): standing.p_best
        for subject in compared.subjects
        for standing in subject.standings
    }
    least = dict(asked.min_accuracy)
    verdicts = []
    for task, runs in left.items():
        found = cheapest(draws[task], evidence.spending, least.get(task, 0.0), seed=seed) or {}
        best = {model: shares.get((task, model), 1.0) for model in runs}
        one = _Task(task, runs, best, found, draws[task], seed)
        standings, sides = with_front(_standings(one, evidence), memory)
        lead = _lead(standings, runs, compared.pairs)
        verdicts.append(TaskVerdict(task, standings, lead, sides))
    return tuple(verdicts), compared.notes


def _standings(task: _Task, evidence: Evidence) -> list[ModelEvidence]:
    ranked = sorted(task.runs.values(), key=lambda run: (-run.accuracy, run.info.model))
    return [
        ModelEvidence(
            model=run.info.model,
            task=task.name,
            n=len({item.id for item in run.items}),
            accuracy=run_accuracy(run),
            run=run.info.id,
            p_best=task.p_best[run.info.model],
            p_cheapest=task.p_cheapest.get(run.info.model),
            served=evidence.of(run.info.model, task.name),
            spending=_spending(
                evidence.spending.get(run.info.model),
                run.accuracy,
                task.draws[run.info.model],
                task.seed,
            ),
        )
        for run in ranked
    ]


def _spending(found: Spending | None, accuracy: float, draws: Floats, seed: int) -> Spending | None:
    """What a model costs, per request that comes out right on this task."""
    price = None if found is None else found.usd_per_1000
    if found is None or price is None or accuracy == 0:
        # What a cost report says of accepted requests is of all tasks together, not of this one.
        return None if found is None else replace(found, usd_per_1000_accepted=None)
    usd = cost_draws(price, np.random.default_rng((_SEED, 2, seed)), len(draws))
    level = price.level
    ends = np.quantile(usd / np.maximum(draws, 1e-9), ((1 - level) / 2, (1 + level) / 2))
    value = price.value / accuracy
    accepted = Interval(value, min(value, float(ends[0])), max(value, float(ends[1])), level)
    return replace(found, usd_per_1000_accepted=accepted)


def _lead(
    standings: tuple[ModelEvidence, ...],
    runs: Mapping[str, EvalRun],
    pairs: tuple[PairDifference, ...],
) -> Comparison | None:
    """The best against the second, as they were judged among all pairs of all tasks."""
    if len(standings) < 2:
        return None
    best, second = standings[0], standings[1]
    pair = next(
        one
        for one in pairs
        if one.subject == best.task and {one.a, one.b} == {best.model, second.model}
    )
    lead = compare_runs(runs[second.model], runs[best.model])
    return replace(lead, p_adjusted=pair.p_adjusted, more_items=pair.more_items)
