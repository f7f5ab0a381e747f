"""``weigh runs``: what the workspace holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import msgspec

from weighbridge.core.cost import CostRun
from weighbridge.core.effects import Store
from weighbridge.core.errors import UnknownRunError, WorkspaceError
from weighbridge.core.load import Limit, LoadRun
from weighbridge.core.plan import PlanRun
from weighbridge.core.runs import EvalRun, RunInfo, RunKind
from weighbridge.core.study import DemoRun, ModelSheet, RouteRun, StudyRun, VerdictRun
from weighbridge.core.traffic import LoadShape

Record = (
    ModelSheet | PlanRun | LoadRun | EvalRun | VerdictRun | RouteRun | DemoRun | CostRun | StudyRun
)

_TYPES: dict[RunKind, type[Record]] = {
    "inspect": ModelSheet,
    "plan": PlanRun,
    "load": LoadRun,
    "eval": EvalRun,
    "verdict": VerdictRun,
    "route": RouteRun,
    "demo": DemoRun,
    "cost": CostRun,
    "study": StudyRun,
}


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run as a list shows it.

    Attributes:
        load: of a load run, in words: ``1,4,8 users``; else nothing.
        is_partial: whether it was interrupted.
    """

    info: RunInfo
    load: str = ""
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class _Level:
    shape: LoadShape


@dataclass(frozen=True, slots=True)
class _LoadInBrief:
    """Of a stored load run, what a list needs: its requests are not read."""

    levels: tuple[_Level, ...] = ()
    is_partial: bool = False
    limit: Limit | None = None


def load_any(store: Store, name: str) -> Record:
    """The record that ``name`` means, whatever its kind.

    Raises:
        UnknownRunError: there is none, or more than one.
        WorkspaceError: its files are damaged.
    """
    info = store.find(name)
    return store.load(info.id, _TYPES[info.kind])


def listed(store: Store, kind: RunKind | None = None) -> list[ListedRun]:
    """All runs, newest first; one whose files are damaged is listed without its load."""
    return [_listed(store, info) for info in store.runs(kind)]


def to_json(store: Store, kind: RunKind | None = None) -> dict[str, Any]:
    """The figures of ``weigh runs --json``: one object per run, newest first."""
    return {"runs": [_run_json(run) for run in listed(store, kind)]}


def _run_json(run: ListedRun) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(run.info)
    if run.load:
        document |= {"load": run.load, "partial": run.is_partial}
    return document


def _listed(store: Store, info: RunInfo) -> ListedRun:
    if info.kind != "load":
        return ListedRun(info)
    try:
        brief = store.load(info.id, _LoadInBrief)
    except (UnknownRunError, WorkspaceError):
        return ListedRun(info)
    if brief.limit is not None:
        rate = brief.limit.rate
        return ListedRun(info, f"limit {rate:.3g}/s" if rate is not None else "no limit found")
    shapes = [level.shape for level in brief.levels]
    return ListedRun(info, shapes_in_words(shapes), brief.is_partial)


def shapes_in_words(shapes: Sequence[LoadShape]) -> str:
    """The levels of a run: ``1,4,8 users``, ``2,4/s``."""
    words = []
    for kind, same in groupby(shapes, key=lambda shape: shape.kind):
        group = list(same)
        last = str(group[-1])
        if kind in ("closed", "open"):
            numbers = [shape.concurrency if kind == "closed" else shape.rate for shape in group]
            last = ",".join([*(f"{number:g}" for number in numbers[:-1]), last])
        else:
            last = ", ".join(map(str, group))
        words.append(last)
    return "; ".join(words)
