"""The stages of a study: what each is made of, and why one is not asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from weighbridge.core.study import StageName, Unit
from weighbridge.verbs.study.asked import Asked
from weighbridge.verbs.study.costing import cost_jobs, cost_unasked
from weighbridge.verbs.study.deciding import decide_jobs, route_jobs, route_unasked
from weighbridge.verbs.study.jobs import Effects, Job, Settled
from weighbridge.verbs.study.measuring import (
    bench_asked,
    bench_jobs,
    eval_jobs,
    inspect_jobs,
    inspect_unasked,
)
from weighbridge.verbs.study.planning import plan_jobs, plan_unasked
from weighbridge.verbs.study.rating import rate_jobs

_NO_SUITES = "The file names no `suites`, so no candidate was asked anything with a known answer."

_NO_LOAD = "Nothing was loaded: neither `bench` nor `workload.users` says how many users there are."
_NO_RATERS = "Nobody was asked which answers are better: the file names no `raters`."
_NO_TASK = "No suite stands for a task, so nothing was decided."
_MADE: dict[StageName, Callable[[Asked, Settled], Iterator[Job | Unit]]] = {
    "inspect": inspect_jobs,
    "eval": eval_jobs,
    "rate": rate_jobs,
    "decide": decide_jobs,
    "route": route_jobs,
}


def jobs_of(
    stage: StageName, asked: Asked, settled: Settled, effects: Effects
) -> Iterator[Job | Unit]:
    """The units of a stage as they would be done now: each made when those before are settled.

    Raises:
        InputError: what the file names is not there.
    """
    if unasked(stage, asked):
        return iter(())
    if stage == "plan":
        return plan_jobs(asked, effects.root, effects.machine)
    if stage == "cost":
        return cost_jobs(asked, settled, effects)
    if stage == "bench":
        return bench_jobs(asked, effects.root, effects.machine)
    return _MADE[stage](asked, settled)


def unasked(stage: StageName, asked: Asked) -> str:
    """Why the file asks nothing of a stage, as a sentence; empty where it does."""
    file = asked.file
    reasons = {
        "inspect": inspect_unasked(asked),
        "plan": plan_unasked(asked),
        "bench": "" if bench_asked(asked) else _NO_LOAD,
        "eval": "" if file.suites else _NO_SUITES,
        "rate": "" if file.raters is not None else _NO_RATERS,
        "cost": cost_unasked(asked),
        "decide": "" if asked.tasks else _NO_TASK if file.suites else _NO_SUITES,
        "route": route_unasked(asked),
    }
    return reasons.get(stage, "")
