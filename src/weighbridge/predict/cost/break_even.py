"""Where self-hosting overtakes an API: every volume on the real staircase of replicas.

On one step of the staircase, between two volumes that take the same number of replicas, both bills
are straight lines, so a crossing inside a step is solved exactly. At the end of a step one more
replica is paid, and self-hosting may become the dearer one again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from weighbridge.core.cost import Demand, certain
from weighbridge.core.cost_comparison import BreakEven, Crossing, Direction
from weighbridge.predict.cost.comparing import Pair
from weighbridge.predict.cost.demand import traffic
from weighbridge.predict.cost.hosted import hosted_lines
from weighbridge.predict.cost.lines import total
from weighbridge.predict.cost.replicas import most_requests_per_day
from weighbridge.predict.cost.selfhosted import self_lines, utilisation
from weighbridge.predict.cost.values import Array, base_values, broadcast

# Where nobody limits the GPUs. Beyond it stairs are so small that nothing crosses any more which
# has not crossed before, but by rounding.
MOST_REPLICAS: Final = 256


def break_even(pair: Pair) -> BreakEven:
    """Every volume, in tokens of the self-hosted model a day, at which the cheaper option changes.

    Cheaper for good means: up to the capacity of the GPUs allowed.
    """
    stairs = _Stairs(pair)
    if not len(stairs.working):
        return BreakEven(None, (), False, 0.0, 0, stairs.ignoring_capacity())
    crossings = stairs.crossings()
    end = float(stairs.ends[-1])
    for_good = None
    if stairs.at(stairs.ends[-1:], stairs.working[-1:])[0] < 0:
        last = [one for one in crossings if one.direction == "cheaper"]
        for_good = last[-1].tokens_per_day if last else 0.0
    return BreakEven(
        tokens_per_day=for_good,
        crossings=crossings,
        within_capacity=for_good is not None,
        capacity_tokens_per_day=end,
        capacity_replicas=int(stairs.working[-1]) + pair.own.spare_replicas,
        ignoring_capacity=stairs.ignoring_capacity(),
        is_limited=pair.own.max_replicas is not None,
    )


class _Stairs:
    """The steps of one pair, everything but volume and replicas at base.

    Attributes:
        working: replicas of each step, without spares.
        ends: tokens a day at which each step ends.
    """

    def __init__(self, pair: Pair) -> None:
        demand = _in_tokens(pair.demand)
        self._pair = replace(pair, demand=demand)
        self._base = base_values(self._pair.drivers)
        self._fewest = max(1, round(pair.own.min_replicas.base))
        self.working = self._steps(pair.own.max_replicas)
        self.ends = self._ends(self.working)

    def _steps(self, most: int | None) -> Array:
        spare = self._pair.own.spare_replicas
        last = max(self._fewest, MOST_REPLICAS - spare) if most is None else most - spare
        return np.arange(self._fewest, last + 1, dtype=np.float64)

    def _ends(self, working: Array) -> Array:
        come = traffic(self._pair.demand, broadcast(self._base, len(working)))
        values = broadcast(self._base, len(working))
        requests = most_requests_per_day(self._pair.own, come, values, working)
        return requests * self._pair.demand.tokens_per_request

    def at(self, tokens_per_day: Array, working: Array) -> Array:
        """Self-hosted minus API at volumes, with so many working replicas."""
        mine, theirs = self._bills(tokens_per_day, working)
        return mine - theirs

    def _bills(self, tokens_per_day: Array, working: Array) -> tuple[Array, Array]:
        values = broadcast(self._base, len(tokens_per_day)) | {"demand.volume": tokens_per_day}
        own = self._pair.own
        come = traffic(self._pair.demand, values)
        mine = total(self_lines(own, come, values, working + own.spare_replicas))
        theirs = total(hosted_lines(self._pair.api, come, values))
        pair = self._pair
        return pair.fairly(mine, values, "self"), pair.fairly(theirs, values, "api")

    def crossings(self) -> tuple[Crossing, ...]:
        """All of them, by volume."""
        starts, ends, working = self._straight()
        before, after = self.at(starts, working), self.at(ends, working)
        found = []
        previous = before[0]
        for place, step in enumerate(working):
            replicas = int(step) + self._pair.own.spare_replicas
            first, last = float(before[place]), float(after[place])
            if (previous < 0) != (first < 0):
                found.append(Crossing(float(starts[place]), _direction(first), replicas, True))
            if (first < 0) != (last < 0):
                share = first / (first - last)
                volume = float(starts[place] + share * (ends[place] - starts[place]))
                found.append(Crossing(volume, _direction(last), replicas, False))
            previous = last
        return tuple(found)

    def _straight(self) -> tuple[Array, Array, Array]:
        """Where each straight piece begins and ends, and its replicas.

        A step is one, but for GPUs that are switched off when nobody asks: from the volume on that
        keeps them busy for longer than they would be billed, more traffic costs more hours.
        """
        starts = np.concatenate([[0.0], self.ends[:-1]])
        on = self._base.get("self.rented.on_fraction")
        if on is None or on[0] >= 1:
            return starts, self.ends, self.working
        own, values = self._pair.own, broadcast(self._base, len(self.ends))
        come = traffic(self._pair.demand, values | {"demand.volume": self.ends})
        busy = utilisation(own, come, values, self.working + own.spare_replicas)
        bends = np.clip(self.ends * on[0] / busy, starts, self.ends)
        return (
            np.stack([starts, bends], axis=1).ravel(),
            np.stack([bends, self.ends], axis=1).ravel(),
            np.repeat(self.working, 2),
        )

    def ignoring_capacity(self) -> float:
        """Where the fewest replicas would cost as much as the API, however much they served."""
        few = np.array([float(self._fewest)])
        end = self._ends(few)
        free, full = self.at(np.zeros(1), few)[0], self.at(end, few)[0]
        if free <= 0:
            return 0.0
        if full < 0:
            return float(end[0] * free / (free - full))
        mine, theirs = self._bills(end, few)
        fixed = self._bills(np.zeros(1), few)[1][0]
        return float(end[0] * (mine[0] - fixed) / (theirs[0] - fixed))


def _direction(difference: float) -> Direction:
    return "cheaper" if difference < 0 else "dearer"


def _in_tokens(demand: Demand) -> Demand:
    """The same demand with its volume in tokens a day."""
    return replace(demand, volume=certain(demand.tokens_per_day), unit="tokens")
