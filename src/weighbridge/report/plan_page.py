"""``weigh plan`` as a page: the decision, the ranking, what nearly works, and what it rests on."""

from __future__ import annotations

from typing import Any, Final

from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.plan import Plan
from weighbridge.core.runs import RunInfo
from weighbridge.engines.commands import launches
from weighbridge.engines.scripts import script
from weighbridge.report.memory_bars import legend
from weighbridge.report.page import render
from weighbridge.report.pareto_chart import pareto_views
from weighbridge.report.placement_drawing import winner_drawing
from weighbridge.report.plan_form import PlanForm, address_of
from weighbridge.report.plan_table import choices, near_rows, ranked_rows
from weighbridge.report.plan_words import asked_text, headline, result_line, why

# Sliders of the filters over what is embedded, in ms.
_TTFT_RANGE: Final = (20, 20_000)
_TPOT_RANGE: Final = (2, 500)
# So many rows of the ranking are shown until all are asked for.
_FIRST_ROWS: Final = 15


def plan_page(plan: Plan, *, standalone: bool, info: RunInfo | None = None) -> str:
    """The page of a plan that was made: as one file, or of a run in the workspace.

    Its filters choose among the ways that it holds; anything else needs another plan.
    """
    return render(
        "plan.html",
        standalone=standalone,
        charts=False,
        here="runs" if info else "plan",
        info=info,
        form=None,
        problem=None,
        again="" if standalone else address_of(plan),
        **_context(plan),
    )


def live_plan_page(
    form: PlanForm, plan: Plan | None = None, problem: WeighbridgeError | None = None
) -> str:
    """The page that plans anew whenever its form changes.

    Args:
        form: the question, as typed.
        plan: the answer.
        problem: why there is none.
    """
    context = _context(plan) if plan else {"plan": None}
    return render(
        "plan.html",
        standalone=False,
        charts=False,
        here="plan",
        info=None,
        form=form,
        problem=problem,
        again="",
        **context,
    )


def _context(plan: Plan) -> dict[str, Any]:
    rows = ranked_rows(plan)
    engines, formats = choices(rows)
    winner = plan.winner
    return {
        "plan": plan,
        "asked": asked_text(plan),
        "headline": headline(plan),
        "why": why(plan),
        "result_line": result_line(plan),
        "winner": winner,
        "rows": rows,
        "near": near_rows(plan),
        "first_rows": _FIRST_ROWS,
        "engines": engines,
        "formats": formats,
        "ttft_range": _TTFT_RANGE,
        "tpot_range": _TPOT_RANGE,
        "priced": any(row.cost_value for row in rows),
        "unrated": any(row.quality_of is None for row in rows),
        "views": pareto_views(plan.ranked, plan.front),
        "legend": legend(),
        "starts": _starts(plan),
        "on_devices": winner_drawing(plan),
    }


def _starts(plan: Plan) -> list[tuple[str, str]]:
    """Engines that start the winner, each with its script."""
    if plan.winner is None:
        return []
    found = launches(plan.winner.candidate, plan.machine)
    return [(launch.engine, script(launch)) for launch in found]
