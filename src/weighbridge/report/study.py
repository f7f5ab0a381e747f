"""The report of a study: the decision first, then the evidence for it, step by step."""

from __future__ import annotations

from typing import Any

from weighbridge.core.load import LoadRun
from weighbridge.core.provenance import Provenance
from weighbridge.core.runs import EvalRun, ItemResult, RunInfo
from weighbridge.core.study import Study
from weighbridge.core.verdict import Verdict
from weighbridge.report import charts
from weighbridge.report.page import render
from weighbridge.report.words import decision, unique

WRONG_ANSWERS_SHOWN = 8


def study_page(study: Study, *, standalone: bool) -> str:
    """The study as one page: as a file that is complete in itself, or for the live server."""
    models = models_of(study)
    verdict = study.verdict.verdict
    head, alternative = decision(verdict)
    return render(
        "study.html",
        standalone=standalone,
        charts=True,
        here=None,
        study=study,
        verdict=verdict,
        models=models,
        decision=head,
        alternative=alternative,
        judged=judged_in(verdict, models),
        wrong=[(run, *wrong_answers(run)) for run in study.evals],
        compared=_compared(study),
        figures={
            "accuracy": charts.accuracy(verdict.tasks, models),
            "parameters": charts.parameters(study.sheets),
            "load": load_figures(study.loads, models),
            "differences": charts.differences(study.run.comparisons),
            "routed": charts.routed(study.route.shares, models),
        },
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
    parts: tuple[Any, ...] = (*study.sheets, *study.loads, *study.evals, study.verdict, study.route)
    return [study.run.info, *(part.info for part in parts)]


def _compared(study: Study) -> Provenance:
    runs = ", ".join(run.info.id for run in study.evals)
    return Provenance("measured", f"runs {runs}", study.run.info.created[:10])
