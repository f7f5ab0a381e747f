"""From evaluation runs to a verdict. Pure: the same runs give the same verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from weighbridge.core.errors import InputError
from weighbridge.core.runs import EvalRun
from weighbridge.core.units import format_bytes
from weighbridge.core.verdict import Assignment, ModelEvidence, ModelMemory, TaskVerdict, Verdict
from weighbridge.decide.assignment import best_assignment
from weighbridge.decide.statistics import compare_runs, run_accuracy

RunsByTask = Mapping[str, Mapping[str, EvalRun]]


def decide(
    runs: Sequence[EvalRun],
    memory: Sequence[ModelMemory],
    budget_bytes: int | None,
    mix: Mapping[str, float] | None = None,
) -> Verdict:
    """Who is best at each task, who alone, and who together within the memory budget.

    Args:
        runs: one evaluation per model and task; all models of a task on the same items.
        memory: every candidate's memory; runs of other models are left out.
        budget_bytes: what the loaded models may take together, or None for no limit.
        mix: task → share of the traffic; by default every task counts alike.

    Raises:
        InputError: there is nothing to decide on, or nothing fits the budget.
    """
    sizes = {entry.model: entry.bytes or 0 for entry in memory}
    unknown = {entry.model for entry in memory if entry.bytes is None}
    by_task = _by_task([run for run in runs if run.info.model in sizes])
    if not by_task:
        raise InputError(
            "There are no evaluations to decide on.", fix="Run `weigh eval` for each model first."
        )
    shares = _normalise(mix or dict.fromkeys(by_task, 1.0), by_task)
    accuracy = {
        task: {model: run.accuracy for model, run in models.items()}
        for task, models in by_task.items()
    }
    single = best_assignment(accuracy, shares, sizes, budget_bytes, max_models=1)
    chosen = best_assignment(accuracy, shares, sizes, budget_bytes)
    if single is None or chosen is None:
        raise _nothing_fits(accuracy, sizes, budget_bytes)
    return Verdict(
        tasks=tuple(_task_verdict(task, models) for task, models in by_task.items()),
        mix=tuple(shares.items()),
        memory=tuple(memory),
        budget_bytes=budget_bytes,
        single=_honest(single, unknown),
        chosen=_honest(chosen, unknown),
        tighter=_tighter(accuracy, shares, sizes, chosen, unknown),
    )


def _by_task(runs: Sequence[EvalRun]) -> RunsByTask:
    table: dict[str, dict[str, EvalRun]] = {}
    for run in runs:
        models = table.setdefault(run.suite, {})
        first = next(iter(models.values()), run)
        if first.suite_hash != run.suite_hash:
            raise InputError(
                f"{first.info.id} and {run.info.id} are of different versions of {run.suite}.",
                fix="Evaluate all models on the same items.",
            )
        if run.info.model in models:
            raise InputError(
                f"{run.info.model} has two evaluations on {run.suite}.", fix="Name one of them."
            )
        models[run.info.model] = run
    return table


def _normalise(mix: Mapping[str, float], by_task: RunsByTask) -> dict[str, float]:
    unknown = set(mix) ^ set(by_task)
    if unknown:
        raise InputError(
            f"The traffic mix and the evaluations disagree about the task {min(unknown)!r}.",
            fix=f"Give a share for each of: {', '.join(by_task)}.",
        )
    total = sum(mix.values())
    if total <= 0 or min(mix.values()) < 0:
        raise InputError("The shares of the traffic mix must be positive.")
    return {task: mix[task] / total for task in by_task}


def _task_verdict(task: str, models: Mapping[str, EvalRun]) -> TaskVerdict:
    ranked = sorted(models.values(), key=lambda run: (-run.accuracy, run.info.model))
    standings = tuple(
        ModelEvidence(
            run.info.model,
            task,
            len({item.id for item in run.items}),
            run_accuracy(run),
            run.info.id,
        )
        for run in ranked
    )
    lead = compare_runs(ranked[1], ranked[0]) if len(ranked) > 1 else None
    return TaskVerdict(task, standings, lead)


def _nothing_fits(
    accuracy: Mapping[str, Mapping[str, float]], sizes: Mapping[str, int], budget: int | None
) -> InputError:
    able = [model for model in sizes if all(model in models for models in accuracy.values())]
    if not able:
        return InputError(
            "No single model was evaluated on every task.",
            fix="Run `weigh eval` for the missing pairs of model and suite.",
        )
    smallest = min(able, key=lambda model: sizes[model])
    return InputError(
        f"Nothing fits the memory budget of {format_bytes(budget or 0)}.",
        fix=f"The smallest is {smallest} with {format_bytes(sizes[smallest])}.",
    )


def _honest(assignment: Assignment, unknown: set[str]) -> Assignment:
    """The assignment without a sum that would take unknown memory for none."""
    if unknown.isdisjoint(assignment.models):
        return assignment
    return replace(assignment, memory_bytes=None)


def _tighter(
    accuracy: Mapping[str, Mapping[str, float]],
    mix: Mapping[str, float],
    sizes: Mapping[str, int],
    chosen: Assignment,
    unknown: set[str],
) -> Assignment | None:
    """The best assignment that needs less memory; None while any memory is unknown."""
    if unknown or chosen.memory_bytes is None:
        return None
    return best_assignment(accuracy, mix, sizes, chosen.memory_bytes - 1)
