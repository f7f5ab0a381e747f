"""What records say, in words: architectures, licences, and where numbers come from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from weighbridge.core.architecture import COMPONENTS, Component
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.runs import RunInfo
from weighbridge.core.study import ModelSheet
from weighbridge.core.verdict import Assignment, TaskVerdict, Verdict


def measured(info: RunInfo) -> Provenance:
    """The provenance of what a run measured."""
    return Provenance("measured", f"run {info.id}", info.created[:10])


def computed(info: RunInfo, formula: str) -> Provenance:
    """The provenance of what follows by arithmetic from a run."""
    return Provenance("predicted", f"{formula}, from run {info.id}", info.created[:10])


def decision(verdict: Verdict) -> tuple[str, str]:
    """The verdict's sentence, parted into the decision and the alternative, which may be empty."""
    head, _, alternative = verdict.sentence.partition(". ")
    return (f"{head}.", alternative) if alternative else (head, "")


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them: ``a, b and c``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def wrong_count(shown: int, total: int) -> str:
    """How many answers are wrong, and how many of these are shown."""
    return f"{total} wrong" if shown == total else f"{total} wrong; the first {shown}"


def lead(task: TaskVerdict) -> str:
    """How clear a task's winner is, in words."""
    if task.lead is None:
        return "only one model"
    return "clear" if task.is_clear else "cannot tell"


def expected_accuracy(assignment: Assignment, verdict: Verdict) -> Interval | None:
    """The assignment's expected accuracy with bounds, or None when evidence is missing.

    The bounds are the tasks' own, weighted by the traffic mix: somewhat wider than a 95 %
    interval of the weighted mean, never narrower.
    """
    evidence = {(item.task, item.model): item for task in verdict.tasks for item in task.standings}
    if not all(pair in evidence for pair in assignment.by_task):
        return None
    mix = dict(verdict.mix)
    parts = [(mix[pair[0]], evidence[pair].accuracy) for pair in assignment.by_task]
    low = sum(share * accuracy.low for share, accuracy in parts)
    high = sum(share * accuracy.high for share, accuracy in parts)
    return Interval(assignment.accuracy, low, high)


def sheet_names(sheets: Sequence[ModelSheet]) -> list[str]:
    """A name for each sheet that no other has: files of one model differ in quantization, or id."""
    models = [sheet.info.model for sheet in sheets]
    precise = [f"{sheet.info.model} {sheet.inspection.quantization.name}" for sheet in sheets]
    names = []
    for sheet, model, name in zip(sheets, models, precise, strict=True):
        if models.count(model) == 1:
            names.append(model)
        else:
            names.append(name if precise.count(name) == 1 else f"{name} {sheet.info.id}")
    return names


def components(sheets: Sequence[ModelSheet]) -> list[Component]:
    """The components that any of the models has, in the order in which a token meets them."""
    totals = [sheet.architecture.by_component for sheet in sheets]
    return [name for name in COMPONENTS if any(of[name] for of in totals)]


def unique(names: Iterable[str]) -> list[str]:
    """The names in order of first appearance."""
    return list(dict.fromkeys(names))
