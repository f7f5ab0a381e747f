"""The bill of what the decision runs, where it runs several models: one machine, or one for each.

Models whose memory fits the budget of one machine together share that machine, so that it and the
people who look after it are paid once. Each of them is costed for all of the traffic; the one that
takes the most replicas stands for the machine, as no mixture of the models' work takes more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from weighbridge.core.cost import CostQuestion, CostReport, CostRun, SelfHosted, Uncertain
from weighbridge.core.provenance import Provenance
from weighbridge.core.study import Study
from weighbridge.core.verdict import Verdict
from weighbridge.report.words import expected_accuracy, listed

UPPER = "upper bound"


@dataclass(frozen=True, slots=True)
class DecisionBill:
    """What a decision of several models costs.

    Attributes:
        name: what it is called in tables.
        shared: the report of the machine that they share; None where they share none, or nobody
            can tell.
        most_usd: with a machine, people and fixed costs for each model, USD a month; None where
            that is not known either.
        why: how it is counted, in a sentence.
    """

    name: str
    shared: CostReport | None
    most_usd: float | None
    why: str


def decision_bill(study: Study) -> DecisionBill | None:
    """The bill of a decision of several models; None for one model, and without a bill."""
    if study.cost is None or study.verdict is None:
        return None
    verdict = study.verdict.verdict
    models = verdict.chosen.models
    if len(models) < 2:
        return None
    named = " + ".join(models)
    owns = _owns(study.cost, models)
    apart = _apart(study.cost, verdict, owns)
    if apart:
        most = verdict.chosen.usd_per_month if _counts_apart(study, owns) else None
        return DecisionBill(f"{named}, apart", None, most, apart)
    one = _machine(study.cost, owns, named, _passing(study, verdict))
    why = "One machine, paid once: the memory of all fits it. It is sized for the slowest of them."
    return DecisionBill(one.name, _answer(study.cost, one), None, why)


def _owns(run: CostRun, models: tuple[str, ...]) -> tuple[SelfHosted, ...]:
    """The first bill of each model that is served by ourselves."""
    first = {one.model: one for one in reversed(run.report.question.selfhosted)}
    return tuple(first[model] for model in models if model in first)


def _without_bill(run: CostRun, models: tuple[str, ...]) -> list[str]:
    """The models that nobody billed: neither by a machine nor by an API's prices."""
    asked = run.report.question
    billed = {one.model for one in asked.selfhosted} | {one.name for one in asked.hosted}
    return [model for model in models if model not in billed]


def _apart(run: CostRun, verdict: Verdict, owns: tuple[SelfHosted, ...]) -> str:
    """Why the models share no machine, as a sentence; empty where they do."""
    chosen = verdict.chosen
    sizes = {one.model: one.bytes for one in verdict.memory}
    together = [sizes.get(model) for model in chosen.models]
    known = [size for size in together if size is not None]
    places = {place for _, place in chosen.devices}
    if without := _without_bill(run, chosen.models):
        return f"{listed(without)} {'has' if len(without) == 1 else 'have'} no bill."
    if len(owns) < len(chosen.models):
        why = "not all of its models are billed by their machines"
    elif len({(one.device, one.gpus_per_replica, *_ways(one)) for one in owns}) > 1:
        why = "its models are billed on machines of different kinds"
    elif len(known) < len(together):
        why = "the memory of one of its models is not known"
    elif verdict.budget_bytes is None:
        why = "no `memory_budget` says what one machine holds"
    elif sum(known) > verdict.budget_bytes or len(places) > 1:
        why = "its models do not fit one machine together"
    else:
        return ""
    return f"Each model is billed a machine, people and fixed costs of its own, because {why}."


def _ways(own: SelfHosted) -> tuple[bool, ...]:
    return own.rented is not None, own.owned is not None, own.all_in is not None


def _counts_apart(study: Study, owns: tuple[SelfHosted, ...]) -> bool:
    """Whether the decision's own sum is that of all its models."""
    chosen = study.verdict.verdict.chosen if study.verdict else None
    return chosen is not None and len(owns) == len(chosen.models)


def _machine(
    run: CostRun, owns: tuple[SelfHosted, ...], named: str, passing: Uncertain | None
) -> SelfHosted:
    """The machine that all share: that of the model which takes the most of it."""

    def taken(own: SelfHosted) -> tuple[int, float]:
        serving = run.report.option(own.name).serving
        return (0, 0.0) if serving is None else (serving.replicas, serving.peak_utilisation)

    slowest = max(owns, key=taken)
    where = slowest.name.removeprefix(slowest.model)
    return replace(slowest, name=f"{named}{where}", model=named, pass_rate=passing)


def _passing(study: Study, verdict: Verdict) -> Uncertain | None:
    """The share of right answers that the decision is expected to have."""
    share = expected_accuracy(verdict.chosen, verdict)
    if share is None or study.verdict is None:
        return None
    info = study.verdict.info
    origin = Provenance("measured", f"run {info.id}", info.created)
    low, high = max(0.0, min(share.low, share.value)), min(1.0, max(share.high, share.value))
    return Uncertain(share.value, low, high, "triangular", origin)


def _answer(run: CostRun, one: SelfHosted) -> CostReport:
    report = run.report
    asked = CostQuestion(report.question.demand, (one,), report.question.hosted)
    return _computed(asked, report.seed, report.draws, report.created)


@lru_cache(maxsize=8)
def _computed(asked: CostQuestion, seed: int, draws: int, created: str) -> CostReport:
    """Kept, as several parts of a page ask for it."""
    from weighbridge.predict.cost.report import answer  # noqa: PLC0415 -- numpy

    return answer(asked, seed=seed, draws=draws, created=created)
