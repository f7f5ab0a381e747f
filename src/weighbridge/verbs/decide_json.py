"""A verdict as JSON; keys are documented in docs/json.md."""

from __future__ import annotations

from typing import Any

import msgspec

from weighbridge.core.constraints import Removed
from weighbridge.core.provenance import Interval
from weighbridge.core.tradeoffs import Flip
from weighbridge.core.verdict import Assignment, ModelEvidence, TaskVerdict, Verdict
from weighbridge.verbs.compare import pair


def document(verdict: Verdict) -> dict[str, Any]:
    """The verdict's own figures."""
    return {
        "sentence": verdict.sentence,
        "caveats": list(verdict.caveats),
        "notes": list(verdict.notes),
        "tasks": [_task(task) for task in verdict.tasks],
        "mix": dict(verdict.mix),
        "memory": [msgspec.to_builtins(entry) for entry in verdict.memory],
        "budget_bytes": verdict.budget_bytes,
        "single": None if verdict.single is None else _assignment(verdict.single),
        "assignment": _assignment(verdict.chosen),
        "tighter": None if verdict.tighter is None else _assignment(verdict.tighter),
        "gain": interval(verdict.gain),
        "overall": [
            {"model": one.model, "p_best": one.p_best, "accuracy": interval(one.accuracy)}
            for one in verdict.overall
        ],
        "constraints": msgspec.to_builtins(verdict.constraints),
        "removed": removed(verdict.removed),
        "flips": flips(verdict.flips),
    }


def flips(found: tuple[Flip, ...]) -> list[dict[str, Any]]:
    """What would change the decision."""
    return [msgspec.to_builtins(one) for one in found]


def removed(options: tuple[Removed, ...]) -> list[dict[str, Any]]:
    """The options that constraints rule out."""
    return [msgspec.to_builtins(one) for one in options]


def interval(found: Interval | None) -> dict[str, float] | None:
    """An estimate with its two ends and their level."""
    return None if found is None else msgspec.to_builtins(found)


def _task(task: TaskVerdict) -> dict[str, Any]:
    return {
        "task": task.task,
        "winner": task.winner.model,
        "clear": task.is_clear,
        "lead": None if task.lead is None else pair(task.lead),
        "front": list(task.front),
        "standings": [_standing(evidence) for evidence in task.standings],
    }


def _standing(evidence: ModelEvidence) -> dict[str, Any]:
    return {
        "model": evidence.model,
        "n": evidence.n,
        "accuracy": evidence.accuracy.value,
        "low": evidence.accuracy.low,
        "high": evidence.accuracy.high,
        "run": evidence.run,
        "p_best": evidence.p_best,
        "p_cheapest": evidence.p_cheapest,
        "on_front": evidence.on_front,
        "served": msgspec.to_builtins(evidence.served),
        "spending": msgspec.to_builtins(evidence.spending),
    }


def _assignment(assignment: Assignment) -> dict[str, Any]:
    return {
        "models": list(assignment.models),
        "by_task": dict(assignment.by_task),
        "accuracy": assignment.accuracy,
        "memory_bytes": assignment.memory_bytes,
        "replicas": dict(assignment.replicas),
        "devices": [{"model": name, "on": list(on)} for name, on in assignment.devices],
        "usd_per_month": assignment.usd_per_month,
        "machines": [list(models) for models in assignment.machines],
        "is_upper_bound": assignment.is_upper_bound,
        "fleets": [{"models": list(names), "count": count} for names, count in assignment.fleets],
    }
