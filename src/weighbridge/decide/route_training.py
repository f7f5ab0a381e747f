"""Learning which model to use for which prompt from evaluations, and whether that pays.

What is gained by routing lies in the kind of task far more than in the single prompt: so a prompt
is given its task, and a task its best model. Whether that beats the best single model is measured
on prompts that the choice had not seen, per task and overall; what is not shown is not used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from weighbridge.core.errors import InputError
from weighbridge.core.learned_route import LearnedFile, RouteHeader, TaskCard
from weighbridge.core.text_features import FEATURES
from weighbridge.decide import route_guard as guard
from weighbridge.decide.route_evidence import (
    Z_ONE_SIDED,
    Gain,
    TaskEvidence,
    TaskReport,
    gain,
    macro_gain,
    mean_interval,
    moments,
)
from weighbridge.decide.route_features import FOLDS, Floats, Ints, Mask, folds, matrix

TASK_BITS = 15
_COVERAGES = (0.98, 0.95, 0.9, 0.8, 0.65, 0.5)
_HARM = 0.002  # most that routing may lose on a kind of prompt that it has not seen
_MARGIN = 0.02  # models are tied if none is worse by more than this, with 95 % confidence
_LEAST_PROMPTS = 20


@dataclass(frozen=True, slots=True)
class Graded:
    """Prompts that several models answered.

    Attributes:
        models: their names.
        tasks: the task of each prompt.
        prompts: what was asked.
        scores: a row per prompt, a column per model, 0 to 1.
    """

    models: tuple[str, ...]
    tasks: tuple[str, ...]
    prompts: tuple[str, ...]
    scores: Floats

    @property
    def names(self) -> tuple[str, ...]:
        """The tasks, each once, in the order in which they come."""
        return tuple(dict.fromkeys(self.tasks))


@dataclass(frozen=True, slots=True)
class _Data:
    """The evaluations as numbers: of each prompt its features, scores, task and part."""

    names: tuple[str, ...]
    features: sp.csr_array
    scores: Floats
    of: Ints
    parts: Ints

    def by_task(self, values: Floats) -> list[Floats]:
        """A value per prompt, grouped by task."""
        return [values[self.of == task] for task in range(len(self.names))]

    def macro(self, values: Floats) -> float:
        """The mean over tasks of their means."""
        return float(np.mean([own.mean() for own in self.by_task(values)]))


def train(
    graded: Graded, *, order: Mapping[str, float] | None = None, trained: str = ""
) -> tuple[LearnedFile, TaskReport]:
    """A route by tasks, with the evidence for it.

    Args:
        graded: the evaluations.
        order: what a model costs, in any unit; of tied models the cheapest comes first. By default
            the one with the best score does.
        trained: the date.

    Raises:
        InputError: fewer than two models or tasks, or too few prompts.
    """
    _check(graded)
    data = _data(graded)
    seen = guard.held_out(data.features, data.of, data.parts, data.names)
    usual = guard.usual(seen, data.of, len(data.names))
    best, single = _held_out_choices(data)
    gains = [gain(one, len(data.names)) for one in data.by_task(best - single)]
    on = np.array([one.is_shown for one in gains])
    coverage, unseen = _coverage(data, usual, on)
    least = guard.least(usual, coverage)
    accepted = guard.shortfall(seen, usual) >= least[seen.nearest]
    routed = _routed(data, seen.nearest, accepted, best - single)
    overall = macro_gain(data.by_task(routed - single))
    ranked = _ranked(data, graded.models)
    is_on = overall.is_shown and bool(on.any()) and coverage > 0
    evidence = tuple(
        TaskEvidence(
            task=name,
            n=int((data.of == task).sum()),
            **_scores_of(graded, data.of == task, ranked[0][0]),
            tied=_tied(graded, data.of == task, order or {}),
            gain=gains[task],
            recognised=float((seen.nearest == task)[data.of == task].mean()),
            accepted=float(accepted[data.of == task].mean()),
            unseen_gain=unseen[task],
            on=bool(on[task]),
        )
        for task, name in enumerate(data.names)
    )
    report = TaskReport(
        models=ranked,
        tasks=evidence,
        single=data.macro(single),
        routed=data.macro(routed),
        gain=overall,
        coverage=coverage,
        on=is_on,
        sentence=_sentence(overall, ranked[0][0], coverage, on=is_on),
    )
    sureness = guard.sureness(seen.margin, seen.nearest == data.of)
    return _file(data, report, usual, least, sureness, trained), report


def _file(  # noqa: PLR0917 -- all that was found
    data: _Data,
    report: TaskReport,
    usual: guard.Usual,
    least: Floats,
    sureness: tuple[tuple[float, float], ...],
    trained: str,
) -> LearnedFile:
    model = guard.fit(data.features, data.of, data.names)
    header = RouteHeader(
        features=FEATURES,
        bits=TASK_BITS,
        buckets=0,
        scales=(),
        unseen=(),
        single=tuple(name for name, _ in report.models),
        tasks=_cards(report, usual, least, model),
        sureness=sureness,
        on=report.on,
        verdict=report.sentence,
        trained=trained,
    )
    return guard.packed(header, model, data.features)


def _data(graded: Graded) -> _Data:
    names = graded.names
    return _Data(
        names,
        matrix(graded.prompts, TASK_BITS),
        graded.scores,
        np.array([names.index(task) for task in graded.tasks]),
        folds(graded.prompts),
    )


def _cards(
    report: TaskReport, usual: guard.Usual, least: Floats, model: guard.Model
) -> tuple[TaskCard, ...]:
    return tuple(
        TaskCard(
            name=task.task,
            models=task.tied,
            usual=_three(usual.mean[number]),
            spread=_three(usual.spread[number]),
            least=float(least[number]),
            prior=float(model.prior[number]),
            on=task.on,
        )
        for number, task in enumerate(report.tasks)
    )


def _three(values: Floats) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def _check(graded: Graded) -> None:
    counts = {name: graded.tasks.count(name) for name in graded.names}
    if len(graded.models) < 2:
        raise InputError(
            "A route chooses among models, and only one answered all of these suites.",
            fix="Evaluate another model on the same suites: `weigh eval`.",
        )
    if len(counts) < 2:
        raise InputError(
            "A route tells tasks apart, and there is only one suite.",
            fix="Evaluate the models on a second suite, or train an escalation with --strong.",
        )
    few = [f"{name} ({count})" for name, count in counts.items() if count < _LEAST_PROMPTS]
    if few:
        raise InputError(
            f"Fewer than {_LEAST_PROMPTS} prompts show nothing: {', '.join(few)}.",
            fix="Evaluate more items of these suites, or leave them out.",
        )


def _best(scores: Floats, of: Ints, count: int) -> tuple[Ints, int]:
    """The best model of each task, and the best single one where every task counts alike."""
    means = np.stack([scores[of == task].mean(axis=0) for task in range(count)])
    return means.argmax(axis=1), int(means.mean(axis=0).argmax())


def _held_out_choices(data: _Data) -> tuple[Floats, Floats]:
    """Scores of each task's best and of the best single model, both chosen without the prompt."""
    best, single = np.zeros(len(data.of)), np.zeros(len(data.of))
    for out, winners, default in _choices(data):
        best[out] = data.scores[out, winners[data.of[out]]]
        single[out] = data.scores[out, default]
    return best, single


