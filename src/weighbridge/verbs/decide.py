"""``weigh decide``: who does which task, and the gateway configuration that executes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from weighbridge.core.effects import Store
from weighbridge.core.errors import InputError
from weighbridge.core.provenance import Provenance
from weighbridge.core.routing import ModelEntry
from weighbridge.core.runs import EvalRun, content_hash
from weighbridge.core.study import VerdictRun
from weighbridge.core.verdict import Assignment, ModelMemory, TaskVerdict, Verdict
from weighbridge.decide.router import router_config
from weighbridge.decide.signals import learn_signals
from weighbridge.decide.verdict import decide as decide_purely
from weighbridge.serve.config import write_config
from weighbridge.verbs.compare import pair
from weighbridge.verbs.effects import writing

_SIGNATURE = "Written by `weigh decide`"


def decide(
    store: Store,
    *,
    names: Sequence[str] = (),
    budget_bytes: int | None = None,
    mix: Mapping[str, float] | None = None,
    memory_bytes: Mapping[str, int] | None = None,
    entries: Mapping[str, ModelEntry] | None = None,
) -> VerdictRun:
    """Decide on the named evaluation runs, or on the newest of each model and suite.

    Args:
        store: the workspace.
        names: evaluation runs.
        budget_bytes: memory that the loaded models may take together.
        mix: suite → share of the traffic; by default all alike.
        memory_bytes: model → bytes, overriding what the runs measured.
        entries: how the gateway reaches each model; by default the addresses that were measured.

    Raises:
        InputError: nothing to decide on, nothing fits, or a memory is unknown but needed.
    """
    runs = [store.load(run_id, EvalRun) for run_id in _chosen(store, names)]
    memory = _memory(runs, memory_bytes or {}, needed=budget_bytes is not None)
    verdict = decide_purely(runs, memory, budget_bytes, mix)
    signals = learn_signals({run.suite: [item.prompt for item in run.items] for run in runs})
    config = router_config(verdict, signals, entries or _addresses(runs))
    evidence = tuple(run.info.id for run in runs)
    info = store.new_info(
        "verdict",
        model=", ".join(verdict.chosen.models),
        subject=", ".join(task.task for task in verdict.tasks),
        key=content_hash("verdict", evidence, budget_bytes, mix),
    )
    text = write_config(config, _comment(info.id, info.created, verdict))
    run = VerdictRun(info, evidence, verdict, text)
    store.save(info, run)
    return run


def write_router_config(run: VerdictRun, path: Path, *, force: bool = False) -> None:
    """Write the configuration; a file that somebody wrote by hand is not replaced unasked.

    Raises:
        InputError: there is such a file.
        WorkspaceError: it cannot be written.
    """
    if path.exists() and not force and _SIGNATURE not in path.read_text("utf-8", "replace")[:200]:
        raise InputError(
            f"{path} was not written by `weigh decide`, so it is left alone.",
            fix="Write elsewhere with --out, or replace it with --force.",
        )
    with writing(path) as draft:
        draft.write_text(run.router_config, encoding="utf-8")


def to_json(run: VerdictRun) -> dict[str, Any]:
    """The figures of ``weigh decide --json``; keys are documented in docs/json.md."""
    verdict = run.verdict
    return {
        "run": run.info.id,
        "sentence": verdict.sentence,
        "caveats": list(verdict.caveats),
        "tasks": [_task(task) for task in verdict.tasks],
        "mix": dict(verdict.mix),
        "memory": [msgspec.to_builtins(entry) for entry in verdict.memory],
        "budget_bytes": verdict.budget_bytes,
        "single": _assignment(verdict.single),
        "assignment": _assignment(verdict.chosen),
        "tighter": None if verdict.tighter is None else _assignment(verdict.tighter),
        "evidence": list(run.evidence),
        "provenance": {"kind": "measured", "source": run.info.id, "date": run.info.created},
    }


def _chosen(store: Store, names: Sequence[str]) -> list[str]:
    if names:
        return [store.find(name, "eval").id for name in names]
    newest: dict[tuple[str, str], str] = {}
    for info in store.runs("eval"):
        newest.setdefault((info.model, info.subject), info.id)
    return list(newest.values())


def _memory(
    runs: Sequence[EvalRun], told: Mapping[str, int], *, needed: bool
) -> tuple[ModelMemory, ...]:
    """Each model's memory: told by the user, else measured beside its evaluation."""
    entries: dict[str, ModelMemory] = {}
    for run in runs:
        name, date = run.info.model, run.info.created
        if name in told:
            source = Provenance("assumed", "given by the user", date)
            entries[name] = ModelMemory(name, told[name], source)
        elif run.memory_bytes is not None:
            source = Provenance("measured", f"resident memory after {run.info.id}", date)
            entries.setdefault(name, ModelMemory(name, run.memory_bytes, source))
    unknown = sorted({run.info.model for run in runs} - entries.keys())
    if unknown and needed:
        raise InputError(
            f"A memory budget needs every model's memory; that of {', '.join(unknown)} is unknown.",
            fix=f"Give it: --memory {unknown[0]}=24GiB.",
        )
    for name in unknown:
        entries[name] = ModelMemory(name, 0, Provenance("assumed", "unknown, taken as nothing", ""))
    return tuple(entries[name] for name in sorted(entries))


def _addresses(runs: Sequence[EvalRun]) -> dict[str, ModelEntry]:
    return {run.info.model: ModelEntry(url=run.url) for run in runs}


def _comment(run_id: str, date: str, verdict: Verdict) -> str:
    lines = [f"{_SIGNATURE} on {date}, from {run_id}.", verdict.sentence]
    for task in verdict.tasks:
        best = task.winner
        lines.append(
            f"{task.task}: {best.model} {100 * best.accuracy.value:.1f} % right of {best.n} "
            f"({best.run})"
        )
    return "\n".join([*lines, *verdict.caveats])


def _task(task: TaskVerdict) -> dict[str, Any]:
    return {
        "task": task.task,
        "winner": task.winner.model,
        "clear": task.is_clear,
        "lead": None if task.lead is None else pair(task.lead),
        "standings": [
            {
                "model": evidence.model,
                "n": evidence.n,
                "accuracy": evidence.accuracy.value,
                "low": evidence.accuracy.low,
                "high": evidence.accuracy.high,
                "run": evidence.run,
            }
            for evidence in task.standings
        ],
    }


def _assignment(assignment: Assignment) -> dict[str, Any]:
    return {
        "models": list(assignment.models),
        "by_task": dict(assignment.by_task),
        "accuracy": assignment.accuracy,
        "memory_bytes": assignment.memory_bytes,
    }
