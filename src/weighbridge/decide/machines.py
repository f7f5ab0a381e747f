"""How many machines an assignment takes, which models share them, and what they cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from weighbridge.decide.problem import MOST_REPLICAS, Problem, Replica
from weighbridge.decide.programme import Columns, Rows

# Of a replica that is paid anyway: enough that no more are taken than the load needs.
_NEXT_TO_NOTHING: Final = 1e-5


@dataclass(frozen=True, slots=True)
class Fleet:
    """Machines alike with the same models on each.

    Attributes:
        models: which; several share each machine.
        count: how many machines.
        use: how many machines' work it is; 0 where nobody knows what they serve.
    """

    models: tuple[str, ...]
    count: int
    use: float


def fleets(
    problem: Problem, replicas: Mapping[str, int], by_task: Mapping[str, str]
) -> tuple[Fleet, ...]:
    """The machines of ours that these replicas take; none where devices are given.

    A capacity is that of a machine that serves nothing else, so that models which share machines
    divide them: as many as all their work together, and as each one's replicas.
    """
    if problem.device_bytes:
        return ()
    own = [name for name in replicas if name not in problem.hosted]
    found = []
    for models in _together(problem, own):
        use = sum(problem.use(name, by_task) for name in models)
        count = max(math.ceil(use - 1e-9), *(replicas[name] for name in models))
        found.append(Fleet(models, count, use))
    return tuple(found)


def _together(problem: Problem, names: Sequence[str]) -> list[tuple[str, ...]]:
    """Models machine by machine; those of which nobody knows it have one each."""
    found = [tuple(one for one in group if one in names) for group in problem.shared]
    shared = {name for group in found for name in group}
    rest = [name for name in names if name not in shared]
    if problem.shares and rest and not any(name in problem.usd_per_month for name in rest):
        # Nothing is billed: then they stand on the machine whose memory the user named.
        found.append(tuple(rest))
        rest = []
    return [group for group in (*found, *((name,) for name in rest)) if group]


def usd(problem: Problem, replicas: Mapping[str, int], by_task: Mapping[str, str]) -> float | None:
    """What these replicas cost a month; None where one's cost is unknown."""
    prices = problem.usd_per_month
    if not prices or any(name not in prices for name in replicas):
        return None
    total, rest = 0.0, dict(replicas)
    for fleet in fleets(problem, replicas, by_task):
        for name in fleet.models:
            del rest[name]
        each = max(problem.each_usd(name) for name in fleet.models)
        count = max(fleet.count, *(problem.billed.get(name, 1) for name in fleet.models))
        total += count * each + max(problem.usd_once.get(name, 0.0) for name in fleet.models)
    for name, count in rest.items():
        paid = max(count, problem.billed.get(name, 1))
        total += paid * problem.each_usd(name) + problem.usd_once.get(name, 0.0)
    return total


def most_machines(problem: Problem) -> tuple[int, ...]:
    """How many machines each group of models that share some could take."""
    return tuple(
        min(MOST_REPLICAS, sum(problem.most_replicas(name) for name in group))
        for group in problem.shared
    )


def bill(
    problem: Problem, columns: Columns, models: Sequence[str], replicas: Sequence[Replica]
) -> dict[int, float]:
    """Column → money: of every replica that has a machine to itself, and of every shared one."""
    together = {model for group in problem.shared for model in group}
    # Those that a bill has are paid with the model; what is beyond them, one by one.
    paid = {model: count for model, count in problem.billed.items() if count > 1}
    own = {
        index: problem.each_usd(models[one.model])
        * (_NEXT_TO_NOTHING if one.k < paid.get(models[one.model], 0) else 1.0)
        for index, one in enumerate(replicas)
        if models[one.model] not in together
    }
    for m, model in enumerate(models):
        if model not in together:
            first = paid.get(model, 0) * (1 - _NEXT_TO_NOTHING) * problem.each_usd(model)
            own[columns.x(m)] = first + problem.usd_once.get(model, 0.0)
    for g, group in enumerate(problem.shared):
        each = max(problem.each_usd(model) for model in group)
        own |= {columns.cost(g, k): each for k in range(columns.machines[g])}
        own[columns.once(g)] = max(problem.usd_once.get(model, 0.0) for model in group)
    return {column: money for column, money in own.items() if money > 0}


def machine_rows(
    rows: Rows,
    problem: Problem,
    columns: Columns,
    models: Sequence[str],
    replicas: Sequence[Replica],
) -> None:
    """Each group has machines for its replicas, and for the work of all its models together."""
    for g, group in enumerate(problem.shared):
        every = {columns.machine(g, k): -1.0 for k in range(columns.machines[g])}
        members = [m for m, model in enumerate(models) if model in group]
        for k in range(1, columns.machines[g]):
            pair = {columns.machine(g, k): 1.0, columns.machine(g, k - 1): -1.0}
            rows.add(pair, -math.inf, 0.0)
        work: dict[int, float] = {}
        for m in members:
            mine = {i: 1.0 for i, one in enumerate(replicas) if one.model == m}
            rows.add(mine | every, -math.inf, 0.0)
            capacity = problem.capacity.get(models[m])
            for t, task in enumerate(problem.accuracy if capacity else ()):
                work[columns.y(t, m)] = problem.demand.get(task, 0.0) / (capacity or 1.0)
        rows.add(work | every, -math.inf, 0.0)
        _price_rows(rows, problem, columns, g, {m: models[m] for m in members})


def _price_rows(
    rows: Rows,
    problem: Problem,
    columns: Columns,
    g: int,
    members: Mapping[int, str],
) -> None:
    """A machine that is there costs what the dearest of the models on it does."""
    each = max(map(problem.each_usd, members.values())) or 1.0
    once = max(problem.usd_once.get(model, 0.0) for model in members.values()) or 1.0
    for m, model in members.items():
        share = problem.each_usd(model) / each
        for k in range(columns.machines[g]):
            there = {columns.machine(g, k): share, columns.x(m): share, columns.cost(g, k): -1.0}
            rows.add(there, -math.inf, share)
        paid = problem.usd_once.get(model, 0.0) / once
        rows.add({columns.x(m): paid, columns.once(g): -1.0}, -math.inf, 0.0)
