"""Evaluation runs of the workspace as outcomes: one record per suite, a column per model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from weighbridge.core.counting import counted
from weighbridge.core.effects import Store
from weighbridge.core.errors import InputError
from weighbridge.core.outcomes import Outcomes
from weighbridge.core.runs import EvalRun
from weighbridge.decide.run_outcomes import outcomes_of_suite


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
    return tuple(outcomes_of_suite(own, average=average) for own in by_items.values())


def on_common_items(runs: Sequence[EvalRun]) -> tuple[list[EvalRun], tuple[str, ...]]:
    """Runs of parts of one suite cut to the items that all of them answered, with notes.

    A run with ``--limit`` is of fewer items than a whole one, so that their suites' hashes differ.
    They are compared where what they share is the same: prompt, right answer and scorer.
    """
    by_suite: dict[str, list[EvalRun]] = {}
    for run in runs:
        by_suite.setdefault(run.suite, []).append(run)
    cut: dict[str, EvalRun] = {}
    notes = []
    for suite, own in by_suite.items():
        common = items_in_common(own)
        if not common:
            continue
        for run in own:
            kept = tuple(item for item in run.items if item.id in common)
            cut[run.info.id] = replace(run, suite_hash=own[0].suite_hash, items=kept)
        sizes = ", ".join(f"{run.info.id} {len({item.id for item in run.items})}" for run in own)
        notes.append(
            f"{suite} is compared on the {counted(len(common), 'item')} that all runs answered, of "
            f"different selections of it ({sizes})."
        )
    return [cut.get(run.info.id, run) for run in runs], tuple(notes)


def items_in_common(runs: Sequence[EvalRun]) -> set[str]:
    """Items on which runs of different parts of one suite can be compared.

    None where they are of one part, share no item, or where one that they share is not the same in
    all. The same items under another hash were asked in another way.
    """
    selections = {run.suite_hash: frozenset(item.id for item in run.items) for run in runs}
    if not 1 < len(selections) == len(set(selections.values())):
        return set()
    asked = [
        {item.id: (item.prompt, repr(item.expected), item.judged_by) for item in run.items}
        for run in runs
    ]
    common = set.intersection(*map(set, asked))
    alike = all(len({of[item] for of in asked}) == 1 for item in common)
    return common if alike else set()