def _routed(data: _Data, nearest: Ints, accepted: Mask, differences: Floats) -> Floats:
    """The score of each prompt as it would have been routed, by choices made without it.

    Which tasks use their best model is such a choice as well: made by the prompts that it is then
    measured on, it would show a gain where there is none.
    """
    routed = np.zeros(len(data.of))
    tasks = range(len(data.names))
    for out, winners, default in _choices(data):
        shown = [gain(differences[~out & (data.of == task)], len(tasks)).is_shown for task in tasks]
        uses = accepted[out] & np.array(shown)[nearest[out]]
        routed[out] = data.scores[out, np.where(uses, winners[nearest[out]], default)]
    return routed


def _choices(data: _Data) -> Iterator[tuple[Mask, Ints, int]]:
    """Each part with the best models by task, and the best single one, of all other parts."""
    for part in range(FOLDS):
        out = data.parts == part
        if out.any():
            yield out, *_best(data.scores[~out], data.of[~out], len(data.names))


def _coverage(data: _Data, usual: guard.Usual, on: Mask) -> tuple[float, list[float | None]]:
    """How much of a task the guard lets pass so that prompts of no known task come to no harm.

    Each task in turn stands for traffic that nobody evaluated: a classifier without it sees its
    prompts, and what it would route is compared with the best single model. Of two tasks the one
    that is left cannot be told from anything, but what is typical of it can.
    """
    trials = [_unseen_trial(data, usual, on, task) for task in range(len(data.names))]
    for coverage in _COVERAGES:
        least = guard.least(usual, coverage)
        gains = [
            float((differences * (short >= least[nearest])).mean())
            for differences, short, nearest in trials
        ]
        if min(gains) >= -_HARM:
            return coverage, list(gains)
    return 0.0, [None] * len(data.names)


