"""The pages around the runs: the overview, the list of runs, and messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from weighbridge.core.live_load import LiveLoad
from weighbridge.core.runs import RunInfo, RunKind
from weighbridge.core.study import StageName, StageState, StudyRun
from weighbridge.core.verdict import Verdict
from weighbridge.report.page import render
from weighbridge.report.words import decision


@dataclass(frozen=True, slots=True)
class Step:
    """One of the five steps and how far it is.

    Attributes:
        name: know, predict, measure, decide or act.
        question: what it answers.
        done: what there is of it, newest first.
        command: what to run for it; `--keep` where a result is otherwise only shown.
        address: the page that does the same, if there is one.
        skipped: why it need not be done; empty while it should be.
        is_unfinished: whether the study has parts of it that failed or were not done.
    """

    name: str
    question: str
    done: tuple[RunInfo, ...]
    command: str
    address: str = ""
    skipped: str = ""
    is_unfinished: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it is still to do."""
        return self.is_unfinished or not (self.done or self.skipped)


# Name, question, kinds of runs that answer it, command, page.
_STEPS: tuple[tuple[str, str, tuple[RunKind, ...], str, str], ...] = (
    ("know", "What is this model, really?", ("inspect",), "weigh inspect --keep", "/inspect"),
    (
        "predict",
        "What fits a machine, how fast, and for how many users?",
        ("plan",),
        "weigh plan --keep",
        "/plan",
    ),
    (
        "measure",
        "How fast and how right is it, here?",
        ("load", "eval"),
        "weigh bench, weigh eval",
        "",
    ),
    (
        "decide",
        "Which model for which task, at what cost, and how sure?",
        ("cost", "verdict"),
        "weigh cost, weigh decide",
        "/cost",
    ),
    ("act", "Does routing the traffic keep that promise?", ("route",), "weigh serve", ""),
)
_MEASURED_INSTEAD = "nothing was predicted for these runs: they were measured"
# The stages of a study that answer each step.
_STAGES: dict[str, tuple[StageName, ...]] = {
    "know": ("inspect",),
    "predict": ("plan",),
    "measure": ("bench", "eval", "rate"),
    "decide": ("cost", "decide"),
    "act": ("route",),
}


def steps_of(infos: Sequence[RunInfo], run: StudyRun | None = None) -> tuple[Step, ...]:
    """The five steps as far as these runs have taken them.

    Args:
        infos: the runs.
        run: the study that they are of, if they are of one: what it did not ask is not open.
    """
    found = {info.kind for info in infos}
    measured = not found.isdisjoint({"load", "eval"})
    steps = []
    for name, question, kinds, command, address in _STEPS:
        done = tuple(info for info in infos if info.kind in kinds)
        skipped = _MEASURED_INSTEAD if name == "predict" and measured and not done else ""
        step = Step(name, question, done, command, address, skipped)
        steps.append(step if run is None else _in_study(step, run))
    return tuple(steps)


def _in_study(step: Step, run: StudyRun) -> Step:
    """The step as the study has it. A decision waits for its gateway, whatever was routed."""
    stages = [stage for stage in run.stages if stage.name in _STAGES[step.name]]
    asked = [stage for stage in stages if stage.state != "not asked"]
    if any(stage.state != "done" for stage in asked):
        return replace(step, is_unfinished=True, skipped="")
    if stages and not asked and not step.done and (step.name != "act" or run.verdict is None):
        return replace(step, skipped=_not_asked(stages[0]))
    return step


def _not_asked(stage: StageState) -> str:
    return f"not part of the study: {stage.why}".rstrip(".: ")


def next_step(steps: Sequence[Step]) -> Step | None:
    """The first step that is still to do."""
    return next((step for step in steps if step.is_open), None)


def home_page(
    infos: Sequence[RunInfo],
    study: RunInfo | None = None,
    verdict: Verdict | None = None,
    live: Sequence[LiveLoad] = (),
    *,
    gateway: bool = False,
    run: StudyRun | None = None,
) -> str:
    """The overview of a workspace.

    Args:
        infos: the runs of the latest study or verdict, or all where there is none; newest first.
        study: the latest study, or the verdict that is newer.
        verdict: what it decided, if that is still in the workspace.
        live: load runs under way.
        gateway: whether a gateway runs.
        run: the latest study, where that is what the runs are of.
    """
    steps = steps_of(infos, run)
    head, alternative = decision(verdict) if verdict else ("", "")
    return render(
        "home.html",
        standalone=False,
        charts=False,
        here="home",
        steps=steps,
        following=next_step(steps),
        study=study,
        decision=head,
        alternative=alternative,
        infos=infos,
        live=live,
        gateway=gateway,
    )


def runs_page(infos: Sequence[RunInfo], live: Sequence[LiveLoad] = ()) -> str:
    """All runs of a workspace in one sortable table, after those under way."""
    return render("runs.html", standalone=False, charts=False, here="runs", infos=infos, live=live)


def message_page(title: str, sentence: str, fix: str = "") -> str:
    """A page that says what happened and what to do about it."""
    context = {"heading": title, "sentence": sentence, "fix": fix}
    return render("message.html", standalone=False, charts=False, here=None, **context)
