"""Where nothing is left: at which value of which constraint something would be. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from weighbridge.core.constraints import Constraints, Removed
from weighbridge.core.provenance import Interval
from weighbridge.core.tradeoffs import Flip, load_words
from weighbridge.core.units import format_bytes
from weighbridge.core.verdict import Assignment, ModelMemory
from weighbridge.decide.evidence import Evidence
from weighbridge.decide.fairness import solve_fairly
from weighbridge.decide.flips import choice_words
from weighbridge.decide.problem import Problem
from weighbridge.decide.served import unit_of

_MOST_STEPS: Final = 64
_HALVINGS: Final = 12
_ORDER: Final = ("usd", "bytes", "ms", "percent", "load", "")


def options_back(
    removed: Sequence[Removed],
    bare: Sequence[str],
    asked: Constraints,
    *,
    memory: Sequence[ModelMemory],
    accuracy: Mapping[tuple[str, str], Interval],
    evidence: Evidence,
) -> tuple[Flip, ...]:
    """For each option that one kind of constraint keeps out: what would have to be asked instead.

    Args:
        removed: every option that was removed.
        bare: tasks for which nothing is left.
        asked: the constraints.
        memory: each model's.
        accuracy: of each task and model.
        evidence: what is known of latency and cost.
    """
    sizes = {one.model: one.bytes for one in memory}
    found: list[Flip] = []
    for model in dict.fromkeys(one.model for one in removed):
        out = [one for one in removed if one.model == model and one.task in (None, *bare)]
        kinds = {one.constraint for one in out}
        if kinds == {"budget"}:
            found += _by_money(model, evidence, asked)
        elif kinds == {"memory"}:
            found += _by_memory(model, sizes.get(model), asked)
        elif kinds == {"latency"}:
            found += _by_latency(model, out, evidence)
        elif kinds == {"accuracy"}:
            found += _by_accuracy(model, out, accuracy)
        elif kinds == {"data"}:
            said = f"If prompts might leave your machines: {model}."
            found.append(Flip("data may leave", None, None, "", said))
        elif kinds == {"territory"}:
            said = f"If data might be processed outside of {asked.territory}: {model}."
            found.append(Flip("territory", None, None, "", said))
    return _ordered(found)


def _by_money(model: str, evidence: Evidence, asked: Constraints) -> Iterator[Flip]:
    spent = evidence.spending.get(model)
    if spent is not None and spent.usd_per_month is not None:
        usd = spent.usd_per_month.value
        said = f"From {math.ceil(usd):,} USD a month on: {model}."
        yield Flip("USD a month", asked.usd_per_month, usd, "usd", said)


def _by_memory(model: str, size: int | None, asked: Constraints) -> Iterator[Flip]:
    if size is not None:
        now = asked.memory_budget_bytes
        room = float(sum(asked.device_bytes)) if now is None else float(now)
        said = f"From {format_bytes(size)} of memory on: {model}."
        yield Flip("memory", room, float(size), "bytes", said)


def _by_latency(model: str, out: Sequence[Removed], evidence: Evidence) -> Iterator[Flip]:
    """What was measured at the load that comes nearest to the conditions."""
    for one in out:
        served = evidence.of(model, one.task or "")
        if served is not None and served.nearest:
            times = [f"{name} of {math.ceil(ms + 1e-9):,} ms" for name, ms in served.nearest]
            name, ms = served.nearest[0]
            where = f" for {one.task}" if one.task else ""
            said = f"If {' and '.join(times)} were enough{where}: {model}."
            alone = ms if len(times) == 1 else None
            yield Flip(name, None, alone, "ms", said)


def _by_accuracy(
    model: str, out: Sequence[Removed], accuracy: Mapping[tuple[str, str], Interval]
) -> Iterator[Flip]:
    shares = [(one.task or "", 100 * accuracy[one.task or "", model].value) for one in out]
    # Rounded down: a tenth more would ask for more than there is.
    parts = [f"{math.floor(10 * share + 1e-6) / 10:.1f} % of {task}" for task, share in shares]
    said = f"If no more were asked than {' and '.join(parts)}: {model}."
    alone = shares[0][1] if len(shares) == 1 else None
    yield Flip(f"accuracy asked of {shares[0][0]}", None, alone, "percent", said)


def together_back(problem: Problem, asked: Constraints) -> tuple[Flip, ...]:
    """At which money, memory or load some models would fit together, the rest as it is asked."""
    found: list[Flip] = []
    problem = replace(problem, accuracy={t: _able(own) for t, own in problem.accuracy.items()})
    if problem.budget_usd is not None:
        cheapest = _least(problem, "budget_usd")
        if cheapest is not None and cheapest.usd_per_month is not None:
            usd = cheapest.usd_per_month
            said = f"From {math.ceil(usd):,} USD a month on: {choice_words(cheapest)}."
            found.append(Flip("USD a month", problem.budget_usd, usd, "usd", said))
    if problem.budget_bytes is not None:
        smallest = _least(problem, "budget_bytes")
        if smallest is not None and smallest.memory_bytes is not None:
            size = smallest.memory_bytes
            said = f"From {format_bytes(size)} of memory on: {choice_words(smallest)}."
            now = float(problem.budget_bytes)
            found.append(Flip("memory", now, float(size), "bytes", said))
    if problem.demand:
        found += _by_load(problem, asked)
    return _ordered(found)


def _able(models: Mapping[str, float]) -> Mapping[str, float]:
    """Models that have anything right on a task: nobody would make room for the others."""
    return {model: right for model, right in models.items() if right > 0} or models


def _least(problem: Problem, limit: str) -> Assignment | None:
    """What fits with the least of one limit: down from what is best without it."""
    best, most = None, None
    for _ in range(_MOST_STEPS):
        found = solve_fairly(replace(problem, **{limit: most}))  # type: ignore[arg-type]
        if found is None:
            return best
        best = found
        taken = found.usd_per_month if limit == "budget_usd" else found.memory_bytes
        if not taken:
            return best
        most = taken * (1 - 1e-6) if limit == "budget_usd" else taken - 1
    return best


def _by_load(problem: Problem, asked: Constraints) -> Iterator[Flip]:
    """The highest load at which something fits, by halving."""
    best, low, high = None, 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        demand = {task: middle * load for task, load in problem.demand.items()}
        found = solve_fairly(replace(problem, demand=demand))
        if found is None:
            high = middle
        else:
            best, low = found, middle
    total = sum(problem.demand.values())
    unit = unit_of(asked.load)
    most = math.floor(low * total + 1e-2) if unit == "users" else low * total
    if best is not None and most > 0:
        said = f"Up to about {load_words(most, unit)}: {choice_words(best)}."
        yield Flip("load", total, most, "load", said)


def _ordered(found: Sequence[Flip]) -> tuple[Flip, ...]:
    """By kind, the least change of each first; options that the same lets in, together."""

    def place(flip: Flip) -> tuple[int, float]:
        at = math.inf if flip.flips_at is None else flip.flips_at
        return _ORDER.index(flip.unit), -at if flip.unit == "percent" else at

    merged: dict[str, tuple[Flip, list[str]]] = {}
    for flip in sorted(found, key=place):
        at, _, who = flip.sentence.removesuffix(".").rpartition(": ")
        merged.setdefault(at, (flip, []))[1].append(who)
    return tuple(
        replace(first, sentence=f"{at}: {' or '.join(who)}.") for at, (first, who) in merged.items()
    )
