"""What the measurements say: comparisons, and who should do which task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.core.constraints import (
    NO_CONSTRAINTS,
    NO_LOAD,
    Constraints,
    ExpectedLoad,
    Removed,
)
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.tradeoffs import Flip, Served, Spending

ONE_REPLICA: Final = "one replica is taken to do"
"""How a verdict says that nobody knows what a model serves at most."""

_ALPHA = 0.05
_HALF = 0.5
# Below that, whatever the interval leaves open, nobody would use it.
_USELESS = 0.05
# A tenth more is no reason to prefer another.
_DEARER = 1.1


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
        p_adjusted: the p-value that decides, by Holm's procedure over all pairs that were compared
            together; None where this pair was compared alone, so that McNemar's decides.
        more_items: how many further items would settle it in 4 of 5 cases if the true difference
            is the one seen; 0 where it is settled, None where no number is known to do.
    """

    a: str
    b: str
    subject: str
    n: int
    difference: Interval
    p_mcnemar: float
    flips_up: int
    flips_down: int
    p_adjusted: float | None = None
    more_items: int | None = None

    @property
    def real(self) -> bool:
        """Whether the data tells the two apart: what ``weigh compare`` calls real."""
        p = self.p_mcnemar if self.p_adjusted is None else self.p_adjusted
        return p <= _ALPHA and self.difference.excludes_zero

    @property
    def sentence(self) -> str:
        """The finding in plain words."""
        points = 100 * self.difference.value
        low, high = 100 * self.difference.low, 100 * self.difference.high
        numbers = f"{points:+.1f} points, 95 % interval {low:+.1f} to {high:+.1f}, n = {self.n}"
        if not self.real:
            return f"{self.b} and {self.a} on {self.subject}: the data cannot tell ({numbers})."
        verb = "better" if points > 0 else "worse"
        return f"{self.b} is {verb} than {self.a} on {self.subject} ({numbers})."


@dataclass(frozen=True, slots=True)
class ModelEvidence:
    """One model on one task: all that is known of this choice.

    Attributes:
        model: which.
        task: the suite's name.
        n: items answered.
        accuracy: share of right answers with its 95 % interval.
        run: id of the evaluation.
        p_best: the probability that its true accuracy is the task's highest, by bootstrap.
        p_cheapest: the probability that it is the cheapest per accepted request of those that are
            accurate enough; None where no model's cost is known.
        on_front: whether no other option is at least as good in all that :attr:`TaskVerdict.front`
            names and better in one; never where nothing is right.
        served: latency at the expected load; None where nothing is known of it.
        spending: cost; None where no cost run has it.
    """

    model: str
    task: str
    n: int
    accuracy: Interval
    run: str
    p_best: float | None = None
    p_cheapest: float | None = None
    on_front: bool | None = None
    served: Served | None = None
    spending: Spending | None = None


