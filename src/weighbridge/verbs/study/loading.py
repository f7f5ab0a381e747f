"""A study's runs, gathered again from the workspace."""

from __future__ import annotations

from pathlib import Path

from weighbridge.core.cost import CostRun
from weighbridge.core.effects import Store
from weighbridge.core.errors import InputError, UnknownRunError
from weighbridge.core.load import LoadRun
from weighbridge.core.plan import PlanRun
from weighbridge.core.rating_session import RatingReport
from weighbridge.core.runs import EvalRun
from weighbridge.core.study import (
    DemoRun,
    ModelSheet,
    RouteRun,
    Study,
    StudyRun,
    VerdictRun,
    of_demo,
)


def study_run(store: Store, run_id: str) -> StudyRun:
    """A study's record; of a demo from before studies, the study that it was.

    Raises:
        UnknownRunError: it is not in the workspace.
    """
    if store.find(run_id).kind == "demo":
        return of_demo(store.load(run_id, DemoRun))
    return store.load(run_id, StudyRun)


def load_study(store: Store, run_id: str, root: Path | None = None) -> Study:
    """Everything that a study measured and decided; a demo from before studies is one as well.

    Args:
        store: the workspace.
        run_id: of a run of kind ``study`` or ``demo``.
        root: the workspace's folder, where its ratings lie; without it they are left out.

    Raises:
        UnknownRunError: the study, or one of its runs, is not in the workspace.
        WorkspaceError: files are damaged.
    """
    run = study_run(store, run_id)
    return Study(
        run=run,
        sheets=tuple(store.load(name, ModelSheet) for name in run.inspected),
        plan=None if run.plan is None else store.load(run.plan, PlanRun),
        loads=tuple(store.load(name, LoadRun) for name in run.loads),
        evals=tuple(store.load(name, EvalRun) for name in run.evals),
        ratings=() if root is None else _ratings(root, run.ratings),
        cost=None if run.cost is None else store.load(run.cost, CostRun),
        verdict=None if run.verdict is None else store.load(run.verdict, VerdictRun),
        route=None if run.route is None else store.load(run.route, RouteRun),
    )


def _ratings(root: Path, names: tuple[str, ...]) -> tuple[RatingReport, ...]:
    """The ratings that have votes by now."""
    if not names:
        return ()
    from weighbridge.verbs.rate_results import results  # noqa: PLC0415 -- numpy, where nobody rated

    found = []
    for name in names:
        try:
            found.append(results(root, name))
        except UnknownRunError:
            raise
        except InputError:  # nobody has voted yet
            continue
    return tuple(found)
