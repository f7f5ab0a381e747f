"""``weigh runs``: what the workspace holds."""

from __future__ import annotations

from typing import Any

import msgspec

from weighbridge.core.effects import Store
from weighbridge.core.load import LoadRun
from weighbridge.core.plan import PlanRun
from weighbridge.core.runs import EvalRun, RunKind
from weighbridge.core.study import DemoRun, ModelSheet, RouteRun, VerdictRun

Record = ModelSheet | PlanRun | LoadRun | EvalRun | VerdictRun | RouteRun | DemoRun

_TYPES: dict[RunKind, type[Record]] = {
    "inspect": ModelSheet,
    "plan": PlanRun,
    "load": LoadRun,
    "eval": EvalRun,
    "verdict": VerdictRun,
    "route": RouteRun,
    "demo": DemoRun,
}


def load_any(store: Store, name: str) -> Record:
    """The record that ``name`` means, whatever its kind.

    Raises:
        UnknownRunError: there is none, or more than one.
        WorkspaceError: its files are damaged.
    """
    info = store.find(name)
    return store.load(info.id, _TYPES[info.kind])


def to_json(store: Store, kind: RunKind | None = None) -> dict[str, Any]:
    """The figures of ``weigh runs --json``: one object per run, newest first."""
    return {"runs": msgspec.to_builtins(store.runs(kind))}
