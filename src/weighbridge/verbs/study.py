"""A demo's runs, gathered again from the workspace."""

from __future__ import annotations

from weighbridge.core.effects import Store
from weighbridge.core.load import LoadRun
from weighbridge.core.runs import EvalRun
from weighbridge.core.study import DemoRun, ModelSheet, RouteRun, Study, VerdictRun


def load_study(store: Store, demo_id: str) -> Study:
    """Everything that a demo measured and decided.

    Raises:
        UnknownRunError: the demo, or one of its runs, is not in the workspace.
        WorkspaceError: files are damaged.
    """
    run = store.load(demo_id, DemoRun)
    return Study(
        run=run,
        sheets=tuple(store.load(name, ModelSheet) for name in run.inspected),
        loads=tuple(store.load(name, LoadRun) for name in run.loads),
        evals=tuple(store.load(name, EvalRun) for name in run.evals),
        verdict=store.load(run.verdict, VerdictRun),
        route=store.load(run.route, RouteRun),
    )
