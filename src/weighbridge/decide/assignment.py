"""Which models to keep in memory, and which of them does each task: a small integer programme."""

from __future__ import annotations

from collections.abc import Mapping

from weighbridge.core.verdict import Assignment

# Among equally accurate assignments the one with less memory wins: its whole memory counts for
# less than any real difference in accuracy (one item in 10,000).
_MEMORY_WEIGHT = 1e-5
# HiGHS stops within 1e-6 of the optimum; in this unit that is less than any difference of memory.
_OBJECTIVE_SCALE = 1e6


def best_assignment(
    accuracy: Mapping[str, Mapping[str, float]],
    mix: Mapping[str, float],
    memory_bytes: Mapping[str, int],
    budget_bytes: int | None = None,
    max_models: int | None = None,
) -> Assignment | None:
    """The assignment of tasks to models with the highest expected accuracy within the budget.

    Solved exactly by mixed-integer linear programming (HiGHS): ``x[m]`` says whether model m is
    loaded, ``y[t, m]`` whether it does task t.

    Args:
        accuracy: task → model → accuracy; a model without a figure for a task cannot do it.
        mix: task → share of the traffic.
        memory_bytes: model → bytes while it serves.
        budget_bytes: what the loaded models may take together.
        max_models: how many may be loaded; 1 asks for the best single model.

    Returns:
        The best assignment, or None when nothing fits.
    """
    budget = sum(memory_bytes.values()) if budget_bytes is None else budget_bytes
    tasks = list(accuracy)
    models = [model for model in memory_bytes if memory_bytes[model] <= budget]
    if not models:
        return None
    # The solver lets a sum exceed the budget by a ten-millionth: such a set is ruled out by name.
    too_large: list[set[int]] = []
    while True:
        solution = _solve(
            [[accuracy[task].get(model) for model in models] for task in tasks],
            [mix[task] for task in tasks],
            [memory_bytes[model] for model in models],
            budget,
            len(models) if max_models is None else max_models,
            ruled_out=too_large,
        )
        if solution is None:
            return None
        loaded = sorted(set(solution))
        memory = sum(memory_bytes[models[index]] for index in loaded)
        if memory <= budget:
            break
        too_large.append(set(loaded))
    by_task = tuple((task, models[index]) for task, index in zip(tasks, solution, strict=True))
    return Assignment(
        models=tuple(models[index] for index in loaded),
        by_task=by_task,
        accuracy=sum(mix[task] * accuracy[task][model] for task, model in by_task),
        memory_bytes=memory,
    )


def _solve(
    accuracy: list[list[float | None]],
    mix: list[float],
    memory: list[int],
    budget: int,
    max_models: int,
    *,
    ruled_out: list[set[int]],
) -> list[int] | None:
    """The model's index for each task, or None. Variables: x[0..m), then y row by row."""
    import numpy as np  # noqa: PLC0415 -- with scipy, half a second of import
    from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415

    n_tasks, n_models = len(mix), len(memory)
    x_zero, y_zero = np.zeros(n_models), np.zeros((n_tasks, n_models))
    possible = np.array([[value is not None for value in row] for row in accuracy])
    gain = np.array([[value or 0.0 for value in row] for row in accuracy])
    sizes = np.array(memory, dtype=float)

    cost = np.concatenate(
        [_MEMORY_WEIGHT * sizes / (sizes.sum() or 1.0), (-np.array(mix)[:, None] * gain).ravel()]
    )
    # Memory in shares of the budget, so that the solver's tolerance is relative to it.
    rows = [np.concatenate([sizes / max(budget, 1), y_zero.ravel()])]
    rows.append(np.concatenate([np.ones(n_models), y_zero.ravel()]))
    low, high = [-np.inf, -np.inf], [1.0, float(max_models)]
    for task in range(n_tasks):
        one_model = y_zero.copy()
        one_model[task] = 1
        rows.append(np.concatenate([x_zero, one_model.ravel()]))
        low.append(1.0)
        high.append(1.0)
        for model in range(n_models):
            only_loaded, uses = x_zero.copy(), y_zero.copy()
            only_loaded[model], uses[task, model] = -1, 1
            rows.append(np.concatenate([only_loaded, uses.ravel()]))
            low.append(-np.inf)
            high.append(0.0)
    for models in ruled_out:
        rows.append(np.concatenate([[float(i in models) for i in range(n_models)], y_zero.ravel()]))
        low.append(-np.inf)
        high.append(len(models) - 1.0)
    result = milp(
        _OBJECTIVE_SCALE * cost,
        integrality=np.ones(len(cost), dtype=int),
        bounds=Bounds(0, np.concatenate([np.ones(n_models), possible.ravel()])),
        constraints=LinearConstraint(np.array(rows), low, high),
        options={"mip_rel_gap": 0.0},
    )
    if result.x is None:
        return None
    choice = result.x[n_models:].reshape(n_tasks, n_models)
    return [int(index) for index in choice.argmax(axis=1)]
