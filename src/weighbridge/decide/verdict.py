"""From evaluation runs to a verdict. Pure: the same runs give the same verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from weighbridge.core.constraints import (
    NO_CONSTRAINTS,
    NOTHING_LEFT,
    Constraints,
    NothingLeftError,
    Removed,
)
from weighbridge.core.errors import InputError
from weighbridge.core.provenance import Interval
from weighbridge.core.runs import EvalRun
from weighbridge.core.units import format_bytes
from weighbridge.core.verdict import Assignment, ModelMemory, Verdict
from weighbridge.decide import constraints as rules
from weighbridge.decide.evidence import (
    NOTHING_ELSE,
    Evidence,
    bill_notes,
    demand,
    doubts,
    months,
    replica_notes,
)
from weighbridge.decide.fairness import solve_fairly
from weighbridge.decide.flips import flips
from weighbridge.decide.let_in import options_back, together_back
from weighbridge.decide.problem import MOST_REPLICAS, Problem
from weighbridge.decide.served import unit_of
from weighbridge.decide.statistics import run_accuracy

RunsByTask = Mapping[str, Mapping[str, EvalRun]]


def decide(
    runs: Sequence[EvalRun],
    memory: Sequence[ModelMemory],
    budget_bytes: int | None,
    mix: Mapping[str, float] | None = None,
    *,
    constraints: Constraints = NO_CONSTRAINTS,
    evidence: Evidence = NOTHING_ELSE,
    seed: int = 0,
) -> Verdict:
    """Who is best at each task, who alone, and who together within all constraints.

    Args:
        runs: one evaluation per model and task; all models of a task on the same items.
        memory: every candidate's memory; runs of other models are left out.
        budget_bytes: what the loaded models may take together, or None for no limit.
        mix: task → share of the traffic; by default every task counts alike.
        constraints: what must hold; its memory budget is ``budget_bytes``.
        evidence: what is known of latency and cost, and what facts rule out.
        seed: of all that is drawn; the same seed draws the same.

    Raises:
        InputError: there is nothing to decide on.
        NothingLeftError: the constraints remove all options of a task, or nothing fits together.
    """
    asked = replace(constraints, memory_budget_bytes=budget_bytes)
    sizes = {entry.model: entry.bytes for entry in memory}
    by_task = _by_task([run for run in runs if run.info.model in sizes])
    if not by_task:
        raise InputError(
            "There are no evaluations to decide on.", fix="Run `weigh eval` for each model first."
        )
    shares = _normalise(mix or dict.fromkeys(by_task, 1.0), by_task)
    accuracy = {
        (task, model): run_accuracy(run)
        for task, models in by_task.items()
        for model, run in models.items()
    }
    removed = _removed(by_task, memory, accuracy, asked, evidence)
    left = _left(by_task, removed)
    bare = [task for task, models in left.items() if not models]
    if bare:
        raise NothingLeftError(
            f"{NOTHING_LEFT[0]}{', '.join(bare)}: the constraints remove every option.",
            removed,
            flips=options_back(
                removed, bare, asked, memory=memory, accuracy=accuracy, evidence=evidence
            ),
        )
    problem = _problem(left, shares, sizes, asked, evidence)
    chosen, single = solve_fairly(problem), solve_fairly(replace(problem, max_models=1))
    if chosen is None:
        raise _nothing_fits(problem, removed, asked)
    found = _Found(problem, chosen, single, sizes, seed)
    return _verdict(
        found, left, accuracy, removed=removed, asked=asked, memory=memory, evidence=evidence
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """A solved problem, and the memory of each model, None where unknown."""

    problem: Problem
    chosen: Assignment
    single: Assignment | None
    sizes: Mapping[str, int | None]
    seed: int = 0

    @property
    def sizes_known(self) -> bool:
        return None not in self.sizes.values()

    def honest(self, assignment: Assignment | None) -> Assignment | None:
        """The assignment without a sum that would take unknown memory for none."""
        if assignment is None or all(self.sizes[model] is not None for model in assignment.models):
            return assignment
        return replace(assignment, memory_bytes=None)

    def tighter(self) -> Assignment | None:
        """The best assignment that needs less memory; None while any memory is unknown."""
        if not self.sizes_known or self.chosen.memory_bytes is None:
            return None
        less = replace(self.problem, budget_bytes=self.chosen.memory_bytes - 1)
        return solve_fairly(less)


def _verdict(
    found: _Found,
    left: RunsByTask,
    accuracy: Mapping[tuple[str, str], Interval],
    *,
    removed: tuple[Removed, ...],
    asked: Constraints,
    memory: Sequence[ModelMemory],
    evidence: Evidence,
) -> Verdict:
    # Arrays from here on: with numpy and scipy half a second of import.
    from weighbridge.decide import tradeoffs  # noqa: PLC0415
    from weighbridge.decide.run_outcomes import outcomes_of_suite  # noqa: PLC0415
    from weighbridge.decide.standings import task_verdicts  # noqa: PLC0415

    problem, chosen = found.problem, found.honest(found.chosen) or found.chosen
    outcomes = {task: outcomes_of_suite(list(runs.values())) for task, runs in left.items()}
    draws = tradeoffs.accuracy_draws(outcomes, found.seed)
    tasks, notes = task_verdicts(
        left,
        outcomes,
        draws,
        memory=found.sizes,
        asked=asked,
        evidence=evidence,
        seed=found.seed,
    )
    single = found.honest(found.single)
    changes = flips(
        problem,
        found.chosen,
        single,
        tasks,
        sizes_known=found.sizes_known,
        unit=unit_of(asked.load),
    )
    return Verdict(
        tasks=tasks,
        mix=tuple(problem.mix.items()),
        memory=tuple(memory),
        budget_bytes=asked.memory_budget_bytes,
        single=single,
        chosen=chosen,
        tighter=found.tighter(),
        constraints=asked,
        removed=removed,
        gain=tradeoffs.gain(draws, problem.mix, chosen, single),
        overall=tradeoffs.overall(draws, problem.accuracy, problem.mix),
        flips=(*changes, *evidence.flips_of((*chosen.models, *(single.models if single else ())))),
        notes=(
            *notes,
            *evidence.notes,
            *doubts(chosen.by_task, accuracy, evidence, asked),
            *bill_notes(chosen),
            *replica_notes(chosen),
        ),
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


def _removed(
    by_task: RunsByTask,
    memory: Sequence[ModelMemory],
    accuracy: Mapping[tuple[str, str], Interval],
    asked: Constraints,
    evidence: Evidence,
) -> tuple[Removed, ...]:
    """Every option that a constraint rules out, the cheapest questions first."""
    unknown = {task for task, _ in asked.min_accuracy} - set(by_task)
    if unknown:
        raise InputError(
            f"A least accuracy is asked of {min(unknown)!r}, which was not evaluated.",
            fix=f"Tasks: {', '.join(by_task)}.",
        )
    models = tuple(dict.fromkeys(model for runs in by_task.values() for model in runs))
    own = [entry for entry in memory if entry.model in models]
    looked_up = evidence.looked_up(models, tuple(by_task))
    missing = [
        Removed(model, "evidence", "It was not evaluated on it.", evidence.advice.eval, task)
        for task, runs in by_task.items()
        for model in models
        if model not in runs
    ]
    return (
        *(one for one in evidence.removed if one.model in models),
        *rules.by_latency(looked_up, asked, evidence.limited, evidence.advice),
        *rules.by_memory(own, asked),
        *rules.by_budget(models, evidence.spending, asked, evidence.advice),
        *rules.by_accuracy(accuracy, asked),
        *missing,
    )


def _left(by_task: RunsByTask, removed: tuple[Removed, ...]) -> RunsByTask:
    """The options that no constraint removes."""
    out = {(one.task, one.model) for one in removed}
    return {
        task: {
            model: run
            for model, run in runs.items()
            if (None, model) not in out and (task, model) not in out
        }
        for task, runs in by_task.items()
    }


def _problem(
    left: RunsByTask,
    shares: Mapping[str, float],
    sizes: Mapping[str, int | None],
    asked: Constraints,
    evidence: Evidence,
) -> Problem:
    models = {model for runs in left.values() for model in runs}
    tasks = tuple(left)
    hosted = frozenset(model for model, one in evidence.spending.items() if one.is_hosted)
    # How much a host serves is the host's affair, and its bill is of the whole volume.
    capacity = {model: evidence.capacity(model, tasks) for model in models - hosted}
    return Problem(
        accuracy={
            task: {model: run.accuracy for model, run in runs.items()}
            for task, runs in left.items()
        },
        mix=shares,
        memory_bytes={model: size or 0 for model, size in sizes.items() if model in models},
        budget_bytes=asked.memory_budget_bytes,
        device_bytes=asked.device_bytes,
        demand=demand(asked, shares),
        capacity={model: most for model, most in capacity.items() if most},
        usd_per_month=months(evidence.spending),
        billed={model: one.replicas for model, one in evidence.spending.items()},
        usd_once={model: one.usd_once for model, one in evidence.spending.items()},
        machine={model: one.machine for model, one in evidence.spending.items()},
        shares=asked.memory_budget_bytes is not None,
        hosted=hosted,
        budget_usd=asked.usd_per_month,
    )


def _nothing_fits(
    problem: Problem, removed: tuple[Removed, ...], asked: Constraints
) -> NothingLeftError:
    limits = []
    if problem.budget_bytes is not None:
        limits.append(f"the memory budget of {format_bytes(problem.budget_bytes)}")
    if problem.device_bytes:
        limits.append(f"the devices' {format_bytes(sum(problem.device_bytes))}")
    if problem.budget_usd is not None:
        limits.append(f"{problem.budget_usd:,.0f} USD a month")
    if problem.demand:
        most = f"a load of {asked.load}"
        limits.append(f"{most} with at most {MOST_REPLICAS} replicas of a model")
    return NothingLeftError(
        f"{NOTHING_LEFT[1]}{' and '.join(limits)}.",
        removed,
        fix="Give more room, ask less, or evaluate smaller models.",
        flips=together_back(problem, asked),
    )