@dataclass(frozen=True, slots=True)
class TaskVerdict:
    """The best model for one task and how sure that is.

    Attributes:
        task: the suite's name.
        standings: every model, best first.
        lead: the winner against the runner-up, or None when there is only one model; judged with
            all pairs of all tasks, as ``weigh compare`` judges.
        front: what the options were compared in, for the front: ``accuracy``, and of ``latency``,
            ``cost`` and ``memory`` those that are known of every option; empty where nobody kept
            it.
    """

    task: str
    standings: tuple[ModelEvidence, ...]
    lead: Comparison | None
    front: tuple[str, ...] = ()

    @property
    def winner(self) -> ModelEvidence:
        """The model with the highest accuracy."""
        return self.standings[0]

    @property
    def is_clear(self) -> bool:
        """Whether the winner's lead over the runner-up is real."""
        return self.lead is not None and self.lead.real


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
        memory_bytes: their memory together, or None where one's is unknown: with devices that of
            all replicas; else what one machine has to hold, a replica of each.
        replicas: model and how many of it the load needs.
        devices: per replica: its model and the devices it is put on, counted from 0; empty where
            memory is one pool.
        usd_per_month: what it costs; None where one's cost is unknown.
        machines: models that share a machine, machine by machine: it is paid once for all of them.
        is_upper_bound: whether that is the most it can cost: each is billed a machine of its own,
            and nobody knows whether they could share one.
        fleets: machines alike: the models on each of them, and how many machines the load needs;
            empty where no load or where devices are given.
    """

    models: tuple[str, ...]
    by_task: tuple[tuple[str, str], ...]
    accuracy: float
    memory_bytes: int | None
    replicas: tuple[tuple[str, int], ...] = ()
    devices: tuple[tuple[str, tuple[int, ...]], ...] = ()
    usd_per_month: float | None = None
    machines: tuple[tuple[str, ...], ...] = ()
    is_upper_bound: bool = False
    fleets: tuple[tuple[tuple[str, ...], int], ...] = ()

    @property
    def copies(self) -> dict[str, int]:
        """Model → how many of it are to be started: on machines that it shares, one on each."""
        copies = dict(self.replicas)
        for models, count in self.fleets:
            copies |= {name: max(count, copies.get(name, 0)) for name in models}
        return copies


@dataclass(frozen=True, slots=True)
class OverallStanding:
    """One model for everything: accuracy over the traffic mix, and how likely it is the best one.

    Attributes:
        model: which; only those that were evaluated on every task and may do all of them.
        accuracy: over the mix, with its 95 % interval by bootstrap.
        p_best: the probability that it is the best single model.
    """

    model: str
    accuracy: Interval
    p_best: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision and what it rests on.

    Attributes:
        tasks: one verdict per task.
        mix: share of each task in the traffic; the shares sum to one.
        memory: each model's memory.
        budget_bytes: memory that the loaded models may take together, or None for no limit.
        single: the best single model within the constraints; None where no one does everything.
        chosen: the best assignment within the constraints.
        tighter: the best assignment that needs less memory than ``chosen``, or None.
        constraints: what had to hold.
        removed: the options that did not meet it, each with its reason.
        gain: accuracy of ``chosen`` minus that of ``single`` over the mix, with its 95 % interval
            by bootstrap over items; None where they are the same.
        overall: single models, the best first.
        flips: what would change the decision.
        notes: what a reader must know before believing it, in sentences.
    """

    tasks: tuple[TaskVerdict, ...]
    mix: tuple[tuple[str, float], ...]
    memory: tuple[ModelMemory, ...]
    budget_bytes: int | None
    single: Assignment | None
    chosen: Assignment
    tighter: Assignment | None
    constraints: Constraints = NO_CONSTRAINTS
    removed: tuple[Removed, ...] = ()
    gain: Interval | None = None
    overall: tuple[OverallStanding, ...] = ()
    flips: tuple[Flip, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The decision in plain words: what to run, then what to run alone.

        Where nothing does a task well, that comes first, and what is useless for a task nobody is
        told to run for it.
        """
        return " ".join((*map(_best_of_bad, self._mostly_wrong), self._decision))

    @property
    def _mostly_wrong(self) -> tuple[TaskVerdict, ...]:
        """Tasks that are done, and of which even the best has fewer than half right."""
        undone = self.undone
        return tuple(
            task
            for task in self.tasks
            if task.task not in undone and task.winner.accuracy.high < _HALF
        )

    @property
    def _decision(self) -> str:
        undone = self.undone
        if not undone:
            return self._plain
        fits = all(_is_useless(task.winner) for task in self.tasks if task.task in undone)
        head = f"Nothing that {'may be run' if fits else 'fits'} does {_listed(undone)} well."
        if self.is_useless:
            own = [_right_words(task, self._does(task)) for task in self.tasks]
            return " ".join((head, *own))
        return f"{head} {self._rest(undone)}"

    def _rest(self, undone: tuple[str, ...]) -> str:
        """What to run for the tasks that something does."""
        rest = [(task, model) for task, model in self.chosen.by_task if task not in undone]
        if len({model for _, model in rest}) == 1:
            return f"Run {rest[0][1]} for the rest."
        parts = ", ".join(f"{model} for {task}" for task, model in rest)
        return f"For the rest it depends on the task: {parts}.{self._one_model}"

    @property
    def _one_model(self) -> str:
        if self.single is None:
            return " No single model may do everything."
        return f" If you must run one model: {self.single.models[0]}."

    @property
    def undone(self) -> tuple[str, ...]:
        """Tasks of which the chosen model has nothing right, or next to nothing for certain."""
        found = ((task, self._does(task)) for task in self.tasks)
        return tuple(task.task for task, own in found if own is not None and _is_useless(own))

    @property
    def is_useless(self) -> bool:
        """Whether that is so of every task: then the answer is no."""
        return bool(self.tasks) and len(self.undone) == len(self.tasks)

    def _does(self, task: TaskVerdict) -> ModelEvidence | None:
        """What is known of the model that does a task."""
        model = dict(self.chosen.by_task).get(task.task)
        return next((one for one in task.standings if one.model == model), None)

    @property
    def _plain(self) -> str:
        if len(self.chosen.models) == 1:
            return f"Run {self.chosen.models[0]} for everything."
        parts = ", ".join(f"{model} for {task}" for task, model in self.chosen.by_task)
        return f"It depends on the task: {parts}.{self._one_model}"

    @property
    def caveats(self) -> tuple[str, ...]:
        """What the decision rests on although the data cannot tell, and where it costs quality."""
        sentences = [_unsized(self.unsized, self.constraints.load)] if self.unsized else []
        undone, all_undone = self.undone, self.is_useless
        for task in self.tasks:
            model = dict(self.chosen.by_task).get(task.task)
            if task.task in undone:
                # How they compare matters to nobody; the sentence has said it where it is all.
                sentences += [] if all_undone else [_right_words(task, self._does(task))]
                continue
            if model == task.winner.model and task.lead is not None and not task.is_clear:
                sentences.append(_open_lead(task.task, task.lead))
                sentences += _dearer(task, task.lead)
            elif model is not None and model != task.winner.model:
                sentences.append(_second_best(task, model, self._alone))
            sentences += _mostly_wrong(task, self._does(task))
        return tuple(sentences)

    @property
    def unsized(self) -> tuple[str, ...]:
        """Models that are chosen for a load although nobody knows what they serve at most."""
        if self.constraints.load == NO_LOAD:
            return ()
        own = [one for one in map(self._does, self.tasks) if one is not None]
        alone = () if self.single is None else self.single.models
        own += [one for task in self.tasks for one in task.standings if one.model in alone]
        known = {one.model for one in own if one.served is not None and one.served.capacity}
        known |= {one.model for one in own if one.spending is not None and one.spending.is_hosted}
        return tuple(dict.fromkeys(one.model for one in own if one.model not in known))

    @property
    def words(self) -> str:
        """The whole verdict in plain words: the decision and its caveats."""
        return " ".join((self.sentence, *self.caveats))

    @property
    def _alone(self) -> bool:
        """Whether memory is all that keeps models apart."""
        asked = self.constraints
        return asked.usd_per_month is None and asked.load == NO_LOAD


def _open_lead(task: str, lead: Comparison) -> str:
    sentence = f"We cannot tell {lead.b} from {lead.a} on {task} yet"
    if lead.more_items is None:
        return f"{sentence}; no number of items worth naming would."
    return f"{sentence}; about {_about(lead.more_items)} more items would."


def _dearer(task: TaskVerdict, lead: Comparison) -> list[str]:
    """That the best costs more than the second, where nobody can tell them apart."""
    of = {one.model: one.spending for one in task.standings}
    months = [
        None if (spent := of.get(name)) is None else spent.usd_per_month
        for name in (lead.b, lead.a)
    ]
    best, second = (None if month is None else month.value for month in months)
    if best is None or second is None or best <= second * _DEARER:
        return []
    sentence = (
        f"{lead.b} costs {best:,.0f} USD a month and {lead.a} {second:,.0f}: unless further items "
        f"tell them apart, {lead.a} is the one to run on {task.task}."
    )
    return [sentence]


def _mostly_wrong(task: TaskVerdict, own: ModelEvidence | None) -> list[str]:
    """That what does a task is wrong more often than right on it; of the best the sentence says."""
    if own is None or own.accuracy.high >= _HALF:
        return []
    is_said = own.model == task.winner.model
    return [] if is_said else [_right_words(task, own)]


def _best_of_bad(task: TaskVerdict) -> str:
    best = task.winner
    return (
        f"Nothing that may be run does {task.task} well; best is {best.model}, right in "
        f"{100 * best.accuracy.value:.1f} % of {best.n} items."
    )


def _is_useless(own: ModelEvidence) -> bool:
    return own.accuracy.value == 0 or own.accuracy.high < _USELESS


def _right_words(task: TaskVerdict, own: ModelEvidence | None) -> str:
    if own is None:
        return ""
    share = f"{100 * own.accuracy.value:.1f} %" if own.accuracy.value else "none"
    return f"On {task.task}, {own.model} is right in {share} of {own.n} items."


def _unsized(models: Sequence[str], load: ExpectedLoad) -> str:
    """That nobody knows how many replicas it takes."""
    many = len(models) > 1
    return (
        f"Whether {_listed(models)} {'serve' if many else 'serves'} {load} cannot be told, nor how "
        f"many replicas {'they take' if many else 'it takes'}: what one serves at most is not "
        f"known, and {ONE_REPLICA}."
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _about(items: int) -> str:
    """Two digits: the number rests on a difference that is itself uncertain."""
    unit: int = 10 ** max(0, len(str(items)) - 2)
    return f"{-(-items // unit) * unit:,}"


def _second_best(task: TaskVerdict, model: str, memory_alone: bool) -> str:
    """Why a task may be done by another than its best model."""
    of = {evidence.model: evidence.accuracy.value for evidence in task.standings}
    best = task.winner
    behind = 100 * (best.accuracy.value - of[model])
    if behind < 0.05:
        return f"On {task.task}, {model} and {best.model} are alike; {model} takes less."
    why = "the memory" if memory_alone else "memory, load and money"
    return (
        f"On {task.task}, {best.model} is {behind:.1f} points better than {model}, "
        f"but does not fit {why} together with the rest."
    )
