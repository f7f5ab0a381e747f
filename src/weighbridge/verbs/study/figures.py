"""The figures of ``weigh study run --json`` and ``weigh demo --json``."""

from __future__ import annotations

from typing import Any

from weighbridge.core.study import Study
from weighbridge.verbs import compare, cost, decide, eval_figures, inspect, route
from weighbridge.verbs.load_json import run_json
from weighbridge.verbs.study.status import stage_to_json


def to_json(study: Study) -> dict[str, Any]:
    """The whole study; keys are documented in docs/json.md."""
    run = study.run
    return {
        "study": run.name,
        "file": run.path,
        "seed": run.seed,
        "stages": [stage_to_json(stage) for stage in run.stages],
        "inspect": [inspect.to_json(sheet.inspection) for sheet in study.sheets],
        "plan": _plan(study),
        "bench": [run_json(load) for load in study.loads],
        "eval": [eval_figures.to_json(one) for one in study.evals],
        "compare": compare.to_json(run.comparisons),
        "rate": _ratings(study),
        "cost": None if study.cost is None else cost.to_json(study.cost.report),
        "decide": None if study.verdict is None else decide.to_json(study.verdict),
        "route": None if study.route is None else route.to_json(study.route),
        "not_checked": list(run.not_checked),
        "run": run.info.id,
        "machine": run.info.machine,
        "machines": list(run.machines),
        "version": run.info.version,
        "created": run.info.created,
        "seconds": run.seconds,
        "command": run.command,
    }


def _plan(study: Study) -> dict[str, Any] | None:
    if study.plan is None:
        return None
    from weighbridge.verbs import plan  # noqa: PLC0415 -- heavy, and not every study plans

    return plan.to_json(study.plan.plan)


def _ratings(study: Study) -> list[dict[str, Any]]:
    if not study.ratings:
        return []
    from weighbridge.verbs.rate_results import results_json  # noqa: PLC0415 -- numpy

    return [results_json(one) for one in study.ratings]
