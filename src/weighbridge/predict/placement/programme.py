"""The integer programme behind a placement, and its solution by HiGHS.

Columns: ``y`` whether an option is taken, ``x`` whether a server of it lies on a group of devices,
``s`` whether a server that several share lies there, and where that is asked, what devices would
have to have more.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from weighbridge.predict.placement.problem import (
    NoTimeError,
    Problem,
    Solution,
    overfull,
    value_of,
)
from weighbridge.predict.placement.rows import Rows
from weighbridge.predict.placement.spots import Group

# All memory together counts for less than this share of all value: it only decides among equals.
_MEMORY_WEIGHT: Final = 1e-5
_RuledOut = Sequence[tuple[float, frozenset[int]]]


def solve_directly(problem: Problem, gap: float = 0.0) -> Solution | None:
    """The best solution by one programme, or None; no device holds a byte too much.

    The solver lets a sum exceed a device by a millionth: such a set is ruled out by name, wherever
    it would lie on a device of the same size, and the search goes on. ``gap`` is how far, relative,
    it may be from the best.

    Raises:
        NoTimeError: the time is up, and nothing was found.
    """
    ruled_out: list[tuple[float, frozenset[int]]] = []
    deadline = time.perf_counter() + problem.rules.time_limit_s
    while True:
        left = deadline - time.perf_counter()
        if left <= 0:
            raise NoTimeError
        solution = Programme(problem).solve(ruled_out, left, gap)
        if solution is None or problem.elastic:
            return solution
        over = list(overfull(problem, solution))
        if not over:
            return solution
        ruled_out += over


class Programme:
    """The columns of a problem, and the constraints and prices on them.

    The column ``y`` of spot p is number p; ``x`` follow, then ``s``, then slacks.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.options = [problem.option(p) for p in range(len(problem.spots))]
        self.sizes = problem.sizes
        self.scale = _scale(problem)
        first = len(self.options)
        reachable = [(p, group) for p in range(first) for group in _reachable(problem, p)]
        self.x = [(first + at, p, group) for at, (p, group) in enumerate(reachable)]
        first += len(self.x)
        keys = dict.fromkeys(
            (self.options[p].server, group) for p, group in reachable if self.can_share(p)
        )
        self.s = {key: first + at for at, key in enumerate(keys)}
        first += len(self.s)
        devices = range(len(self.sizes))
        self.more_memory = [first + at for at in devices] if problem.more_memory else []
        first += len(self.more_memory)
        self.more_load = [first + at for at in devices] if problem.more_load else []
        self.count = first + len(self.more_load)
        self.whole = self.count - len(self.more_memory) - len(self.more_load)

    def solve(self, ruled_out: _RuledOut, time_limit_s: float, gap: float = 0.0) -> Solution | None:
        """The solver's answer, as it is."""
        rows = self._constraints(ruled_out)
        answer = rows.solve(self._prices(), whole=self.whole, time_limit_s=time_limit_s, gap=gap)
        if answer is None:
            return None
        chosen: dict[int, list[Group]] = defaultdict(list)
        for column, p, group in self.x:
            if answer.columns[column] > 0.5:
                chosen[p].append(group)
        gap = (answer.price - answer.bound) / max(abs(answer.price), 1e-12)
        found = tuple((p, tuple(groups)) for p, groups in sorted(chosen.items()))
        return Solution(found, max(0.0, gap))

    def exclusive(self, p: int) -> bool:
        """Whether nothing else may lie on the devices of a spot."""
        return self.problem.wanted[self.problem.spots[p].wanted].exclusive

    def can_share(self, p: int) -> bool:
        """Whether a spot may use a server that another one uses."""
        return self.options[p].server != "" and not self.exclusive(p)

    def _server(self, p: int, group: Group) -> int | None:
        """The column of the server that a spot would use on a group, if it is one to be shared."""
        return self.s.get((self.options[p].server, group)) if self.can_share(p) else None

    def own_bytes(self, p: int) -> float:
        """What a server of a spot takes beside what it shares."""
        option = self.options[p]
        return option.memory_bytes - (option.shared_bytes if self.can_share(p) else 0.0)

    def _shared_bytes(self) -> Iterator[tuple[int, Group, float]]:
        each = {option.server: option.shared_bytes for option in self.options}
        for (server, group), column in self.s.items():
            yield column, group, each[server]

    def _prices(self) -> list[float]:
        """What is to be least: lack of memory and time; else lost value, memory among equals."""
        price = [0.0] * self.count
        if self.problem.elastic:
            for column in (*self.more_memory, *self.more_load):
                price[column] = 1.0
            return price
        price[: len(self.options)] = self.values()
        for column, p, group in self.x:
            price[column] += self.memory_weight * self.own_bytes(p) * len(group)
        for column, group, size in self._shared_bytes():
            price[column] += self.memory_weight * size * len(group)
        return price

    def values(self) -> list[float]:
        """The price of each spot: its value, negative, as a share of all that can be had."""
        return [-value_of(self.problem, p) / self.scale for p in range(len(self.options))]

    def most_value(self, price: float) -> float:
        """What a solution of at least this price is worth at most."""
        return self.scale * (_MEMORY_WEIGHT - price)

    @property
    def memory_weight(self) -> float:
        """The price of a byte."""
        return _MEMORY_WEIGHT / math.fsum(self.sizes)

    def _constraints(self, ruled_out: _RuledOut) -> Rows:
        rows = Rows()
        self.take_one_each(rows)
        self._start(rows)
        self._limit(rows)
        if self.problem.elastic:
            self._keep_apart(rows)
        for size, spots in ruled_out:
            for device in range(len(self.sizes)):
                if self.sizes[device] == size:
                    rows.add(self._on(device, spots), len(spots) - 1.0)
        return rows

    def _on(self, device: int, spots: frozenset[int]) -> list[tuple[int, float]]:
        return [(column, 1.0) for column, p, group in self.x if p in spots and device in group]

    def take_one_each(self, rows: Rows) -> None:
        """One option of each wanted at most, within the budget."""
        of: dict[int, list[int]] = defaultdict(list)
        for p, spot in enumerate(self.problem.spots):
            of[spot.wanted].append(p)
        for number, spots in of.items():
            must = self.problem.wanted[number].required
            rows.add([(p, 1.0) for p in spots], 1.0, 1.0 if must else 0.0)
        budget = self.problem.rules.budget
        if budget is not None:
            rows.add([(p, option.cost) for p, option in enumerate(self.options)], budget)

    def _start(self, rows: Rows) -> None:
        """As many servers as the option says; shared ones where they are used."""
        servers: dict[int, list[tuple[int, float]]] = defaultdict(list)
        for column, p, group in self.x:
            servers[p].append((column, 1.0))
            server = self._server(p, group)
            if server is not None:
                rows.add([(column, 1.0), (server, -1.0)], 0.0)
        for p, option in enumerate(self.options):
            rows.add([*servers[p], (p, -float(option.replicas))], 0.0, 0.0)

    def _limit(self, rows: Rows) -> None:
        """Memory of each device, as a share of it, and its time."""
        memory: list[list[tuple[int, float]]] = [[] for _ in self.sizes]
        load: list[list[tuple[int, float]]] = [[] for _ in self.sizes]
        for column, p, group in self.x:
            # Who must be alone takes all of a device: stronger than a constraint of its own.
            whole = self.exclusive(p) and not self.problem.elastic
            for device in group:
                share = 1.0 if whole else self.own_bytes(p) / self.sizes[device]
                memory[device].append((column, share))
                load[device].append((column, self.options[p].load))
        for column, group, size in self._shared_bytes():
            for device in group:
                memory[device].append((column, size / self.sizes[device]))
        for device in range(len(self.sizes)):
            slack = [(self.more_memory[device], -1.0)] if self.more_memory else []
            rows.add(memory[device] + slack, 1.0)
            slack = [(self.more_load[device], -1.0)] if self.more_load else []
            rows.add(load[device] + slack, self.problem.rules.most_load)

    def _keep_apart(self, rows: Rows) -> None:
        """Nothing beside what must be alone, where memory may be exceeded."""
        count = float(len(self.problem.wanted))
        for number, one in enumerate(self.problem.wanted):
            if not one.exclusive:
                continue
            own = frozenset(p for p, s in enumerate(self.problem.spots) if s.wanted == number)
            rest = frozenset(range(len(self.options))) - own
            for device in range(len(self.sizes)):
                mine = [(column, count) for column, _ in self._on(device, own)]
                rows.add([*mine, *self._on(device, rest)], count)


def _scale(problem: Problem) -> float:
    """The value of all wanted, each by its best option."""
    most: dict[int, float] = defaultdict(float)
    for p, spot in enumerate(problem.spots):
        most[spot.wanted] = max(most[spot.wanted], abs(value_of(problem, p)))
    return math.fsum(most.values()) or 1.0


def _reachable(problem: Problem, p: int) -> tuple[Group, ...]:
    """The groups of a spot, less those that are mirror images of others.

    Blocks of the largest group's size on equal machines are interchangeable: numbered in the order
    in which the wanted, one after the other, first touch them, the first wanted touches only the
    first blocks, and so on.
    """
    spot, sites = problem.spots[p], problem.sites
    block = max(problem.option(at).devices for at in range(len(problem.spots)))
    alike = all(replace(site, name=sites[0].name) == sites[0] for site in sites)
    if not alike or sites[0].domain % block or sites[0].count % block:
        return spot.groups
    most: dict[int, int] = defaultdict(int)
    for at, other in enumerate(problem.spots):
        most[other.wanted] = max(most[other.wanted], problem.option(at).replicas)
    touched = sum(count for number, count in most.items() if number <= spot.wanted)
    return tuple(group for group in spot.groups if group[0] // block < touched)
