"""Placing several models on the devices of one or more machines, exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from weighbridge.core.errors import InputError
from weighbridge.core.placement import (
    DeviceUse,
    Option,
    Placed,
    Placement,
    PlacementRules,
    Site,
    Unplaced,
    Wanted,
)
from weighbridge.predict.placement.choice import solve
from weighbridge.predict.placement.problem import (
    NoTimeError,
    Problem,
    Solution,
    uses,
    value_of,
)
from weighbridge.predict.placement.reasons import left_out, why_not
from weighbridge.predict.placement.spots import first_devices, spots


def place(
    sites: Sequence[Site], wanted: Sequence[Wanted], rules: PlacementRules | None = None
) -> Placement:
    """The placement with the highest quality, weighted by traffic, less cost.

    On no device do servers take more memory or time together than it has; a server's devices lie
    within one link domain. Among equals the one with least memory wins. Solved by mixed-integer
    linear programming (HiGHS).

    Raises:
        InputError: a number cannot be, names repeat, or nothing was found in time.
    """
    rules = rules or PlacementRules()
    sites, wanted = tuple(sites), tuple(wanted)
    _check(sites, wanted, rules)
    found, without = spots(sites, wanted, rules)
    problem = Problem(sites, wanted, tuple(found), rules)
    missing = [without[number] for number in without if wanted[number].required]
    try:
        solution = None if missing else solve(problem)
    except NoTimeError:
        return _in_doubt(problem, without)
    if solution is not None:
        return _placement(problem, solution, without, ())
    reasons = tuple(one.reason for one in missing) or why_not(problem)
    return _in_time(problem, without, reasons)


def _in_doubt(problem: Problem, without: dict[int, Unplaced]) -> Placement:
    """What was found of a part, where time did not suffice for all."""
    limit = problem.rules.time_limit_s
    text = f"Within {limit:g} s no placement of all was found; it is not proven that there is none."
    return _in_time(problem, without, (text,))


def _in_time(problem: Problem, without: dict[int, Unplaced], reasons: tuple[str, ...]) -> Placement:
    try:
        return _nearest(problem, without, reasons)
    except NoTimeError:
        raise InputError(
            f"No placement was found within {problem.rules.time_limit_s:g} s.",
            fix="Offer fewer configurations, or allow more time.",
        ) from None


def fits(sites: Sequence[Site], wanted: Sequence[Wanted], rules: PlacementRules) -> bool:
    """Whether all that is required was found to have a place, without asking why not.

    Raises:
        InputError: a number cannot be, or names repeat.
    """
    sites, wanted = tuple(sites), tuple(one for one in wanted if one.required)
    _check(sites, wanted, rules)
    found, without = spots(sites, wanted, rules)
    try:
        return not without and solve(Problem(sites, wanted, tuple(found), rules)) is not None
    except NoTimeError:
        return False


def _nearest(problem: Problem, without: dict[int, Unplaced], reasons: tuple[str, ...]) -> Placement:
    """The most valuable part of what is required that fits, and what then fits beside it."""
    offered = {spot.wanted for spot in problem.spots}
    required = [one.required and n in offered for n, one in enumerate(problem.wanted)]
    kept = _most_valuable(problem.only(required)) if any(required) else frozenset()
    wanted = tuple(replace(one, required=one.name in kept) for one in problem.wanted)
    spots = tuple(
        spot
        for spot in problem.spots
        if wanted[spot.wanted].required or not problem.wanted[spot.wanted].required
    )
    rest = replace(problem, wanted=wanted, spots=spots)
    solution = (solve(rest) if spots else None) or Solution(())
    # The reasons of those that were dropped are told from the whole problem's point of view.
    at = {spot: number for number, spot in enumerate(problem.spots)}
    chosen = tuple((at[spots[p]], groups) for p, groups in solution.chosen)
    found = _placement(problem, Solution(chosen, solution.gap), without, reasons)
    return replace(found, feasible=False)


def _most_valuable(problem: Problem) -> frozenset[str]:
    """Names of the part that fits; all count for a little, whatever their value."""
    values = [max(0.0, value_of(problem, p)) for p in range(len(problem.spots))]
    little = 1e-3 * max(values, default=0.0) or 1.0
    free = tuple(replace(one, required=False) for one in problem.wanted)
    valued = replace(problem, wanted=free, values=tuple(value + little for value in values))
    solution = solve(valued) or Solution(())
    return frozenset(problem.wanted[problem.spots[p].wanted].name for p, _ in solution.chosen)


def _placement(
    problem: Problem, solution: Solution, without: dict[int, Unplaced], reasons: tuple[str, ...]
) -> Placement:
    taken = {problem.spots[p].wanted for p, _ in solution.chosen}
    unplaced = {**without, **left_out(problem, solution)}
    return Placement(
        feasible=True,
        placed=_placed(problem, solution),
        devices=_devices(problem, solution),
        unplaced=tuple(unplaced[n] for n in sorted(unplaced) if n not in taken),
        objective=math.fsum(value_of(problem, p) for p, _ in solution.chosen),
        reasons=reasons,
        gap=solution.gap,
    )


def _placed(problem: Problem, solution: Solution) -> tuple[Placed, ...]:
    starts = first_devices(problem.sites)
    rows = []
    for p, groups in sorted(solution.chosen, key=lambda one: problem.spots[one[0]].wanted):
        at = [max(n for n, start in enumerate(starts[:-1]) if start <= g[0]) for g in groups]
        name = problem.wanted[problem.spots[p].wanted].name
        rows.append(
            Placed(
                name,
                problem.option(p),
                tuple(problem.sites[n].name for n in at),
                tuple(tuple(d - starts[n] for d in g) for n, g in zip(at, groups, strict=True)),
            )
        )
    return tuple(rows)


def _devices(problem: Problem, solution: Solution) -> tuple[DeviceUse, ...]:
    places = [(site, index) for site in problem.sites for index in range(site.count)]
    return tuple(
        DeviceUse(
            site.name,
            index,
            site.memory_bytes,
            use.used_bytes,
            use.load,
            tuple(problem.wanted[problem.spots[p].wanted].name for p in use.spots),
        )
        for (site, index), use in zip(places, uses(problem, solution), strict=True)
    )


def _check(sites: Sequence[Site], wanted: Sequence[Wanted], rules: PlacementRules) -> None:
    for what, names in (
        ("machines", [site.name for site in sites]),
        ("models or tasks", [one.name for one in wanted]),
    ):
        if not names:
            raise InputError(f"There are no {what} to place.", fix="Name at least one.")
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"Two {what} are called {twice!r}.", fix="Give each its own name.")
    for site in sites:
        if site.count < 1 or site.domain < 1 or not 0 < site.memory_bytes < math.inf:
            raise InputError(
                f"{site.name} has no devices or no memory.", fix="Describe it in full."
            )
    if not 0 < rules.most_load <= 1:
        raise InputError("A device can be busy 0 to 100 % of the time.", fix="Say for example 0.8.")
    shared: dict[str, tuple[float, int]] = {}
    for one in wanted:
        if not 0 <= one.requests_per_s < math.inf:
            raise InputError(f"The traffic of {one.name} is no number of requests per second.")
        for option in one.options:
            _check_option(one, option)
            alike = (option.shared_bytes, option.devices)
            if option.server and shared.setdefault(option.server, alike) != alike:
                raise InputError(f"The server {option.server!r} is described in two ways.")


def _check_option(one: Wanted, option: Option) -> None:
    numbers = (option.memory_bytes, option.load, option.quality, option.cost, option.shared_bytes)
    if not all(map(math.isfinite, numbers)) or option.devices < 1 or option.replicas < 1:
        raise InputError(f"{one.name}: {option.label} has a figure that is no number.")
    if option.load < 0 or not 0 <= option.shared_bytes <= option.memory_bytes > 0:
        raise InputError(f"{one.name}: {option.label} takes no memory or a negative load.")
