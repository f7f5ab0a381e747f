"""What the measurements say: comparisons, and who should do which task."""

from __future__ import annotations

from dataclasses import dataclass

from weighbridge.core.provenance import Interval, Provenance


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same items, item by item.

    Attributes:
        a: the baseline.
        b: the other; positive differences favour it.
        subject: the suite or traffic they share.
        n: items answered by both.
        difference: accuracy of b minus accuracy of a, with its interval.
        p_mcnemar: two-sided exact McNemar p-value.
        flips_up: items that b has right and a wrong.
        flips_down: items that a has right and b wrong.
    """

    a: str
    b: str
    subject: str
    n: int
    difference: Interval
    p_mcnemar: float
    flips_up: int
    flips_down: int

    @property
    def sentence(self) -> str:
        """The finding in plain words."""
        points = 100 * self.difference.value
        low, high = 100 * self.difference.low, 100 * self.difference.high
        numbers = f"{points:+.1f} points, 95 % interval {low:+.1f} to {high:+.1f}, n = {self.n}"
        if not self.difference.excludes_zero:
            return f"{self.b} and {self.a} on {self.subject}: the data cannot tell ({numbers})."
        verb = "better" if points > 0 else "worse"
        return f"{self.b} is {verb} than {self.a} on {self.subject} ({numbers})."


@dataclass(frozen=True, slots=True)
class ModelEvidence:
    """One model on one task: accuracy with its Wilson interval, and the run behind it."""

    model: str
    task: str
    n: int
    accuracy: Interval
    run: str


@dataclass(frozen=True, slots=True)
class TaskVerdict:
    """The best model for one task and how sure that is.

    Attributes:
        task: the suite's name.
        standings: every model, best first.
        lead: the winner against the runner-up, or None when there is only one model.
    """

    task: str
    standings: tuple[ModelEvidence, ...]
    lead: Comparison | None

    @property
    def winner(self) -> ModelEvidence:
        """The model with the highest accuracy."""
        return self.standings[0]

    @property
    def is_clear(self) -> bool:
        """Whether the winner's lead over the runner-up excludes zero."""
        return self.lead is not None and self.lead.difference.excludes_zero


@dataclass(frozen=True, slots=True)
class ModelMemory:
    """Bytes that a model takes while it serves, or None, and where that number comes from."""

    model: str
    bytes: int | None
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which models to keep in memory, and which of them does each task.

    Attributes:
        models: the models to load.
        by_task: task and model, in task order.
        accuracy: expected accuracy over the task mix.
        memory_bytes: their memory together, or None where one's is unknown.
    """

    models: tuple[str, ...]
    by_task: tuple[tuple[str, str], ...]
    accuracy: float
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision and what it rests on.

    Attributes:
        tasks: one verdict per task.
        mix: share of each task in the traffic; the shares sum to one.
        memory: each model's memory.
        budget_bytes: memory that the loaded models may take together, or None for no limit.
        single: the best single model within the budget.
        chosen: the best assignment within the budget.
        tighter: the best assignment that needs less memory than ``chosen``, or None.
    """

    tasks: tuple[TaskVerdict, ...]
    mix: tuple[tuple[str, float], ...]
    memory: tuple[ModelMemory, ...]
    budget_bytes: int | None
    single: Assignment
    chosen: Assignment
    tighter: Assignment | None

    @property
    def sentence(self) -> str:
        """The decision in plain words."""
        if len(self.chosen.models) == 1:
            return f"Run {self.chosen.models[0]} for everything."
        parts = [f"{model} for {task}" for task, model in self.chosen.by_task]
        return (
            f"It depends: {', '.join(parts)}. If you must run one model: {self.single.models[0]}."
        )

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the decision rests on although the data cannot tell, and where it costs quality."""
        sentences = []
        for task in self.tasks:
            model = dict(self.chosen.by_task).get(task.task)
            if model == task.winner.model and task.lead is not None and not task.is_clear:
                rival = task.standings[1].model
                sentences.append(f"On {task.task}, {model}'s lead over {rival} could be chance.")
            elif model is not None and model != task.winner.model:
                sentences.append(_second_best(task, model))
        return tuple(sentences)


def _second_best(task: TaskVerdict, model: str) -> str:
    """Why a task may be done by another than its best model."""
    of = {evidence.model: evidence.accuracy.value for evidence in task.standings}
    best = task.winner
    behind = 100 * (best.accuracy.value - of[model])
    if behind < 0.05:
        return f"On {task.task}, {model} and {best.model} are alike; {model} takes less memory."
    return (
        f"On {task.task}, {best.model} is {behind:.1f} points better than {model}, "
        "but does not fit the memory together with the rest."
    )
