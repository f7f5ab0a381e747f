"""Single runs as pages: the same sections as in a study, for one record."""

from __future__ import annotations

from typing import Any

from weighbridge.core.cost import CostRun
from weighbridge.core.load import LoadRun
from weighbridge.core.plan import PlanRun
from weighbridge.core.runs import EvalRun
from weighbridge.core.study import ModelSheet, RouteRun, VerdictRun
from weighbridge.report import charts
from weighbridge.report.cost_page import cost_run_page
from weighbridge.report.load_page import load_page
from weighbridge.report.page import render
from weighbridge.report.plan_page import plan_page
from weighbridge.report.study import wrong_answers
from weighbridge.report.words import unique

Sheet = ModelSheet | EvalRun | VerdictRun | RouteRun
Record = Sheet | LoadRun | PlanRun | CostRun


def run_page(record: Record, *, standalone: bool) -> str:
    """The page of one run that is not a study: its tables, charts and identity."""
    if isinstance(record, PlanRun):
        return plan_page(record.plan, standalone=standalone, info=record.info)
    if isinstance(record, LoadRun):
        return load_page(record, standalone=standalone)
    if isinstance(record, CostRun):
        return cost_run_page(record, standalone=standalone)
    return render(
        "run.html",
        standalone=standalone,
        here="runs",
        record=record,
        info=record.info,
        kind=record.info.kind,
        **_context(record),
    )


def _context(record: Sheet) -> dict[str, Any]:
    """What the sections of this kind of record need beside it."""
    match record:
        case ModelSheet():
            return {"charts": True, "figure": charts.parameters([record])}
        case EvalRun():
            wrong, total = wrong_answers(record, limit=len(record.items))
            return {"charts": False, "wrong": wrong, "total": total}
        case VerdictRun():
            tasks = record.verdict.tasks
            models = unique(item.model for task in tasks for item in task.standings)
            leads = [task.lead for task in tasks if task.lead]
            return {
                "charts": True,
                "models": models,
                "leads": leads,
                "figure": charts.accuracy(tasks, models),
                "differences": charts.differences(leads),
            }
        case RouteRun():
            models = unique(share.who for share in record.shares if share.who != charts.AUTO)
            return {"charts": True, "figure": charts.routed(record.shares, models)}
