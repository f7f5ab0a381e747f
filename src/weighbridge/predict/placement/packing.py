"""Packing servers onto devices, the largest first: quick, and mostly right."""

from __future__ import annotations

from collections.abc import Sequence

from weighbridge.predict.placement.problem import Problem, Solution
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

    def left(self, p: int, group: Group) -> float:
        """The room that stays on a group beside a server of a spot."""
        load = self.problem.option(p).load
        return sum(
            (self.free[device] - self.own_bytes(p, device)) / self.problem.sizes[device]
            + (self.idle[device] - load)
            for device in group
        )


def packed(problem: Problem, chosen: Sequence[int]) -> Solution | None:
    """All servers of the chosen spots, each where least room stays; None if that does not work."""
    shelf = _Shelf(problem)

    def size(p: int) -> tuple[int, float]:
        option = problem.option(p)
        largest = max(problem.sizes)
        return option.devices, option.memory_bytes / largest + option.load

    placed: dict[int, tuple[Group, ...]] = {}
    for p in sorted(chosen, key=size, reverse=True):
        groups: list[Group] = []
        for _ in range(problem.option(p).replicas):
            able = [group for group in problem.spots[p].groups if shelf.takes(p, group)]
            if not able:
                return None
            best = min(able, key=lambda group, p=p: shelf.left(p, group))  # type: ignore[misc]
            shelf.put(p, best)
            groups.append(best)
        placed[p] = tuple(groups)
    return Solution(tuple(sorted(placed.items())))
