"""A placement to be found, and one that was found, counted exactly."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from weighbridge.core.placement import Option, PlacementRules, Site, Wanted
from weighbridge.predict.placement.spots import Group, Spot, first_devices


class NoTimeError(Exception):
    """The solver found nothing in time."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A placement to be found.

    Attributes:
        sites: where.
        wanted: what; ``spots`` refers to them by number.
        spots: the options that fit somewhere, with the groups where they do.
        rules: what holds for all.
        more_memory: whether devices may be given more memory, of which least is to be needed.
        more_load: the same of their time.
        values: what taking each spot is worth instead of its quality less its cost.
    """

    sites: tuple[Site, ...]
    wanted: tuple[Wanted, ...]
    spots: tuple[Spot, ...]
    rules: PlacementRules
    more_memory: bool = False
    more_load: bool = False
    values: tuple[float, ...] | None = None

    @property
    def elastic(self) -> bool:
        """Whether what devices lack is to be found out."""
        return self.more_memory or self.more_load

    @property
    def sizes(self) -> list[float]:
        """Memory of each device."""
        return [site.memory_bytes for site in self.sites for _ in range(site.count)]

    @property
    def share(self) -> list[float]:
        """Each wanted's share of the traffic; all alike where there is none."""
        total = math.fsum(one.requests_per_s for one in self.wanted)
        if not total:
            return [1 / len(self.wanted)] * len(self.wanted)
        return [one.requests_per_s / total for one in self.wanted]

    def option(self, spot: int) -> Option:
        """The option of a spot."""
        at = self.spots[spot]
        return self.wanted[at.wanted].options[at.option]

    def only(self, kept: Sequence[bool]) -> Problem:
        """The problem of those wanted for which ``kept`` is true."""
        numbers = [number for number, keep in enumerate(kept) if keep]
        spots = tuple(
            replace(spot, wanted=numbers.index(spot.wanted))
            for spot in self.spots
            if kept[spot.wanted]
        )
        return replace(self, wanted=tuple(self.wanted[n] for n in numbers), spots=spots)


@dataclass(frozen=True, slots=True)
class Solution:
    """What the solver chose.

    Attributes:
        chosen: a spot's number and the groups where its servers lie.
        gap: how far, relative, the bound on all solutions is from this one.
    """

    chosen: tuple[tuple[int, tuple[Group, ...]], ...]
    gap: float = 0.0


@dataclass(frozen=True, slots=True)
class Use:
    """What lies on one device: spots, bytes and busy time."""

    spots: tuple[int, ...]
    used_bytes: float
    load: float


def value_of(problem: Problem, p: int) -> float:
    """What taking a spot adds: quality × its share of the traffic, less cost."""
    if problem.values is not None:
        return problem.values[p]
    option = problem.option(p)
    return problem.share[problem.spots[p].wanted] * option.quality - option.cost


def uses(problem: Problem, solution: Solution) -> list[Use]:
    """What lies on each device."""
    on: dict[int, list[int]] = defaultdict(list)
    for spot, groups in solution.chosen:
        for group in groups:
            for device in group:
                on[device].append(spot)
    return [_use(problem, on[device]) for device in range(first_devices(problem.sites)[-1])]


def _use(problem: Problem, spots: Sequence[int]) -> Use:
    options = [problem.option(spot) for spot in spots]
    parts, counted = [], set[str]()
    for option in options:
        again = option.server != "" and option.server in counted
        parts.append(option.memory_bytes - (option.shared_bytes if again else 0.0))
        counted.add(option.server)
    return Use(tuple(spots), math.fsum(parts), math.fsum(option.load for option in options))


def overfull(problem: Problem, solution: Solution) -> Iterator[tuple[float, frozenset[int]]]:
    """Sets of spots that do not go together on a device of a size, though the solution has them."""
    # Loads are estimates: unlike of bytes, a sum of them may be off by rounding.
    most_load = problem.rules.most_load * (1 + 1e-9)
    for size, use in zip(problem.sizes, uses(problem, solution), strict=True):
        owners = {problem.spots[spot].wanted for spot in use.spots}
        alone = len(owners) > 1 and any(problem.wanted[owner].exclusive for owner in owners)
        if use.used_bytes > size or use.load > most_load or alone:
            yield size, frozenset(use.spots)
