"""Which models to keep in memory, how often and where, and which of them does each task.

A small integer programme, solved exactly (HiGHS): ``z[p, k]`` says whether a model has a k-th
replica at place ``p`` (a set of devices, or the one pool of memory), ``x[m]`` whether model m is
loaded at all, ``y[t, m]`` whether it does task t.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, Final

from weighbridge.core.verdict import Assignment

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.optimize import LinearConstraint

# Among equally accurate assignments the one with less memory wins: its whole memory counts for
# less than any real difference in accuracy (one item in 10,000). Money, where it is known, comes
# before memory.
_THRIFT: Final = 1e-5
_MEMORY_AFTER_MONEY: Final = 1e-4
# HiGHS stops within 1e-6 of the optimum; in this unit that is less than any difference of memory.
_OBJECTIVE_SCALE: Final = 1e6
_MOST_REPLICAS: Final = 64
_SPANS: Final = (1, 2, 4, 8)
# With more devices, a model that needs several takes neighbours.
_MOST_COMBINED: Final = 8


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be assigned, and within what.

    Attributes:
        accuracy: task → model → accuracy; a model without a figure for a task may not do it.
        mix: task → share of the traffic.
        memory_bytes: model → bytes of one replica while it serves.
        budget_bytes: what all replicas may take together; None for no limit.
        device_bytes: memory of each device; a replica that is larger than all of them is spread
            evenly over 2, 4 or 8. Empty where memory is one pool.
        demand: task → what it asks, in requests per second or users; empty where no load is given.
        capacity: model → what one replica serves, in the same unit; a model without a figure is
            taken to serve anything with one replica.
        usd_per_month: model → money for one replica.
        machine: model → which machine its money is for: what one pool of memory holds of the same
            machine shares it, and it is paid once. Others each have their own.
        hosted: models that others serve, which need no machine.
        budget_usd: what all replicas may cost together.
        max_models: how many models may be loaded; 1 asks for the best single model.
    """

    accuracy: Mapping[str, Mapping[str, float]]
    mix: Mapping[str, float]
    memory_bytes: Mapping[str, int]
    budget_bytes: int | None = None
    device_bytes: tuple[int, ...] = ()
    demand: Mapping[str, float] = field(default_factory=dict)
    capacity: Mapping[str, float] = field(default_factory=dict)
    usd_per_month: Mapping[str, float] = field(default_factory=dict)
    machine: Mapping[str, str] = field(default_factory=dict)
    hosted: frozenset[str] = frozenset()
    budget_usd: float | None = None
    max_models: int | None = None

    def most_replicas(self, model: str) -> int:
        """How many replicas of a model all of the demand could need."""
        capacity = self.capacity.get(model)
        if not capacity:
            return 1
        needed = math.ceil(sum(self.demand.values()) / capacity - 1e-9)
        return min(_MOST_REPLICAS, max(1, needed))

    @property
    def shared(self) -> tuple[tuple[str, ...], ...]:
        """Models that share a machine where they are loaded together, machine by machine.

        The budget is the memory of one machine, so that all that it holds is on it. With devices,
        or without a budget, nobody says which machine has room for what.
        """
        if self.budget_bytes is None or self.device_bytes:
            return ()
        groups: dict[str, list[str]] = {}
        for model, machine in self.machine.items():
            if machine and model in self.usd_per_month and self.memory_bytes.get(model):
                groups.setdefault(machine, []).append(model)
        return tuple(tuple(models) for models in groups.values() if len(models) > 1)


@dataclass(frozen=True, slots=True)
class _Replica:
    """The k-th replica of a model at one place: takes so many bytes of each of these devices."""

    model: int
    place: tuple[int, ...]
    k: int
    bytes_each: int


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
        too_large.append(taken)
    return _assignment(problem, models, [replicas[index] for index in taken], by_task)


