"""The runs that rest on other runs, and all of them gathered into one study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from weighbridge.core.architecture import ModelArchitecture, WeightFile
from weighbridge.core.constraints import NOTHING_LEFT
from weighbridge.core.cost import CostRun
from weighbridge.core.inspection import Inspection
from weighbridge.core.load import LoadRun
from weighbridge.core.plan import PlanRun
from weighbridge.core.provenance import Interval
from weighbridge.core.rating_session import RatingReport
from weighbridge.core.runs import EvalRun, RunInfo
from weighbridge.core.verdict import Comparison, Verdict

StageName = Literal["inspect", "plan", "bench", "eval", "rate", "cost", "decide", "route"]
State = Literal["done", "failed", "waiting", "stale", "to do", "not asked"]

STAGES: Final[tuple[StageName, ...]] = get_args(StageName)
"""The stages of a study, in the order in which they run."""

RESTS: Final = "It rests on what failed or is still to be done."
"""Why a unit failed or is open that another one has to be done for first."""

# Of a stage's units, the state that matters most is the stage's.
_WEIGHT: Final[tuple[State, ...]] = ("failed", "stale", "to do", "waiting", "done")
_OLD: Final = (
    "This demo was made before demos were studies: nothing was planned, rated or counted as a cost."
)


@dataclass(frozen=True, slots=True)
class ModelSheet:
    """A model as inspected and kept."""

    info: RunInfo
    path: str
    inspection: Inspection

    @property
    def architecture(self) -> ModelArchitecture:
        """Its structure."""
        return self.inspection.architecture

    @property
    def weights(self) -> WeightFile | None:
        """Its tensors, where a header was read."""
        return self.inspection.weights


@dataclass(frozen=True, slots=True)
class VerdictRun:
    """A decision, the runs it rests on, and the gateway configuration that executes it.

    Attributes:
        info: identity.
        evidence: ids of the evaluation runs.
        verdict: the decision.
        router_config: YAML text of ``router.config.yaml``.
    """

    info: RunInfo
    evidence: tuple[str, ...]
    verdict: Verdict
    router_config: str


@dataclass(frozen=True, slots=True)
class TrafficShare:
    """How one way of answering did on one part of the traffic.

    Attributes:
        who: a model, or ``auto`` for the gateway's routing.
        task: the part of the traffic, or ``all``.
        n: requests.
        accuracy: share answered right, with its Wilson interval.
    """

    who: str
    task: str
    n: int
    accuracy: Interval


@dataclass(frozen=True, slots=True)
class RouteRun:
    """The mixed traffic answered through the gateway, routed and by each single model.

    Attributes:
        info: identity.
        shares: accuracy of ``auto`` and of every model, per task and over all.
        gain: routing against the single model that the verdict would have run alone.
        hindsight: routing against the single model that did best on this very traffic.
        routed_to: model and number of requests that ``auto`` sent to it.
        misrouted: requests that went to another model than their task's.
        latency_ms: median end-to-end latency of the routed requests.
    """

    info: RunInfo
    shares: tuple[TrafficShare, ...]
    gain: Comparison
    hindsight: Comparison
    routed_to: tuple[tuple[str, int], ...]
    misrouted: int
    latency_ms: float


@dataclass(frozen=True, slots=True)
class DemoRun:
    """A demo from before demos were studies; :func:`of_demo` makes a study of it."""

    info: RunInfo
    inspected: tuple[str, ...]
    loads: tuple[str, ...]
    evals: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    verdict: str
    route: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Unit:
    """The smallest piece of a study that is done, or done again: one candidate on one suite.

    Attributes:
        stage: to which it belongs.
        name: in words, the same in every run of the study: ``porter × arithmetic``.
        key: hash of all that it depends on; another key means that it has to be done again.
        state: ``stale`` where it was done with another key, ``waiting`` where people have to act.
        runs: ids of what it left in the workspace; ratings have ids of their own.
        why: why it failed, is stale or waits, as a sentence; else nothing.
        seconds: how long it took; 0 where it was not done.
        created: when it ended, UTC, ISO 8601; empty where it was not done.
        machine: where it was done; empty likewise.
    """

    stage: StageName
    name: str
    key: str
    state: State
    runs: tuple[str, ...] = ()
    why: str = ""
    seconds: float = 0.0
    created: str = ""
    machine: str = ""

    @property
    def is_no(self) -> bool:
        """Whether the answer is no: the constraints leave nothing, so that no run can help."""
        return (
            self.stage == "decide" and self.state == "failed" and self.why.startswith(NOTHING_LEFT)
        )


@dataclass(frozen=True, slots=True)
class StageState:
    """How far one stage of a study is.

    Attributes:
        name: which.
        units: its pieces; none where it is not asked for.
        why: why it is not asked for, as a sentence; else nothing.
    """

    name: StageName
    units: tuple[Unit, ...] = ()
    why: str = ""

    @property
    def state(self) -> State:
        """Of its units the one that matters most; ``not asked`` where there are none."""
        states = {unit.state for unit in self.units}
        return next((state for state in _WEIGHT if state in states), "not asked")

    @property
    def done(self) -> int:
        """Units that are done."""
        return sum(unit.state == "done" for unit in self.units)

    @property
    def seconds(self) -> float:
        """How long its units took together."""
        return sum(unit.seconds for unit in self.units)


@dataclass(frozen=True, slots=True)
class StudyStatus:
    """A study file against what a workspace holds of it.

    Attributes:
        name: the study's.
        path: its file, as given.
        stages: all of them, in order.
        next_action: what to do next, as a sentence.
        command: the command line that does it; empty where nothing is left.
        run: id of the newest :class:`StudyRun` of this study, or None.
        is_running: whether a process works on it at this moment.
    """

    name: str
    path: str
    stages: tuple[StageState, ...]
    next_action: str
    command: str
    run: str | None
    is_running: bool


@dataclass(frozen=True, slots=True)
class StudyRun:
    """A study as it ended: what was asked, how each stage went, and the ids of its runs.

    Attributes:
        info: identity; ``info.model`` the candidates, ``info.subject`` the study's name.
        name: the study's.
        path: its file, as given.
        text: the file as it was run; keys are only named in it.
        seed: of all that is drawn.
        slo: what users expect, as written; empty where nothing is said.
        stages: how each went.
        inspected: ids of the :class:`ModelSheet` runs.
        plan: id of the plan, or None.
        loads: ids of load runs, in the order of candidates.
        evals: ids of evaluation runs.
        ratings: ids of blind ratings.
        cost: id of the cost run, or None.
        verdict: id of the decision, or None.
        route: id of the routing run, or None.
        comparisons: the pairs that the file asks for.
        not_checked: sentences: what the study says nothing about.
        seconds: of this run of ``weigh study run``.
        command: the command line that recomputes it.
        machines: every machine on which a part was measured.
    """

    info: RunInfo
    name: str
    path: str
    text: str
    seed: int
    slo: str
    stages: tuple[StageState, ...]
    inspected: tuple[str, ...] = ()
    plan: str | None = None
    loads: tuple[str, ...] = ()
    evals: tuple[str, ...] = ()
    ratings: tuple[str, ...] = ()
    cost: str | None = None
    verdict: str | None = None
    route: str | None = None
    comparisons: tuple[Comparison, ...] = ()
    not_checked: tuple[str, ...] = ()
    seconds: float = 0.0
    command: str = ""
    machines: tuple[str, ...] = ()

    @property
    def failed(self) -> tuple[Unit, ...]:
        """What could not be done; each says why."""
        units = (unit for stage in self.stages for unit in stage.units)
        return tuple(unit for unit in units if unit.state == "failed")

    @property
    def said_no(self) -> bool:
        """Whether nothing failed, and the answer is no: the constraints leave nothing."""
        nos = [unit.is_no for unit in self.failed]
        return any(nos) and all(
            no or unit.why == RESTS for no, unit in zip(nos, self.failed, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Study:
    """A study with its runs loaded: everything that a report shows."""

    run: StudyRun
    sheets: tuple[ModelSheet, ...] = ()
    plan: PlanRun | None = None
    loads: tuple[LoadRun, ...] = ()
    evals: tuple[EvalRun, ...] = ()
    ratings: tuple[RatingReport, ...] = ()
    cost: CostRun | None = None
    verdict: VerdictRun | None = None
    route: RouteRun | None = None


def of_demo(old: DemoRun) -> StudyRun:
    """A demo from before demos were studies, as the study that it was."""
    asked: tuple[tuple[StageName, tuple[str, ...]], ...] = (
        ("inspect", old.inspected),
        ("bench", old.loads),
        ("eval", old.evals),
        ("decide", (old.verdict,)),
        ("route", (old.route,)),
    )
    ids = dict(asked)
    stages = tuple(
        StageState(stage, tuple(Unit(stage, run, "", "done", (run,)) for run in ids[stage]))
        if stage in ids
        else StageState(stage, why=_OLD)
        for stage in STAGES
    )
    return StudyRun(
        info=old.info,
        name="demo",
        path="",
        text="",
        seed=0,
        slo="",
        stages=stages,
        inspected=old.inspected,
        loads=old.loads,
        evals=old.evals,
        verdict=old.verdict,
        route=old.route,
        comparisons=old.comparisons,
        not_checked=(_OLD,),
        seconds=old.seconds,
        command="weigh demo",
        machines=(old.info.machine,),
    )
