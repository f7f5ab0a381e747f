"""``weigh decide``: who does which task, and the gateway configuration that executes it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from weighbridge.core.constraints import NO_CONSTRAINTS, Constraints
from weighbridge.core.effects import Store
from weighbridge.core.errors import InputError
from weighbridge.core.provenance import Provenance
from weighbridge.core.routing import AUTO, ModelEntry, RouterConfig
from weighbridge.core.runs import EvalRun, RunInfo, content_hash
from weighbridge.core.study import VerdictRun
from weighbridge.core.verdict import ModelMemory, Verdict
from weighbridge.decide.router import (
    missing_replicas,
    model_comments,
    route_comments,
    router_config,
)
from weighbridge.decide.signals import learn_signals, unrecognisable
from weighbridge.decide.verdict import decide as decide_purely
from weighbridge.facts.documents import parse_yaml
from weighbridge.serve.config import write_config
from weighbridge.serve.config.addresses import parse_listen
from weighbridge.verbs.decide_evidence import Gathered, Told, gather, is_elsewhere
from weighbridge.verbs.decide_json import document
from weighbridge.verbs.effects import writing

_SIGNATURE = "Written by `weigh decide`"
_NOTHING_TOLD = Told()


def decide(
    store: Store,
    *,
    names: Sequence[str] = (),
    budget_bytes: int | None = None,
    mix: Mapping[str, float] | None = None,
    memory_bytes: Mapping[str, int] | None = None,
    constraints: Constraints = NO_CONSTRAINTS,
    told: Told = _NOTHING_TOLD,
    strict: bool = False,
    seed: int = 0,
) -> VerdictRun:
    """Decide on the named evaluation runs, or on the newest of each model and suite.

    Latency, cost, memory and licences are taken from what else the workspace has of these models.

    Args:
        store: the workspace.
        names: evaluation runs.
        budget_bytes: memory that the loaded models may take together.
        mix: suite → share of the traffic; by default all alike.
        memory_bytes: model → bytes, overriding what the runs measured.
        constraints: what must hold; its memory budget is ``budget_bytes``.
        told: what the user says of models and machine.
        strict: refuse to be told of models that were not evaluated.
        seed: of all that is drawn.

    Raises:
        InputError: nothing to decide on, or a memory is unknown but needed.
        NothingLeftError: the constraints leave nothing.
    """
    runs = _chosen(store, names)
    budget_bytes = constraints.memory_budget_bytes if budget_bytes is None else budget_bytes
    if strict:
        _check_names(runs, constraints, told)
    _check_memory_names(runs, memory_bytes or {})
    gathered = gather(store, runs, constraints, told)
    memory = _memory(
        runs,
        memory_bytes or {},
        gathered,
        constraints,
        needed=budget_bytes is not None or bool(constraints.device_bytes),
    )
    known = gathered.evidence
    verdict = decide_purely(
        runs, memory, budget_bytes, mix, constraints=constraints, evidence=known, seed=seed
    )
    evidence = tuple(run.info.id for run in runs)
    info = store.new_info(
        "verdict",
        model=", ".join(verdict.chosen.models),
        subject=", ".join(task.task for task in verdict.tasks),
        key=content_hash("verdict", evidence, budget_bytes, mix, constraints),
    )
    run = VerdictRun(info, evidence, verdict, _router_text(info, runs, verdict))
    store.save(info, run)
    return run


def _router_text(info: RunInfo, runs: Sequence[EvalRun], verdict: Verdict) -> str:
    """The gateway's configuration, each route under what it rests on."""
    signals = learn_signals({run.suite: [item.prompt for item in run.items] for run in runs})
    config = router_config(verdict, signals, _entries(runs))
    comments = route_comments(verdict, {run.info.id: run.info.created for run in runs})
    models = model_comments(verdict, config.models)
    return write_config(config, _comment(info.id, info.created, verdict), comments, models)


def check_replaceable(path: Path, *, force: bool = False) -> None:
    """Make sure, before deciding, that the configuration may be written there.

    Raises:
        InputError: somebody wrote that file by hand.
    """
    if path.exists() and not force and _SIGNATURE not in path.read_text("utf-8", "replace")[:200]:
        raise InputError(
            f"{path} was not written by `weigh decide`, so it is left alone.",
            fix="Write elsewhere with --out, or replace it with --force.",
        )


def write_router_config(run: VerdictRun, path: Path) -> None:
    """Write the configuration.

    Raises:
        WorkspaceError: it cannot be written.
    """
    with writing(path) as draft:
        draft.write_text(run.router_config, encoding="utf-8")


def write_served_config(run: VerdictRun, path: Path) -> int:
    """Write the configuration with an admin port that the live page finds; returns its port.

    Raises:
        WorkspaceError: it cannot be written.
    """
    config = parse_yaml(run.router_config, RouterConfig, origin=run.info.id)
    listen = config.listen if isinstance(config.listen, str) else config.listen[0]
    text = run.router_config
    if config.admin is None:
        text = re.sub(r"(?m)^(?=listen:)", "admin: 127.0.0.1:0\n", text, count=1)
    with writing(path) as draft:
        draft.write_text(text, encoding="utf-8")
    return parse_listen(listen).port


def warnings(run: VerdictRun) -> list[str]:
    """What a reader should know before running the configuration."""
    config = parse_yaml(run.router_config, RouterConfig, origin=run.info.id)
    blind = [
        f"nothing in its prompts tells {task} from the other tasks, so `auto` cannot recognise it; "
        "write keywords for it into the file."
        for task in unrecognisable(config.signals)
    ]
    missing = [
        f"the file reaches {has} of the {count} replicas of {name} that the load takes; its "
        "comments say where to name the others."
        for name, (count, has) in missing_replicas(run.verdict, config.models).items()
    ]
    return [*blind, *missing]


