"""The report of a study: one page to sign first, then the evidence for it, step by step."""

from __future__ import annotations

from typing import Any, Final

from weighbridge.core.load import LoadRun
from weighbridge.core.provenance import Provenance
from weighbridge.core.runs import EvalRun, ItemResult, RunInfo
from weighbridge.core.study import StageState, Study
from weighbridge.core.verdict import Verdict
from weighbridge.report import charts
from weighbridge.report.page import render
from weighbridge.report.study_blocks import of_day
from weighbridge.report.study_first_page import SIGNATURES, FirstPage, first_page
from weighbridge.report.study_money import appendix_grids
from weighbridge.report.study_notes import appendix_notes
from weighbridge.report.study_tornado import tornado
from weighbridge.report.words import unique

WRONG_ANSWERS_SHOWN = 8
_STEPS: Final = (
    ("know", "Know"),
    ("predict", "Predict"),
    ("measure", "Measure"),
    ("money", "Cost"),
    ("decide", "Decide"),
    ("act", "Act"),
    ("limits", "Not checked"),
    ("sources", "Sources"),
)


def study_page(study: Study, *, standalone: bool) -> str:
    """The study as one page: as a file that is complete in itself, or for the live server."""
    models = models_of(study)
    verdict = None if study.verdict is None else study.verdict.verdict
    page = first_page(study)
    return render(
        "study.html",
        standalone=standalone,
        charts=True,
        here=None,
        study=study,
        page=page,
        tornado=_drawn(page),
        signatures=SIGNATURES,
        steps=_STEPS,
        of_day=of_day,
        verdict=verdict,
        models=models,
        judged=[] if verdict is None else judged_in(verdict, models),
        wrong=[(run, *wrong_answers(run)) for run in study.evals],
        compared=_compared(study),
        money=appendix_grids(study),
        notes=appendix_notes(study, page.unchecked),
        absent={stage.name: absent(stage) for stage in study.run.stages},
        figures=_figures(study, verdict, models),
        infos=all_infos(study),
    )


def models_of(study: Study) -> list[str]:
    """The models of a study in the order in which they were inspected and evaluated."""
    sheets = [sheet.info.model for sheet in study.sheets]
    return unique([*sheets, *(run.info.model for run in study.evals)])


def load_figures(loads: tuple[LoadRun, ...], models: list[str]) -> dict[str, charts.Figure]:
    """The charts of load runs."""
    return {
        "ttft": charts.latency(loads, "ttft_ms", models),
        "tpot": charts.latency(loads, "tpot_ms", models),
        "throughput": charts.throughput(loads, models),
    }


def judged_in(verdict: Verdict, models: list[str]) -> list[str]:
    """Those of the models that the verdict has evidence on; a study may inspect more."""
    judged = {item.model for task in verdict.tasks for item in task.standings}
    return [model for model in models if model in judged]


def wrong_answers(
    run: EvalRun, limit: int = WRONG_ANSWERS_SHOWN
) -> tuple[tuple[ItemResult, ...], int]:
    """The first wrong answers of a run, and how many there are."""
    wrong = tuple(item for item in run.items if not item.correct)
    return wrong[:limit], len(wrong)


def all_infos(study: Study) -> list[RunInfo]:
    """Every run of a study, in the order of its steps."""
    parts: tuple[Any, ...] = (
        *study.sheets, study.plan, *study.loads, *study.evals,
        study.cost, study.verdict, study.route,
    )  # fmt: skip
    return [study.run.info, *(part.info for part in parts if part is not None)]


def absent(stage: StageState) -> str:
    """Why a stage left nothing, in one line."""
    why = stage.why or next((unit.why for unit in stage.units if unit.why), "")
    if why:
        return why
    return "This was not asked for." if stage.state == "not asked" else "This was not done."


def _drawn(page: FirstPage) -> str:
    return "" if page.tornado is None else tornado(*page.tornado)


def _figures(study: Study, verdict: Verdict | None, models: list[str]) -> dict[str, Any]:
    """The charts of what there is."""
    return {
        "accuracy": None if verdict is None else charts.accuracy(verdict.tasks, models),
        "parameters": charts.parameters(study.sheets) if study.sheets else None,
        "load": load_figures(study.loads, models) if study.loads else None,
        "differences": charts.differences(study.run.comparisons),
        "routed": None if study.route is None else charts.routed(study.route.shares, models),
    }


def _compared(study: Study) -> Provenance:
    runs = ", ".join(run.info.id for run in study.evals)
    return Provenance("measured", f"runs {runs}", study.run.info.created[:10])
