"""What a study comes to: its run as it is kept, and what it says nothing about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from weighbridge.core.runs import content_hash
from weighbridge.core.study import StageName, StageState, StudyRun, Unit
from weighbridge.verbs.study.asked import Asked
from weighbridge.verbs.study.deciding import comparisons
from weighbridge.verbs.study.jobs import Effects, Settled
from weighbridge.verbs.study.measuring import inspectable
from weighbridge.verbs.study.planning import plannable


def study_run(
    asked: Asked,
    effects: Effects,
    settled: Settled,
    stages: tuple[StageState, ...],
    seconds: float,
) -> StudyRun:
    """A study as it ended."""
    of = {stage.name: _runs(stage) for stage in stages}
    info = effects.store.new_info(
        "study",
        model=", ".join(asked.entries),
        subject=asked.name,
        key=content_hash("study", [unit.key for stage in stages for unit in stage.units]),
    )
    return StudyRun(
        info=info,
        name=asked.name,
        path=str(asked.path),
        text=asked.text,
        seed=asked.file.seed,
        slo=str(asked.slo),
        stages=stages,
        inspected=of["inspect"],
        plan=_only(of["plan"]),
        loads=of["bench"],
        evals=of["eval"],
        ratings=tuple(dict.fromkeys(of["rate"])),
        cost=_only(of["cost"]),
        verdict=_only(of["decide"]),
        route=_only(of["route"]),
        comparisons=comparisons(asked, settled, effects.store),
        not_checked=tuple(dict.fromkeys(not_checked(asked, stages))),
        seconds=seconds,
        command=f"weigh study run {asked.path}",
        machines=_machines(stages, effects.machine),
    )


def not_checked(asked: Asked, stages: Sequence[StageState]) -> Iterator[str]:
    """What the study says nothing about, one sentence each."""
    for stage in stages:
        if stage.state == "not asked" and stage.why:
            yield stage.why
        for unit in stage.units:
            if unit.is_no:
                continue  # an answer
            if unit.state == "failed":
                yield f"{_subject(unit)} failed: {unit.why}"
            elif unit.state in ("waiting", "not asked"):
                yield unit.why
            elif unit.state in ("to do", "stale"):
                yield f"{_subject(unit)} was not done."
    blind = [name for name in asked.entries if inspectable(asked, name) is None]
    if blind and _state(stages, "inspect") != "not asked":
        yield (
            f"What {_listed(blind)} is made of was not looked at: it is known by its address only. "
            "`inspect:` beside the candidate says where its configuration can be read."
        )
    unplanned = [name for name in asked.contenders if name not in plannable(asked)]
    if unplanned and _state(stages, "plan") != "not asked":
        yield f"No plan was made for {_listed(unplanned)}."
    yield from _limits(asked)


def _limits(asked: Asked) -> Iterator[str]:
    for one in asked.suites:
        if one.entry.limit is not None:
            yield f"Of {one.name}, only the first {len(one.suite.items)} items were asked."
    if not asked.slo.bounds:
        yield "No latency was asked for: `slo` is empty, so any was taken as good enough."
    if asked.file.constraints.data_may_leave is None:
        yield "Nobody said whether data may leave the organisation (`constraints.data_may_leave`)."
    if not asked.file.constraints.intents:
        yield "Licences were not held against any use: `constraints.intents` is empty."


def _runs(stage: StageState) -> tuple[str, ...]:
    return tuple(
        run for unit in stage.units if unit.state in ("done", "waiting") for run in unit.runs
    )


def _only(runs: tuple[str, ...]) -> str | None:
    return runs[0] if runs else None


def _machines(stages: Sequence[StageState], here: str) -> tuple[str, ...]:
    """Every machine on which something was done, this one first where it did any of it."""
    found = {unit.machine for stage in stages for unit in stage.units if unit.machine}
    return tuple(sorted(found, key=lambda machine: (machine != here, machine)))


def _state(stages: Sequence[StageState], name: StageName) -> str:
    return next(stage.state for stage in stages if stage.name == name)


def _subject(unit: Unit) -> str:
    """A unit in words: ``eval of porter × arithmetic``."""
    return unit.stage if unit.name == unit.stage else f"{unit.stage} of {unit.name}"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
