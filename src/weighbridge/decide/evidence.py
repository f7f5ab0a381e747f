"""What a decision knows of its options beyond evaluations: latency, cost, what facts rule out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from weighbridge.core.constraints import Constraints, Removed
from weighbridge.core.provenance import Interval
from weighbridge.core.tradeoffs import Flip, Served, Spending
from weighbridge.core.verdict import Assignment
from weighbridge.decide.advice import COMMAND, Advice


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it; whatever is missing is unknown.

    Attributes:
        served: model and task (None for all tasks) → how fast it answers.
        spending: model → what it costs.
        limited: model → its load run, where the client limited it so that it has no verdict.
        removed: options that data, territory or licence rule out.
        flips: model → what would change its cost comparison, as its report found.
        notes: conditions that a reader must know, in sentences.
        advice: how to say what would let an option in.
    """

    served: Mapping[tuple[str, str | None], Served] = field(default_factory=dict)
    spending: Mapping[str, Spending] = field(default_factory=dict)
    limited: Mapping[str, str] = field(default_factory=dict)
    removed: tuple[Removed, ...] = ()
    flips: Mapping[str, tuple[Flip, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    advice: Advice = COMMAND

    def of(self, model: str, task: str) -> Served | None:
        """How fast a model answers on a task: as measured for it, else for all of them."""
        return self.served.get((model, task)) or self.served.get((model, None))

    def looked_up(
        self, models: tuple[str, ...], tasks: tuple[str, ...]
    ) -> dict[tuple[str, str | None], Served | None]:
        """Every model, by task where something is known of single tasks."""
        found: dict[tuple[str, str | None], Served | None] = {}
        for model in models:
            if any((model, task) in self.served for task in tasks):
                found |= {(model, task): self.of(model, task) for task in tasks}
            else:
                found[model, None] = self.served.get((model, None))
        return found

    def flips_of(self, models: Iterable[str]) -> tuple[Flip, ...]:
        """Those that concern these models, each once."""
        found = (flip for model in models for flip in self.flips.get(model, ()))
        return tuple({flip.sentence: flip for flip in found}.values())

    def capacity(self, model: str, tasks: tuple[str, ...]) -> float | None:
        """What one replica serves: the least of what is known of the tasks."""
        known = [one for task in tasks if (one := self.of(model, task)) and one.capacity]
        return min((one.capacity.value for one in known if one.capacity), default=None)


NOTHING_ELSE: Final = Evidence()


def demand(constraints: Constraints, mix: Mapping[str, float]) -> dict[str, float]:
    """Task → its part of the expected load; empty where none is given."""
    load = constraints.load
    total = load.users if load.users is not None else load.requests_per_s
    return {} if total is None else {task: share * total for task, share in mix.items()}


def months(spending: Mapping[str, Spending]) -> dict[str, float]:
    """Model → money a month for the replicas of its bill, where that is known."""
    return {
        model: one.usd_per_month.value
        for model, one in spending.items()
        if one.usd_per_month is not None
    }


def doubts(
    chosen: tuple[tuple[str, str], ...],
    accuracy: Mapping[tuple[str, str], Interval],
    evidence: Evidence,
    constraints: Constraints,
) -> list[str]:
    """What is not certain to hold of the options that were chosen: (task, model) pairs."""
    least = dict(constraints.min_accuracy)
    found = []
    for task, model in chosen:
        interval = accuracy[task, model]
        if task in least and interval.low < least[task]:
            found.append(
                f"{model} on {task} may be below the {100 * least[task]:g} % that are asked: its "
                f"interval begins at {100 * interval.low:.1f} %."
            )
        found += _load_doubts(model, evidence.of(model, task), constraints, evidence.advice)
    return list(dict.fromkeys(found))


def bill_notes(chosen: Assignment) -> list[str]:
    """How the sum of the models' bills is to be read."""
    counts = dict(chosen.fleets)
    notes = []
    for models in chosen.machines:
        count = counts.get(models, 1)
        what = (
            "one machine: its memory"
            if count == 1
            else f"{count} machines alike: the memory of each"
        )
        notes.append(
            f"{' and '.join(models)} are billed {what} holds them together; people and fixed lines "
            "are paid once. That it serves both at once was not measured."
        )
    if chosen.is_upper_bound and chosen.usd_per_month is not None:
        own = "machines" if any(count > 1 for _, count in chosen.fleets) else "a machine"
        notes.append(
            f"An upper bound: {chosen.usd_per_month:,.0f} USD a month for "
            f"{' and '.join(chosen.models)} bills each {own}, people and fixed lines of its "
            "own. Whether they could share one is not known: that takes a memory budget, each "
            "model's memory, and bills for the same machine."
        )
    return notes


def replica_notes(chosen: Assignment) -> list[str]:
    """What is taken of several replicas: what one serves was found with a machine to itself."""
    notes = []
    for models, count in chosen.fleets:
        if count > 1:
            copies = chosen.copies
            what = " and ".join(f"{copies[name]} \N{MULTIPLICATION SIGN} {name}" for name in models)
            verb = "takes" if len(models) == 1 else "share"
            each = "" if len(models) == 1 else ", one of each on every machine"
            paid = "" if chosen.usd_per_month is None else ", and each is billed"
            notes.append(
                f"{what} {verb} {count} machines{each}{paid}: what one serves is that of a whole "
                "machine, which a second replica on it would not add to. That the further machines "
                "are as fast, and that traffic is spread evenly over them, is assumed."
            )
    on: dict[str, int] = {}
    for model, _ in chosen.devices:
        on[model] = on.get(model, 0) + 1
    for model, count in on.items():
        if count > 1:
            notes.append(
                f"{count} \N{MULTIPLICATION SIGN} {model} have devices of their own: that {count} "
                "replicas at once serve so many times what one does was not measured."
            )
    sharing = {
        device: {model for model, place in chosen.devices if device in place}
        for _, places in chosen.devices
        for device in places
    }
    notes += [
        f"{' and '.join(sorted(names))} share a device: that it serves both at once was not "
        "measured."
        for names in dict.fromkeys(frozenset(one) for one in sharing.values() if len(one) > 1)
    ]
    return notes


def _load_doubts(
    model: str, served: Served | None, constraints: Constraints, advice: Advice
) -> list[str]:
    if served is None:
        return []
    doubts = []
    if served.is_client_limited:
        doubts.append(
            f"In {served.provenance.source} the client was the bottleneck: the times of {model} "
            "are an upper bound, and what it serves a lower one"
            f"{', so that fewer replicas may do' if demand(constraints, {'': 1.0}) else ''}."
        )
    if served.provenance.kind == "predicted":
        doubts.append(f"The latency of {model} is predicted, not measured. {advice.measure}")
    elif served.covers_load is False:
        doubts.append(
            f"{model} was measured below the expected load of {constraints.load} only: {served.at}."
        )
    return doubts
