"""The assignment with load, devices and money, against trying everything."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighbridge.core.units import GIB
from weighbridge.decide.assignment import solve
from weighbridge.decide.problem import Problem


def by_trying_everything(problem: Problem) -> tuple[float, float, int] | None:
    """Accuracy (negative), money and memory of the best assignment."""
    tasks = list(problem.accuracy)
    found = []
    for models in product(*(problem.accuracy[task] for task in tasks)):
        needed = _needed(problem, dict(zip(tasks, models, strict=True)))
        if needed is None or len(needed) > (problem.max_models or len(needed)):
            continue
        memory = sum(problem.memory_bytes[model] * n for model, n in needed.items())
        usd = _usd(problem, needed, dict(zip(tasks, models, strict=True)))
        # A machine holds one replica of each model; devices hold all that are put on them.
        held = memory if problem.device_bytes else sum(problem.memory_bytes[one] for one in needed)
        if problem.budget_bytes is not None and held > problem.budget_bytes:
            continue
        if problem.budget_usd is not None and usd > problem.budget_usd:
            continue
        replicas = [model for model, n in needed.items() for _ in range(n)]
        if problem.device_bytes and not _places(
            problem, replicas, list(problem.device_bytes), frozenset()
        ):
            continue
        accuracy = sum(
            problem.mix[task] * problem.accuracy[task][model]
            for task, model in zip(tasks, models, strict=True)
        )
        found.append((-round(accuracy, 9), usd, memory))
    return min(found) if found else None


def _needed(problem: Problem, by_task: dict[str, str]) -> dict[str, int] | None:
    asked: dict[str, float] = {}
    for task, model in by_task.items():
        asked[model] = asked.get(model, 0.0) + problem.demand.get(task, 0.0)
    return {
        model: max(1, math.ceil(total / problem.capacity[model] - 1e-9))
        if model in problem.capacity
        else 1
        for model, total in asked.items()
    }


def _usd(problem: Problem, needed: dict[str, int], by_task: dict[str, str]) -> float:
    """Hardware times machines, and what is paid once; models of one machine divide it."""
    together = [
        model
        for model in needed
        if problem.shares and not problem.device_bytes and problem.machine.get(model)
    ]
    alone = [model for model in needed if model not in together]
    total = sum(needed[model] * _each(problem, model) + problem.usd_once[model] for model in alone)
    if not together:
        return total
    work = sum(
        asked / problem.capacity[by_task[task]]
        for task, asked in problem.demand.items()
        if by_task[task] in together and by_task[task] in problem.capacity
    )
    count = max(math.ceil(work - 1e-9), *(needed[model] for model in together))
    each = max(_each(problem, model) for model in together)
    return total + count * each + max(problem.usd_once[model] for model in together)


def _each(problem: Problem, model: str) -> float:
    return problem.usd_per_month[model] - problem.usd_once[model]


def _places(
    problem: Problem, replicas: list[str], room: list[int], taken: frozenset[tuple[str, int]]
) -> bool:
    """Whether all find a place: no two of one model on one device."""
    if not replicas:
        return True
    model = replicas[0]
    for place, each in _sets(problem.memory_bytes[model], problem.device_bytes):
        left = [have - each * (device in place) for device, have in enumerate(room)]
        own = frozenset((model, device) for device in place)
        if min(left) < 0 or own & taken:
            continue
        if _places(problem, replicas[1:], left, taken | own):
            return True
    return False


def _sets(size: int, devices: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], int]]:
    for span in (1, 2, 4, 8):
        each = -(-size // span)
        fitting = [
            place
            for place in combinations(range(len(devices)), span)
            if all(devices[device] >= each for device in place)
        ]
        if fitting:
            yield from ((place, each) for place in fitting)
            return


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    models = [f"m{i}" for i in range(draw(st.integers(1, 3)))]
    tasks = [f"t{i}" for i in range(draw(st.integers(1, 3)))]
    rates = st.integers(0, 20).map(lambda k: k / 20)
    weights = {task: draw(st.integers(1, 4)) for task in tasks}
    loaded = draw(st.booleans())
    budget = draw(st.none() | st.integers(1, 40))
    usd = {model: float(draw(st.integers(1, 9))) for model in models}
    return Problem(
        accuracy={
            task: {model: draw(rates) for model in models if draw(st.integers(0, 5))}
            for task in tasks
        },
        mix={task: weight / sum(weights.values()) for task, weight in weights.items()},
        memory_bytes={model: draw(st.integers(1, 12)) for model in models},
        budget_bytes=budget,
        shares=budget is not None,
        machine={model: draw(st.sampled_from(["", "box"])) for model in models},
        device_bytes=tuple(draw(st.lists(st.integers(3, 16), max_size=3))),
        demand={task: float(draw(st.integers(1, 6))) for task in tasks} if loaded else {},
        capacity={model: float(draw(st.integers(2, 9))) for model in models if draw(st.booleans())},
        usd_per_month=usd,
        usd_once={model: float(draw(st.integers(0, int(usd[model])))) for model in models},
        budget_usd=draw(st.none() | st.integers(1, 30).map(float)),
        max_models=draw(st.none() | st.integers(1, len(models))),
    )


@settings(deadline=None, max_examples=120)
@given(problems())
def test_nothing_that_may_be_tried_is_better(problem: Problem) -> None:
    found, best = solve(problem), by_trying_everything(problem)
    if best is None:
        assert found is None
        return
    assert found is not None
    assert found.usd_per_month is not None
    assert found.memory_bytes is not None
    assert (-round(found.accuracy, 9), found.usd_per_month) == (best[0], best[1])
    counts = dict(found.replicas) or dict.fromkeys(found.models, 1)
    assert sum(problem.memory_bytes[model] * n for model, n in counts.items()) == best[2]


@settings(deadline=None, max_examples=60)
@given(problems())
def test_what_is_put_on_devices_fits_them(problem: Problem) -> None:
    found = solve(problem)
    if found is None or not problem.device_bytes:
        return
    used = [0] * len(problem.device_bytes)
    for model, place in found.devices:
        for device in place:
            used[device] += -(-problem.memory_bytes[model] // len(place))
    assert all(have >= took for have, took in zip(problem.device_bytes, used, strict=True))
    counts = dict(found.replicas) or dict.fromkeys(found.models, 1)
    assert {model: [name for name, _ in found.devices].count(model) for model in counts} == counts


ONE = {"t": {"a": 0.9, "b": 0.8}}


def test_a_load_beyond_one_replica_takes_more_of_them() -> None:
    problem = Problem(
        ONE, {"t": 1.0}, {"a": 4, "b": 1}, demand={"t": 10.0}, capacity={"a": 4.0, "b": 10.0}
    )
    found = solve(problem)
    assert found is not None
    assert (found.replicas, found.memory_bytes) == ((("a", 3),), 4)

    # Each is on a machine of its own: what one serves was measured with a whole machine.
    assert found.fleets == ((("a",), 3),)


def test_a_further_replica_is_a_further_machine_and_is_billed_as_one() -> None:
    problem = Problem(
        {"t": {"a": 0.9}, "u": {"b": 0.9}},
        {"t": 0.5, "u": 0.5},
        {"a": 4, "b": 1},
        budget_bytes=5,
        demand={"t": 10.0, "u": 6.0},
        capacity={"a": 4.0, "b": 10.0},
        usd_per_month={"a": 100.0, "b": 90.0},
        usd_once={"a": 20.0, "b": 20.0},
        machine={"a": "box", "b": "box"},
        shares=True,
    )
    found = solve(problem)
    assert found is not None
    # 10 / 4 and 6 / 10 of a machine's work together: 3.1 machines, so 4; each is 80, and 20 once.
    assert found.fleets == ((("a", "b"), 4),)
    assert (found.replicas, found.machines) == ((("a", 3), ("b", 1)), (("a", "b"),))
    assert found.usd_per_month == 4 * 80 + 20
    assert found.memory_bytes == 5
    assert solve(replace(problem, budget_usd=339.0)) is None
    assert solve(replace(problem, budget_usd=340.0)) is not None


def test_devices_serve_one_replica_of_a_model_each() -> None:
    problem = Problem(
        ONE,
        {"t": 1.0},
        {"a": 4, "b": 1},
        device_bytes=(20, 20),
        demand={"t": 10.0},
        capacity={"a": 4.0, "b": 10.0},
    )
    # Three of a would fit the memory of either device, and serve no more than one of it.
    found = solve(problem)
    assert found is not None
    assert (found.models, found.fleets) == (("b",), ())
    third = solve(replace(problem, device_bytes=(20, 20, 20)))
    assert third is not None
    assert (third.models, third.memory_bytes) == (("a",), 12)
    assert sorted(place for _, place in third.devices) == [(0,), (1,), (2,)]


def test_what_fits_a_pool_need_not_fit_its_devices() -> None:
    accuracy = {"x": {"a": 0.9, "c": 0.5}, "y": {"b": 0.9, "c": 0.5}}
    mix, sizes = {"x": 0.5, "y": 0.5}, {"a": 10 * GIB, "b": 10 * GIB, "c": 12 * GIB}
    pooled = solve(Problem(accuracy, mix, sizes, budget_bytes=24 * GIB))
    assert pooled is not None
    assert pooled.models == ("a", "b")
    # Two of three devices of 8 GiB hold one of them, the third device none.
    split = solve(Problem(accuracy, mix, sizes, device_bytes=(8 * GIB,) * 3))
    assert split is not None
    assert split.models == ("c",)
    assert [len(place) for _, place in split.devices] == [2]


def test_a_model_larger_than_any_device_is_spread_and_a_smaller_one_is_not() -> None:
    both = {"t": {"large": 0.9}, "u": {"small": 0.9}}
    found = solve(
        Problem(both, {"t": 0.5, "u": 0.5}, {"large": 12, "small": 4}, device_bytes=(8, 8, 4))
    )
    assert found is not None
    places = dict(found.devices)
    assert places == {"large": (0, 1), "small": (2,)}


@pytest.mark.parametrize(("budget", "models"), [(300.0, ("a",)), (299.0, ("b",)), (49.0, None)])
def test_money_is_a_limit(budget: float, models: tuple[str, ...] | None) -> None:
    found = solve(
        Problem(
            ONE,
            {"t": 1.0},
            {"a": 1, "b": 1},
            usd_per_month={"a": 300.0, "b": 50.0},
            budget_usd=budget,
        )
    )
    assert (None if found is None else found.models) == models


def test_among_equals_the_cheaper_before_the_smaller() -> None:
    equal = {"t": {"dear": 0.9, "cheap": 0.9}}
    sizes = {"dear": 1, "cheap": 50}
    free = solve(Problem(equal, {"t": 1.0}, sizes))
    priced = solve(Problem(equal, {"t": 1.0}, sizes, usd_per_month={"dear": 900.0, "cheap": 100.0}))
    assert free is not None
    assert priced is not None
    assert (free.models, priced.models) == (("dear",), ("cheap",))
    assert (free.usd_per_month, priced.usd_per_month) == (None, 100.0)
