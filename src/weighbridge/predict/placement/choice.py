"""Large placements in two steps: which options to take, then where their servers lie.

The first step knows only how much there is of everything: no placement is better than what it
chooses. If the servers it chooses can be packed, that is the best placement; if not, that choice
and all larger ones are ruled out, and it chooses again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from weighbridge.core.placement import Option
from weighbridge.predict.placement.one_size import of_one_size
from weighbridge.predict.placement.packing import greedy, packed
from weighbridge.predict.placement.problem import NoTimeError, Problem, Solution, value_of
from weighbridge.predict.placement.programme import Programme, solve_directly
from weighbridge.predict.placement.rows import Rows

# Above so many columns one programme for all takes longer than two steps.
_DIRECT: Final = 600
# Shares of the time: for the first choice, for one that leaves room, for one packing; and of what
# is left then, for servers that are shared.
_CHOOSING: Final = 0.25
_SHARING: Final = 0.6
_PART: Final = 0.04
_PACKING: Final = 0.2
# Parts of what there is that are easier to pack than all of it.
_PARTS: Final = (0.995, 0.985, 0.97, 0.95, 0.92, 0.88, 0.84, 0.8, 0.7, 0.6, 0.5, 0.4)
_THRESHOLDS: Final = 8
_ROUNDING: Final = 1e-9


def solve(problem: Problem) -> Solution | None:
    """The best solution, or None where there is none; its gap says how sure that is.

    Raises:
        NoTimeError: the time is up, and nothing was found.
    """
    if not problem.spots:
        return Solution(())
    columns = sum(len(spot.groups) + 1 for spot in problem.spots)
    if problem.elastic or columns <= _DIRECT:
        return solve_directly(problem)
    return _in_two_steps(problem)


def _in_two_steps(problem: Problem) -> Solution | None:
    began = time.perf_counter()
    deadline = began + problem.rules.time_limit_s
    try:
        first = _Choice(_until(problem, deadline, _CHOOSING)).solve(())
    except NoTimeError:
        first = _Chosen([], _most(problem))
    if first is None:
        return None
    best = packed(problem, first.spots) if first.spots else None
    if not _is_good(problem, best, first.bound):
        middle = time.perf_counter() + _SHARING * (deadline - time.perf_counter())
        best = _better(problem, best, _shared(problem, middle, first.bound))
    if best is None:
        best = _with_room_left(problem, deadline)
    if not _is_good(problem, best, first.bound):
        best = _better(problem, best, greedy(problem))
    if _is_good(problem, best, first.bound) or not first.spots:
        return _best_of(problem, [best], first.bound)
    return _chosen_again(problem, first, best, deadline)


def _is_good(problem: Problem, found: Solution | None, bound: float) -> bool:
    return found is not None and _gap(problem, found, bound) <= problem.rules.gap


def _most(problem: Problem) -> float:
    """What all would be worth if each had its best option."""
    most: dict[int, float] = {}
    for p, spot in enumerate(problem.spots):
        most[spot.wanted] = max(most.get(spot.wanted, -math.inf), value_of(problem, p))
    required = [one.required for one in problem.wanted]
    return math.fsum(
        value if required[number] else max(0.0, value) for number, value in most.items()
    )


def _chosen_again(
    problem: Problem, found: _Chosen, best: Solution | None, deadline: float
) -> Solution | None:
    """Rule out what cannot be packed, and choose again, until something can or time is up."""
    bound, ruled_out = found.bound, list[frozenset[int]]()
    while time.perf_counter() < deadline:
        try:
            solution = _laid_out(_until(problem, deadline, _PACKING), found.spots)
            if solution is not None:
                return _best_of(problem, [best, solution], bound)
            ruled_out.append(_as_large(problem, found.spots))
            again = _Choice(_until(problem, deadline)).solve(ruled_out)
        except NoTimeError:
            break
        if again is None:
            return best  # there is nothing but what was ruled out
        found, bound = again, min(bound, again.bound)
    return _best_of(problem, [best], bound)


def _shared(problem: Problem, deadline: float, bound: float) -> Solution | None:
    """Where servers can be shared: the best with servers of one size, or the first good one."""
    best = None
    if any(problem.option(p).server for p in range(len(problem.spots))):
        for found in of_one_size(problem, deadline):
            best = _better(problem, best, found)
            if _is_good(problem, best, bound):
                break
    return best


def _better(problem: Problem, one: Solution | None, other: Solution | None) -> Solution | None:
    known = [each for each in (one, other) if each is not None]
    return max(known, key=lambda each: _worth(problem, each), default=None)


def _best_of(problem: Problem, found: Sequence[Solution | None], bound: float) -> Solution:
    """The most valuable of these, with its distance from the bound.

    Raises:
        NoTimeError: there is none.
    """
    best = max(filter(None, found), key=lambda one: _worth(problem, one), default=None)
    if best is None:
        raise NoTimeError
    return replace(best, gap=_gap(problem, best, bound))


def _until(problem: Problem, deadline: float, share: float = 1.0) -> Problem:
    """The same with a share of the time that is left.

    Raises:
        NoTimeError: none is left.
    """
    left = min(deadline - time.perf_counter(), share * problem.rules.time_limit_s)
    if left <= 0:
        raise NoTimeError
    return replace(problem, rules=replace(problem.rules, time_limit_s=left))


def _with_room_left(problem: Problem, deadline: float) -> Solution | None:
    """What can be packed easily because not all of the devices is used."""
    for part in _PARTS:
        try:
            found = _Choice(_until(problem, deadline, _PART), part).solve(())
        except NoTimeError:
            continue
        solution = packed(problem, found.spots) if found else None
        if solution:
            return solution
    return None


def _gap(problem: Problem, solution: Solution, bound: float) -> float:
    value = _worth(problem, solution)
    return max(0.0, bound - value) / max(abs(value), 1e-12)


def _worth(problem: Problem, solution: Solution) -> float:
    return math.fsum(value_of(problem, p) for p, _ in solution.chosen)


def _laid_out(problem: Problem, chosen: Sequence[int]) -> Solution | None:
    """Where the servers of the chosen spots lie; None if they do not all fit."""
    quick = packed(problem, chosen)
    if quick is not None:
        return quick
    rules = replace(problem.rules, budget=None)
    owners = {problem.spots[p].wanted for p in chosen}
    wanted = tuple(replace(one, required=n in owners) for n, one in enumerate(problem.wanted))
    spots = tuple(problem.spots[p] for p in chosen)
    part = replace(problem, wanted=wanted, spots=spots, rules=rules, values=(0.0,) * len(spots))
    found = solve_directly(part)
    if found is None:
        return None
    return Solution(tuple((chosen[p], groups) for p, groups in found.chosen))


def _as_large(problem: Problem, chosen: Sequence[int]) -> frozenset[int]:
    """All spots that take at least as much as the chosen spot of the same wanted."""
    mine = {problem.spots[p].wanted: p for p in chosen}
    return frozenset(
        p
        for p, spot in enumerate(problem.spots)
        if spot.wanted in mine and _covers(problem, p, mine[spot.wanted])
    )


def _covers(problem: Problem, p: int, other: int) -> bool:
    one, less = problem.option(p), problem.option(other)
    return p == other or (
        one.devices % less.devices == 0
        and one.replicas >= less.replicas
        and one.memory_bytes >= less.memory_bytes
        and one.load >= less.load
        and not one.server
        and not less.server
        and less.device in ("", one.device)
    )


@dataclass(frozen=True, slots=True)
class _Chosen:
    """Spots, and the value that no placement exceeds."""

    spots: list[int]
    bound: float


class _Choice:
    """Columns are spots, then servers that can be shared, each counted once."""

    def __init__(self, problem: Problem, part: float = 1.0) -> None:
        self.problem = problem
        self.part = part
        self.programme = Programme(problem)
        self.options = self.programme.options
        first = len(self.options)
        shared = {o.server: o for p, o in enumerate(self.options) if self.programme.can_share(p)}
        self.servers = {server: first + at for at, server in enumerate(shared)}
        self.shared = shared
        self.count = first + len(self.servers)

    def solve(self, ruled_out: Sequence[frozenset[int]]) -> _Chosen | None:
        """The most valuable options of which there is enough of everything, or None."""
        rows = Rows()
        self._choose(rows)
        for values, most in self._needs():
            rows.add(list(values.items()), most * self.part)
        for spots in ruled_out:
            owners = {self.problem.spots[p].wanted for p in spots}
            rows.add([(p, 1.0) for p in spots], len(owners) - 1.0)
        rules = self.problem.rules
        answer = rows.solve(self._prices(), time_limit_s=rules.time_limit_s, gap=rules.gap / 4)
        if answer is None:
            return None
        chosen = [p for p in range(len(self.options)) if answer.columns[p] > 0.5]
        return _Chosen(chosen, self.programme.most_value(answer.bound))

    def _choose(self, rows: Rows) -> None:
        self.programme.take_one_each(rows)
        for p, option in enumerate(self.options):
            if option.server in self.servers and self.programme.can_share(p):
                rows.add([(p, 1.0), (self.servers[option.server], -1.0)], 0.0)

    def _prices(self) -> list[float]:
        price = self.programme.values() + [0.0] * len(self.servers)
        weight = self.programme.memory_weight
        for p, option in enumerate(self.options):
            price[p] += weight * self.programme.own_bytes(p) * option.devices * option.replicas
        for server, column in self.servers.items():
            option = self.shared[server]
            price[column] += weight * option.shared_bytes * option.devices
        return price

    def _needs(self) -> Iterator[tuple[dict[int, float], float]]:
        """Sums that no placement exceeds, of memory and of time.

        All together; and, for some threshold, with sizes that are nearly a whole device counted as
        a whole one, and those that always find room beside them as nothing.
        """
        sizes, rules = self.problem.sizes, self.problem.rules
        memory = {
            p: (1.0 if self.programme.exclusive(p) else self.programme.own_bytes(p) / max(sizes))
            for p in range(len(self.options))
        }
        load = {p: option.load / rules.most_load for p, option in enumerate(self.options)}
        total = self._times_devices({p: self._least_bytes(p) for p in memory})
        for server, column in self.servers.items():
            total[column] = self.shared[server].shared_bytes * self.shared[server].devices
        scale = math.fsum(sizes)
        yield {column: value / scale for column, value in total.items()}, 1.0
        yield {p: value / len(sizes) for p, value in self._times_devices(load).items()}, 1.0
        for shares in (memory, load):
            for least in _thresholds(list(shares.values())):
                counted = {p: _rounded(share, least) for p, share in shares.items()}
                whole = self._times_devices(counted)
                yield {p: value / len(sizes) for p, value in whole.items()}, 1.0

    def _least_bytes(self, p: int) -> float:
        """What a server of a spot takes of any device: all of it where it must be alone."""
        if not self.programme.exclusive(p):
            return self.programme.own_bytes(p)
        sizes = self.problem.sizes
        return min(sizes[device] for group in self.problem.spots[p].groups for device in group)

    def _times_devices(self, shares: dict[int, float]) -> dict[int, float]:
        def devices(option: Option) -> int:
            return option.devices * option.replicas

        return {p: share * devices(self.options[p]) for p, share in shares.items()}


def _thresholds(shares: Sequence[float]) -> list[float]:
    """Some of the sizes up to half a device."""
    small = sorted({min(share, 1 - share) for share in shares if 0 < share < 1})
    step = max(1, len(small) // _THRESHOLDS)
    return small[::step]


def _rounded(share: float, least: float) -> float:
    """The dual feasible function of Fekete and Schepers."""
    if share > 1 - least + _ROUNDING:
        return 1.0
    return share if share >= least else 0.0
