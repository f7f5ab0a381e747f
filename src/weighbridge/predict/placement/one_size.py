"""Placements whose servers all have the same number of devices: few enough to be solved outright.

Where servers are shared, what fits together in total seldom fits device by device, and packing one
server after the other does not find what several tasks could share. With one size of server there
are few groups of devices, and most of what is gained by sharing is found.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from weighbridge.predict.placement.problem import NoTimeError, Problem, Solution
from weighbridge.predict.placement.programme import solve_directly


def of_one_size(problem: Problem, deadline: float) -> Iterator[Solution]:
    """For each size of server the best placement that was found in its share of the time.

    Those of many devices come first: the fewer groups there are, the sooner they are solved.
    """
    sizes = sorted({problem.option(p).devices for p in range(len(problem.spots))}, reverse=True)
    for at, size in enumerate(sizes):
        left = (deadline - time.perf_counter()) / (len(sizes) - at)
        if left > 0:
            solution = _solved(problem, size, left)
            if solution is not None:
                yield solution


def _solved(problem: Problem, size: int, time_limit_s: float) -> Solution | None:
    kept = [p for p in range(len(problem.spots)) if problem.option(p).devices == size]
    owners = {problem.spots[p].wanted for p in kept}
    if any(one.required and n not in owners for n, one in enumerate(problem.wanted)):
        return None
    values = problem.values and tuple(problem.values[p] for p in kept)
    rules = replace(problem.rules, time_limit_s=time_limit_s)
    spots = tuple(problem.spots[p] for p in kept)
    try:
        part = replace(problem, spots=spots, values=values, rules=rules)
        found = solve_directly(part, rules.gap / 2)
    except NoTimeError:
        return None
    if found is None:
        return None
    return Solution(tuple((kept[p], groups) for p, groups in found.chosen))
