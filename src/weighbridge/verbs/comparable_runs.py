"""Which evaluations of several models can be held against each other, and what stands in the way.

The most models count: a suite or a version of one that few answered must not stop the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from weighbridge.core.correlation import LeftOut
from weighbridge.core.counting import counted
from weighbridge.core.effects import Store
from weighbridge.core.errors import InputError
from weighbridge.core.runs import EvalRun, RunInfo
from weighbridge.verbs.run_outcomes import items_in_common, on_common_items

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class RunHead:
    """An evaluation without its answers."""

    info: RunInfo
    suite: str
    suite_hash: str
    is_task: bool = True


@dataclass(frozen=True, slots=True)
class Comparable:
    """Runs that can be compared.

    Attributes:
        suites: of each suite a run per model, cut to the items that all of them answered.
        left_out: the models that have none, and why.
        notes: what else does not count, in sentences.
    """

    suites: tuple[tuple[EvalRun, ...], ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


def heads_of(store: Store, suites: Sequence[str]) -> list[RunHead]:
    """The evaluations on these suites, or on all that stand for tasks; newest first.

    Raises:
        InputError: there is none, or a suite has none.
    """
    infos = store.runs("eval")
    unknown = set(suites) - {info.subject for info in infos}
    if unknown:
        raise InputError(
            f"There are no evaluations on {min(unknown)!r}.", fix="`weigh runs` lists them."
        )
    wanted = [info for info in infos if not suites or info.subject in suites]
    heads = [store.load(info.id, RunHead) for info in wanted]
    # Suites that tell precisions of one model apart are no tasks, unless they are asked for.
    heads = [head for head in heads if suites or head.is_task]
    if wanted and not heads:
        names = _subjects(wanted)
        raise InputError(
            f"The workspace has evaluations on {_only(names, suites)}.",
            fix=f"Say so to take one all the same: {_asking(names)}.",
        )
    if not heads:
        raise InputError(
            "The workspace has no evaluations to correlate with.",
            fix="Run `weigh eval` for several models, or give --table or --utility.",
        )
    return heads


def elsewhere(
    store: Store, heads: Sequence[RunHead], suites: Sequence[str] = ()
) -> tuple[LeftOut, ...]:
    """Models with evaluations of which none is among these, and what would bring them in."""
    measured = {head.info.model for head in heads}
    others: dict[str, list[RunInfo]] = {}
    for info in store.runs("eval"):
        if info.model not in measured:
            others.setdefault(info.model, []).append(info)
    found = []
    for model, infos in others.items():
        names = _subjects(infos)
        found.append(LeftOut(model, f"measured on {_only(names, suites)}: {_asking(names)}"))
    return tuple(found)


def _subjects(infos: Sequence[RunInfo]) -> tuple[str, ...]:
    return tuple(sorted({info.subject for info in infos}))


def _only(names: Sequence[str], asked: Sequence[str]) -> str:
    """Suites that do not count, and why."""
    many = len(names) > 1
    why = "are no tasks of their own" if many else "is no task of its own"
    if asked:
        why = "were not asked for" if many else "was not asked for"
    return f"{_named(names)} only, which {why}"


def _asking(names: Sequence[str]) -> str:
    """The option that takes one of these suites."""
    return " or ".join(f"--suite {name}" for name in names[:_MOST_NAMED])


def comparable(
    store: Store, heads: Sequence[RunHead], models: Sequence[str], suites: Sequence[str] = ()
) -> Comparable:
    """Of as many of the models as can be a run on each suite, all on the same items.

    Args:
        store: the workspace.
        heads: its evaluations, newest first.
        models: those that are wanted.
        suites: all of them have to count; else those that the most models answered.
    """
    mine = [head for head in heads if head.info.model in models]
    chosen, notes = (tuple(suites), ()) if suites else _suites(mine, models)
    left: dict[str, str] = {}
    for model in models:
        lacking = [s for s in chosen if not any(_is(head, model, s) for head in mine)]
        if lacking:
            left[model] = f"not evaluated on {_named(lacking)}"
    loaded = _Loaded(lambda run_id: store.load(run_id, EvalRun))
    picks: dict[str, dict[str, RunHead]] = {}
    rest: list[str] = []
    while rest != (rest := [model for model in models if model not in left]) and rest:
        for suite in chosen:
            own = [head for head in mine if head.suite == suite and head.info.model in rest]
            picks[suite], why = _version(own, loaded)
            left.update(why)
    if not rest:
        return Comparable((), _left(left), tuple(notes))
    cut: list[tuple[EvalRun, ...]] = []
    said = list(notes)
    for suite in chosen:
        runs, told = on_common_items([loaded.run(picks[suite][model]) for model in rest])
        cut.append(tuple(runs))
        said += (*told, *_passed_over(suite, mine, picks[suite], rest))
    return Comparable(tuple(cut), _left(left), tuple(said))


def _suites(
    heads: Sequence[RunHead], models: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The suite that the most models answered with all further ones that these did, and notes."""
    answered: dict[str, set[str]] = {}
    for head in heads:
        answered.setdefault(head.suite, set()).add(head.info.model)
    if not answered:
        return (), ()
    most = max(answered.values(), key=len)
    chosen = tuple(suite for suite, by in answered.items() if by >= most)
    notes = [
        f"{suite} does not count: {_named([m for m in models if m in most - by])} "
        "did not answer it."
        for suite, by in answered.items()
        if suite not in chosen
    ]
    return chosen, tuple(notes)