def _replicas(problem: Problem, models: Sequence[str]) -> list[_Replica]:
    """Every replica that fits by itself."""
    found = []
    for index, model in enumerate(models):
        size = problem.memory_bytes[model]
        if problem.budget_bytes is not None and size > problem.budget_bytes:
            continue
        for place in _places(size, problem.device_bytes):
            each = -(-size // max(1, len(place)))
            most = min(problem.most_replicas(model), _most_at(problem, place, each))
            found += [_Replica(index, place, k, each) for k in range(most)]
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


def _most_at(problem: Problem, place: tuple[int, ...], bytes_each: int) -> int:
    """How many replicas there is room for at one place."""
    rooms = [problem.device_bytes[device] for device in place]
    if not place and problem.budget_bytes is not None:
        rooms = [problem.budget_bytes]
    return min(rooms) // bytes_each if rooms and bytes_each else _MOST_REPLICAS


def _fits(problem: Problem, taken: Sequence[_Replica]) -> bool:
    """Whether memory holds them, to the byte."""
    for device, room in enumerate(problem.device_bytes):
        if sum(one.bytes_each for one in taken if device in one.place) > room:
            return False
    if problem.budget_bytes is None:
        return True
    sizes = list(problem.memory_bytes.values())
    return sum(sizes[one.model] for one in taken) <= problem.budget_bytes


class _Rows:
    """Constraints ``low ≤ row · variables ≤ high``, as they come."""

    def __init__(self) -> None:
        self._entries: list[Mapping[int, float]] = []
        self._bounds: list[tuple[float, float]] = []

    def add(self, entries: Mapping[int, float], low: float, high: float) -> None:
        self._entries.append(entries)
        self._bounds.append((low, high))

    def constraint(self, width: int) -> LinearConstraint:
        """All of them, sparse: with many replicas nearly all entries are 0."""
        from scipy.optimize import LinearConstraint  # noqa: PLC0415
        from scipy.sparse import csr_array  # noqa: PLC0415

        at = [(row, column) for row, entries in enumerate(self._entries) for column in entries]
        values = [value for entries in self._entries for value in entries.values()]
        rows, columns = zip(*at, strict=True)
        matrix = csr_array((values, (rows, columns)), shape=(len(self._entries), width))
        low, high = zip(*self._bounds, strict=True)
        return LinearConstraint(matrix, low, high)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where each variable stands: replicas first, then x, then y row by row, then machines."""

    replicas: int
    models: int
    tasks: int
    machines: int = 0

    @property
    def width(self) -> int:
        return self.machine(self.machines)

    def machine(self, number: int) -> int:
        """What a shared machine costs, as a share of the most it can."""
        return self.replicas + self.models + self.models * self.tasks + number

    def x(self, model: int) -> int:
        return self.replicas + model

    def y(self, task: int, model: int) -> int:
        return self.replicas + self.models + task * self.models + model


def _solve(
    problem: Problem,
    models: Sequence[str],
    replicas: Sequence[_Replica],
    too_large: Sequence[Sequence[int]],
) -> tuple[list[int], list[int]] | None:
    """The replicas taken and the model of each task, or None."""
    import numpy as np  # noqa: PLC0415 -- with scipy, half a second of import
    from scipy.optimize import Bounds, milp  # noqa: PLC0415

    tasks = list(problem.accuracy)
    columns = _Columns(len(replicas), len(models), len(tasks), len(problem.shared))
    bill = _bill(problem, columns, models, replicas)
    rows = _Rows()
    _memory_rows(rows, problem, models, replicas)
    _money_rows(rows, problem, columns, models, replicas, bill=bill)
    _loading_rows(rows, problem, columns, models, replicas)
    _task_rows(rows, problem, columns, models, tasks)
    _capacity_rows(rows, problem, columns, models, replicas)
    for taken in too_large:
        rows.add(dict.fromkeys(taken, 1.0), -math.inf, len(taken) - 1.0)
    upper = np.ones(columns.width)
    whole = np.ones(columns.width, dtype=int)
    whole[columns.machine(0) :] = 0
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
    columns: _Columns,
    models: Sequence[str],
    tasks: Sequence[str],
    replicas: Sequence[_Replica],
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
    rows: _Rows, problem: Problem, models: Sequence[str], replicas: Sequence[_Replica]
) -> None:
    """Bytes in shares of what there is, so that the solver's tolerance is relative to it."""
    sizes = [problem.memory_bytes[models[one.model]] for one in replicas]
    if problem.budget_bytes is not None:
        room = max(problem.budget_bytes, 1)
        rows.add({i: size / room for i, size in enumerate(sizes)}, -math.inf, 1.0)
    for device, device_room in enumerate(problem.device_bytes):
        share = {
            i: one.bytes_each / max(device_room, 1)
            for i, one in enumerate(replicas)
            if device in one.place
        }
        rows.add(share, -math.inf, 1.0)


def _bill(
    problem: Problem, columns: _Columns, models: Sequence[str], replicas: Sequence[_Replica]
) -> dict[int, float]:
    """Column → money: of every replica that has a machine to itself, and of every shared one."""
    together = {model for group in problem.shared for model in group}
    prices = problem.usd_per_month
    own = {
        index: prices.get(models[one.model], 0.0)
        for index, one in enumerate(replicas)
        if models[one.model] not in together
    }
    for number, group in enumerate(problem.shared):
        own[columns.machine(number)] = max(prices[model] for model in group)
    return {column: usd for column, usd in own.items() if usd}


def _money_rows(
    rows: _Rows,
    problem: Problem,
    columns: _Columns,
    models: Sequence[str],
    replicas: Sequence[_Replica],
    *,
    bill: Mapping[int, float],
) -> None:
    """A shared machine costs what the dearest of its models does; all together keep the budget."""
    for number, group in enumerate(problem.shared):
        most = max(problem.usd_per_month[model] for model in group) or 1.0
        for index, one in enumerate(replicas):
            if models[one.model] in group:
                share = problem.usd_per_month[models[one.model]] / most
                rows.add({index: share, columns.machine(number): -1.0}, -math.inf, 0.0)
    if problem.budget_usd is not None and bill:
        money = max(problem.budget_usd, 1e-9)
        rows.add({column: usd / money for column, usd in bill.items()}, -math.inf, 1.0)


def _loading_rows(
    rows: _Rows,
    problem: Problem,
    columns: _Columns,
    models: Sequence[str],
    replicas: Sequence[_Replica],
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
    rows: _Rows, problem: Problem, columns: _Columns, models: Sequence[str], tasks: Sequence[str]
) -> None:
    """Each task is done by one model, which is loaded."""
    for t, task in enumerate(tasks):
        rows.add({columns.y(t, m): 1.0 for m in range(len(models))}, 1.0, 1.0)
        for m, model in enumerate(models):
            if model in problem.accuracy[task]:
                rows.add({columns.y(t, m): 1.0, columns.x(m): -1.0}, -math.inf, 0.0)


def _capacity_rows(
    rows: _Rows,
    problem: Problem,
    columns: _Columns,
    models: Sequence[str],
    replicas: Sequence[_Replica],
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
    problem: Problem, models: Sequence[str], taken: Sequence[_Replica], by_task: Sequence[int]
) -> Assignment:
    loaded = sorted(set(by_task))
    pairs = tuple((task, models[m]) for task, m in zip(problem.accuracy, by_task, strict=True))
    counts = {m: sum(one.model == m for one in taken) for m in loaded}
    used = [one for one in taken if one.model in counts]
    replicas = {models[m]: counts[m] for m in loaded}
    names = list(replicas)
    machines = _machines(problem, names)
    usd = _usd(problem, replicas, machines)
    alone = [name for name in names if name not in problem.hosted and name not in sum(machines, ())]
    found = Assignment(
        models=tuple(names),
        by_task=pairs,
        accuracy=sum(problem.mix[task] * problem.accuracy[task][model] for task, model in pairs),
        memory_bytes=sum(problem.memory_bytes[models[m]] * counts[m] for m in loaded),
        usd_per_month=usd,
        machines=machines,
        is_upper_bound=bool(usd) and bool(alone) and len(alone) + len(machines) > 1,
    )
    if problem.demand:
        found = replace(found, replicas=tuple((models[m], counts[m]) for m in loaded))
    if problem.device_bytes:
        found = replace(found, devices=tuple((models[one.model], one.place) for one in used))
    return found


def _machines(problem: Problem, names: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Of the models that are loaded, those that share a machine."""
    groups = (tuple(name for name in group if name in names) for group in problem.shared)
    return tuple(group for group in groups if len(group) > 1)


def _usd(
    problem: Problem, replicas: Mapping[str, int], machines: Sequence[tuple[str, ...]]
) -> float | None:
    """What these replicas cost a month, a shared machine once; None where one's cost is unknown.

    A machine that only one model uses is shared by its own replicas: the pool has room for all.
    """
    prices = problem.usd_per_month
    if not prices or any(name not in prices for name in replicas):
        return None
    shared = {name for group in problem.shared for name in group}
    rest = [name for name in replicas if not any(name in group for group in machines)]
    single = sum(prices[name] * (1 if name in shared else replicas[name]) for name in rest)
    return single + sum(max(prices[name] for name in group) for group in machines)