def to_json(run: VerdictRun) -> dict[str, Any]:
    """The figures of ``weigh decide --json``; keys are documented in docs/json.md."""
    return {
        "run": run.info.id,
        **document(run.verdict),
        "warnings": warnings(run),
        "is_useless": run.verdict.is_useless,
        "evidence": list(run.evidence),
        "provenance": {"kind": "measured", "source": run.info.id, "date": run.info.created},
    }


def _chosen(store: Store, names: Sequence[str]) -> list[EvalRun]:
    """The named evaluations; else the newest of every model on each task's best-covered suite."""
    if names:
        runs = [store.load(store.find(name, "eval").id, EvalRun) for name in names]
    else:
        every = (store.load(info.id, EvalRun) for info in store.runs("eval"))
        newest: dict[tuple[str, str, str], EvalRun] = {}
        for run in every:
            if run.is_task and run.info.model != AUTO:
                newest.setdefault((run.suite, run.suite_hash, run.info.model), run)
        runs = _best_covered(list(newest.values()))
    if any(run.info.model == AUTO for run in runs):
        raise InputError(
            "An evaluation of `auto` measured a gateway, not a model.",
            fix="Evaluate the models by their own names.",
        )
    return runs


def _best_covered(runs: Sequence[EvalRun]) -> list[EvalRun]:
    """Of each suite the version that most models answered, then that with most items.

    A trial on the first items of a suite is another version of it, and gives way to the whole.
    """
    versions: dict[str, dict[str, list[EvalRun]]] = {}
    for run in runs:
        versions.setdefault(run.suite, {}).setdefault(run.suite_hash, []).append(run)
    return [
        run
        for of_suite in versions.values()
        for run in max(of_suite.values(), key=lambda group: (len(group), len(group[0].items)))
    ]


def _check_names(runs: Sequence[EvalRun], constraints: Constraints, told: Told) -> None:
    """Make sure that whatever is said of a model is said of one that was evaluated."""
    for name in told.usd_per_month:
        _check_name(runs, "--usd", name)
    for name, _ in constraints.places:
        _check_name(runs, "--at", name)
    for name in constraints.license_read:
        _check_name(runs, "--license-read", name)


def _check_memory_names(runs: Sequence[EvalRun], memory: Mapping[str, int]) -> None:
    for name in memory:
        _check_name(runs, "--memory", name)


def _check_name(runs: Sequence[EvalRun], option: str, name: str) -> None:
    models = sorted({run.info.model for run in runs})
    if name not in models:
        near = difflib.get_close_matches(name, models, n=1)
        raise InputError(
            f"{option} names {name!r}, which was not evaluated.",
            fix=f"Did you mean {near[0]!r}?" if near else f"Evaluated: {', '.join(models)}.",
        )


def _memory(
    runs: Sequence[EvalRun],
    told: Mapping[str, int],
    gathered: Gathered,
    constraints: Constraints,
    *,
    needed: bool,
) -> tuple[ModelMemory, ...]:
    """Each model's memory: told by the user, else the most that was measured, else predicted."""
    models = sorted({run.info.model for run in runs})
    entries = [_memory_of(name, runs, told) for name in models]
    for index, entry in enumerate(entries):
        if entry.bytes is not None:
            continue
        if is_elsewhere(entry.model, runs, constraints):
            source = Provenance("assumed", "served by a machine of others", entry.provenance.date)
            entries[index] = ModelMemory(entry.model, 0, source)
        elif entry.model in gathered.memory:
            forecast = gathered.memory[entry.model]
            entries[index] = ModelMemory(entry.model, forecast.memory_bytes, forecast.provenance)
    out = {one.model for one in gathered.evidence.removed if one.task is None}
    unknown = [entry.model for entry in entries if entry.bytes is None and entry.model not in out]
    if unknown and needed:
        raise InputError(
            f"A memory budget needs every model's memory; that of {', '.join(unknown)} is unknown.",
            fix=gathered.evidence.advice.memory(unknown[0]),
        )
    return tuple(entries)


def _memory_of(name: str, runs: Sequence[EvalRun], told: Mapping[str, int]) -> ModelMemory:
    own = [run for run in runs if run.info.model == name]
    if name in told:
        return ModelMemory(
            name, told[name], Provenance("assumed", "given by the user", own[0].info.created)
        )
    measured = [(run.memory_bytes, run.info) for run in own if run.memory_bytes is not None]
    if not measured:
        return ModelMemory(name, None, Provenance("assumed", "unknown", own[0].info.created))
    most, info = max(measured, key=lambda pair: pair[0])
    source = Provenance("measured", f"resident memory after {info.id}", info.created)
    return ModelMemory(name, most, source)


def _entries(runs: Sequence[EvalRun]) -> dict[str, ModelEntry]:
    """How the gateway reaches each model: as it was started, else where it answered."""
    addresses = {run.info.model: ModelEntry(url=run.url) for run in runs}
    return addresses | {run.info.model: run.entry for run in runs if run.entry is not None}


def _comment(run_id: str, date: str, verdict: Verdict) -> str:
    lines = [f"{_SIGNATURE} on {date}, from {run_id}.", verdict.words]
    lines += [f"Removed: {one}" for one in verdict.removed]
    return "\n".join(lines)
