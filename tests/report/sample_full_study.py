"""Studies beyond the sample: one with everything, one with evaluations alone, one that failed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from tests.report import plans
from tests.report.sample_study import DAY, MACHINE, MODELS, TASKS, sample_study
from weighbridge.core.ballots import Ballot, Counts, PositionBias, RatingResults, WinRate
from weighbridge.core.constraints import Constraints, ExpectedLoad, Removed
from weighbridge.core.cost import (
    Capacity,
    CostQuestion,
    CostRun,
    Demand,
    Hosted,
    HostedPrice,
    Rented,
    SelfHosted,
    Uncertain,
    certain,
)
from weighbridge.core.load import Goodput
from weighbridge.core.provenance import Interval, Provenance
from weighbridge.core.rating_session import RatingInfo, RatingReport
from weighbridge.core.runs import RunInfo
from weighbridge.core.study import STAGES, StageState, Study, StudyRun, Unit
from weighbridge.core.tradeoffs import Bounded, Flip, Served, Spending
from weighbridge.core.verdict import OverallStanding, Verdict
from weighbridge.core.workload import parse_slo
from weighbridge.predict.cost.report import answer

SLO = "ttft_p95<500ms,tpot_p95<40ms"
OLD = "2025-10-01"
TEXT = """\
name: support
seed: 11
candidates:
  tally: {engine: llamacpp-embedded, source: tally.gguf}
  clerk: {engine: vllm, source: org/clerk, args: [--max-model-len, "4096"]}
  porter: {url: "https://models.example.com/v1", territory: EU, license: llama3.1}