def _unseen_trial(
    data: _Data, usual: guard.Usual, on: Mask, task: int
) -> tuple[Floats, Floats, Ints]:
    """What routing would gain on a task that it has never seen, prompt by prompt, if let pass."""
    kept, out = data.of != task, data.of == task
    others = np.array([number for number in range(len(data.names)) if number != task])
    of = np.searchsorted(others, data.of[kept])
    model = guard.fit(data.features[kept], of, tuple(data.names[number] for number in others))
    seen = guard.see(model, data.features[out])
    nearest = others[seen.nearest]
    winners, default = _best(data.scores[kept], of, len(others))
    rows = data.scores[out]
    differences = rows[np.arange(len(rows)), winners[seen.nearest]] - rows[:, default]
    short = guard.shortfall(replace(seen, nearest=nearest), usual)
    return differences * on[nearest], short, nearest


def _ranked(data: _Data, models: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    """Models by mean score where every task counts alike, the best first."""
    means = np.mean([scores.mean(axis=0) for scores in data.by_task(data.scores)], axis=0)
    return tuple((models[number], float(means[number])) for number in np.argsort(-means))


def _tied(graded: Graded, own: Mask, order: Mapping[str, float]) -> tuple[str, ...]:
    """The best model for a task, and those that are not worse by more than a margin.

    With 95 % confidence: a model about which little is known is not tied but unknown.
    """
    scores = graded.scores[own]
    means = scores.mean(axis=0)
    best = int(means.argmax())
    tied = []
    for number in np.argsort(-means):
        mean, variance = moments(scores[:, number] - scores[:, best])
        if number == best or mean - Z_ONE_SIDED * math.sqrt(variance) >= -_MARGIN:
            tied.append(graded.models[number])
    return (
        tuple(sorted(tied, key=lambda model: order.get(model, math.inf))) if order else tuple(tied)
    )


def _scores_of(graded: Graded, own: Mask, single: str) -> dict[str, Any]:
    """The best model of a task, and the scores on it of that and of the best single one."""
    scores = graded.scores[own]
    best = int(scores.mean(axis=0).argmax())
    return {
        "best": graded.models[best],
        "score": mean_interval(scores[:, best]),
        "single": mean_interval(scores[:, graded.models.index(single)]),
    }


def _sentence(overall: Gain, single: str, coverage: float, *, on: bool) -> str:
    shown = (
        f"held out, the route scores {100 * overall.value:+.1f} points against {single} alone, "
        f"and with 95 % confidence at least {100 * overall.bound:+.1f}"
    )
    if on:
        return f"On: {shown}."
    if coverage == 0:
        return f"Off: prompts of a kind that was not evaluated would come to harm; {shown}."
    return f"Off, so {single} answers everything: {shown}, which shows no gain."
