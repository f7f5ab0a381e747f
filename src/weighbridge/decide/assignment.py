"""Which models to keep in memory, how often and where, and which of them does each task.

A small integer programme, solved exactly (HiGHS): ``z[p, k]`` says whether a model has a k-th
replica at place ``p`` (a set of devices, or the one pool of memory), ``x[m]`` whether model m is
loaded at all, ``y[t, m]`` whether it does task t.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from weighbridge.core.verdict import Assignment
from weighbridge.decide import machines
from weighbridge.decide.problem import Problem, Replica
from weighbridge.decide.programme import Columns, Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Among equally accurate assignments the one with less memory wins: its whole memory counts for
# less than any real difference in accuracy (one item in 10,000). Money, where it is known, comes
# before memory.
_THRIFT: Final = 1e-5
_MEMORY_AFTER_MONEY: Final = 1e-4
# HiGHS stops within 1e-6 of the optimum; in this unit that is less than any difference of memory.
_OBJECTIVE_SCALE: Final = 1e6
_SPANS: Final = (1, 2, 4, 8)
# With more devices, a model that needs several takes neighbours.
_MOST_COMBINED: Final = 8


def best_assignment(
    accuracy: Mapping[str, Mapping[str, float]],
    mix: Mapping[str, float],
    memory_bytes: Mapping[str, int],
    budget_bytes: int | None = None,
    max_models: int | None = None,
) -> Assignment | None:
    """The best assignment where nothing but memory is asked; see :func:`solve`."""
    return solve(Problem(accuracy, mix, memory_bytes, budget_bytes, max_models=max_models))


def solve(problem: Problem) -> Assignment | None:
    """The assignment of tasks to models with the highest expected accuracy within all limits.

    Among equally accurate ones that which costs less, then that which takes less memory.

    Returns:
        The best assignment, or None when nothing fits.
    """
    models = list(problem.memory_bytes)
    replicas = _replicas(problem, models)
    # The solver lets a sum exceed a limit by a ten-millionth: such replicas are ruled out by name.
    too_large: list[list[int]] = []
    while True:
        found = _solve(problem, models, replicas, too_large) if replicas else None
        if found is None:
            return None
        taken, by_task = found
        if _fits(problem, [replicas[index] for index in taken]):
            break
        too_large.append([index for index in taken if not replicas[index].k])
    return _assignment(problem, models, [replicas[index] for index in taken], by_task)


def _replicas(problem: Problem, models: Sequence[str]) -> list[Replica]:
    """Every replica that fits by itself."""
    found = []
    for index, model in enumerate(models):
        size = problem.memory_bytes[model]
        if problem.budget_bytes is not None and size > problem.budget_bytes:
            continue
        hosted = model in problem.hosted
        for place in _places(size, () if hosted else problem.device_bytes):
            each = -(-size // max(1, len(place)))
            most = 1 if place else problem.most_replicas(model)
            found += [Replica(index, place, k, each) for k in range(most)]
    return found


def _places(size: int, devices: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The sets of devices that a replica may take: as few devices as will hold it."""
    if not devices:
        return [()]
    for span in _SPANS:
        if span > len(devices):
            return []
        each = -(-size // span)
        if len(devices) <= _MOST_COMBINED:
            sets = list(combinations(range(len(devices)), span))
        else:
            sets = [tuple(range(i, i + span)) for i in range(0, len(devices) - span + 1, span)]
        fitting = [one for one in sets if all(devices[device] >= each for device in one)]
        if fitting:
            return fitting
    return []


def _fits(problem: Problem, taken: Sequence[Replica]) -> bool:
    """Whether memory holds them, to the byte."""
    for device, room in enumerate(problem.device_bytes):
        if sum(one.bytes_each for one in taken if device in one.place) > room:
            return False
    if problem.budget_bytes is None:
        return True
    return sum(one.bytes_each for one in taken if not one.k) <= problem.budget_bytes


def _solve(
    problem: Problem,
    models: Sequence[str],
    replicas: Sequence[Replica],
    too_large: Sequence[Sequence[int]],
) -> tuple[list[int], list[int]] | None:
    """The replicas taken and the model of each task, or None."""
    import numpy as np  # noqa: PLC0415 -- with scipy, half a second of import
    from scipy.optimize import Bounds, milp  # noqa: PLC0415

    tasks = list(problem.accuracy)
    columns = Columns(len(replicas), len(models), len(tasks), machines.most_machines(problem))
    bill = machines.bill(problem, columns, models, replicas)
    rows = Rows()
    _memory_rows(rows, problem, models, replicas)
    machines.machine_rows(rows, problem, columns, models, replicas)
    _money_rows(rows, problem, bill)
    _loading_rows(rows, problem, columns, models, replicas)
    _task_rows(rows, problem, columns, models, tasks)
    _capacity_rows(rows, problem, columns, models, replicas)
    for taken in too_large:
        rows.add(dict.fromkeys(taken, 1.0), -math.inf, len(taken) - 1.0)
    upper = np.ones(columns.width)
    whole = np.ones(columns.width, dtype=int)
    whole[columns.costs :] = 0
    for t, task in enumerate(tasks):
        for m, model in enumerate(models):
            upper[columns.y(t, m)] = float(model in problem.accuracy[task])
    result = milp(
        _OBJECTIVE_SCALE * _objective(problem, columns, models, tasks, replicas, bill=bill),
        integrality=whole,
        bounds=Bounds(0, upper),
        constraints=rows.constraint(columns.width),
        options={"mip_rel_gap": 0.0},
    )
    if result.x is None:
        return None
    chosen = [
        max(range(len(models)), key=lambda m, t=t: result.x[columns.y(t, m)])  # type: ignore[misc]
        for t in range(len(tasks))
    ]
    return [index for index in range(len(replicas)) if result.x[index] > 0.5], chosen


def _objective(
    problem: Problem,
    columns: Columns,
    models: Sequence[str],
    tasks: Sequence[str],
    replicas: Sequence[Replica],
    *,
    bill: Mapping[int, float],
) -> NDArray[Any]:
    import numpy as np  # noqa: PLC0415

    cost = np.zeros(columns.width)
    sizes = [float(problem.memory_bytes[models[one.model]]) for one in replicas]
    by_memory = _THRIFT * (_MEMORY_AFTER_MONEY if bill else 1.0)
    cost[: columns.replicas] = by_memory * np.array(sizes) / (sum(sizes) or 1.0)
    for column, usd in bill.items():
        cost[column] += _THRIFT * usd / sum(bill.values())
    for t, task in enumerate(tasks):
        for m, model in enumerate(models):
            cost[columns.y(t, m)] = -problem.mix[task] * problem.accuracy[task].get(model, 0.0)
    return cost


def _memory_rows(
    rows: Rows, problem: Problem, models: Sequence[str], replicas: Sequence[Replica]
) -> None:
    """Bytes in shares of what there is, so that the solver's tolerance is relative to it.

    A pool is a machine's: it holds the first replica of each model, and machines like it the rest.
    What one replica serves was found with a device to itself: two of a model need two.
    """
    if problem.budget_bytes is not None:
        room = max(problem.budget_bytes, 1)
        first = {i: one.bytes_each / room for i, one in enumerate(replicas) if not one.k}
        rows.add(first, -math.inf, 1.0)
    for device, device_room in enumerate(problem.device_bytes):
        on = {i: one for i, one in enumerate(replicas) if device in one.place}
        share = {i: one.bytes_each / max(device_room, 1) for i, one in on.items()}
        rows.add(share, -math.inf, 1.0)
        for m in range(len(models)):
            rows.add({i: 1.0 for i, one in on.items() if one.model == m}, -math.inf, 1.0)


def _money_rows(rows: Rows, problem: Problem, bill: Mapping[int, float]) -> None:
    """All together keep the budget."""
    if problem.budget_usd is not None and bill:
        money = max(problem.budget_usd, 1e-9)
        rows.add({column: usd / money for column, usd in bill.items()}, -math.inf, 1.0)


def _loading_rows(
    rows: Rows,
    problem: Problem,
    columns: Columns,
    models: Sequence[str],
    replicas: Sequence[Replica],
) -> None:
    """A model is loaded where it has a replica; a second one at a place follows the first."""
    own: dict[int, list[int]] = {}
    for index, one in enumerate(replicas):
        own.setdefault(one.model, []).append(index)
        if one.k:
            rows.add({index: 1.0, index - 1: -1.0}, -math.inf, 0.0)
    for m, model in enumerate(models):
        mine = own.get(m, [])
        most = problem.most_replicas(model)
        rows.add({columns.x(m): 1.0} | dict.fromkeys(mine, -1.0), -math.inf, 0.0)
        rows.add({columns.x(m): -float(most)} | dict.fromkeys(mine, 1.0), -math.inf, 0.0)
    most_models = len(models) if problem.max_models is None else problem.max_models
    rows.add({columns.x(m): 1.0 for m in range(len(models))}, -math.inf, float(most_models))


def _task_rows(
    rows: Rows, problem: Problem, columns: Columns, models: Sequence[str], tasks: Sequence[str]
) -> None:
    """Each task is done by one model, which is loaded."""
    for t, task in enumerate(tasks):
        rows.add({columns.y(t, m): 1.0 for m in range(len(models))}, 1.0, 1.0)
        for m, model in enumerate(models):
            if model in problem.accuracy[task]:
                rows.add({columns.y(t, m): 1.0, columns.x(m): -1.0}, -math.inf, 0.0)


def _capacity_rows(
    rows: Rows,
    problem: Problem,
    columns: Columns,
    models: Sequence[str],
    replicas: Sequence[Replica],
) -> None:
    """What a model's tasks ask, in replicas, is at most the replicas it has."""
    for m, model in enumerate(models):
        capacity = problem.capacity.get(model)
        if capacity and problem.demand:
            asked = {
                columns.y(t, m): problem.demand.get(task, 0.0) / capacity
                for t, task in enumerate(problem.accuracy)
            }
            mine = {i: -1.0 for i, one in enumerate(replicas) if one.model == m}
            rows.add(asked | mine, -math.inf, 0.0)


def _assignment(
    problem: Problem, models: Sequence[str], taken: Sequence[Replica], by_task: Sequence[int]
) -> Assignment:
    loaded = sorted(set(by_task))
    pairs = tuple((task, models[m]) for task, m in zip(problem.accuracy, by_task, strict=True))
    counts = {m: sum(one.model == m for one in taken) for m in loaded}
    used = [one for one in taken if one.model in counts]
    replicas = {models[m]: counts[m] for m in loaded}
    names = list(replicas)
    fleets = machines.fleets(problem, replicas, dict(pairs))
    together = tuple(one.models for one in _billed_together(problem, fleets))
    usd = machines.usd(problem, replicas, dict(pairs))
    shared = {name for group in together for name in group}
    alone = [name for name in names if name not in problem.hosted and name not in shared]
    found = Assignment(
        models=tuple(names),
        by_task=pairs,
        accuracy=sum(problem.mix[task] * problem.accuracy[task][model] for task, model in pairs),
        memory_bytes=sum(
            problem.memory_bytes[models[m]] * (counts[m] if problem.device_bytes else 1)
            for m in loaded
        ),
        usd_per_month=usd,
        machines=together,
        is_upper_bound=bool(usd) and bool(alone) and len(alone) + len(together) > 1,
    )
    if problem.demand:
        found = replace(
            found,
            replicas=tuple((models[m], counts[m]) for m in loaded),
            fleets=tuple((one.models, one.count) for one in fleets),
        )
    if problem.device_bytes:
        found = replace(
            found, devices=tuple((models[one.model], one.place) for one in used if one.place)
        )
    return found


def _billed_together(problem: Problem, fleets: Sequence[machines.Fleet]) -> list[machines.Fleet]:
    """Those of several models whose bill is one."""
    billed = {name for group in problem.shared for name in group}
    return [one for one in fleets if len(one.models) > 1 and set(one.models) <= billed]
