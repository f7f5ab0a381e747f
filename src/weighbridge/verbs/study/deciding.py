"""The stages that conclude: decide who does what, and prove the routing on unseen traffic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec

from weighbridge.core.constraints import NOTHING_LEFT, NothingLeftError, Removed
from weighbridge.core.effects import Store
from weighbridge.core.endpoint import endpoint_at
from weighbridge.core.machine import Machine
from weighbridge.core.runs import EvalRun, content_hash
from weighbridge.core.study import VerdictRun
from weighbridge.core.study_file import HERE
from weighbridge.core.units import parse_size
from weighbridge.core.verdict import Comparison
from weighbridge.decide.advice import STUDY
from weighbridge.serve.config import parse_config
from weighbridge.verbs import decide as decide_verb
from weighbridge.verbs import route as route_verb
from weighbridge.verbs.decide_evidence import Told
from weighbridge.verbs.serve import gateway
from weighbridge.verbs.study.asked import Asked
from weighbridge.verbs.study.candidate_store import SelectedStore
from weighbridge.verbs.study.constraining import constraints_of, kept_from
from weighbridge.verbs.study.jobs import Job, Left, Means, Settled
from weighbridge.verbs.study.measuring import inputs_digest
from weighbridge.verbs.study.planning import machine_of

_VERDICT, _TRAFFIC = "verdict", "traffic"


# -- decide -----------------------------------------------------------------------------------


def evidence(asked: Asked, settled: Settled) -> tuple[str, ...]:
    """Ids of the evaluations that the decision rests on: of tasks only."""
    return tuple(
        run
        for one in asked.tasks
        for name in one.models
        if (run := settled.run_of("eval", f"{name} × {one.name}")) is not None
    )


def decide_jobs(asked: Asked, settled: Settled) -> Iterator[Job]:
    """One decision."""
    runs, file = evidence(asked, settled), asked.file
    rests = (settled.runs("bench"), settled.runs("cost"), settled.runs("inspect"))
    kept = kept_from(asked)
    what = (
        constraints_of(asked), _licenses(asked), file.workload.mix, file.machine, file.seed,
        _memory(asked), *([sorted(kept)] if kept else []),
    )  # fmt: skip
    bare = [one.name for one in asked.tasks if all(name in kept for name in one.models)]
    is_open = settled.is_open("eval", "bench", "cost") or not (runs or bare)

    async def do(means: Means) -> Left:
        means.effects.progress.stage("decide", 1)
        if bare:
            raise NothingLeftError(
                f"{NOTHING_LEFT[0]}{', '.join(bare)}: the constraints remove every option.",
                tuple(kept.values()),
            )
        run = decided(asked, means, runs, [run for part in rests for run in part])
        means.effects.progress.advance()
        return Left((run.info.id,))

    key = "" if is_open else content_hash("decide", runs, rests, what)
    yield Job("decide", _VERDICT, key, do)


def decided(asked: Asked, means: Means, runs: tuple[str, ...], rests: Sequence[str]) -> VerdictRun:
    """The decision on these evaluations, and on nothing else that the workspace may have."""
    kept = tuple(one for name, one in kept_from(asked).items() if name in asked.contenders)
    store = SelectedStore(means.effects.store, {*runs, *rests}, lambda run: _with(run, kept))
    evaluated = {store.find(run, "eval").model for run in runs}
    run = decide_verb.decide(
        store,
        names=runs,
        mix=asked.file.workload.mix or None,
        memory_bytes={name: size for name, size in _memory(asked).items() if name in evaluated},
        constraints=constraints_of(asked),
        told=Told(machine=_target(asked), licenses=_licenses(asked), advice=STUDY, own_bills=True),
        seed=asked.file.seed,
    )
    return _with(run, kept)


RecordT = TypeVar("RecordT")


def _with(run: RecordT, kept: Sequence[Removed]) -> RecordT:
    """A decision that also names who was ruled out before anything was asked."""
    if not isinstance(run, VerdictRun):
        return run
    verdict = replace(run.verdict, removed=(*kept, *run.verdict.removed))
    return replace(run, verdict=verdict)


def _memory(asked: Asked) -> dict[str, int]:
    """What the file says of models whose servers others run: nobody can measure theirs."""
    entries = asked.file.candidates.items()
    return {name: parse_size(one.memory) for name, one in entries if one.urls and one.memory}


def _target(asked: Asked) -> Machine | None:
    """The machine to predict on where nothing was measured; on this one, all was."""
    return None if asked.file.machine == HERE else machine_of(asked)


def _licenses(asked: Asked) -> dict[str, str]:
    """Licences that the file names."""
    entries = asked.file.candidates.items()
    return {name: entry.license for name, entry in entries if entry.license is not None}


def comparisons(asked: Asked, settled: Settled, store: Store) -> tuple[Comparison, ...]:
    """The pairs that the file asks for, where both were measured."""
    from weighbridge.decide.statistics import compare_runs  # noqa: PLC0415 -- numpy

    found = []
    for one in asked.suites:
        for baseline, other in one.entry.compare:
            ids = [settled.run_of("eval", f"{name} × {one.name}") for name in (baseline, other)]
            if None in ids:
                continue
            a, b = (store.load(run or "", EvalRun) for run in ids)
            found.append(compare_runs(a, b))
    return tuple(found)


# -- route ------------------------------------------------------------------------------------


def route_unasked(asked: Asked) -> str:
    """Why the routing is not proven, as a sentence; empty where it is."""
    if asked.file.route is None:
        return (
            "Routing was not tried on unseen traffic: `route` names no file of requests with "
            "known answers."
        )
    return ""


def route_jobs(asked: Asked, settled: Settled) -> Iterator[Job]:
    """The gateway with the decision's configuration, against each single model."""
    if asked.file.route is None:
        return
    path = asked.file_of(asked.file.route.traffic)
    verdict = settled.run_of("decide", _VERDICT)
    tasks = [(one.name, one.suite.hash) for one in asked.tasks]

    async def do(means: Means) -> Left:
        return await _routed(asked, means, verdict or "", path)

    key = "" if verdict is None else content_hash("route", verdict, inputs_digest(path), tasks)
    yield Job("route", _TRAFFIC, key, do)


async def _routed(asked: Asked, means: Means, verdict_id: str, path: Path) -> Left:
    effects = means.effects
    traffic = route_verb.read_traffic(path, {one.name: one.suite for one in asked.tasks})
    run = effects.store.load(verdict_id, VerdictRun)
    judged = tuple(dict.fromkeys(e.model for task in run.verdict.tasks for e in task.standings))
    await means.engines.rest()  # the gateway starts engines of its own
    # The gateway runs the configuration as written; single models are asked by their names.
    config = parse_config(run.router_config, Path(), origin="the verdict's configuration")
    models = {name: asked.entries[name] for name in judged} | config.models
    config = msgspec.structs.replace(config, models=models)
    async with gateway(
        config, asked.folder, effects.client, port=0,
        workspace=effects.root, environment=effects.environment,
    ) as running:  # fmt: skip
        routed = await route_verb.measure_routing(
            effects.store,
            effects.client,
            effects.clock,
            gateway=running.url,
            models=[endpoint_at(running.url, name) for name in judged],
            traffic=traffic,
            verdict=run.verdict,
            progress=effects.progress,
        )
    return Left((routed.info.id,))