workload: {traffic: captured, users: [1, 8], volume: 5M-tokens/day}
slo: ttft_p95<500ms,tpot_p95<40ms
constraints: {data_may_leave: false, territory: EU, license_read: [tally]}
suites: [arithmetic, extraction]
"""
NOT_CHECKED = "Nobody looked at the weather (`constraints.weather`)."


@cache
def full_study() -> Study:
    """A study in which every stage left something."""
    base = sample_study()
    assert base.verdict is not None
    evals = tuple(replace(run, entry=None) for run in base.evals)
    loads = tuple(
        replace(load, levels=tuple(replace(level, goodput=_goodput()) for level in load.levels))
        for load in base.loads
    )
    return replace(
        base,
        run=_run("study-full01", [_stage(name, "done") for name in STAGES]),
        plan=plans.kept(plans.plan()),
        loads=loads,
        evals=evals,
        ratings=(_rating(),),
        cost=_cost(),
        verdict=replace(base.verdict, verdict=_verdict(base.verdict.verdict)),
    )


@cache
def evaluations_only() -> Study:
    """A study that asked for nothing but evaluations."""
    stages = [
        _stage("eval", "done")
        if name == "eval"
        else StageState(name, why=f"Nothing was said about {name}: `{name}` is not in the file.")
        for name in STAGES
    ]
    text = "name: support\ncandidates: {tally: {url: 'http://127.0.0.1:9001/v1'}}\n"
    run = replace(_run("study-evals1", stages), text=text, slo="", not_checked=())
    return Study(run=run, evals=sample_study().evals)


@cache
def failed_study() -> Study:
    """A study of which an evaluation failed, so that nothing was decided."""
    why = "porter did not answer within 60 s; see its log. <b>bold</b>"
    failed = Unit("eval", "porter × arithmetic", "k", "failed", why=why)
    rests = Unit("decide", "verdict", "", "failed", why="It rests on what failed.")
    stages = [
        StageState("eval", (failed,))
        if name == "eval"
        else StageState("decide", (rests,))
        if name == "decide"
        else StageState(name, why="Not asked for.")
        for name in STAGES
    ]
    return Study(run=_run("study-failed", stages))


def cost_question() -> CostQuestion:
    """Two own models, an API displaced whose price is old, and a host of the same model."""
    said = Provenance("assumed", "support.yaml", DAY)
    listed = Provenance("catalogue", "list of GPU offers", DAY)
    vendor = Provenance("vendor", "prices.example.com", OLD)
    capacity = Capacity(Uncertain(400, 300, 500, provenance=said))
    price = Uncertain(1.0, 0.8, 1.5, provenance=listed)
    rented = Rented(price)
    own = tuple(
        SelfHosted(
            f"{model} on rented GPU", model, "L4", capacity, rented,
            spare_replicas=1, pass_rate=Uncertain(0.9, 0.85, 0.95, provenance=said),
        )
        for model in ("tally", "clerk")
    )  # fmt: skip
    big = HostedPrice(certain(5, vendor), certain(25, vendor), is_stale=True)
    same = HostedPrice(certain(0.05, listed), certain(0.2, listed))
    demand = Demand(
        Uncertain(5e6, 4e6, 8e6, provenance=said), certain(600, said), certain(200, said)
    )
    return CostQuestion(
        demand, own, (Hosted("big-api", big), Hosted("tally-host", same, same_model=True))
    )


def _cost() -> CostRun:
    info = RunInfo(
        "cost-full01", "cost", f"{DAY}T10:00:00Z", "tally", "5M tokens/day", "c" * 16, MACHINE,
        "0.1.0",
    )  # fmt: skip
    report = answer(cost_question(), seed=11, draws=2000, created=info.created)
    return CostRun(info, report)


def _goodput() -> Goodput:
    return Goodput(parse_slo(SLO), 0.99, 0.97, 1.0, 12.5, met=True)


def _stage(name: str, state: str) -> StageState:
    unit = Unit(name, f"{name} of all", "k", state, (f"{name}-000000",), seconds=1.5)  # type: ignore[arg-type]
    return StageState(name, (unit,))  # type: ignore[arg-type]


def _run(name: str, stages: list[StageState]) -> StudyRun:
    return StudyRun(
        info=RunInfo(
            name, "study", f"{DAY}T10:30:00Z", ", ".join(MODELS), "support", "f" * 16, MACHINE,
            "0.1.0",
        ),
        name="support",
        path="support.yaml",
        text=TEXT,
        seed=11,
        slo=SLO,
        stages=tuple(stages),
        comparisons=sample_study().run.comparisons,
        not_checked=(NOT_CHECKED,),
        seconds=63.4,
        command="weigh study run support.yaml",
        machines=(MACHINE, "second-host: 1 x L4"),
    )  # fmt: skip


def _verdict(old: Verdict) -> Verdict:
    measured = Provenance("measured", "load-000000", DAY)
    spent = Provenance("predicted", "cost-full01", DAY)
    served = Served(
        "p95", Bounded(80, 70, 90), Bounded(12, 11, 13), Bounded(321, 300, 350), "8 users", True,
        Bounded(12.5, 11, 14), "users", True, measured,
    )  # fmt: skip
    spending = Spending(Interval(0.5, 0.4, 0.7), Interval(0.625, 0.5, 0.9), None, False, spent)
    tasks = tuple(
        replace(
            task,
            standings=tuple(
                replace(one, p_best=0.97 if place == 0 else 0.03, on_front=place == 0,
                        served=served, spending=spending)
                for place, one in enumerate(task.standings)
            ),
        )
        for task in old.tasks
    )  # fmt: skip
    reason = "It answers at models.example.com, so that prompts would leave your machines."
    return replace(
        old,
        tasks=tasks,
        constraints=Constraints(data_may_leave=False, load=ExpectedLoad(users=8)),
        removed=(Removed("porter", "data", reason),),
        gain=Interval(0.125, 0.061, 0.189),
        overall=(OverallStanding("porter", Interval(0.76, 0.71, 0.81), 0.9),),
        flips=(
            Flip("memory budget, less", 6.7e7, 4.5e7, "bytes", "With less than 43.00 MiB, porter."),
            Flip("memory budget, more", 6.7e7, None, "bytes", "No larger budget changes it."),
        ),
        notes=(f"The mix of {' and '.join(TASKS)} is assumed.",),
    )


def _rating() -> RatingReport:
    info = RatingInfo("rate-full01", f"{DAY}T11:00:00Z", "blind", "inputs.jsonl", MODELS, 40)
    rates = (
        WinRate("tally", None, 40, 30, 4, Interval(0.8, 0.66, 0.89)),
        WinRate("tally", "clerk", 20, 15, 2, Interval(0.8, 0.58, 0.92)),
    )
    results = RatingResults(
        votes=Counts(20, 15, 5, 0),
        counts=Counts(20, 15, 5, 0),
        undecided=0,
        raters=("Zoë", "Max"),
        ratings=None,
        win_rates=rates,
        cohen=(),
        fleiss=None,
        position=PositionBias(None, 0, "Whether the first answer is favoured cannot be told."),
    )
    reason = Ballot("q-1", "Max", "tally", "clerk", "a", reason="Shorter and right.")
    return RatingReport(info, results, (), (reason,))