def _version(
    heads: Sequence[RunHead], loaded: _Loaded
) -> tuple[dict[str, RunHead], dict[str, str]]:
    """A run per model on one suite that can be compared, and why the other models have none.

    Most models answered one version of it. Of the others those that answered a part of it, or more
    of the same, are compared on what all share.
    """
    versions: dict[str, dict[str, RunHead]] = {}
    for head in heads:
        versions.setdefault(head.suite_hash, {}).setdefault(head.info.model, head)

    def rank(one: Mapping[str, RunHead]) -> tuple[int, int]:
        return len(one), len(loaded.run(next(iter(one.values()))).items)

    ordered = sorted(versions.values(), key=rank, reverse=True)
    picked, kept = dict(ordered[0]), [loaded.run(next(iter(ordered[0].values())))]
    why: dict[str, str] = {}
    for version in ordered[1:]:
        further = {model: head for model, head in version.items() if model not in picked}
        if not further:
            continue
        one = loaded.run(next(iter(further.values())))
        if items_in_common((*kept, one)):
            picked |= further
            kept.append(one)
            continue
        for model, head in further.items():
            why.setdefault(model, _otherwise(head, kept[0], one))
    return picked, {model: reason for model, reason in why.items() if model not in picked}


def _passed_over(
    suite: str, heads: Sequence[RunHead], picked: Mapping[str, RunHead], models: Sequence[str]
) -> tuple[str, ...]:
    """That a model's newest run on a suite is not the one that counts."""
    newest = {model: next(head for head in heads if _is(head, model, suite)) for model in models}
    other = [f"{head.info.id} ({m})" for m, head in newest.items() if head is not picked[m]]
    if not other:
        return ()
    said = (
        f"{_named(other)} {'does' if len(other) == 1 else 'do'} not count, though newer: most "
        f"models answered another version or another part of {suite}."
    )
    return (said,)


def _otherwise(head: RunHead, kept: EvalRun, run: EvalRun) -> str:
    """Why a run cannot be held against those that were taken."""
    if {item.id for item in kept.items} & {item.id for item in run.items}:
        return (
            f"{head.info.id} answered another version of {head.suite} than {kept.info.id}: "
            "prompts, right answers, settings or scorer differ"
        )
    return f"{head.info.id} answered other items of {head.suite} than {kept.info.id}"


@dataclass(frozen=True, slots=True)
class _Loaded:
    """Runs, each read once."""

    load: Callable[[str], EvalRun]
    runs: dict[str, EvalRun] = field(default_factory=dict)

    def run(self, head: RunHead) -> EvalRun:
        """The run with its answers."""
        if head.info.id not in self.runs:
            self.runs[head.info.id] = self.load(head.info.id)
        return self.runs[head.info.id]


def _is(head: RunHead, model: str, suite: str) -> bool:
    return head.info.model == model and head.suite == suite


def _left(reasons: Mapping[str, str]) -> tuple[LeftOut, ...]:
    return tuple(LeftOut(model, reason) for model, reason in reasons.items())


def _named(names: Sequence[str]) -> str:
    if len(names) > _MOST_NAMED:
        others = counted(len(names) - _MOST_NAMED, "other")
        return f"{', '.join(names[:_MOST_NAMED])} and {others}"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
