"""Assignments that do not favour a model because nobody knows what it serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from weighbridge.core.verdict import Assignment
from weighbridge.decide.assignment import solve
from weighbridge.decide.problem import Problem


def solve_fairly(problem: Problem) -> Assignment | None:
    """The best assignment, in which a missing capacity is no advantage.

    A model of which nobody knows what it serves is counted one replica, whatever the load. It may
    do what it would do if the others were counted one replica too; for the rest, where they need
    more, those go before it of which it is known that they suffice. It does more than that only
    where nothing fits otherwise.

    Returns:
        As :func:`~weighbridge.decide.assignment.solve`.
    """
    found = solve(problem)
    if found is None or not problem.demand:
        return found
    unsized = [one for one in found.models if _is_unsized(problem, one)]
    if not unsized:
        return found
    alike = solve(replace(problem, capacity={}))
    merited = set() if alike is None else set(alike.by_task)
    gained = [pair for pair in found.by_task if pair[1] in unsized and pair not in merited]
    if not gained:
        return found
    return solve(replace(problem, accuracy=_without(problem, merited))) or found


def _is_unsized(problem: Problem, model: str) -> bool:
    return not problem.capacity.get(model) and model not in problem.hosted


def _without(problem: Problem, merited: set[tuple[str, str]]) -> dict[str, Mapping[str, float]]:
    """The tasks with those models that may do them whatever the load."""
    return {
        task: {
            model: right
            for model, right in table.items()
            if not _is_unsized(problem, model) or (task, model) in merited
        }
        for task, table in problem.accuracy.items()
    }
