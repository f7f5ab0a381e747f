"""Packing servers onto devices, the largest first: quick, and mostly right."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from weighbridge.predict.placement.problem import Problem, Solution, value_of
from weighbridge.predict.placement.spots import Group


class _Shelf:
    """Devices as they fill up."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.free = list(problem.sizes)
        self.idle = [problem.rules.most_load] * len(self.free)
        self.owners: list[set[int]] = [set() for _ in self.free]
        self.servers: list[set[str]] = [set() for _ in self.free]

    def own_bytes(self, p: int, device: int) -> float:
        """What a server of a spot adds to a device."""
        option = self.problem.option(p)
        runs = option.server != "" and option.server in self.servers[device]
        return option.memory_bytes - (option.shared_bytes if runs else 0.0)

    def takes(self, p: int, group: Group) -> bool:
        """Whether a group has room for a server of a spot."""
        option, wanted = self.problem.option(p), self.problem.wanted
        owner = self.problem.spots[p].wanted
        return all(
            self.own_bytes(p, device) <= self.free[device]
            and option.load <= self.idle[device]
            and owner not in self.owners[device]
            and not (self.owners[device] and wanted[owner].exclusive)
            and not any(wanted[other].exclusive for other in self.owners[device])
            for device in group
        )

    def put(self, p: int, group: Group) -> None:
        """Lay a server of a spot on a group."""
        option = self.problem.option(p)
        for device in group:
            self.free[device] -= self.own_bytes(p, device)
            self.idle[device] -= option.load
            self.owners[device].add(self.problem.spots[p].wanted)
            self.servers[device].add(option.server)

    def state(self) -> tuple[list[float], list[float], list[set[int]], list[set[str]]]:
        """What is on the devices, to come back to."""
        owners, servers = [set(one) for one in self.owners], [set(one) for one in self.servers]
        return list(self.free), list(self.idle), owners, servers

    def restore(
        self, state: tuple[list[float], list[float], list[set[int]], list[set[str]]]
    ) -> None:
        """Back to such a state, once."""
        self.free, self.idle, self.owners, self.servers = state

    def left(self, p: int, group: Group) -> float:
        """The room that stays on a group beside a server of a spot."""
        load = self.problem.option(p).load
        return sum(
            (self.free[device] - self.own_bytes(p, device)) / self.problem.sizes[device]
            + (self.idle[device] - load)
            for device in group
        )


def greedy(problem: Problem) -> Solution | None:
    """One wanted after the other, the most valuable first; None if what is required is left out.

    Each takes the best of its options that has room; or the smallest, if that way all find some.
    """
    best = _one_by_one(problem, lambda p: (-value_of(problem, p), _total(problem, p)))
    lean = _one_by_one(problem, lambda p: (_total(problem, p), -value_of(problem, p)))
    found = [one for one in (best, lean) if one is not None]
    return max(found, key=lambda one: _worth(problem, one), default=None)


def _one_by_one(problem: Problem, rank: Callable[[int], tuple[float, float]]) -> Solution | None:
    of: dict[int, list[int]] = {}
    for p in sorted(range(len(problem.spots)), key=rank):
        of.setdefault(problem.spots[p].wanted, []).append(p)
    most = {number: max(value_of(problem, p) for p in spots) for number, spots in of.items()}
    shelf, placed = _Shelf(problem), dict[int, tuple[Group, ...]]()
    left = math.inf if problem.rules.budget is None else problem.rules.budget
    # What is required before what is not.
    for number in sorted(of, key=lambda n: (not problem.wanted[n].required, -most[n])):
        required = problem.wanted[number].required
        for p in of[number]:
            if problem.option(p).cost > left or (value_of(problem, p) <= 0 and not required):
                continue
            groups = _laid(shelf, problem, p)
            if groups is not None:
                placed[p] = groups
                left -= problem.option(p).cost
                break
        else:
            if required:
                return None
    return Solution(tuple(sorted(placed.items())))


def _laid(shelf: _Shelf, problem: Problem, p: int) -> tuple[Group, ...] | None:
    """All servers of a spot, each where least room stays; None, and nothing laid, if one has none.

    Servers of one spot lie on different devices.
    """
    before = shelf.state()
    groups: list[Group] = []
    for _ in range(problem.option(p).replicas):
        able = [group for group in problem.spots[p].groups if shelf.takes(p, group)]
        if not able:
            shelf.restore(before)
            return None
        best = min(able, key=lambda group: shelf.left(p, group))
        shelf.put(p, best)
        groups.append(best)
    return tuple(groups)


def _total(problem: Problem, p: int) -> float:
    """Memory of all servers of a spot, beside what they may share."""
    option = problem.option(p)
    return (option.memory_bytes - option.shared_bytes) * option.devices * option.replicas


def _worth(problem: Problem, solution: Solution) -> float:
    return math.fsum(value_of(problem, p) for p, _ in solution.chosen)


def packed(problem: Problem, chosen: Sequence[int]) -> Solution | None:
    """All servers of the chosen spots, each where least room stays; None if that does not work."""
    shelf = _Shelf(problem)

    def size(p: int) -> tuple[int, float]:
        option = problem.option(p)
        largest = max(problem.sizes)
        return option.devices, option.memory_bytes / largest + option.load

    placed: dict[int, tuple[Group, ...]] = {}
    for p in sorted(chosen, key=size, reverse=True):
        groups = _laid(shelf, problem, p)
        if groups is None:
            return None
        placed[p] = groups
    return Solution(tuple(sorted(placed.items())))
