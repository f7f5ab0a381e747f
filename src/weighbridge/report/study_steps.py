"""The page of a study at work: its five steps, what each found, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.core.study import (
    ModelSheet,
    StageName,
    StageState,
    State,
    Study,
    StudyStatus,
)
from weighbridge.core.units import format_bytes, format_count
from weighbridge.report.page import render
from weighbridge.report.words import decision

# Name, question, the stages that answer it, and the page on which one may try by hand.
_STEPS: Final[tuple[tuple[str, str, tuple[StageName, ...], str], ...]] = (
    ("know", "What are these models, really?", ("inspect",), "/inspect"),
    ("predict", "What fits the machine, how fast, for how many users?", ("plan",), "/plan"),
    (
        "measure",
        "How fast, how right, and how good in people's eyes?",
        ("bench", "eval", "rate"),
        "/rate",
    ),
    ("decide", "Which model for which task, at what cost, how sure?", ("cost", "decide"), "/cost"),
    ("act", "Does routing keep the promise? Then let it serve.", ("route",), "/gateway"),
)
_STATES: Final[tuple[State, ...]] = ("failed", "stale", "to do", "waiting", "done")
_RESULTS_SHOWN: Final = 6


@dataclass(frozen=True, slots=True)
class Step:
    """One of the five steps of a study.

    Attributes:
        name: know, predict, measure, decide or act.
        question: what it answers.
        stages: the stages of the study that belong to it.
        address: the page for trying by hand.
        said: what it found, in sentences.
    """

    name: str
    question: str
    stages: tuple[StageState, ...]
    address: str
    said: tuple[str, ...]

    @property
    def state(self) -> State:
        """Of its stages the one that matters most."""
        states = {stage.state for stage in self.stages}
        return next((state for state in _STATES if state in states), "not asked")


@dataclass(frozen=True, slots=True)
class Doing:
    """What runs for a study at this moment, or ran last.

    Attributes:
        command: the command line.
        title: what is done.
        done: steps of that.
        total: steps there are; 0 where nobody knows.
        lines: the last of what it said.
        code: its exit code; None while it runs.
    """

    command: str
    title: str = ""
    done: int = 0
    total: int = 0
    lines: tuple[str, ...] = ()
    code: int | None = None

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        return self.code is None


@dataclass(frozen=True, slots=True)
class StudyFileView:
    """A study's file as a page shows it.

    Attributes:
        key: its name in addresses.
        path: where it lies.
        text: as it is.
        may_change: whether it is the user's own.
        faults: what is wrong with it.
    """

    key: str
    path: str
    text: str
    may_change: bool
    faults: tuple[str, ...] = ()


def steps_of(status: StudyStatus, study: Study | None) -> tuple[Step, ...]:
    """The five steps, with what the newest run found."""
    stages = {stage.name: stage for stage in status.stages}
    return tuple(
        Step(
            name,
            question,
            tuple(stages[stage] for stage in members if stage in stages),
            address,
            _said(name, study),
        )
        for name, question, members, address in _STEPS
    )


def study_steps_page(
    file: StudyFileView,
    status: StudyStatus | None,
    study: Study | None,
    doing: Doing | None,
    *,
    may_act: bool,
    serving: bool = False,
    gateway: Doing | None = None,
) -> str:
    """A study at work.

    Args:
        file: its file.
        status: how its stages stand; None where the file has faults.
        study: its newest run, if it ended once.
        doing: what the pages run for it, or ran last.
        may_act: whether this visitor may run things.
        serving: whether a gateway runs.
        gateway: the one that the pages started, or None.
    """
    return render(
        "study_steps.html",
        standalone=False,
        charts=False,
        here="study",
        file=file,
        status=status,
        steps=steps_of(status, study) if status else (),
        study=study,
        doing=doing,
        busy=doing is not None and doing.is_running,
        may_act=may_act,
        serving=serving,
        gateway=gateway,
        decision=decision(study.verdict.verdict) if study and study.verdict else None,
    )


def studies_page(
    entries: Sequence[tuple[str, str, str]], *, may_act: bool, suites: Sequence[str]
) -> str:
    """The studies of a workspace, and a form for a new one.

    Args:
        entries: key, name or fault, and path of each.
        may_act: whether this visitor may begin one.
        suites: names of the suites that are shipped.
    """
    return render(
        "studies.html",
        standalone=False,
        charts=False,
        here="study",
        entries=entries,
        may_act=may_act,
        suites=suites,
    )


def _said(step: str, study: Study | None) -> tuple[str, ...]:
    if study is None:
        return ()
    if step == "know":
        return _shortened([f"{sheet.info.model}: {_size(sheet)}" for sheet in study.sheets])
    if step == "measure":
        rates = [
            f"{run.info.model} has {100 * run.accuracy:.1f} % of {run.suite} right."
            for run in study.evals
        ]
        return _shortened(rates)
    if step == "decide" and study.verdict is not None:
        return (study.verdict.verdict.words,)
    if step == "act" and study.route is not None:
        return (study.route.gain.sentence,)
    return ()


def _size(sheet: ModelSheet) -> str:
    parts = [f"{format_count(sheet.architecture.parameters)} parameters"]
    if sheet.inspection.weight_bytes is not None:
        parts.append(format_bytes(sheet.inspection.weight_bytes))
    return f"{', '.join(parts)} in {sheet.inspection.quantization.name}."


def _shortened(sentences: Sequence[str]) -> tuple[str, ...]:
    more = len(sentences) - _RESULTS_SHOWN
    if more <= 0:
        return tuple(sentences)
    return (*sentences[:_RESULTS_SHOWN], f"And {more} more.")
